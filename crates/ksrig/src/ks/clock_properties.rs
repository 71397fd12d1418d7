//! KSPROPSETID_Clock and KSEVENTSETID_Clock on a clock object (R7.2).

use ks_sys::{
    KSCLOCK_FUNCTIONTABLE, KSCORRELATED_TIME,
    KSEVENT_CLOCK_POSITION::{KSEVENT_CLOCK_INTERVAL_MARK, KSEVENT_CLOCK_POSITION_MARK},
    KSEVENT_ITEM, KSEVENT_SET, KSEVENT_TIME_INTERVAL, KSEVENT_TIME_MARK, KSEVENTSETID_Clock,
    KSPROPERTY_CLOCK::*,
    KSPROPSETID_Clock, KSRESOLUTION, NTSTATUS, PFILE_OBJECT, PIRP, PKSEVENT_ENTRY, PKSEVENTDATA, PLONGLONG,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
};

use super::{
    automation::{Defaults, Handler, Item, OwnEvents, OwnItems, Set},
    call::method_at,
    child::{Child, What},
    clock::{Clock, Mark},
    irp,
    property_request::Request,
    subject::Subject,
};
use crate::nt::{
    KERNEL_MODE,
    exports::{self, Export},
};

const fn item<T>(id: i32, get: Handler) -> Item {
    let min_data = size_of::<T>() as u32;
    Item {
        id: id as u32,
        min_property: 0x18,
        min_data,
        get: Some(get),
        set: None,
        control: false,
        handle: false,
    }
}

/// The properties of a clock.
pub static SETS: Defaults = &[Set {
    guid: KSPROPSETID_Clock,
    items: &[
        item::<i64>(KSPROPERTY_CLOCK_TIME, |request| with(request, |clock| clock.correlated().0)),
        item::<i64>(KSPROPERTY_CLOCK_PHYSICALTIME, |request| {
            with(request, |clock| clock.correlated_physical().0)
        }),
        item::<KSCORRELATED_TIME>(KSPROPERTY_CLOCK_CORRELATEDTIME, |request| {
            with(request, |clock| pair(clock.correlated()))
        }),
        item::<KSCORRELATED_TIME>(KSPROPERTY_CLOCK_CORRELATEDPHYSICALTIME, |request| {
            with(request, |clock| pair(clock.correlated_physical()))
        }),
        item::<KSRESOLUTION>(KSPROPERTY_CLOCK_RESOLUTION, |request| with(request, Clock::resolution)),
        item::<i32>(KSPROPERTY_CLOCK_STATE, |request| with(request, Clock::state)),
        item::<KSCLOCK_FUNCTIONTABLE>(KSPROPERTY_CLOCK_FUNCTIONTABLE, function_table),
    ],
}];

fn pair((time, system): (i64, i64)) -> KSCORRELATED_TIME {
    KSCORRELATED_TIME { Time: time, SystemTime: system }
}

/// The clock behind a file object of a clock.
fn clock_of(subject: Option<Subject>) -> Option<&'static Clock> {
    match subject {
        Some(subject @ Subject::Child(Child { what: What::Clock, .. })) => Some(subject.pin()?.clock()),
        _ => None,
    }
}

fn with<T: Copy>(request: &mut Request, value: impl FnOnce(&Clock) -> T) -> NTSTATUS {
    match clock_of(Some(request.subject)) {
        Some(clock) => request.answer(&value(clock)),
        None => STATUS_INVALID_PARAMETER,
    }
}

/// Function pointers are for the kernel. ASSUMED: a user gets STATUS_INVALID_DEVICE_REQUEST, as with handshakes.
fn function_table(request: &mut Request) -> NTSTATUS {
    // SAFETY: the request is ours.
    if unsafe { (*request.irp).RequestorMode } != KERNEL_MODE {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    request.answer(&KSCLOCK_FUNCTIONTABLE {
        GetTime: Some(get_time),
        GetPhysicalTime: Some(get_physical_time),
        GetCorrelatedTime: Some(get_correlated_time),
        GetCorrelatedPhysicalTime: Some(get_correlated_physical_time),
    })
}

static GET_TIME: Export = method_at("KSCLOCK_FUNCTIONTABLE::GetTime", 2);
static GET_PHYSICAL_TIME: Export = method_at("KSCLOCK_FUNCTIONTABLE::GetPhysicalTime", 2);
static GET_CORRELATED_TIME: Export = method_at("KSCLOCK_FUNCTIONTABLE::GetCorrelatedTime", 2);
static GET_CORRELATED_PHYSICAL_TIME: Export =
    method_at("KSCLOCK_FUNCTIONTABLE::GetCorrelatedPhysicalTime", 2);

/// A function of the table: 0 for a file object that is no clock's any more.
fn ask(export: &'static Export, file: PFILE_OBJECT, system: PLONGLONG, physical: bool) -> i64 {
    let _call = exports::enter(export);
    let Some(clock) = clock_of(Subject::of(file)) else { return 0 };
    let (time, now) = if physical { clock.correlated_physical() } else { clock.correlated() };
    if !system.is_null() {
        // SAFETY: the caller's place.
        unsafe { *system = now };
    }
    time
}

unsafe extern "win64" fn get_time(file: PFILE_OBJECT) -> i64 {
    ask(&GET_TIME, file, std::ptr::null_mut(), false)
}

unsafe extern "win64" fn get_physical_time(file: PFILE_OBJECT) -> i64 {
    ask(&GET_PHYSICAL_TIME, file, std::ptr::null_mut(), true)
}

unsafe extern "win64" fn get_correlated_time(file: PFILE_OBJECT, system: PLONGLONG) -> i64 {
    ask(&GET_CORRELATED_TIME, file, system, false)
}

unsafe extern "win64" fn get_correlated_physical_time(file: PFILE_OBJECT, system: PLONGLONG) -> i64 {
    ask(&GET_CORRELATED_PHYSICAL_TIME, file, system, true)
}

const fn mark<T>(id: i32) -> KSEVENT_ITEM {
    KSEVENT_ITEM {
        EventId: id as u32,
        DataInput: size_of::<T>() as u32,
        ExtraEntryData: size_of::<Mark>() as u32,
        AddHandler: Some(add_mark),
        RemoveHandler: None,
        SupportHandler: None,
    }
}

static ITEMS: OwnItems<2> = OwnItems([
    mark::<KSEVENT_TIME_INTERVAL>(KSEVENT_CLOCK_INTERVAL_MARK),
    mark::<KSEVENT_TIME_MARK>(KSEVENT_CLOCK_POSITION_MARK),
]);

/// The events of a clock.
pub static EVENTS: OwnEvents<1> = OwnEvents([KSEVENT_SET {
    Set: &raw const KSEVENTSETID,
    EventsCount: 2,
    EventItem: &raw const ITEMS.0 as *const KSEVENT_ITEM,
}]);

static KSEVENTSETID: ks_sys::GUID = KSEVENTSETID_Clock;

unsafe extern "win64" fn add_mark(irp: PIRP, data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
    match clock_of(Subject::of(irp::file_object(irp))) {
        // SAFETY: the arguments of an add handler.
        Some(clock) => unsafe { clock.add_mark(data, entry) },
        None => STATUS_INVALID_PARAMETER,
    }
}
