//! Clocks, master clocks and reference clocks (section 7.1 of the contract).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::{
    ks::{
        Pin,
        child::Child,
        clock::KsPinSetPinClockTime,
        create_child::KsCreateClock,
        fixture::{self, Fixture, bytes, close, control, open, open_pin, property},
        master_clock::KsPinGetReferenceClockInterface,
        object::{Kind, Objects},
        state,
    },
    nt::{
        KeCancelTimer, KeQueryInterruptTime, KeSetTimer, Machine, NtCreateEvent, NtWaitForSingleObject, io,
        sched, user::Buffer, violation,
    },
};

const CLOCK: &str = "{53172480-4791-11D0-A5D6-28DB04C10000}\\";
const STOP: KSSTATE::Type = KSSTATE::KSSTATE_STOP;
const ACQUIRE: KSSTATE::Type = KSSTATE::KSSTATE_ACQUIRE;
const PAUSE: KSSTATE::Type = KSSTATE::KSSTATE_PAUSE;
const RUN: KSSTATE::Type = KSSTATE::KSSTATE_RUN;

thread_local! {
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
}

/// The driver's clock: its time, and how often its timer was set and cancelled. Its functions run in DPCs too.
#[derive(Default)]
struct Own {
    time: Cell<i64>,
    set: Cell<u32>,
    cancelled: Cell<u32>,
}

fn own() -> &'static Own {
    Machine::current().extension::<Own>()
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

unsafe extern "win64" fn correlated(_pin: PKSPIN, system: PLONGLONG) -> i64 {
    // SAFETY: the caller's place.
    unsafe { *system = 77 };
    own().time.get()
}

unsafe extern "win64" fn resolution(_pin: PKSPIN, resolution: PKSRESOLUTION) {
    // SAFETY: the caller's place.
    unsafe { *resolution = KSRESOLUTION { Granularity: 5, Error: 6 } };
}

unsafe extern "win64" fn set_timer(_pin: PKSPIN, timer: PKTIMER, due: LARGE_INTEGER, dpc: PKDPC) -> u8 {
    own().set.set(own().set.get() + 1);
    // SAFETY: AVStream's timer and DPC.
    unsafe { KeSetTimer(timer, due, dpc) }
}

unsafe extern "win64" fn cancel_timer(_pin: PKSPIN, timer: PKTIMER) -> u8 {
    own().cancelled.set(own().cancelled.get() + 1);
    // SAFETY: AVStream's timer.
    unsafe { KeCancelTimer(timer) }
}

/// A filter whose pin type 0 has a default clock, 1 a clock of the driver's, 2 none.
struct Bench {
    fixture: Fixture,
    filter: HANDLE,
    pins: Vec<HANDLE>,
    ks: Vec<PKSPIN>,
}

impl Bench {
    fn new() -> Self {
        let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        let own = Box::leak(Box::new(KSCLOCK_DISPATCH {
            SetTimer: Some(set_timer),
            CancelTimer: Some(cancel_timer),
            CorrelatedTime: Some(correlated),
            Resolution: Some(resolution),
        }));
        let plain = KSPIN_DISPATCH { Create: Some(create), ..KSPIN_DISPATCH::default() };
        let with = KSPIN_DISPATCH { Clock: own, ..plain };
        let pins = vec![
            fixture::pin_type(plain, flow, sink, KSPIN_FLAG_IMPLEMENT_CLOCK),
            fixture::pin_type(with, flow, sink, KSPIN_FLAG_IMPLEMENT_CLOCK),
            fixture::pin_type(plain, flow, sink, 0),
        ];
        let fixture = Fixture::new(vec![fixture::filter(1, pins)]);
        let filter = fixture.open_filter(1).unwrap();
        let pins = (0..3).map(|id| open_pin(filter, id, null_mut()).unwrap()).collect();
        Self { fixture, filter, pins, ks: PINS.take() }
    }

    fn clock(&self, pin: usize) -> HANDLE {
        open_clock(self.pins[pin], 0).unwrap()
    }

    fn set_state(&self, pin: usize, to: KSSTATE::Type) {
        assert_eq!(state::set(Pin::of(self.ks[pin]), to), STATUS_SUCCESS);
    }

