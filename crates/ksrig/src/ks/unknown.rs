//! The outer `IUnknown` and the `IKsControl` of every AVStream object (R4.21).

use std::sync::{
    Mutex,
    atomic::{AtomicI32, AtomicUsize, Ordering},
};

use ks_sys::{
    GUID, IID, IKsControl, IKsControlVtbl, IKsDeviceFunctions, IKsDeviceFunctionsVtbl,
    IOCTL_KS_DISABLE_EVENT, IOCTL_KS_ENABLE_EVENT, IOCTL_KS_METHOD, IOCTL_KS_PROPERTY, IUnknown,
    IUnknownVtbl, NTSTATUS, PADAPTER_OBJECT, PDEVICE_DESCRIPTION, PKSEVENT, PKSMETHOD, PKSPROPERTY, PUNKNOWN,
    PVOID, STATUS_NOINTERFACE, STATUS_SUCCESS, guid, is_equal_guid,
};

use super::{
    call::{ADD_REF, QUERY_INTERFACE, RELEASE, driver_call, driver_error, from_driver, method},
    mapping,
    object::{Kind, Object, Objects},
    property,
};
use crate::nt::{exports::Export, violation};

/// `IUnknown`.
pub const IID_IUNKNOWN: GUID = guid(0x00000000_0000_0000_C000_000000000046);
/// `IKsControl`.
pub const IID_IKSCONTROL: GUID = guid(0x28F54685_06FD_11D2_B27A_00A0C9223196);
/// `IKsDeviceFunctions`, which devices have.
pub const IID_IKSDEVICEFUNCTIONS: GUID = guid(0xE234F2E2_BD69_4F8C_B3F2_7CD79ED466BD);

/// The two interfaces of one object and the client's unknown behind them.
#[repr(C)]
pub struct Unknown {
    outer: *const IUnknownVtbl,
    control: *const IKsControlVtbl,
    functions: *const IKsDeviceFunctionsVtbl,
    /// The public structure of the object.
    object: AtomicUsize,
    references: AtomicI32,
    client: Mutex<usize>,
}

// SAFETY: the tables are constants and the rest is locked or atomic.
unsafe impl Sync for Unknown {}
// SAFETY: as above.
unsafe impl Send for Unknown {}

static OUTER: IUnknownVtbl = IUnknownVtbl {
    QueryInterface: Some(outer_query_interface),
    AddRef: Some(outer_add_ref),
    Release: Some(outer_release),
};

static CONTROL: IKsControlVtbl = IKsControlVtbl {
    QueryInterface: Some(control_query_interface),
    AddRef: Some(control_add_ref),
    Release: Some(control_release),
    KsProperty: Some(ks_property),
    KsMethod: Some(ks_method),
    KsEvent: Some(ks_event),
};

static FUNCTIONS: IKsDeviceFunctionsVtbl = IKsDeviceFunctionsVtbl {
    QueryInterface: Some(functions_query_interface),
    AddRef: Some(functions_add_ref),
    Release: Some(functions_release),
    RegisterAdapterObjectEx: Some(register_adapter_object_ex),
};

static FUNCTIONS_QUERY_INTERFACE: Export = method("IKsDeviceFunctions::QueryInterface");
static FUNCTIONS_REGISTER: Export = method("IKsDeviceFunctions::RegisterAdapterObjectEx");
static OUTER_QUERY_INTERFACE: Export = method("IUnknown::QueryInterface");
static CONTROL_QUERY_INTERFACE: Export = method("IKsControl::QueryInterface");
static CONTROL_KS_PROPERTY: Export = method("IKsControl::KsProperty");
static CONTROL_KS_METHOD: Export = method("IKsControl::KsMethod");
static CONTROL_KS_EVENT: Export = method("IKsControl::KsEvent");

