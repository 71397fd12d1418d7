//! For the tests of this layer: a driver made of Rust callbacks, a device of it, and handles as a user has them.

use std::cell::Cell;

use ks_sys::*;

use super::{Options, driver::KsInitializeDriver, install};
use crate::nt::{
    Machine, MachineOptions, NtClose, NtCreateFile, io,
    pnp::{self, Device, Driver},
    sched,
    string::wide,
    trace,
    user::{self, Buffer},
};

/// The class of the test filters' interface.
pub const CATEGORY: GUID = guid(0x65E8_773D_8F56_11D0_A3B9_00A0_C922_3196);
/// The major format of the test pins.
pub const MAJOR: GUID = guid(0x7369_6476_0000_0010_8000_00AA_0038_9B71);
/// The subformat of the test pins.
pub const SUB: GUID = guid(0x3259_5559_0000_0010_8000_00AA_0038_9B71);

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn zeroed<T: Copy>() -> T {
    // SAFETY: only used for C structures, of which all zero is a valid value.
    unsafe { std::mem::zeroed() }
}

/// A data range that only formats of the test's kind fit.
pub fn range(sub: GUID) -> KSDATARANGE {
    let mut range: KSDATARANGE = zeroed();
    range.__bindgen_anon_1.FormatSize = size_of::<KSDATARANGE>() as u32;
    range.__bindgen_anon_1.MajorFormat = MAJOR;
    range.__bindgen_anon_1.SubFormat = sub;
    range.__bindgen_anon_1.Specifier = KSDATAFORMAT_SPECIFIER_NONE;
    range
}

/// A pin type with one range; everything may be changed before it goes into a filter.
pub fn pin_type(
    dispatch: KSPIN_DISPATCH,
    data_flow: KSPIN_DATAFLOW::Type,
    communication: KSPIN_COMMUNICATION::Type,
    flags: u32,
) -> KSPIN_DESCRIPTOR_EX {
    let mut pin: KSPIN_DESCRIPTOR_EX = zeroed();
    pin.Dispatch = leak(dispatch);
    pin.PinDescriptor.DataRangesCount = 1;
    pin.PinDescriptor.DataRanges = leak([std::ptr::from_ref(leak(range(SUB))).cast_mut()]).as_ptr();
    pin.PinDescriptor.DataFlow = data_flow;
    pin.PinDescriptor.Communication = communication;
    pin.Flags = flags;
    pin.InstancesPossible = KSINSTANCE_INDETERMINATE;
    pin
}

/// A filter descriptor with these pin types; the reference GUID ends in `number`.
pub fn filter(number: u32, pins: Vec<KSPIN_DESCRIPTOR_EX>) -> KSFILTER_DESCRIPTOR {
    let mut filter: KSFILTER_DESCRIPTOR = zeroed();
    filter.Version = KSFILTER_DESCRIPTOR_VERSION;
    filter.ReferenceGuid = leak(guid(0x1111_0000_0000_0000_0000_0000_0000_0000 + u128::from(number)));
    filter.PinDescriptorsCount = pins.len() as u32;
    filter.PinDescriptorSize = size_of::<KSPIN_DESCRIPTOR_EX>() as u32;
    filter.PinDescriptors = Vec::leak(pins).as_ptr();
    filter.CategoriesCount = 1;
    filter.Categories = leak(CATEGORY);
    filter
}

thread_local! {
    static DESCRIPTOR: Cell<*const KSDEVICE_DESCRIPTOR> = const { Cell::new(std::ptr::null()) };
}

unsafe extern "win64" fn driver_entry(driver: *mut _DRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the arguments of DriverEntry.
    unsafe { KsInitializeDriver(driver, path, DESCRIPTOR.get()) }
}

/// A machine with one started device.
pub struct Fixture {
    /// The machine.
    pub machine: &'static Machine,
    /// The driver.
    pub driver: &'static Driver,
    /// The device.
    pub device: &'static Device,
}

impl Fixture {
    /// Starts a device with these filters.
    pub fn new(filters: Vec<KSFILTER_DESCRIPTOR>) -> Self {
        Self::with(Options::default(), zeroed(), filters)
    }

