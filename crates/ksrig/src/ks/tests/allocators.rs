//! Allocators (section 7.2 of the contract; R4.31).

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
};

use ks_sys::*;

use crate::{
    ks::{
        Pin,
        child::{Child, What},
        create_child::KsCreateAllocator,
        fixture::{self, Fixture, bytes, close, control, open, open_pin, property},
        state,
        subject::Subject,
        synchronous::{KsSynchronousIoControlDevice, get_property},
    },
    nt::{
        IoCancelIrp, IoFileObjectType, ObReferenceObjectByHandle, ObfDereferenceObject, sched, trace,
        violation, work,
    },
};

const ALLOCATOR: &str = "{642F5D00-4791-11D0-A5D6-28DB04C10000}\\";
const ALLOCATOR_EX: &str = "{091BB63B-603F-11D1-B067-00A0C9062802}\\";

thread_local! {
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static INITIALIZE: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

fn log(line: String) {
    LOG.with_borrow_mut(|log| log.push(line));
}

unsafe extern "win64" fn initialize(
    _pin: PKSPIN,
    framing: PKSALLOCATOR_FRAMING,
    context: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: the caller's places.
    unsafe {
        log(format!("initialize {} x {}", (*framing).Frames, (*framing).FrameSize));
        *context = (*framing).FrameSize as usize as PVOID;
    }
    INITIALIZE.get()
}

unsafe extern "win64" fn delete(context: PVOID) {
    log(format!("delete {}", context as usize));
}

unsafe extern "win64" fn allocate(context: PVOID) -> PVOID {
    Box::leak(vec![0u64; (context as usize).div_ceil(8)].into_boxed_slice()).as_mut_ptr().cast()
}

unsafe extern "win64" fn free(context: PVOID, _frame: PVOID) {
    log(format!("free {}", context as usize));
}

/// Pin types: 0 a sink with the default allocator, 1 a sink with one of the driver's, 2 a source.
struct Bench {
    fixture: Fixture,
    filters: [HANDLE; 2],
}

impl Bench {
    fn new() -> Self {
        let plain = KSPIN_DISPATCH { Create: Some(create), ..KSPIN_DISPATCH::default() };
        let allocator = Box::leak(Box::new(KSALLOCATOR_DISPATCH {
            InitializeAllocator: Some(initialize),
            DeleteAllocator: Some(delete),
            Allocate: Some(allocate),
            Free: Some(free),
        }));
        let with = KSPIN_DISPATCH { Allocator: allocator, ..plain };
        let flags = KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING;
        let pin = |dispatch, flow, communication| fixture::pin_type(dispatch, flow, communication, flags);
        let (inward, outward) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT);
        let sink = KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK;
        let sinks = vec![pin(plain, inward, sink), pin(with, inward, sink)];
        let sources = vec![pin(plain, outward, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH)];
        let fixture = Fixture::new(vec![fixture::filter(1, sinks), fixture::filter(2, sources)]);
        let filters = [fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap()];
        Self { fixture, filters }
    }

    fn end(self) {
        self.filters.into_iter().for_each(close);
        assert_eq!(Child::count(), 0);
        self.fixture.end();
    }
}

fn framing(frames: u32, size: u32, alignment: u32) -> KSALLOCATOR_FRAMING {
    // SAFETY: all zero is a valid framing.
    let mut framing = unsafe { std::mem::zeroed::<KSALLOCATOR_FRAMING>() };
    (framing.Frames, framing.FrameSize, framing.FileAlignment) = (frames, size, alignment);
    framing
}

fn open_raw(pin: HANDLE, class: &str, create: &[u8]) -> Result<HANDLE, NTSTATUS> {
    let mut name: Vec<u16> = class.encode_utf16().collect();
    name.extend(create.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
    open(pin, &name)
}

fn open_allocator(pin: HANDLE, framing: &KSALLOCATOR_FRAMING) -> Result<HANDLE, NTSTATUS> {
    open_raw(pin, ALLOCATOR, &bytes(framing))
}

/// The file object of a handle, referenced.
fn file(handle: HANDLE) -> PFILE_OBJECT {
    let mut file = null_mut();
    // SAFETY: the place is ours.
    let status =
        unsafe { ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), 1, &raw mut file, null_mut()) };
    assert_eq!(status, STATUS_SUCCESS);
    file.cast()
}

