//! Master clocks (R7.3, R5.9) and the `IKsReferenceClock` by which a minidriver asks them (R7.4, R5.8).

use std::{
    ptr::null_mut,
    sync::{
        Mutex,
        atomic::{AtomicI32, Ordering},
    },
};

use ks_sys::{
    HANDLE, IID, IKsReferenceClock, IKsReferenceClockVtbl, KSCLOCK_FUNCTIONTABLE,
    KSPROPERTY_CLOCK::{KSPROPERTY_CLOCK_FUNCTIONTABLE, KSPROPERTY_CLOCK_RESOLUTION, KSPROPERTY_CLOCK_STATE},
    KSPROPSETID_Clock,
    KSSTATE::KSSTATE_STOP,
    NTSTATUS, PFILE_OBJECT, PIKSREFERENCECLOCK, PKSPIN, PKSRESOLUTION, PKSSTATE, PLONGLONG, PVOID,
    STATUS_DEVICE_NOT_READY, STATUS_INVALID_DEVICE_STATE, STATUS_NOINTERFACE, STATUS_SUCCESS, is_equal_guid,
};

use super::{
    call::{driver_error, method_at},
    object::{self, Kind, Objects},
    state,
    synchronous::get_property,
    unknown::IID_IUNKNOWN,
};
use crate::nt::{
    IoFileObjectType, ObReferenceObjectByHandle, ObfDereferenceObject, ObfReferenceObject,
    exports::{self, Export},
    trace, violation,
};

/// Which clock a pin was given, and who asked for its interface.
#[derive(Default)]
pub struct MasterClock {
    assigned: Mutex<Option<Assigned>>,
    /// Interfaces of this pin that are not released.
    interfaces: AtomicI32,
}

/// A clock of any KS driver, by its file object, which is referenced.
struct Assigned {
    file: PFILE_OBJECT,
    table: KSCLOCK_FUNCTIONTABLE,
}

// SAFETY: the file object is referenced, the functions are for every thread.
unsafe impl Send for Assigned {}

impl Assigned {
    fn of(file: PFILE_OBJECT) -> Result<Self, NTSTATUS> {
        let table: KSCLOCK_FUNCTIONTABLE = ask(file, KSPROPERTY_CLOCK_FUNCTIONTABLE)?;
        // SAFETY: the caller's file object lives.
        unsafe { ObfReferenceObject(file.cast()) };
        Ok(Self { file, table })
    }
}

impl Drop for Assigned {
    fn drop(&mut self) {
        // SAFETY: referenced by `of`.
        unsafe { ObfDereferenceObject(self.file.cast()) };
    }
}

/// A clock's property, by the I/O control. Passive level.
fn ask<T: Copy>(clock: PFILE_OBJECT, id: i32) -> Result<T, NTSTATUS> {
    // SAFETY: the file object is referenced; the answers are plain numbers and function pointers.
    unsafe { get_property(clock, &KSPROPSETID_Clock, id as u32) }
}

/// KSPROPERTY_STREAM_MASTERCLOCK: the pin references the clock's file object; NULL releases it. Errors:
/// STATUS_INVALID_DEVICE_STATE when the pin is not in STOP (R5.9), those of the handle, those of what is no clock.
/// Passive level, the filter control mutex held.
pub fn set(pin: &object::Pin, handle: HANDLE, mode: i8) -> NTSTATUS {
    if state::get(pin) != KSSTATE_STOP {
        return STATUS_INVALID_DEVICE_STATE;
    }
    let status = assign(pin, handle, mode);
    trace::event("master_clock", pin.name(), format_args!("{status:#010x}"));
    status
}

fn assign(pin: &object::Pin, handle: HANDLE, mode: i8) -> NTSTATUS {
    let mut assigned = None;
    if !handle.is_null() {
        let mut file = null_mut();
        // SAFETY: the place is ours; any handle may be given.
        let status = unsafe {
            ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), mode, &raw mut file, null_mut())
        };
        if status < 0 {
            return status;
        }
        let result = Assigned::of(file.cast());
        // SAFETY: referenced above.
        unsafe { ObfDereferenceObject(file) };
        match result {
            Ok(clock) => assigned = Some(clock),
            Err(status) => return status,
        }
    }
    let former = std::mem::replace(&mut *pin.master().assigned.lock().expect("never poisoned"), assigned);
    drop(former);
    STATUS_SUCCESS
}

