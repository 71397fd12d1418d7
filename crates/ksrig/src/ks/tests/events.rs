//! Events (section 7.5 of the contract).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::{
    ks::{
        Pin,
        event::{
            KsAddEvent, KsDefaultAddEventHandler, KsDiscardEvent, KsGenerateDataEvent, KsGenerateEvents,
        },
        event_entry,
        fixture::{self, Fixture, bytes, close, control, open_pin, property},
        unknown::IID_IKSCONTROL,
        worker::{KsRegisterWorker, KsUnregisterWorker},
    },
    nt::{
        KeFlushQueuedDpcs, KeGetCurrentIrql, KeInitializeDpc, KeInitializeEvent, KeInitializeSemaphore,
        KeReadStateEvent, KeReadStateSemaphore, NtCreateEvent, NtWaitForSingleObject, RemoveEntryList, io,
        sched, user::Buffer, violation,
    },
};

/// The driver's event set.
const SET: GUID = guid(0x5E7A_11AA_0000_0000_0000_0000_0000_0001);
// Events of the set: AVStream adds it itself; by a handler; one that fails; one kept by the driver; one whose remove
// handler does nothing; one with parameters.
const PLAIN: u32 = 0;
const HANDLED: u32 = 1;
const FAILING: u32 = 2;
const KEPT: u32 = 3;
const STUCK: u32 = 4;
const LONG: u32 = 5;

thread_local! {
    static PIN: Cell<PKSPIN> = const { Cell::new(null_mut()) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static ENTRY: Cell<PKSEVENT_ENTRY> = const { Cell::new(null_mut()) };
}

fn log(line: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(line.into()));
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PIN.set(pin);
    STATUS_SUCCESS
}

unsafe extern "win64" fn close_pin(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    log(format!("close with {}", event_entry::count()));
    STATUS_SUCCESS
}

unsafe extern "win64" fn add(irp: PIRP, data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
    // SAFETY: the arguments of an add handler.
    unsafe {
        log(format!("add {} irql {}", (*data).NotificationType, KeGetCurrentIrql()));
        KsDefaultAddEventHandler(irp, data, entry)
    }
}

unsafe extern "win64" fn add_fails(_irp: PIRP, _data: PKSEVENTDATA, _entry: PKSEVENT_ENTRY) -> NTSTATUS {
    STATUS_DEVICE_BUSY
}

unsafe extern "win64" fn add_keeps(_irp: PIRP, _data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
    ENTRY.set(entry);
    STATUS_SUCCESS
}