impl Unknown {
    /// Interfaces that do not belong to an object yet.
    pub fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            outer: &raw const OUTER,
            control: &raw const CONTROL,
            functions: &raw const FUNCTIONS,
            object: AtomicUsize::new(0),
            references: AtomicI32::new(0),
            client: Mutex::new(0),
        }))
    }

    /// They are those of the object with this public structure.
    pub fn belongs_to(&self, object: PVOID) {
        self.object.store(object as usize, Ordering::Relaxed);
    }

    /// The outer unknown. ASSUMED: no reference is added, no page asks for its release.
    pub fn outer(&'static self) -> PUNKNOWN {
        (&raw const self.outer).cast_mut().cast()
    }

    fn control(&'static self) -> *mut IKsControl {
        (&raw const self.control).cast_mut().cast()
    }

    /// QueryInterface of the object.
    pub fn query(&'static self, interface: &GUID) -> Result<PVOID, NTSTATUS> {
        if is_equal_guid(interface, &IID_IUNKNOWN) {
            self.references.fetch_add(1, Ordering::Relaxed);
            return Ok(self.outer().cast());
        }
        if is_equal_guid(interface, &IID_IKSCONTROL) {
            self.references.fetch_add(1, Ordering::Relaxed);
            return Ok(self.control().cast());
        }
        if is_equal_guid(interface, &IID_IKSDEVICEFUNCTIONS) && self.object().kind() == Kind::Device {
            self.references.fetch_add(1, Ordering::Relaxed);
            return Ok((&raw const self.functions).cast_mut().cast());
        }
        let client = *self.client.lock().expect("never poisoned") as PUNKNOWN;
        if client.is_null() {
            return Err(STATUS_NOINTERFACE);
        }
        let mut found: PVOID = std::ptr::null_mut();
        let object = self.object();
        let status = driver_call(QUERY_INTERFACE, object.name(), || {
            // SAFETY: the client's unknown, alive since AVStream holds a reference.
            unsafe {
                ((*(*client).lpVtbl).QueryInterface.expect("COM has it"))(
                    client,
                    &raw const *interface,
                    &mut found,
                )
            }
        });
        if status >= 0 { Ok(found) } else { Err(status) }
    }

    fn object(&self) -> Object {
        let object = self.object.load(Ordering::Relaxed) as PVOID;
        if Objects::kind(object).is_none() {
            driver_error("KsInvalidObject", "an interface was used after its AVStream object had ended");
        }
        Object::of(object)
    }

    /// KsRegisterAggregatedClientUnknown: `client` becomes the inner unknown.
    ///
    /// ASSUMED: AVStream adds a reference of its own, as COM's rules want of whoever keeps a pointer, and
    /// releases it when another client comes or the object ends.
    pub fn aggregate(&'static self, client: PUNKNOWN) {
        let object = self.object().name();
        if !client.is_null() {
            // SAFETY: the caller's interface.
            driver_call(ADD_REF, object, || unsafe {
                ((*(*client).lpVtbl).AddRef.expect("COM has it"))(client)
            });
        }
        let former = std::mem::replace(&mut *self.client.lock().expect("never poisoned"), client as usize);
        release(former as PUNKNOWN, object);
    }

    /// The object ends: the client is released; references that the driver kept are reported (R8.10).
    pub fn end(&'static self, name: &str) {
        let client = std::mem::take(&mut *self.client.lock().expect("never poisoned"));
        release(client as PUNKNOWN, name);
        let references = self.references.load(Ordering::Relaxed);
        if references == 0 {
            // SAFETY: leaked in `new`, and nobody refers to it.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
        } else {
            let message = format!("{references} interface reference(s) left when the object ended");
            violation::report("KsInterfaceReference", 0, name, message);
        }
    }

    fn release_one(&self) -> u32 {
        let left = self.references.fetch_sub(1, Ordering::Relaxed) - 1;
        if left < 0 {
            driver_error("KsInterfaceReference", "an interface was released more often than referenced");
        }
        left as u32
    }
}

fn release(client: PUNKNOWN, object: &str) {
    if !client.is_null() {
        // SAFETY: AVStream holds the reference that it gives up here.
        driver_call(RELEASE, object, || unsafe {
            ((*(*client).lpVtbl).Release.expect("COM has it"))(client)
        });
    }
}

/// The structure around the pointer that a caller has to one of its two interfaces.
unsafe fn of_outer(this: *mut IUnknown) -> &'static Unknown {
    // SAFETY: the outer interface is the first member.
    unsafe { &*this.cast::<Unknown>() }
}

unsafe fn of_control(this: *mut IKsControl) -> &'static Unknown {
    // SAFETY: IKsControl is the second member, one pointer behind the first.
    unsafe { &*this.cast::<u8>().sub(size_of::<PVOID>()).cast::<Unknown>() }
}

unsafe fn query_into(unknown: &'static Unknown, interface: *const IID, place: *mut PVOID) -> NTSTATUS {
    // SAFETY: COM's rules: both pointers are good.
    let interface = unsafe { &*interface };
    let (status, found) = match unknown.query(interface) {
        Ok(found) => (STATUS_SUCCESS, found),
        Err(status) => (status, std::ptr::null_mut()),
    };
    // SAFETY: as above.
    unsafe { *place = found };
    status
}

unsafe extern "win64" fn outer_query_interface(
    this: *mut IUnknown,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: COM's rules.
    from_driver(&OUTER_QUERY_INTERFACE, || unsafe { query_into(of_outer(this), iid, place) })
}

unsafe extern "win64" fn outer_add_ref(this: *mut IUnknown) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_outer(this) }.references.fetch_add(1, Ordering::Relaxed) as u32 + 1
}

unsafe extern "win64" fn outer_release(this: *mut IUnknown) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_outer(this) }.release_one()
}

unsafe extern "win64" fn control_query_interface(
    this: *mut IKsControl,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: COM's rules.
    from_driver(&CONTROL_QUERY_INTERFACE, || unsafe { query_into(of_control(this), iid, place) })
}

unsafe extern "win64" fn control_add_ref(this: *mut IKsControl) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_control(this) }.references.fetch_add(1, Ordering::Relaxed) as u32 + 1
}

unsafe extern "win64" fn control_release(this: *mut IKsControl) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_control(this) }.release_one()
}

