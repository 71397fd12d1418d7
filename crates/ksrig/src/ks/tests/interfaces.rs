//! Interfaces of AVStream objects, the peer's among them (section 4.5 of the contract), and private handshakes.

use std::{
    cell::Cell,
    ptr::null_mut,
    sync::atomic::{AtomicI32, Ordering},
};

use ks_sys::*;

use super::pair;
use crate::{
    ks::{
        Filter, Pin,
        fixture::{Fixture, bytes, close, open_pin, property},
        handshake::KsPinRegisterHandshakeCallback,
        object::Object,
        peer::{
            KsPinGetConnectedFilterInterface, KsPinGetConnectedPinDeviceObject,
            KsPinGetConnectedPinFileObject, KsPinGetConnectedPinInterface,
        },
        synchronous::KsSynchronousIoControlDevice,
        unknown::{IID_IKSCONTROL, IID_IUNKNOWN, KsGetOuterUnknown, KsRegisterAggregatedClientUnknown},
    },
    nt::{IoFileObjectType, ObReferenceObjectByHandle, ObfDereferenceObject, violation},
};

/// An interface that only the test's client has.
const IID_OWN: GUID = guid(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);

/// A client unknown: one interface besides IUnknown, and a count.
#[repr(C)]
struct Client {
    table: *const IUnknownVtbl,
    references: AtomicI32,
}

static TABLE: IUnknownVtbl =
    IUnknownVtbl { QueryInterface: Some(query_interface), AddRef: Some(add_ref), Release: Some(release) };

unsafe extern "win64" fn query_interface(
    this: *mut IUnknown,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: COM's rules.
    unsafe {
        if !is_equal_guid(&*iid, &IID_OWN) {
            *place = null_mut();
            return STATUS_NOINTERFACE;
        }
        *place = this.cast();
        add_ref(this);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn add_ref(this: *mut IUnknown) -> u32 {
    // SAFETY: COM's rules.
    unsafe { (*this.cast::<Client>()).references.fetch_add(1, Ordering::Relaxed) as u32 + 1 }
}

unsafe extern "win64" fn release(this: *mut IUnknown) -> u32 {
    // SAFETY: COM's rules.
    unsafe { (*this.cast::<Client>()).references.fetch_sub(1, Ordering::Relaxed) as u32 - 1 }
}

impl Client {
    fn new() -> Self {
        Self { table: &raw const TABLE, references: AtomicI32::new(1) }
    }

    fn unknown(&self) -> PUNKNOWN {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    fn references(&self) -> i32 {
        self.references.load(Ordering::Relaxed)
    }
}

/// The AVStream object and the referenced file object behind a handle.
fn object_of(handle: HANDLE) -> (Object, PFILE_OBJECT) {
    let mut file = null_mut();
    // SAFETY: a handle of this process; the place is ours.
    unsafe {
        assert_eq!(
            ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), 1, &mut file, null_mut()),
            STATUS_SUCCESS
        );
        (Object::of((*file.cast::<FILE_OBJECT>()).FsContext), file.cast())
    }
}

fn pin_of(handle: HANDLE) -> &'static Pin {
    let (object, file) = object_of(handle);
    // SAFETY: the handle keeps the file object.
    unsafe { ObfDereferenceObject(file.cast()) };
    match object {
        Object::Pin(pin) => pin,
        _ => panic!("no pin"),
    }
}

fn filter_of(pin: &Pin) -> &'static Filter {
    pin.filter()
}

unsafe fn release_interface(interface: PVOID) {
    let unknown = interface.cast::<IUnknown>();
    // SAFETY: an interface with a reference.
    unsafe { ((*(*unknown).lpVtbl).Release.expect("COM has it"))(unknown) };
}

struct Connected {
    fixture: Fixture,
    handles: [HANDLE; 4],
}

impl Connected {
    fn new() -> Self {
        let fixture = Fixture::new(pair());
        let (sink_filter, source_filter) = (fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap());
        let sink = open_pin(sink_filter, 0, null_mut()).unwrap();
        let source = open_pin(source_filter, 0, sink).unwrap();
        Self { fixture, handles: [source, sink, source_filter, sink_filter] }
    }

    fn end(self) {
        self.handles.into_iter().for_each(close);
        self.fixture.end();
    }
}

/// T4.9 and the table of section 4.5.
/// R4.20, R4.23, R4.24
#[test]
fn questions_about_the_peer() {
    let connected = Connected::new();
    let [source, sink, source_filter, _] = connected.handles;
    let alone = open_pin(source_filter, 0, null_mut()).unwrap();
    let (source_pin, sink_pin, alone_pin) = (pin_of(source), pin_of(sink), pin_of(alone));
    let mut interface: PVOID = null_mut();
    // SAFETY: live pins; the place is ours.
    unsafe {
        for pin in [source_pin, sink_pin] {
            for query in [KsPinGetConnectedPinInterface, KsPinGetConnectedFilterInterface] {
                for iid in [IID_IUNKNOWN, IID_IKSCONTROL] {
                    assert_eq!(query(pin.ks(), &iid, &mut interface), STATUS_SUCCESS);
                    release_interface(interface);
                }
                assert_eq!(query(pin.ks(), &IID_OWN, &mut interface), STATUS_NOINTERFACE);
                assert!(interface.is_null());
            }
        }
        assert_eq!(
            KsPinGetConnectedPinInterface(alone_pin.ks(), &IID_IUNKNOWN, &mut interface),
            STATUS_UNSUCCESSFUL
        );
        assert_eq!(KsPinGetConnectedPinFileObject(source_pin.ks()), sink_pin.file_object());
        assert!(!KsPinGetConnectedPinDeviceObject(source_pin.ks()).is_null());
        for pin in [sink_pin, alone_pin] {
            assert!(KsPinGetConnectedPinFileObject(pin.ks()).is_null());
            assert!(KsPinGetConnectedPinDeviceObject(pin.ks()).is_null());
        }
    }
    close(alone);
    assert_eq!(violation::list(), []);
    connected.end();
}