/// The last handle of a pin is closed. ASSUMED: the master clock is given up here already, since a pin that was given
/// its own clock would never be closed otherwise.
pub fn cleanup(pin: &object::Pin) {
    let former = pin.master().assigned.lock().expect("never poisoned").take();
    drop(former);
}

/// The pin ends: interfaces that the driver kept are reported (R8.10).
pub fn end(pin: &object::Pin) {
    let left = pin.master().interfaces.load(Ordering::Relaxed);
    if left > 0 {
        let message = format!("{left} IKsReferenceClock reference(s) left when the pin ended");
        violation::report("KsInterfaceReference", 0, pin.name(), message);
    }
}

/// What an interface asks: the clock that was assigned, or the pin's own.
enum Source {
    Assigned(Assigned),
    Own,
}

/// One `IKsReferenceClock`.
#[repr(C)]
struct ReferenceClock {
    table: *const IKsReferenceClockVtbl,
    references: AtomicI32,
    pin: PKSPIN,
    source: Source,
}

static TABLE: IKsReferenceClockVtbl = IKsReferenceClockVtbl {
    QueryInterface: Some(query_interface),
    AddRef: Some(add_ref),
    Release: Some(release),
    GetTime: Some(get_time),
    GetPhysicalTime: Some(get_physical_time),
    GetCorrelatedTime: Some(get_correlated_time),
    GetCorrelatedPhysicalTime: Some(get_correlated_physical_time),
    GetResolution: Some(get_resolution),
    GetState: Some(get_state),
};

static GET_TIME: Export = method_at("IKsReferenceClock::GetTime", 2);
static GET_PHYSICAL_TIME: Export = method_at("IKsReferenceClock::GetPhysicalTime", 2);
static GET_CORRELATED_TIME: Export = method_at("IKsReferenceClock::GetCorrelatedTime", 2);
static GET_CORRELATED_PHYSICAL_TIME: Export = method_at("IKsReferenceClock::GetCorrelatedPhysicalTime", 2);
static GET_RESOLUTION: Export = method_at("IKsReferenceClock::GetResolution", 0);
static GET_STATE: Export = method_at("IKsReferenceClock::GetState", 0);

/// `KsPinGetReferenceClockInterface`: the clock that was assigned to the pin, else its own, with a reference.
/// `STATUS_DEVICE_NOT_READY` for a pin that has neither (R5.8). ASSUMED: of two the assigned one. Passive level.
///
/// # Safety
/// `Interface` is a good pointer.
pub unsafe fn KsPinGetReferenceClockInterface(Pin: PKSPIN, Interface: *mut PIKSREFERENCECLOCK) -> NTSTATUS {
    let pin = object::Pin::of(Pin);
    let source = match &*pin.master().assigned.lock().expect("never poisoned") {
        Some(assigned) => {
            // SAFETY: the file object is referenced as long as it is assigned.
            unsafe { ObfReferenceObject(assigned.file.cast()) };
            Some(Source::Assigned(Assigned { file: assigned.file, table: assigned.table }))
        }
        None => pin.clock().offered().then_some(Source::Own),
    };
    let (status, interface) = match source {
        Some(source) => {
            pin.master().interfaces.fetch_add(1, Ordering::Relaxed);
            let references = AtomicI32::new(1);
            let clock = ReferenceClock { table: &raw const TABLE, references, pin: Pin, source };
            (STATUS_SUCCESS, Box::into_raw(Box::new(clock)).cast())
        }
        None => (STATUS_DEVICE_NOT_READY, null_mut()),
    };
    // SAFETY: the caller's place.
    unsafe { *Interface = interface };
    status
}

/// The structure behind an interface pointer.
unsafe fn of<'a>(this: *mut IKsReferenceClock) -> &'a ReferenceClock {
    // SAFETY: COM's rules: the caller has a reference.
    unsafe { &*this.cast::<ReferenceClock>() }
}

impl ReferenceClock {
    /// The pin, as long as it lives.
    fn pin(&self) -> Option<&'static object::Pin> {
        (Objects::kind(self.pin.cast()) == Some(Kind::Pin)).then(|| object::Pin::of(self.pin))
    }

    fn clock(&self) -> &'static super::clock::Clock {
        match self.pin() {
            Some(pin) => pin.clock(),
            None => driver_error("KsInvalidObject", "an IKsReferenceClock was used after its pin had ended"),
        }
    }
}