    fn set_master(&self, pin: usize, clock: HANDLE) -> NTSTATUS {
        let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK as u32;
        let input = bytes(&property(KSPROPSETID_Stream, id, KSPROPERTY_TYPE_SET));
        control(self.pins[pin], IOCTL_KS_PROPERTY, &input, &mut (clock as u64).to_le_bytes()).0
    }

    fn end(self) {
        assert_eq!(violation::list(), []);
        self.pins.into_iter().for_each(close);
        close(self.filter);
        assert_eq!((Objects::count(Kind::Pin), Objects::count(Kind::Filter), Child::count()), (0, 0, 0));
        self.fixture.end();
    }
}

fn open_clock(pin: HANDLE, flags: u32) -> Result<HANDLE, NTSTATUS> {
    let mut name: Vec<u16> = CLOCK.encode_utf16().collect();
    name.extend([flags as u16, (flags >> 16) as u16]);
    open(pin, &name)
}

fn ask<const N: usize>(clock: HANDLE, id: i32) -> (NTSTATUS, [u8; N]) {
    let mut output = [0; N];
    let input = bytes(&property(KSPROPSETID_Clock, id as u32, KSPROPERTY_TYPE_GET));
    (control(clock, IOCTL_KS_PROPERTY, &input, &mut output).0, output)
}

fn number(clock: HANDLE, id: i32) -> i64 {
    let (status, value) = ask::<8>(clock, id);
    assert_eq!(status, STATUS_SUCCESS);
    i64::from_le_bytes(value)
}

fn time(clock: HANDLE) -> i64 {
    number(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_TIME)
}