/// R4.21: what AVStream does not have is asked of the client's unknown.
#[test]
fn client_unknowns_are_aggregated() {
    let connected = Connected::new();
    let (source, sink) = (pin_of(connected.handles[0]), pin_of(connected.handles[1]));
    let (first, second) = (Client::new(), Client::new());
    let mut interface: PVOID = null_mut();
    // SAFETY: live pins and clients.
    unsafe {
        let outer = KsRegisterAggregatedClientUnknown(source.ks().cast(), first.unknown());
        assert_eq!(outer, KsGetOuterUnknown(source.ks().cast()));
        assert_eq!(KsPinGetConnectedPinInterface(sink.ks(), &IID_OWN, &mut interface), STATUS_SUCCESS);
        assert_eq!(interface, first.unknown().cast());
        assert_eq!(first.references(), 3);
        release_interface(interface);
        KsRegisterAggregatedClientUnknown(source.ks().cast(), second.unknown());
        assert_eq!((first.references(), second.references()), (1, 2), "the former one is released");
    }
    connected.end();
    assert_eq!(second.references(), 1, "the last one is released with the object");
}

/// R8.10
#[test]
fn references_left_behind_are_reported() {
    let connected = Connected::new();
    let source = pin_of(connected.handles[0]);
    let mut interface: PVOID = null_mut();
    // SAFETY: a live pin.
    let status = unsafe { KsPinGetConnectedPinInterface(source.ks(), &IID_IKSCONTROL, &mut interface) };
    assert_eq!(status, STATUS_SUCCESS);
    connected.end_with_violations();
}

impl Connected {
    fn end_with_violations(self) {
        self.handles.into_iter().for_each(close);
        assert_eq!(violation::take()[0].rule, "KsInterfaceReference");
        self.fixture.end();
    }
}

/// IKsControl gives the same result as the I/O control.
#[test]
fn properties_through_the_interface() {
    let connected = Connected::new();
    let (source, sink) = (pin_of(connected.handles[0]), pin_of(connected.handles[1]));
    let mut interface: PVOID = null_mut();
    // SAFETY: a live pin, and an interface with a reference.
    unsafe {
        let query = KsPinGetConnectedFilterInterface(source.ks(), &IID_IKSCONTROL, &mut interface);
        assert_eq!(query, STATUS_SUCCESS);
        let control = interface.cast::<IKsControl>();
        let ask = |length: u32, data: PVOID| {
            let mut request = property(KSPROPSETID_Pin, 1, KSPROPERTY_TYPE_GET);
            let mut returned = 0;
            let ks_property = (*(*control).lpVtbl).KsProperty.expect("it has it");
            let status = ks_property(control, &mut request, 24, data, length, &mut returned);
            (status, returned)
        };
        let mut types = 0u32;
        assert_eq!(ask(0, null_mut()), (STATUS_BUFFER_OVERFLOW, 4));
        assert_eq!(ask(4, (&raw mut types).cast()), (STATUS_SUCCESS, 4));
        assert_eq!(types, 2);
        assert_eq!(violation::list(), []);
        // R4.22
        let held = filter_of(sink).control().acquire();
        ask(4, (&raw mut types).cast());
        drop(held);
        assert_eq!(violation::take().len(), 1);
        release_interface(interface);
    }
    connected.end();
}

thread_local! {
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

unsafe extern "win64" fn handshake(_pin: PKSPIN, input: PKSHANDSHAKE, output: PKSHANDSHAKE) -> NTSTATUS {
    ASKED.set(ASKED.get() + 1);
    // SAFETY: the host's arguments.
    unsafe {
        if !is_equal_guid(&(*input).ProtocolId, &IID_OWN) {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        *output = *input;
        (*output).Argument2 = 7 as PVOID;
    }
    STATUS_SUCCESS
}

/// T4.12
/// R4.6, R4.8
#[test]
fn private_protocols() {
    let connected = Connected::new();
    let sink = pin_of(connected.handles[1]);
    let ask = |protocol: GUID, length: u32| {
        let mut input =
            bytes(&KSHANDSHAKE { ProtocolId: protocol, Argument1: null_mut(), Argument2: null_mut() });
        let mut output = [0u8; 32];
        let mut returned = 0;
        // SAFETY: the handle keeps the file object; the buffers are at least that long.
        let status = unsafe {
            KsSynchronousIoControlDevice(
                sink.file_object(),
                crate::nt::KERNEL_MODE,
                IOCTL_KS_HANDSHAKE,
                input.as_mut_ptr().cast(),
                length,
                output.as_mut_ptr().cast(),
                32,
                &mut returned,
            )
        };
        (status, returned, output[24])
    };
    assert_eq!(ask(IID_OWN, 32).0, STATUS_INVALID_DEVICE_REQUEST, "no callback");
    // SAFETY: a live pin.
    unsafe { KsPinRegisterHandshakeCallback(sink.ks(), Some(handshake)) };
    assert_eq!(ask(IID_OWN, 32), (STATUS_SUCCESS, 32, 7));
    assert_eq!(ask(IID_IUNKNOWN, 32).0, STATUS_INVALID_DEVICE_REQUEST, "another protocol");
    assert_eq!(ask(IID_OWN, 24).0, STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(ASKED.get(), 2);
    assert_eq!(ask(crate::ks::handshake::CONNECTION, 32).0, STATUS_SUCCESS);
    assert_eq!(ASKED.get(), 2, "R4.9: AVStream's own protocol is not the driver's business");
    connected.end();
}