fn dereference(file: PFILE_OBJECT) {
    // SAFETY: the reference of `file`.
    unsafe { ObfDereferenceObject(file.cast()) };
}

/// A method of the allocator, by the kernel.
fn method(file: PFILE_OBJECT, id: i32, frame: &mut usize) -> NTSTATUS {
    let mut input = property(KSMETHODSETID_StreamAllocator, id as u32, KSMETHOD_TYPE_SEND);
    let mut returned = 0;
    let data: PVOID = (&raw mut *frame).cast();
    // SAFETY: the file object is referenced, the buffers have their lengths.
    unsafe {
        let input = (&raw mut input).cast();
        KsSynchronousIoControlDevice(file, 0, IOCTL_KS_METHOD, input, 24, data, 8, &raw mut returned)
    }
}

const ALLOC: i32 = KSMETHOD_STREAMALLOCATOR::KSMETHOD_STREAMALLOCATOR_ALLOC;
const FREE: i32 = KSMETHOD_STREAMALLOCATOR::KSMETHOD_STREAMALLOCATOR_FREE;

fn status(handle: HANDLE) -> (u32, u32) {
    let id = KSPROPERTY_STREAMALLOCATOR::KSPROPERTY_STREAMALLOCATOR_STATUS as u32;
    let input = bytes(&property(KSPROPSETID_StreamAllocator, id, KSPROPERTY_TYPE_GET));
    let mut output = [0; size_of::<KSSTREAMALLOCATOR_STATUS>()];
    assert_eq!(control(handle, IOCTL_KS_PROPERTY, &input, &mut output).0, STATUS_SUCCESS);
    // SAFETY: the bytes are a status.
    let status = unsafe { output.as_ptr().cast::<KSSTREAMALLOCATOR_STATUS>().read_unaligned() };
    (status.Framing.FrameSize, status.AllocatedFrames)
}

/// Frames come and go; when all are out a request waits for the next that comes back.
#[test]
fn frames_come_and_go() {
    let bench = Bench::new();
    let pin = open_pin(bench.filters[0], 0, null_mut()).unwrap();
    let handle = open_allocator(pin, &framing(2, 100, 63)).unwrap();
    let file = file(handle);
    let (mut first, mut second) = (0, 0);
    assert_eq!(method(file, ALLOC, &mut first), STATUS_SUCCESS);
    assert_eq!(method(file, ALLOC, &mut second), STATUS_SUCCESS);
    assert!(first != second && first % 64 == 0 && second % 64 == 0);
    assert_eq!(status(handle), (100, 2));
    // The third waits for the first.
    let (address, back) = (file as usize, first);
    work::queue("test", move || {
        let mut frame = back;
        assert_eq!(method(address as PFILE_OBJECT, FREE, &mut frame), STATUS_SUCCESS);
    });
    let mut third = 0;
    assert_eq!(method(file, ALLOC, &mut third), STATUS_SUCCESS);
    assert_eq!(third, first);
    let mut foreign = 0x1234;
    assert_eq!(method(file, FREE, &mut foreign), STATUS_INVALID_PARAMETER);
    assert_eq!(method(file, FREE, &mut third), STATUS_SUCCESS);
    assert_eq!(method(file, FREE, &mut second), STATUS_SUCCESS);
    assert_eq!(method(file, FREE, &mut second), STATUS_INVALID_PARAMETER, "twice");
    assert_eq!(status(handle), (100, 0));
    // R7.9: a user gets no frame of the kernel's.
    let input = bytes(&property(KSMETHODSETID_StreamAllocator, ALLOC as u32, KSMETHOD_TYPE_SEND));
    assert_eq!(control(handle, IOCTL_KS_METHOD, &input, &mut [0; 8]).0, STATUS_INVALID_DEVICE_REQUEST);
    let id = KSPROPERTY_STREAMALLOCATOR::KSPROPERTY_STREAMALLOCATOR_FUNCTIONTABLE as u32;
    let input = bytes(&property(KSPROPSETID_StreamAllocator, id, KSPROPERTY_TYPE_GET));
    assert_eq!(control(handle, IOCTL_KS_PROPERTY, &input, &mut [0; 16]).0, STATUS_INVALID_DEVICE_REQUEST);
    dereference(file);
    close(handle);
    close(pin);
    assert_eq!(violation::list(), []);
    bench.end();
}