/// R7.1, R7.2: who offers a clock, and what its create request must say.
#[test]
fn clocks_are_opened_where_they_are_offered() {
    let bench = Bench::new();
    let clock = bench.clock(0);
    assert_eq!(Child::count(), 1);
    assert_eq!(open_clock(bench.pins[0], 1).unwrap_err(), STATUS_INVALID_PARAMETER, "CreateFlags");
    assert_eq!(open_clock(bench.pins[2], 0).unwrap_err(), STATUS_NOT_FOUND, "no KSPIN_FLAG_IMPLEMENT_CLOCK");
    let short: Vec<u16> = CLOCK.encode_utf16().collect();
    assert_eq!(open(bench.pins[0], &short).unwrap_err(), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(open_clock(bench.filter, 0).unwrap_err(), STATUS_NOT_FOUND, "a clock is a pin's");
    // The pin is closed after its clock.
    close(bench.pins[0]);
    assert_eq!(Objects::count(Kind::Pin), 3);
    assert_eq!(time(clock), 0);
    close(clock);
    assert_eq!((Objects::count(Kind::Pin), Child::count()), (2, 0));
    bench.pins[1..].iter().copied().for_each(close);
    close(bench.filter);
    bench.fixture.end();
}

/// R7.6: the time of a default clock runs in RUN, stands in PAUSE, and begins again at 0 after STOP; physical time never
/// goes back.
#[test]
fn time_runs_in_run() {
    let bench = Bench::new();
    let clock = bench.clock(0);
    let state = |clock| ask::<4>(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_STATE).1[0];
    let physical = || number(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_PHYSICALTIME);
    let first = physical();
    sched::sleep(1000);
    assert_eq!((time(clock), state(clock), physical()), (0, 0, first));
    bench.set_state(0, PAUSE);
    assert_eq!((time(clock), state(clock)), (0, 2));
    bench.set_state(0, RUN);
    sched::sleep(1000);
    assert_eq!((time(clock), state(clock), physical()), (1000, 3, first + 1000));
    let (_, pair) = ask::<16>(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_CORRELATEDTIME);
    assert_eq!(pair[..8], 1000u64.to_le_bytes());
    assert_eq!(
        pair[8..],
        KeQueryInterruptTime().to_le_bytes(),
        "the system time, which is the performance counter"
    );
    bench.set_state(0, PAUSE);
    sched::sleep(500);
    assert_eq!(time(clock), 1000);
    // R7.5
    // SAFETY: the pin lives.
    unsafe { KsPinSetPinClockTime(bench.ks[0], 50) };
    bench.set_state(0, RUN);
    sched::sleep(10);
    assert_eq!((time(clock), physical()), (60, first + 1010));
    bench.set_state(0, STOP);
    assert_eq!((time(clock), state(clock), physical()), (0, 0, first + 1010));
    close(clock);
    bench.end();
}

/// R7.1: the driver's own clock is asked for everything.
#[test]
fn a_clock_of_the_driver_is_asked() {
    let bench = Bench::new();
    let clock = bench.clock(1);
    own().time.set(1234);
    assert_eq!(time(clock), 1234);
    let (status, pair) = ask::<16>(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_CORRELATEDTIME);
    assert_eq!((status, &pair[8..]), (STATUS_SUCCESS, &77u64.to_le_bytes()[..]));
    let (_, value) = ask::<16>(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_RESOLUTION);
    assert_eq!(value, [5u64.to_le_bytes(), 6u64.to_le_bytes()].concat()[..]);
    // SAFETY: the pin lives. R7.5: a driver's clock takes no time.
    unsafe { KsPinSetPinClockTime(bench.ks[1], 0) };
    assert_eq!(time(clock), 1234);
    // R7.2: function pointers are for the kernel.
    let table = ask::<32>(clock, KSPROPERTY_CLOCK::KSPROPERTY_CLOCK_FUNCTIONTABLE).0;
    assert_eq!(table, STATUS_INVALID_DEVICE_REQUEST);
    close(clock);
    bench.end();
}

/// A user's synchronization event, and an enabled mark of a clock that sets it.
struct Marked {
    event: HANDLE,
    clock: HANDLE,
    place: Buffer,
}

fn mark(clock: HANDLE, id: i32, numbers: &[i64]) -> Result<Marked, NTSTATUS> {
    let slot = Buffer::new(8);
    let kind = _EVENT_TYPE::SynchronizationEvent;
    // SAFETY: the place is the user's.
    let event = unsafe {
        assert_eq!(NtCreateEvent(slot.address().cast(), 0, null_mut(), kind, 0), STATUS_SUCCESS);
        *slot.address().cast::<HANDLE>()
    };
    let mut data = u64::from(KSEVENTF_EVENT_HANDLE).to_le_bytes().to_vec();
    data.extend((event as u64).to_le_bytes());
    data.extend([0; 16]);
    numbers.iter().for_each(|number| data.extend(number.to_le_bytes()));
    let input = Buffer::from_bytes(&bytes(&property(KSEVENTSETID_Clock, id as u32, KSEVENT_TYPE_ENABLE)));
    let place = Buffer::from_bytes(&data);
    // SAFETY: both buffers live until the request has ended.
    let (status, _) = unsafe {
        let (input, length) = (input.address(), data.len() as u32);
        io::request::device_io_control(clock, IOCTL_KS_ENABLE_EVENT, input, 24, place.address(), length)
    };
    if status < 0 {
        close(event);
        return Err(status);
    }
    Ok(Marked { event, clock, place })
}

impl Marked {
    fn is_set(&self) -> bool {
        let mut now = LARGE_INTEGER { QuadPart: 0 };
        // SAFETY: the event's handle.
        unsafe { NtWaitForSingleObject(self.event, 0, &raw mut now) == STATUS_SUCCESS }
    }

    fn end(self) {
        // SAFETY: the pointer is not followed.
        let (status, _) = unsafe {
            let code = IOCTL_KS_DISABLE_EVENT;
            io::request::device_io_control(self.clock, code, self.place.address(), 32, null_mut(), 0)
        };
        assert_eq!(status, STATUS_SUCCESS);
        close(self.event);
    }
}

/// R7.2: position marks come once each time the clock gets there, interval marks again and again; both only while the
/// clock runs.
#[test]
fn marks_come_when_the_clock_gets_there() {
    const POSITION: i32 = KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_POSITION_MARK;
    const INTERVAL: i32 = KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_INTERVAL_MARK;
    let bench = Bench::new();
    let clock = bench.clock(0);
    assert_eq!(mark(clock, INTERVAL, &[0, 0]).err(), Some(STATUS_INVALID_PARAMETER));
    assert_eq!(mark(clock, INTERVAL, &[0]).err(), Some(STATUS_BUFFER_TOO_SMALL));
    let position = mark(clock, POSITION, &[1000]).unwrap();
    let interval = mark(clock, INTERVAL, &[2000, 500]).unwrap();
    sched::sleep(5000);
    assert!(!position.is_set() && !interval.is_set(), "the clock stands");
    bench.set_state(0, RUN);
    sched::sleep(999);
    assert!(!position.is_set());
    sched::sleep(2);
    assert!(position.is_set() && !interval.is_set());
    sched::sleep(1000);
    assert!(!position.is_set() && interval.is_set(), "2000");
    sched::sleep(400);
    assert!(!interval.is_set());
    sched::sleep(100);
    assert!(interval.is_set(), "2500");
    bench.set_state(0, PAUSE);
    sched::sleep(5000);
    assert!(!interval.is_set(), "the clock stands");
    // Set back, the clock gets there again.
    // SAFETY: the pin lives.
    unsafe { KsPinSetPinClockTime(bench.ks[0], 900) };
    bench.set_state(0, RUN);
    sched::sleep(101);
    assert!(position.is_set() && !interval.is_set());
    sched::sleep(1000);
    assert!(!position.is_set() && interval.is_set());
    bench.set_state(0, STOP);
    position.end();
    interval.end();
    close(clock);
    bench.end();
}

/// R7.1: marks of a driver's clock go by its timer functions.
#[test]
fn marks_use_the_timer_of_the_driver() {
    let bench = Bench::new();
    let clock = bench.clock(1);
    let position = mark(clock, KSEVENT_CLOCK_POSITION::KSEVENT_CLOCK_POSITION_MARK, &[100]).unwrap();
    bench.set_state(1, RUN);
    assert_eq!(own().set.get(), 1);
    sched::sleep(101);
    assert!(!position.is_set(), "the driver's clock has not got there");
    assert_eq!(own().set.get(), 2);
    own().time.set(100);
    sched::sleep(100);
    assert!(position.is_set());
    bench.set_state(1, STOP);
    assert!(own().cancelled.get() > 0);
    position.end();
    close(clock);
    bench.end();
}

fn interface(pin: PKSPIN) -> Result<PIKSREFERENCECLOCK, NTSTATUS> {
    let mut clock = null_mut();
    // SAFETY: the place is ours.
    let status = unsafe { KsPinGetReferenceClockInterface(pin, &raw mut clock) };
    if status < 0 { Err(status) } else { Ok(clock) }
}

fn release(clock: PIKSREFERENCECLOCK) -> u32 {
    // SAFETY: an interface with a reference.
    unsafe { ((*(*clock).lpVtbl).Release.expect("COM has it"))(clock) }
}

/// R5.8, R7.4: the interface of a pin's own clock.
#[test]
fn the_own_clock_has_an_interface() {
    let bench = Bench::new();
    assert_eq!(interface(bench.ks[2]).unwrap_err(), STATUS_DEVICE_NOT_READY);
    let own = interface(bench.ks[0]).unwrap();
    bench.set_state(0, RUN);
    sched::sleep(300);
    let (mut system, mut resolution, mut state) = (0, KSRESOLUTION { Granularity: 0, Error: 0 }, 0);
    // SAFETY: an interface with a reference; the places are ours.
    unsafe {
        let table = &*(*own).lpVtbl;
        assert_eq!(table.GetTime.unwrap()(own), 300);
        assert_eq!(table.GetCorrelatedTime.unwrap()(own, &raw mut system), 300);
        assert_eq!(system, KeQueryInterruptTime() as i64);
        assert!(table.GetPhysicalTime.unwrap()(own) >= 300);
        assert!(table.GetCorrelatedPhysicalTime.unwrap()(own, &raw mut system) >= 300);
        assert_eq!(table.GetResolution.unwrap()(own, &raw mut resolution), STATUS_SUCCESS);
        assert_eq!(table.GetState.unwrap()(own, &raw mut state), STATUS_SUCCESS);
        assert_eq!((resolution.Granularity, state), (1, RUN));
        assert_eq!(table.AddRef.unwrap()(own), 2);
    }
    assert_eq!((release(own), release(own)), (1, 0));
    bench.set_state(0, STOP);
    bench.end();
}

/// R7.3, R5.9: a master clock is set in STOP, referenced, asked for the time, and released by NULL.
#[test]
fn a_master_clock_is_assigned() {
    let bench = Bench::new();
    let clock = bench.clock(1);
    own().time.set(42);
    let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK as u32;
    let get = bytes(&property(KSPROPSETID_Stream, id, KSPROPERTY_TYPE_GET));
    let mut value = [9; 8];
    let answer = control(bench.pins[2], IOCTL_KS_PROPERTY, &get, &mut value);
    assert_eq!((answer, value), ((STATUS_SUCCESS, 8), [0; 8]), "always NULL");
    assert_eq!(bench.set_master(2, clock), STATUS_SUCCESS);
    // The handle is the client's to close, the clock stays.
    close(clock);
    assert_eq!(Child::count(), 1);
    let master = interface(bench.ks[2]).unwrap();
    let (mut system, mut resolution) = (0, KSRESOLUTION { Granularity: 0, Error: 0 });
    // SAFETY: an interface with a reference; the places are ours.
    unsafe {
        let table = &*(*master).lpVtbl;
        assert_eq!(table.GetCorrelatedTime.unwrap()(master, &raw mut system), 42);
        assert_eq!(table.GetResolution.unwrap()(master, &raw mut resolution), STATUS_SUCCESS);
    }
    assert_eq!((system, resolution.Error), (77, 6));
    bench.set_state(2, ACQUIRE);
    assert_eq!(bench.set_master(2, null_mut()), STATUS_INVALID_DEVICE_STATE);
    bench.set_state(2, STOP);
    assert_eq!(bench.set_master(2, null_mut()), STATUS_SUCCESS);
    assert_eq!(Child::count(), 1, "the interface keeps it");
    assert_eq!(interface(bench.ks[2]).unwrap_err(), STATUS_DEVICE_NOT_READY);
    assert_eq!(release(master), 0);
    assert_eq!(Child::count(), 0);
    bench.end();
}

/// R7.3: what is no clock is refused, and changes nothing.
#[test]
fn a_master_clock_must_be_a_clock() {
    let bench = Bench::new();
    assert_eq!(bench.set_master(2, bench.filter), STATUS_PROPSET_NOT_FOUND);
    assert_eq!(bench.set_master(2, 0x7770 as HANDLE), STATUS_INVALID_HANDLE);
    assert_eq!(interface(bench.ks[2]).unwrap_err(), STATUS_DEVICE_NOT_READY);
    // A pin may be given its own clock; its handles can be closed all the same, in any order.
    let clock = bench.clock(0);
    assert_eq!(bench.set_master(0, clock), STATUS_SUCCESS);
    close(clock);
    bench.end();
}

/// R8.10: an interface that the driver never releases.
#[test]
fn interfaces_that_are_kept_are_reported() {
    let bench = Bench::new();
    let own = interface(bench.ks[0]).unwrap();
    bench.pins.iter().copied().for_each(close);
    let rules: Vec<_> = violation::take().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["KsInterfaceReference"]);
    assert_eq!(release(own), 0);
    close(bench.filter);
    bench.fixture.end();
}

/// `KsCreateClock` and the function table, for the kernel.
#[test]
fn the_kernel_opens_clocks_too() {
    let bench = Bench::new();
    let (mut create, mut handle) = (KSCLOCK_CREATE { CreateFlags: 0 }, null_mut());
    // SAFETY: the pointers are good.
    let status = unsafe { KsCreateClock(bench.pins[0], &raw mut create, &raw mut handle) };
    assert_eq!(status, STATUS_SUCCESS);
    assert_eq!(time(handle), 0);
    close(handle);
    create.CreateFlags = 1;
    // SAFETY: as above.
    let status = unsafe { KsCreateClock(bench.pins[0], &raw mut create, &raw mut handle) };
    assert_eq!(status, STATUS_INVALID_PARAMETER);
    bench.end();
}