unsafe extern "win64" fn query_interface(
    this: *mut IKsReferenceClock,
    iid: *const IID,
    place: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: COM's rules.
    unsafe {
        if is_equal_guid(&*iid, &IID_IUNKNOWN) {
            add_ref(this);
            *place = this.cast();
            return STATUS_SUCCESS;
        }
        *place = null_mut();
    }
    STATUS_NOINTERFACE
}

unsafe extern "win64" fn add_ref(this: *mut IKsReferenceClock) -> u32 {
    // SAFETY: COM's rules.
    unsafe { of(this) }.references.fetch_add(1, Ordering::Relaxed) as u32 + 1
}

unsafe extern "win64" fn release(this: *mut IKsReferenceClock) -> u32 {
    // SAFETY: COM's rules.
    let clock = unsafe { of(this) };
    let left = clock.references.fetch_sub(1, Ordering::Relaxed) - 1;
    if left == 0 {
        if let Some(pin) = clock.pin() {
            pin.master().interfaces.fetch_sub(1, Ordering::Relaxed);
        }
        // SAFETY: made by KsPinGetReferenceClockInterface, and nobody refers to it.
        drop(unsafe { Box::from_raw(this.cast::<ReferenceClock>()) });
    }
    left.max(0) as u32
}

/// Time and system time of one moment.
unsafe fn times(this: *mut IKsReferenceClock, physical: bool) -> (i64, i64) {
    // SAFETY: COM's rules.
    let clock = unsafe { of(this) };
    match &clock.source {
        Source::Own if physical => clock.clock().correlated_physical(),
        Source::Own => clock.clock().correlated(),
        Source::Assigned(Assigned { file, table }) => {
            let function = if physical { table.GetCorrelatedPhysicalTime } else { table.GetCorrelatedTime };
            let mut system = 0;
            // SAFETY: the clock's own function, with its file object, which is referenced.
            let time = function.map_or(0, |function| unsafe { function(*file, &raw mut system) });
            (time, system)
        }
    }
}

unsafe extern "win64" fn get_time(this: *mut IKsReferenceClock) -> i64 {
    let _call = exports::enter(&GET_TIME);
    // SAFETY: COM's rules.
    unsafe { times(this, false) }.0
}

unsafe extern "win64" fn get_physical_time(this: *mut IKsReferenceClock) -> i64 {
    let _call = exports::enter(&GET_PHYSICAL_TIME);
    // SAFETY: COM's rules.
    unsafe { times(this, true) }.0
}

unsafe fn put(times: (i64, i64), system: PLONGLONG) -> i64 {
    // SAFETY: the caller's place.
    unsafe { *system = times.1 };
    times.0
}

unsafe extern "win64" fn get_correlated_time(this: *mut IKsReferenceClock, system: PLONGLONG) -> i64 {
    let _call = exports::enter(&GET_CORRELATED_TIME);
    // SAFETY: COM's rules; the caller's place.
    unsafe { put(times(this, false), system) }
}

unsafe extern "win64" fn get_correlated_physical_time(
    this: *mut IKsReferenceClock,
    system: PLONGLONG,
) -> i64 {
    let _call = exports::enter(&GET_CORRELATED_PHYSICAL_TIME);
    // SAFETY: COM's rules; the caller's place.
    unsafe { put(times(this, true), system) }
}

/// Writes an answer, or gives its error.
unsafe fn answer<T>(result: Result<T, NTSTATUS>, place: *mut T) -> NTSTATUS {
    match result {
        Ok(value) => {
            // SAFETY: the caller's place.
            unsafe { *place = value };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn get_resolution(this: *mut IKsReferenceClock, resolution: PKSRESOLUTION) -> NTSTATUS {
    let _call = exports::enter(&GET_RESOLUTION);
    // SAFETY: COM's rules; the caller's place.
    unsafe {
        let clock = of(this);
        let result = match &clock.source {
            Source::Own => Ok(clock.clock().resolution()),
            Source::Assigned(assigned) => ask(assigned.file, KSPROPERTY_CLOCK_RESOLUTION),
        };
        answer(result, resolution)
    }
}

unsafe extern "win64" fn get_state(this: *mut IKsReferenceClock, state: PKSSTATE) -> NTSTATUS {
    let _call = exports::enter(&GET_STATE);
    // SAFETY: COM's rules; the caller's place.
    unsafe {
        let clock = of(this);
        let result = match &clock.source {
            Source::Own => Ok(clock.clock().state()),
            Source::Assigned(assigned) => ask(assigned.file, KSPROPERTY_CLOCK_STATE),
        };
        answer(result, state)
    }
}