/// What waits for a frame can be cancelled, by its thread and by the last handle's closing.
#[test]
fn waiting_requests_are_cancelled() {
    for by_close in [true, false] {
        let bench = Bench::new();
        let pin = open_pin(bench.filters[0], 0, null_mut()).unwrap();
        let handle = open_allocator(pin, &framing(1, 16, 0)).unwrap();
        let file = file(handle);
        let mut frame = 0;
        assert_eq!(method(file, ALLOC, &mut frame), STATUS_SUCCESS);
        let address = file as usize;
        let waiter =
            bench.fixture.machine.spawn("waiter", move || method(address as PFILE_OBJECT, ALLOC, &mut 0));
        sched::settle();
        let Some(Subject::Child(Child { what: What::Allocator(allocator), .. })) = Subject::of(file) else {
            unreachable!("the handle is an allocator's")
        };
        let waiting = allocator.waiting();
        assert_eq!(waiting.len(), 1);
        if by_close {
            close(handle);
        } else {
            // SAFETY: the request waits.
            unsafe { IoCancelIrp(waiting[0] as PIRP) };
        }
        assert_eq!(waiter.join(), STATUS_CANCELLED);
        assert_eq!(method(file, FREE, &mut frame), STATUS_SUCCESS);
        dereference(file);
        if !by_close {
            close(handle);
        }
        close(pin);
        bench.end();
    }
}

/// R7.9: the driver's allocator is initialised when it is opened, makes the frames, and is deleted at the end; what was
/// not given back is reported and freed.
#[test]
fn an_allocator_of_the_driver_is_used() {
    let bench = Bench::new();
    let pin = open_pin(bench.filters[0], 1, null_mut()).unwrap();
    INITIALIZE.set(STATUS_DEVICE_BUSY);
    assert_eq!(open_allocator(pin, &framing(1, 64, 0)).unwrap_err(), STATUS_DEVICE_BUSY);
    INITIALIZE.set(STATUS_SUCCESS);
    LOG.take();
    let handle = open_allocator(pin, &framing(3, 64, 0)).unwrap();
    let file = file(handle);
    let mut frame = 0;
    assert_eq!(method(file, ALLOC, &mut frame), STATUS_SUCCESS);
    dereference(file);
    close(handle);
    assert_eq!(LOG.take(), ["initialize 3 x 64", "free 64", "delete 64"]);
    let rules: Vec<_> = violation::take().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["KsAllocatorFrames"]);
    close(pin);
    bench.end();
}