    /// The same with these switches and this device dispatch table.
    pub fn with(options: Options, dispatch: KSDEVICE_DISPATCH, filters: Vec<KSFILTER_DESCRIPTOR>) -> Self {
        let fixture = Self::added(options, dispatch, filters);
        assert_eq!(fixture.device.start(), STATUS_SUCCESS);
        sched::settle();
        fixture
    }

    /// A device that is not started.
    pub fn added(options: Options, dispatch: KSDEVICE_DISPATCH, filters: Vec<KSFILTER_DESCRIPTOR>) -> Self {
        Self::seeded(1, options, dispatch, filters)
    }

    /// The same on a machine with this seed.
    pub fn seeded(
        seed: u64,
        options: Options,
        dispatch: KSDEVICE_DISPATCH,
        filters: Vec<KSFILTER_DESCRIPTOR>,
    ) -> Self {
        let mut device: KSDEVICE_DESCRIPTOR = zeroed();
        device.Dispatch = leak(dispatch);
        Self::described(seed, options, device, filters)
    }

    /// The same with this device descriptor, into which the filters go.
    pub fn described(
        seed: u64,
        options: Options,
        mut device: KSDEVICE_DESCRIPTOR,
        filters: Vec<KSFILTER_DESCRIPTOR>,
    ) -> Self {
        let machine = Machine::new(MachineOptions { seed, preemption: 2, ..MachineOptions::default() });
        install(options);
        device.FilterDescriptorsCount = filters.len() as u32;
        let table: Vec<*const KSFILTER_DESCRIPTOR> =
            filters.into_iter().map(|filter| &raw const *leak(filter)).collect();
        device.FilterDescriptors = Vec::leak(table).as_ptr();
        DESCRIPTOR.set(leak(device));
        let driver = pnp::load_builtin("test", Some(driver_entry)).expect("DriverEntry succeeds");
        let device = driver.add_device("ROOT\\TEST").expect("AddDevice succeeds");
        Self { machine, driver, device }
    }

    /// The device as AVStream has it.
    pub fn object(&self) -> &'static super::Device {
        // SAFETY: the device object on top of the PDO is the driver's.
        let fdo = unsafe { (*self.device.pdo()).AttachedDevice };
        super::Device::of_fdo(fdo).expect("AVStream is on the device object")
    }

    /// Opens the filter with that number.
    pub fn open_filter(&self, number: u32) -> Result<HANDLE, NTSTATUS> {
        let link = link(&format!("{{11110000-0000-0000-0000-{number:012X}}}"));
        open_name(&link.expect("the filter has an enabled interface"))
    }

    /// Removes the device and unloads the driver.
    pub fn end(self) {
        assert_eq!(self.device.remove(), STATUS_SUCCESS);
        self.driver.unload();
        self.machine.shutdown();
    }
}

/// The link of the enabled interface with that reference string.
pub fn link(reference: &str) -> Option<String> {
    io::interface::interfaces(&CATEGORY)
        .into_iter()
        .find(|interface| interface.enabled && interface.reference.eq_ignore_ascii_case(reference))
        .map(|interface| interface.link)
}

/// A string with its end, as drivers pass it.
pub fn terminated(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Opens a name.
pub fn open_name(name: &str) -> Result<HANDLE, NTSTATUS> {
    open(std::ptr::null_mut(), &wide(name)[..name.encode_utf16().count()])
}

/// NtCreateFile by a user, relative to a handle.
pub fn open(parent: HANDLE, name: &[u16]) -> Result<HANDLE, NTSTATUS> {
    // SAFETY: the name's bytes.
    let bytes = unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), size_of_val(name)) };
    let text = Buffer::from_bytes(bytes);
    let string = user::alloc(size_of::<UNICODE_STRING>()).cast::<UNICODE_STRING>();
    let attributes = user::alloc(size_of::<OBJECT_ATTRIBUTES>()).cast::<OBJECT_ATTRIBUTES>();
    let place = user::alloc(64);
    // SAFETY: user memory that was allocated above, with room for each.
    let (status, handle) = unsafe {
        (*string).Buffer = text.address().cast();
        (*string).Length = size_of_val(name) as u16;
        (*string).MaximumLength = (*string).Length;
        (*attributes).Length = size_of::<OBJECT_ATTRIBUTES>() as u32;
        (*attributes).RootDirectory = parent;
        (*attributes).ObjectName = string;
        let handle = place.cast::<HANDLE>();
        let block = place.byte_add(16).cast::<IO_STATUS_BLOCK>();
        let access = GENERIC_READ | GENERIC_WRITE;
        let status = NtCreateFile(
            handle,
            access,
            attributes,
            block,
            std::ptr::null_mut(),
            0,
            0,
            1,
            0,
            std::ptr::null_mut(),
            0,
        );
        (status, *handle)
    };
    user::free(string.cast());
    user::free(attributes.cast());
    user::free(place);
    if status < 0 { Err(status) } else { Ok(handle) }
}