unsafe fn of_functions(this: *mut IKsDeviceFunctions) -> &'static Unknown {
    // SAFETY: IKsDeviceFunctions is the third member, two pointers behind the first.
    unsafe { &*this.cast::<u8>().sub(2 * size_of::<PVOID>()).cast::<Unknown>() }
}

unsafe extern "win64" fn functions_query_interface(
    this: *mut IKsDeviceFunctions,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: COM's rules.
    from_driver(&FUNCTIONS_QUERY_INTERFACE, || unsafe { query_into(of_functions(this), iid, place) })
}

unsafe extern "win64" fn functions_add_ref(this: *mut IKsDeviceFunctions) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_functions(this) }.references.fetch_add(1, Ordering::Relaxed) as u32 + 1
}

unsafe extern "win64" fn functions_release(this: *mut IKsDeviceFunctions) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of_functions(this) }.release_one()
}

/// IKsDeviceFunctions::RegisterAdapterObjectEx (R6.27). The device description and the map registers are the bus's:
/// the rig has none.
unsafe extern "win64" fn register_adapter_object_ex(
    this: *mut IKsDeviceFunctions,
    AdapterObject: PADAPTER_OBJECT,
    _description: PDEVICE_DESCRIPTION,
    _map_registers: u32,
    MaxMappingsByteCount: u32,
    MappingTableStride: u32,
) -> NTSTATUS {
    from_driver(&FUNCTIONS_REGISTER, || {
        // SAFETY: COM's rules.
        let object = unsafe { of_functions(this) }.object();
        mapping::register(object.device(), AdapterObject, MaxMappingsByteCount, MappingTableStride)
    })
}

/// IKsControl::KsProperty: the same result as the I/O control (contract section 9).
unsafe extern "win64" fn ks_property(
    this: *mut IKsControl,
    Property: PKSPROPERTY,
    PropertyLength: u32,
    PropertyData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let (input, output) = ((Property.cast(), PropertyLength), (PropertyData, DataLength));
    // SAFETY: COM's rules; a kernel caller's buffers are what it says.
    from_driver(&CONTROL_KS_PROPERTY, || unsafe {
        control(this, IOCTL_KS_PROPERTY, input, output, BytesReturned)
    })
}

/// IKsControl::KsMethod: the same result as the I/O control.
unsafe extern "win64" fn ks_method(
    this: *mut IKsControl,
    Method: PKSMETHOD,
    MethodLength: u32,
    MethodData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let input = (Method.cast(), MethodLength);
    // SAFETY: COM's rules; a kernel caller's buffers are what it says.
    from_driver(&CONTROL_KS_METHOD, || unsafe {
        control(this, IOCTL_KS_METHOD, input, (MethodData, DataLength), BytesReturned)
    })
}

/// IKsControl::KsEvent: the same result as the I/O controls; without a KSEVENT it disables what was enabled with that
/// KSEVENTDATA.
unsafe extern "win64" fn ks_event(
    this: *mut IKsControl,
    Event: PKSEVENT,
    EventLength: u32,
    EventData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let (code, input, output) = if Event.is_null() && EventLength == 0 {
        (IOCTL_KS_DISABLE_EVENT, (EventData, DataLength), (std::ptr::null_mut(), 0))
    } else {
        (IOCTL_KS_ENABLE_EVENT, (Event.cast(), EventLength), (EventData, DataLength))
    };
    // SAFETY: COM's rules; a kernel caller's buffers are what it says.
    from_driver(&CONTROL_KS_EVENT, || unsafe { control(this, code, input, output, BytesReturned) })
}

/// A request to the object behind an `IKsControl`.
unsafe fn control(
    this: *mut IKsControl,
    code: u32,
    (input, input_length): (PVOID, u32),
    (output, output_length): (PVOID, u32),
    place: *mut u32,
) -> NTSTATUS {
    let mut returned = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let object = of_control(this).object();
        let status =
            property::from_kernel(object, code, input, input_length, output, output_length, &mut returned);
        if !place.is_null() {
            *place = returned;
        }
        status
    }
}

/// `KsGetOuterUnknown`. Passive level.
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsGetOuterUnknown(Object: PVOID) -> PUNKNOWN {
    of(Object).outer()
}

/// `KsRegisterAggregatedClientUnknown`: the object becomes the outer, the client the inner unknown (R4.21).
/// Returns the outer unknown. Passive level.
///
/// # Safety
/// `ClientUnknown` is a COM interface.
pub unsafe fn KsRegisterAggregatedClientUnknown(Object: PVOID, ClientUnknown: PUNKNOWN) -> PUNKNOWN {
    let unknown = of(Object);
    unknown.aggregate(ClientUnknown);
    unknown.outer()
}

fn of(object: PVOID) -> &'static Unknown {
    match Object::of(object) {
        Object::Device(device) => device.unknown(),
        Object::Factory(factory) => factory.unknown(),
        Object::Filter(filter) => filter.unknown(),
        Object::Pin(pin) => pin.unknown(),
    }
}