/// What a create request must say; `KsCreateAllocator`; the long form.
#[test]
fn framings_are_checked() {
    let bench = Bench::new();
    let pin = open_pin(bench.filters[0], 0, null_mut()).unwrap();
    for bad in [framing(1, 0, 0), framing(1, 64, 2), framing(1, 64, 8191)] {
        assert_eq!(open_allocator(pin, &bad).unwrap_err(), STATUS_INVALID_PARAMETER);
    }
    assert_eq!(open_raw(pin, ALLOCATOR, &[0; 22]).unwrap_err(), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(open_allocator(bench.filters[0], &framing(1, 64, 0)).unwrap_err(), STATUS_NOT_FOUND);
    let (mut wanted, mut handle) = (framing(1, 64, 3), null_mut());
    // SAFETY: the pointers are good.
    unsafe {
        assert_eq!(KsCreateAllocator(pin, &raw mut wanted, &raw mut handle), STATUS_SUCCESS);
    }
    assert_eq!(status(handle), (64, 0));
    close(handle);
    // SAFETY: all zero is a valid framing.
    let mut long = unsafe { std::mem::zeroed::<KSALLOCATOR_FRAMING_EX>() };
    assert_eq!(open_raw(pin, ALLOCATOR_EX, &bytes(&long)).unwrap_err(), STATUS_INVALID_PARAMETER);
    long.CountItems = 1;
    long.FramingItem[0].Frames = 2;
    long.FramingItem[0].FramingRange.Range.MaxFrameSize = 320;
    let handle = open_raw(pin, ALLOCATOR_EX, &bytes(&long)).unwrap();
    assert_eq!(status(handle), (320, 0));
    close(handle);
    close(pin);
    bench.end();
}

/// R4.31: the frames of a connection come from the allocator that its source was given, and go back to it.
#[test]
fn a_connection_uses_the_allocator_of_its_source() {
    let bench = Bench::new();
    let sink = open_pin(bench.filters[0], 1, null_mut()).unwrap();
    let source = open_pin(bench.filters[1], 0, sink).unwrap();
    let pins: Vec<_> = PINS.take().into_iter().map(Pin::of).collect();
    let id = KSPROPERTY_STREAM::KSPROPERTY_STREAM_ALLOCATOR as u32;
    let get = bytes(&property(KSPROPSETID_Stream, id, KSPROPERTY_TYPE_GET));
    let set = bytes(&property(KSPROPSETID_Stream, id, KSPROPERTY_TYPE_SET));
    let mut value = [9; 8];
    assert_eq!(control(source, IOCTL_KS_PROPERTY, &get, &mut value), (STATUS_SUCCESS, 8));
    assert_eq!(value, [0; 8], "always NULL");
    let assign =
        |handle: HANDLE| control(source, IOCTL_KS_PROPERTY, &set, &mut (handle as u64).to_le_bytes()).0;
    assert_eq!(assign(bench.filters[0]), STATUS_PROPSET_NOT_FOUND, "no allocator");
    assert_eq!(assign(0x7770 as HANDLE), STATUS_INVALID_HANDLE);
    let handle = open_allocator(sink, &framing(5, 8192, 0)).unwrap();
    assert_eq!(assign(handle), STATUS_SUCCESS);
    let go = |to| pins.iter().for_each(|pin| assert_eq!(state::set(pin, to), STATUS_SUCCESS));
    go(KSSTATE::KSSTATE_ACQUIRE);
    assert_eq!(assign(null_mut()), STATUS_INVALID_DEVICE_STATE);
    assert_eq!(status(handle), (8192, 5));
    let made = trace::events().into_iter().find(|event| event.kind == "circuit").expect("a circuit");
    assert!(format!("{made:?}").contains("8192"), "{made:?}");
    go(KSSTATE::KSSTATE_STOP);
    assert_eq!(status(handle), (8192, 0));
    assert_eq!(assign(null_mut()), STATUS_SUCCESS);
    close(handle);
    // Frames that are too small for what flows.
    let small = open_allocator(sink, &framing(1, 16, 0)).unwrap();
    assert_eq!(assign(small), STATUS_SUCCESS);
    assert_eq!(state::set(pins[0], KSSTATE::KSSTATE_ACQUIRE), STATUS_SUCCESS);
    assert_eq!(state::set(pins[1], KSSTATE::KSSTATE_ACQUIRE), STATUS_INVALID_PARAMETER);
    // The client's handle may go first; the pin gives its reference up when it is closed.
    close(small);
    assert_eq!(Child::count(), 1);
    close(source);
    close(sink);
    assert_eq!(violation::list(), []);
    bench.end();
}

/// The function table is for dispatch level.
#[test]
fn frames_by_function() {
    let bench = Bench::new();
    let pin = open_pin(bench.filters[0], 0, null_mut()).unwrap();
    let handle = open_allocator(pin, &framing(1, 16, 0)).unwrap();
    let file = file(handle);
    let id = KSPROPERTY_STREAMALLOCATOR::KSPROPERTY_STREAMALLOCATOR_FUNCTIONTABLE as u32;
    // SAFETY: the file object is referenced; the functions are the allocator's.
    unsafe {
        let table: KSSTREAMALLOCATOR_FUNCTIONTABLE =
            get_property(file, &KSPROPSETID_StreamAllocator, id).unwrap();
        let mut frames = [null_mut(); 2];
        let take = table.AllocateFrame.unwrap();
        assert_eq!(take(file, &raw mut frames[0]), STATUS_SUCCESS);
        assert_eq!(take(file, &raw mut frames[1]), STATUS_INSUFFICIENT_RESOURCES);
        table.FreeFrame.unwrap()(file, frames[0]);
        assert_eq!(take(file, &raw mut frames[1]), STATUS_SUCCESS);
        table.FreeFrame.unwrap()(file, frames[1]);
    }
    dereference(file);
    close(handle);
    close(pin);
    bench.end();
}