unsafe extern "win64" fn add_long(_irp: PIRP, data: PKSEVENTDATA, entry: PKSEVENT_ENTRY) -> NTSTATUS {
    // SAFETY: DataInput vouches for a number behind the KSEVENTDATA, ExtraEntryData for one behind the entry.
    unsafe {
        *entry.add(1).cast::<u64>() = *data.add(1).cast::<u64>();
        KsAddEvent(PIN.get().cast(), entry);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn remove(_file: PFILE_OBJECT, entry: PKSEVENT_ENTRY) {
    log("remove");
    // SAFETY: the entry is in the pin's list.
    unsafe { RemoveEntryList(&raw mut (*entry).ListEntry) };
}

unsafe extern "win64" fn remove_nothing(_file: PFILE_OBJECT, _entry: PKSEVENT_ENTRY) {}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn table() -> *const KSAUTOMATION_TABLE {
    let item = |id, add: PFNKSADDEVENT, remove: PFNKSREMOVEEVENT| KSEVENT_ITEM {
        EventId: id,
        DataInput: size_of::<KSEVENTDATA>() as u32 + if id == LONG { 8 } else { 0 },
        ExtraEntryData: if id == LONG { 8 } else { 0 },
        AddHandler: add,
        RemoveHandler: remove,
        SupportHandler: None,
    };
    let items = leak([
        item(PLAIN, None, None),
        item(HANDLED, Some(add), Some(remove)),
        item(FAILING, Some(add_fails), None),
        item(KEPT, Some(add_keeps), None),
        item(STUCK, None, Some(remove_nothing)),
        item(LONG, Some(add_long), None),
    ]);
    let set = leak(KSEVENT_SET { Set: leak(SET), EventsCount: 6, EventItem: items.as_ptr() });
    leak(KSAUTOMATION_TABLE { EventSetsCount: 1, EventSets: set, ..KSAUTOMATION_TABLE::default() })
}

/// A pin that clients write to, with the driver's events and the end of the stream.
struct Bench {
    fixture: Fixture,
    filter: HANDLE,
    pin: HANDLE,
}

impl Bench {
    fn new() -> Self {
        let dispatch =
            KSPIN_DISPATCH { Create: Some(create), Close: Some(close_pin), ..KSPIN_DISPATCH::default() };
        let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        let mut pin = fixture::pin_type(dispatch, flow, sink, KSPIN_FLAG_GENERATE_EOS_EVENTS);
        pin.AutomationTable = table();
        let fixture = Fixture::new(vec![fixture::filter(1, vec![pin])]);
        let filter = fixture.open_filter(1).unwrap();
        let pin = open_pin(filter, 0, null_mut()).unwrap();
        Self { fixture, filter, pin }
    }

    /// Enables an event with that notification; the buffer is what identifies it.
    fn enable(&self, id: u32, flags: u32, data: &[u8]) -> (NTSTATUS, Buffer) {
        enable(self.pin, SET, id, flags, data)
    }

    fn generate(&self, id: u32) {
        // SAFETY: the pin lives; no data, no callback.
        unsafe {
            KsGenerateEvents(PIN.get().cast(), &raw const SET_STATIC, id, 0, null_mut(), None, null_mut())
        };
    }

    fn end(self) -> Vec<String> {
        close(self.pin);
        close(self.filter);
        assert_eq!(event_entry::count(), 0);
        self.fixture.end();
        LOG.take()
    }
}

static SET_STATIC: GUID = SET;

fn enable(handle: HANDLE, set: GUID, id: u32, flags: u32, data: &[u8]) -> (NTSTATUS, Buffer) {
    let input = Buffer::from_bytes(&bytes(&property(set, id, flags)));
    let output = Buffer::from_bytes(data);
    let length = data.len() as u32;
    // SAFETY: both buffers live until the request has ended.
    let (status, _) = unsafe {
        io::request::device_io_control(
            handle,
            IOCTL_KS_ENABLE_EVENT,
            input.address(),
            24,
            output.address(),
            length,
        )
    };
    (status, output)
}

fn disable(handle: HANDLE, data: &Buffer) -> NTSTATUS {
    let length = size_of::<KSEVENTDATA>() as u32;
    // SAFETY: the pointer is not followed.
    unsafe {
        io::request::device_io_control(handle, IOCTL_KS_DISABLE_EVENT, data.address(), length, null_mut(), 0)
            .0
    }
}

fn notification(kind: u32, first: u64, second: u64, third: u64) -> Vec<u8> {
    let mut data = u64::from(kind).to_le_bytes().to_vec();
    data.extend([first, second, third].iter().flat_map(|word| word.to_le_bytes()));
    assert_eq!(data.len(), size_of::<KSEVENTDATA>());
    data
}

/// A user's synchronization event, and the KSEVENTDATA that names it.
fn user_event() -> (HANDLE, Vec<u8>) {
    let place = Buffer::new(8);
    let kind = _EVENT_TYPE::SynchronizationEvent;
    // SAFETY: the place is the user's.
    let handle = unsafe {
        assert_eq!(NtCreateEvent(place.address().cast(), 0, null_mut(), kind, 0), STATUS_SUCCESS);
        *place.address().cast::<HANDLE>()
    };
    (handle, notification(KSEVENTF_EVENT_HANDLE, handle as u64, 0, 0))
}

fn is_set(event: HANDLE) -> bool {
    let mut now = LARGE_INTEGER { QuadPart: 0 };
    // SAFETY: the event's handle.
    unsafe { NtWaitForSingleObject(event, 0, &raw mut now) == STATUS_SUCCESS }
}

/// R7.23, R7.25, R7.26: an event is told as often as it happens, until it is disabled by its KSEVENTDATA.
#[test]
fn events_are_told_until_disabled() {
    let bench = Bench::new();
    let (event, data) = user_event();
    let (status, place) = bench.enable(PLAIN, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(status, STATUS_SUCCESS);
    assert!(!is_set(event));
    for _ in 0..2 {
        bench.generate(PLAIN);
        assert!(is_set(event));
    }
    bench.generate(HANDLED);
    assert!(!is_set(event), "another event of the set");
    assert_eq!(disable(bench.pin, &Buffer::new(32)), STATUS_UNSUCCESSFUL, "not what enabled it");
    assert_eq!(disable(bench.pin, &place), STATUS_SUCCESS);
    assert_eq!(disable(bench.pin, &place), STATUS_UNSUCCESSFUL);
    bench.generate(PLAIN);
    assert!(!is_set(event));
    close(event);
    assert_eq!(bench.end(), ["close with 0"]);
}

/// R7.23, R7.26: a one-shot event is gone after it was told.
#[test]
fn one_shot_events_are_told_once() {
    for id in [PLAIN, HANDLED] {
        let bench = Bench::new();
        let (event, data) = user_event();
        let (status, place) = bench.enable(id, KSEVENT_TYPE_ONESHOT, &data);
        assert_eq!(status, STATUS_SUCCESS);
        bench.generate(id);
        assert!(is_set(event));
        bench.generate(id);
        assert!(!is_set(event));
        assert_eq!(disable(bench.pin, &place), STATUS_UNSUCCESSFUL);
        assert_eq!(event_entry::count(), 0);
        close(event);
        let removed = bench.end().iter().filter(|line| *line == "remove").count();
        assert_eq!(removed, usize::from(id == HANDLED));
    }
}

/// R7.24: handlers add and remove; an error of the add handler is the request's, and nothing is left.
#[test]
fn handlers_add_and_remove() {
    let bench = Bench::new();
    let (event, data) = user_event();
    let (status, place) = bench.enable(HANDLED, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(status, STATUS_SUCCESS);
    bench.generate(HANDLED);
    assert!(is_set(event));
    assert_eq!(disable(bench.pin, &place), STATUS_SUCCESS);
    assert_eq!(bench.enable(FAILING, KSEVENT_TYPE_ENABLE, &data).0, STATUS_DEVICE_BUSY);
    assert_eq!(event_entry::count(), 0);
    let long = [data.as_slice(), &7u64.to_le_bytes()].concat();
    assert_eq!(bench.enable(LONG, KSEVENT_TYPE_ENABLE, &data).0, STATUS_BUFFER_TOO_SMALL, "DataInput");
    let (status, _place) = bench.enable(LONG, KSEVENT_TYPE_ENABLE, &long);
    assert_eq!(status, STATUS_SUCCESS);
    unsafe extern "win64" fn only_seven(context: PVOID, entry: PKSEVENT_ENTRY) -> u8 {
        assert_eq!(u32::from(KeGetCurrentIrql()), DISPATCH_LEVEL);
        // SAFETY: what `add_long` put behind the entry; the test's context.
        unsafe { u8::from(*entry.add(1).cast::<u64>() == *context.cast::<u64>()) }
    }
    // R7.26: the callback decides, at dispatch level.
    for (mut number, told) in [(8u64, false), (7, true)] {
        // SAFETY: the pin lives; the context is the test's.
        unsafe {
            let context = (&raw mut number).cast();
            KsGenerateEvents(PIN.get().cast(), null_mut(), LONG, 0, null_mut(), Some(only_seven), context);
        }
        assert_eq!(is_set(event), told);
    }
    close(event);
    assert_eq!(violation::list(), []);
    assert_eq!(bench.end(), ["add 1 irql 0", "remove", "close with 0"]);
}

/// R7.24: a remove handler that leaves the entry in the list is reported; an event that the driver kept in a list of
/// its own and did not clean up too.
#[test]
fn careless_drivers_are_reported() {
    let bench = Bench::new();
    let (event, data) = user_event();
    let (_, place) = bench.enable(STUCK, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(disable(bench.pin, &place), STATUS_SUCCESS);
    assert_eq!(
        violation::take().iter().map(|violation| violation.rule).collect::<Vec<_>>(),
        ["KsRemoveEvent"]
    );
    let (status, place) = bench.enable(KEPT, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(status, STATUS_SUCCESS);
    assert_eq!(disable(bench.pin, &place), STATUS_UNSUCCESSFUL, "it is in no list of AVStream's");
    close(bench.pin);
    assert_eq!(violation::take().iter().map(|violation| violation.rule).collect::<Vec<_>>(), ["KsEventLeft"]);
    // SAFETY: the entry is in no list.
    unsafe { KsDiscardEvent(ENTRY.get()) };
    close(event);
    close(bench.filter);
    assert_eq!(event_entry::count(), 0);
    bench.fixture.end();
}

/// R7.25: one client's events are not another's to disable; R2.3, R3.12: closing frees them before Close.
#[test]
fn events_belong_to_their_handle() {
    let bench = Bench::new();
    let other = open_pin(bench.filter, 0, null_mut()).unwrap();
    let (event, data) = user_event();
    let (status, place) = enable(other, SET, PLAIN, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(status, STATUS_SUCCESS);
    assert_eq!(disable(bench.pin, &place), STATUS_UNSUCCESSFUL);
    // All events of this client: none. Those of the other one: all.
    // SAFETY: no buffers.
    let all = |handle| unsafe {
        io::request::device_io_control(handle, IOCTL_KS_DISABLE_EVENT, null_mut(), 0, null_mut(), 0).0
    };
    assert_eq!(all(bench.pin), STATUS_SUCCESS);
    assert_eq!(event_entry::count(), 1);
    let places: Vec<_> = (0..3).map(|_| enable(other, SET, HANDLED, KSEVENT_TYPE_ENABLE, &data)).collect();
    assert_eq!(event_entry::count(), 4);
    assert_eq!(all(other), STATUS_SUCCESS);
    assert_eq!(event_entry::count(), 0);
    let (_, _place) = enable(other, SET, PLAIN, KSEVENT_TYPE_ENABLE, &data);
    assert_eq!(event_entry::count(), 1);
    close(other);
    assert_eq!(LOG.with_borrow(|log| log.last().cloned()).unwrap(), "close with 0");
    drop(places);
    close(event);
    bench.end();
}

/// R7.23: what a user may not ask for, and wrong input.
#[test]
fn wrong_requests_are_refused() {
    let bench = Bench::new();
    let (event, data) = user_event();
    let status = |id, flags, data: &[u8]| bench.enable(id, flags, data).0;
    for kind in [KSEVENTF_EVENT_OBJECT, KSEVENTF_SEMAPHORE_OBJECT, KSEVENTF_DPC, KSEVENTF_WORKITEM, 0, 0x40] {
        let data = notification(kind, 0x1000, 0, 0);
        assert_eq!(status(PLAIN, KSEVENT_TYPE_ENABLE, &data), STATUS_INVALID_PARAMETER, "{kind:#x}");
    }
    let bad = notification(KSEVENTF_EVENT_HANDLE, 0x7777, 0, 0);
    assert_eq!(status(PLAIN, KSEVENT_TYPE_ENABLE, &bad), STATUS_INVALID_HANDLE);
    let wrong = notification(KSEVENTF_EVENT_HANDLE, bench.pin as u64, 0, 0);
    assert_eq!(status(PLAIN, KSEVENT_TYPE_ENABLE, &wrong), STATUS_OBJECT_TYPE_MISMATCH);
    let reserved = notification(KSEVENTF_EVENT_HANDLE, event as u64, 1, 0);
    assert_eq!(status(PLAIN, KSEVENT_TYPE_ENABLE, &reserved), STATUS_INVALID_PARAMETER);
    assert_eq!(status(PLAIN, KSEVENT_TYPE_ENABLE, &data[..31]), STATUS_BUFFER_TOO_SMALL);
    assert_eq!(status(99, KSEVENT_TYPE_ENABLE, &data), STATUS_NOT_FOUND);
    assert_eq!(status(PLAIN, 0, &data), STATUS_INVALID_PARAMETER);
    assert_eq!(enable(bench.pin, fixture::SUB, 0, 1, &data).0, STATUS_PROPSET_NOT_FOUND);
    assert_eq!(
        enable(bench.filter, SET, 0, 1, &data).0,
        STATUS_PROPSET_NOT_FOUND,
        "the pin's, not the filter's"
    );
    assert_eq!(
        control(bench.pin, IOCTL_KS_ENABLE_EVENT, &[0; 23], &mut [0; 32]).0,
        STATUS_INVALID_BUFFER_SIZE
    );
    assert_eq!(control(bench.pin, IOCTL_KS_DISABLE_EVENT, &[0; 31], &mut []).0, STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(event_entry::count(), 0);
    close(event);
    bench.end();
}

/// R7.27: SETSUPPORT, BASICSUPPORT, and the query without a KSEVENT.
#[test]
fn support_is_told() {
    let bench = Bench::new();
    let ask = |set, id, flags, length| {
        let mut output = vec![0; length];
        let input = bytes(&property(set, id, flags));
        let (status, information) = control(bench.pin, IOCTL_KS_ENABLE_EVENT, &input, &mut output);
        (status, information, output)
    };
    let both = [bytes(&SET), bytes(&KSEVENTSETID_Connection)].concat();
    assert_eq!(ask(GUID_NULL, 0, KSEVENT_TYPE_SETSUPPORT, 0), (STATUS_BUFFER_OVERFLOW, 32, vec![]));
    assert_eq!(ask(GUID_NULL, 0, KSEVENT_TYPE_SETSUPPORT, 32), (STATUS_SUCCESS, 32, both.clone()));
    assert_eq!(ask(GUID_NULL, 0, KSEVENT_TYPE_SETSUPPORT, 31).0, STATUS_BUFFER_TOO_SMALL);
    let mut output = vec![0; 32];
    assert_eq!(control(bench.pin, IOCTL_KS_ENABLE_EVENT, &[], &mut output), (STATUS_SUCCESS, 32));
    assert_eq!(output, both);
    assert_eq!(ask(SET, 0, KSEVENT_TYPE_SETSUPPORT, 0).0, STATUS_SUCCESS);
    assert_eq!(ask(fixture::SUB, 0, KSEVENT_TYPE_SETSUPPORT, 0).0, STATUS_PROPSET_NOT_FOUND);
    assert_eq!(ask(SET, PLAIN, KSEVENT_TYPE_BASICSUPPORT, 0).0, STATUS_SUCCESS);
    assert_eq!(ask(SET, 99, KSEVENT_TYPE_BASICSUPPORT, 0).0, STATUS_NOT_FOUND);
    bench.end();
}

/// KSEVENT_TYPE_ENABLEBUFFERED and QUERYBUFFER: notifications wait with their data.
#[test]
fn buffered_events_wait() {
    let bench = Bench::new();
    let (event, data) = user_event();
    let (status, place) = bench.enable(PLAIN, KSEVENT_TYPE_ENABLEBUFFERED, &data);
    assert_eq!(status, STATUS_SUCCESS);
    for mut number in [11u32, 12] {
        let data = (&raw mut number).cast();
        // SAFETY: the pin lives; the data is the test's.
        unsafe { KsGenerateEvents(PIN.get().cast(), null_mut(), PLAIN, 4, data, None, null_mut()) };
    }
    assert!(!is_set(event), "nobody is notified");
    let query = |place: u64, length| {
        let mut input = bytes(&property(SET, PLAIN, KSEVENT_TYPE_QUERYBUFFER));
        input.extend(place.to_le_bytes());
        input.extend([0; 8]);
        let mut output = vec![0; length];
        let (status, information) = control(bench.pin, IOCTL_KS_ENABLE_EVENT, &input, &mut output);
        (status, information, output)
    };
    let address = place.address() as u64;
    assert_eq!(query(address, 0), (STATUS_BUFFER_OVERFLOW, 4, vec![]));
    assert_eq!(query(address, 3).0, STATUS_BUFFER_TOO_SMALL);
    assert_eq!(query(address, 4), (STATUS_SUCCESS, 4, vec![11, 0, 0, 0]));
    assert_eq!(query(address, 4), (STATUS_SUCCESS, 4, vec![12, 0, 0, 0]));
    assert_eq!(query(address, 4).0, STATUS_NO_MORE_ENTRIES);
    assert_eq!(query(address + 32, 4).0, STATUS_UNSUCCESSFUL, "no such event");
    // Slots are not endless.
    let mut results = Vec::new();
    let list = Pin::of(PIN.get()).events().named();
    // SAFETY: the list is the pin's; its only entry lives.
    unsafe {
        let entry = list.locked(|| list.live()[0]);
        for _ in 0..65 {
            results.push(KsGenerateDataEvent(entry, 0, null_mut()));
        }
    }
    assert_eq!(results.iter().filter(|&&status| status == STATUS_SUCCESS).count(), 64);
    assert_eq!(results[64], STATUS_INSUFFICIENT_RESOURCES);
    assert_eq!(disable(bench.pin, &place), STATUS_SUCCESS);
    close(event);
    bench.end();
}

unsafe extern "win64" fn dpc(_dpc: *mut KDPC, context: PVOID, first: PVOID, _second: PVOID) {
    // SAFETY: the test's log.
    unsafe { (*context.cast::<RefCell<Vec<usize>>>()).borrow_mut().push(first as usize) };
}

unsafe extern "win64" fn work(context: PVOID) {
    // SAFETY: the test's log.
    unsafe { (*context.cast::<RefCell<Vec<usize>>>()).borrow_mut().push(usize::from(KeGetCurrentIrql())) };
}

/// R7.23: the kernel's notifications, through the pin's IKsControl.
#[test]
fn the_kernel_is_notified_its_own_ways() {
    let bench = Bench::new();
    // SAFETY: all zero is a valid value of each, to be initialised.
    let (mut event, mut semaphore, mut deferred, mut item): (KEVENT, KSEMAPHORE, KDPC, WORK_QUEUE_ITEM) =
        unsafe { std::mem::zeroed() };
    let (event, semaphore, deferred, item) =
        (&raw mut event, &raw mut semaphore, &raw mut deferred, &raw mut item);
    let told: RefCell<Vec<usize>> = RefCell::default();
    let context: PVOID = (&raw const told).cast_mut().cast();
    let mut worker = null_mut();
    // SAFETY: the structures live as long as the test.
    unsafe {
        KeInitializeEvent(event, _EVENT_TYPE::NotificationEvent, 0);
        KeInitializeSemaphore(semaphore, 0, 5);
        KeInitializeDpc(deferred, Some(dpc), context);
        (*item).WorkerRoutine = Some(work);
        (*item).Parameter = context;
        assert_eq!(KsRegisterWorker(_WORK_QUEUE_TYPE::DelayedWorkQueue, &raw mut worker), STATUS_SUCCESS);
    }
    let mut forms = [
        notification(KSEVENTF_EVENT_OBJECT, event as u64, 0, 0),
        notification(KSEVENTF_SEMAPHORE_OBJECT, semaphore as u64, 2 << 32, 0),
        notification(KSEVENTF_DPC, deferred as u64, 0, 0),
        notification(KSEVENTF_WORKITEM, item as u64, _WORK_QUEUE_TYPE::DelayedWorkQueue as u64, 0),
    ];
    let interface = Pin::of(PIN.get()).unknown().query(&IID_IKSCONTROL).unwrap().cast::<IKsControl>();
    let mut returned = 0;
    let mut ks_event = |event: PKSEVENT, length: u32, data: PVOID| {
        // SAFETY: an IKsControl with a reference; the buffers have their lengths.
        unsafe {
            let control = (*(*interface).lpVtbl).KsEvent.expect("it has one");
            control(interface, event, length, data, 32, &raw mut returned)
        }
    };
    let mut input = property(SET, PLAIN, KSEVENT_TYPE_ENABLE);
    for form in &mut forms {
        assert_eq!(ks_event(&raw mut input, 24, form.as_mut_ptr().cast()), STATUS_SUCCESS);
    }
    bench.generate(PLAIN);
    KeFlushQueuedDpcs();
    sched::settle();
    // SAFETY: as above.
    unsafe {
        assert_eq!(KeReadStateEvent(event), 1);
        assert_eq!(KeReadStateSemaphore(semaphore), 2);
    }
    let mut seen = told.take();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [0, forms[2].as_ptr() as usize],
        "the work item at passive level, the DPC with the KSEVENTDATA"
    );
    bench.generate(PLAIN);
    bench.generate(PLAIN);
    KeFlushQueuedDpcs();
    sched::settle();
    // SAFETY: as above.
    assert_eq!(unsafe { KeReadStateSemaphore(semaphore) }, 4, "never beyond its limit");
    for form in &mut forms {
        assert_eq!(ks_event(null_mut(), 0, form.as_mut_ptr().cast()), STATUS_SUCCESS);
        assert_eq!(ks_event(null_mut(), 0, form.as_mut_ptr().cast()), STATUS_UNSUCCESSFUL);
    }
    told.take();
    let mut form = notification(KSEVENTF_KSWORKITEM, item as u64, worker as u64, 0);
    assert_eq!(ks_event(&raw mut input, 24, form.as_mut_ptr().cast()), STATUS_SUCCESS);
    bench.generate(PLAIN);
    // SAFETY: the worker was registered above; the interface has a reference.
    unsafe {
        KsUnregisterWorker(worker);
        assert_eq!(told.take(), [0], "KsUnregisterWorker has waited for it");
        assert_eq!(ks_event(null_mut(), 0, form.as_mut_ptr().cast()), STATUS_SUCCESS);
        ((*(*interface).lpVtbl).Release.expect("COM has it"))(interface);
    }
    assert_eq!(violation::list(), []);
    bench.end();
}

/// KSPIN_FLAG_GENERATE_EOS_EVENTS: the event comes when the last frame has gone through the pin, and not for one that
/// is taken back.
#[test]
fn the_end_of_the_stream_is_told() {
    for taken_back in [false, true] {
        let bench = Bench::new();
        let (event, data) = user_event();
        let id = KSEVENT_CONNECTION::KSEVENT_CONNECTION_ENDOFSTREAM as u32;
        let (status, _place) = enable(bench.pin, KSEVENTSETID_Connection, id, KSEVENT_TYPE_ENABLE, &data);
        assert_eq!(status, STATUS_SUCCESS);
        let pin = Pin::of(PIN.get());
        assert_eq!(crate::ks::state::set(pin, KSSTATE::KSSTATE_PAUSE), STATUS_SUCCESS);
        let frame = Buffer::new(16);
        // SAFETY: all zero is a valid header.
        let mut header = unsafe { std::mem::zeroed::<KSSTREAM_HEADER>() };
        header.Size = size_of::<KSSTREAM_HEADER>() as u32;
        (header.Data, header.FrameExtent, header.DataUsed) = (frame.address(), 16, 16);
        header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM;
        let headers = Buffer::from_bytes(&bytes(&header));
        // SAFETY: the buffers live until the request has ended.
        let request = unsafe {
            let length = headers.len() as u32;
            io::request::Request::device_io_control(
                bench.pin,
                IOCTL_KS_WRITE_STREAM,
                null_mut(),
                0,
                headers.address(),
                length,
            )
        };
        assert!(!is_set(event), "it is queued");
        if taken_back {
            request.cancel();
        } else {
            // SAFETY: the pin has a queue, and a frame in it.
            unsafe {
                use crate::ks::stream_pointer::{KsPinGetLeadingEdgeStreamPointer, KsStreamPointerUnlock};
                let state = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED;
                KsStreamPointerUnlock(KsPinGetLeadingEdgeStreamPointer(PIN.get(), state), 1);
            }
        }
        request.wait();
        assert_eq!(is_set(event), !taken_back);
        assert_eq!(crate::ks::state::set(pin, KSSTATE::KSSTATE_STOP), STATUS_SUCCESS);
        drop(request);
        close(event);
        bench.end();
    }
}
