//! `IKsControl` of a connected pin that is not AVStream's: synchronous requests to its driver (section 4.5).

use std::sync::atomic::{AtomicU32, Ordering};

use ks_sys::{
    _MODE::KernelMode, GUID, IID, IKsControl, IKsControlVtbl, IOCTL_KS_ENABLE_EVENT, IOCTL_KS_METHOD,
    IOCTL_KS_PROPERTY, NTSTATUS, PFILE_OBJECT, PKSEVENT, PKSMETHOD, PKSPROPERTY, PVOID, STATUS_NOINTERFACE,
    STATUS_SUCCESS, is_equal_guid,
};

use super::{
    call::{from_driver, method},
    synchronous::KsSynchronousIoControlDevice,
    unknown::{IID_IKSCONTROL, IID_IUNKNOWN},
};
use crate::nt::{ObfDereferenceObject, ObfReferenceObject, exports::Export};

/// The interface; it holds a reference to the file object.
#[repr(C)]
struct Thunk {
    table: *const IKsControlVtbl,
    references: AtomicU32,
    file: PFILE_OBJECT,
}

static TABLE: IKsControlVtbl = IKsControlVtbl {
    QueryInterface: Some(query_interface),
    AddRef: Some(add_ref),
    Release: Some(release),
    KsProperty: Some(ks_property),
    KsMethod: Some(ks_method),
    KsEvent: Some(ks_event),
};

static QUERY_INTERFACE: Export = method("IKsControl::QueryInterface");
static KS_PROPERTY: Export = method("IKsControl::KsProperty");
static KS_METHOD: Export = method("IKsControl::KsMethod");
static KS_EVENT: Export = method("IKsControl::KsEvent");

fn is_known(interface: &GUID) -> bool {
    is_equal_guid(interface, &IID_IUNKNOWN) || is_equal_guid(interface, &IID_IKSCONTROL)
}

/// An interface of another driver's pin, with a reference: IUnknown and IKsControl only (R4.20).
pub(super) fn query(file: PFILE_OBJECT, interface: &GUID) -> Result<PVOID, NTSTATUS> {
    if !is_known(interface) {
        return Err(STATUS_NOINTERFACE);
    }
    // SAFETY: the source holds a reference to the file object.
    unsafe { ObfReferenceObject(file.cast()) };
    let thunk = Thunk { table: &raw const TABLE, references: AtomicU32::new(1), file };
    Ok(Box::into_raw(Box::new(thunk)).cast())
}

unsafe fn of<'a>(this: *mut IKsControl) -> &'a Thunk {
    // SAFETY: the interface is the first member, and the caller has a reference (COM's rules).
    unsafe { &*this.cast::<Thunk>() }
}

unsafe extern "win64" fn query_interface(
    this: *mut IKsControl,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    from_driver(&QUERY_INTERFACE, || {
        // SAFETY: COM's rules: the pointers are good.
        let known = is_known(unsafe { &*iid });
        let found = if known {
            // SAFETY: as above.
            unsafe { of(this) }.references.fetch_add(1, Ordering::Relaxed);
            this.cast()
        } else {
            std::ptr::null_mut()
        };
        // SAFETY: as above.
        unsafe { *place = found };
        if known { STATUS_SUCCESS } else { STATUS_NOINTERFACE }
    })
}

unsafe extern "win64" fn add_ref(this: *mut IKsControl) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of(this) }.references.fetch_add(1, Ordering::Relaxed) + 1
}

unsafe extern "win64" fn release(this: *mut IKsControl) -> u32 {
    // SAFETY: COM's rules.
    let left = unsafe { of(this) }.references.fetch_sub(1, Ordering::Relaxed) - 1;
    if left == 0 {
        // SAFETY: made by `query`, and this was the last reference.
        let thunk = unsafe { Box::from_raw(this.cast::<Thunk>()) };
        // SAFETY: the reference of `query`.
        unsafe { ObfDereferenceObject(thunk.file.cast()) };
    }
    left
}

unsafe fn send(
    this: *mut IKsControl,
    code: u32,
    input: (PVOID, u32),
    output: (PVOID, u32),
    returned: *mut u32,
) -> NTSTATUS {
    // SAFETY: COM's rules; a kernel caller's buffers are what it says.
    unsafe {
        let file = of(this).file;
        KsSynchronousIoControlDevice(
            file,
            KernelMode as i8,
            code,
            input.0,
            input.1,
            output.0,
            output.1,
            returned,
        )
    }
}

unsafe extern "win64" fn ks_property(
    this: *mut IKsControl,
    Property: PKSPROPERTY,
    PropertyLength: u32,
    PropertyData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let (input, output) = ((Property.cast(), PropertyLength), (PropertyData, DataLength));
    // SAFETY: the caller's promise.
    from_driver(&KS_PROPERTY, || unsafe { send(this, IOCTL_KS_PROPERTY, input, output, BytesReturned) })
}

unsafe extern "win64" fn ks_method(
    this: *mut IKsControl,
    Method: PKSMETHOD,
    MethodLength: u32,
    MethodData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let (input, output) = ((Method.cast(), MethodLength), (MethodData, DataLength));
    // SAFETY: the caller's promise.
    from_driver(&KS_METHOD, || unsafe { send(this, IOCTL_KS_METHOD, input, output, BytesReturned) })
}

/// ASSUMED: an event is enabled by it; disabling is the driver's to send itself.
unsafe extern "win64" fn ks_event(
    this: *mut IKsControl,
    Event: PKSEVENT,
    EventLength: u32,
    EventData: PVOID,
    DataLength: u32,
    BytesReturned: *mut u32,
) -> NTSTATUS {
    let (input, output) = ((Event.cast(), EventLength), (EventData, DataLength));
    // SAFETY: the caller's promise.
    from_driver(&KS_EVENT, || unsafe { send(this, IOCTL_KS_ENABLE_EVENT, input, output, BytesReturned) })
}