/// A format that fits `range(sub)`.
pub fn format(sub: GUID) -> KSDATAFORMAT {
    range(sub)
}

/// A connect request to a pin type; `sink` makes the new pin the source.
pub fn connect(pin: u32, sink: HANDLE) -> KSPIN_CONNECT {
    let mut connect: KSPIN_CONNECT = zeroed();
    connect.Interface.__bindgen_anon_1.__bindgen_anon_1.Set = KSINTERFACESETID_Standard;
    connect.Medium.__bindgen_anon_1.__bindgen_anon_1.Set = KSMEDIUMSETID_Standard;
    connect.PinId = pin;
    connect.PinToHandle = sink;
    connect.Priority = KSPRIORITY { PriorityClass: 0x4000_0000, PrioritySubClass: 1 };
    connect
}

/// The bytes of a structure.
pub fn bytes<T: Copy>(value: &T) -> Vec<u8> {
    // SAFETY: a C structure of plain values.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }.to_vec()
}

/// Opens a pin with these raw bytes behind the class name.
pub fn open_pin_raw(filter: HANDLE, parameters: &[u8]) -> Result<HANDLE, NTSTATUS> {
    let mut name: Vec<u16> = "{146F1A80-4791-11D0-A5D6-28DB04C10000}\\".encode_utf16().collect();
    name.extend(parameters.chunks(2).map(|pair| u16::from_le_bytes([pair[0], *pair.get(1).unwrap_or(&0)])));
    open(filter, &name)
}

/// Opens a pin.
pub fn open_pin(filter: HANDLE, pin: u32, sink: HANDLE) -> Result<HANDLE, NTSTATUS> {
    open_pin_raw(filter, &[bytes(&connect(pin, sink)), bytes(&format(SUB))].concat())
}

/// Closes a handle.
pub fn close(handle: HANDLE) {
    // SAFETY: the caller's handle.
    assert_eq!(unsafe { NtClose(handle) }, STATUS_SUCCESS);
}

/// An I/O control of a user; the second value is `Information`.
pub fn control(handle: HANDLE, code: u32, input: &[u8], output: &mut [u8]) -> (NTSTATUS, usize) {
    let (input, mut place) = (Buffer::from_bytes(input), Buffer::from_bytes(output));
    let (length, capacity) = (input.len() as u32, place.len() as u32);
    // SAFETY: both buffers live until the request has ended.
    let result = unsafe {
        io::request::device_io_control(handle, code, input.address(), length, place.address(), capacity)
    };
    output.copy_from_slice(place.bytes_mut());
    result
}

/// The input of a property request.
pub fn property(set: GUID, id: u32, flags: u32) -> KSPROPERTY {
    let mut property: KSPROPERTY = zeroed();
    property.__bindgen_anon_1.__bindgen_anon_1 =
        KSIDENTIFIER__bindgen_ty_1__bindgen_ty_1 { Set: set, Id: id, Flags: flags };
    property
}

/// The driver's callbacks so far: "PinConnect pin filter 1#1/0#1".
pub fn callbacks() -> Vec<String> {
    let events = trace::events();
    let callbacks = events.iter().filter(|event| event.kind == "callback");
    callbacks.map(|event| format!("{} {}", event.detail, event.object)).collect()
}
