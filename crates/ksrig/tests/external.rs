//! Connections to pins that are not AVStream's (kinds C and D, T4.7, T4.8), frame injection, and being told of trips.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::{
    cell::{Cell, RefCell},
    ptr::null_mut,
    rc::Rc,
};

use fixture::{Bench, Kind, format, on_process, pin, state};
use ks_sys::{KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED as LOCKED, *};
use ksrig::{
    client::{Filter, Pin, Rig, State, Status},
    ks::{self, Options, injection::*, options::ConnectError, peer::*, stream_pointer::*, unknown::*},
    nt::{self, Machine, pnp},
};

/// A KS driver that is not AVStream's.
#[derive(Default)]
struct Raw {
    /// Stream requests are kept, by address.
    keep: Cell<bool>,
    kept: RefCell<Vec<usize>>,
    /// What stream requests are answered with.
    status: Cell<NTSTATUS>,
    /// What was written, or how many bytes were read.
    seen: RefCell<Vec<Vec<u8>>>,
    /// Reads that are answered; the rest is kept.
    reads: Cell<usize>,
}

fn raw() -> &'static Raw {
    Machine::current().extension::<Raw>()
}

unsafe extern "win64" fn cancel(_: PDEVICE_OBJECT, irp: PIRP) {
    unsafe {
        nt::IoReleaseCancelSpinLock((*irp).CancelIrql);
        raw().kept.borrow_mut().retain(|kept| *kept != irp as usize);
        nt::complete(irp, STATUS_CANCELLED, 0);
    }
}

unsafe fn keep(irp: PIRP) -> NTSTATUS {
    unsafe { nt::IoMarkIrpPending(irp) };
    raw().kept.borrow_mut().push(irp as usize);
    unsafe { nt::IoSetCancelRoutine(irp, Some(cancel)) };
    STATUS_PENDING
}

unsafe extern "win64" fn control(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    unsafe {
        let control = (*nt::IoGetCurrentIrpStackLocation(irp)).Parameters.DeviceIoControl;
        let header = (*irp).UserBuffer.cast::<KSSTREAM_HEADER>();
        match control.IoControlCode {
            IOCTL_KS_PROPERTY => {
                (*irp).UserBuffer.cast::<u32>().write(0x5A);
                nt::complete(irp, STATUS_SUCCESS, 4)
            }
            IOCTL_KS_WRITE_STREAM => {
                assert_eq!(((*irp).RequestorMode, control.OutputBufferLength), (0, (*header).Size));
                assert!(!(*irp).MdlAddress.is_null() && !(*irp).AssociatedIrp.SystemBuffer.is_null());
                let data =
                    std::slice::from_raw_parts((*header).Data.cast::<u8>(), (*header).DataUsed as usize);
                raw().seen.borrow_mut().push(data.to_vec());
                if raw().keep.get() { keep(irp) } else { nt::complete(irp, raw().status.get(), data.len()) }
            }
            IOCTL_KS_READ_STREAM if raw().reads.get() > 0 => {
                raw().reads.set(raw().reads.get() - 1);
                assert_eq!(((*header).DataUsed, (*header).OptionsFlags), (0, 0));
                (*header).Data.cast::<u8>().write_bytes(9, 5);
                (*header).DataUsed = 5;
                nt::complete(irp, STATUS_SUCCESS, size_of::<KSSTREAM_HEADER>())
            }
            IOCTL_KS_READ_STREAM => keep(irp),
            _ => nt::complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0),
        }
    }
}

unsafe extern "win64" fn succeed(_: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    unsafe { nt::complete(irp, STATUS_SUCCESS, 0) }
}

unsafe extern "win64" fn entry(driver: *mut _DRIVER_OBJECT, _: *mut UNICODE_STRING) -> NTSTATUS {
    let name: Vec<u16> = r"\Device\RawSink".encode_utf16().collect();
    let mut name = nt::string::counted(&name);
    let mut device = null_mut();
    unsafe {
        let table = &mut (*driver).MajorFunction;
        for major in [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE] {
            table[major as usize] = Some(succeed);
        }
        table[IRP_MJ_DEVICE_CONTROL as usize] = Some(control);
        let status = nt::IoCreateDevice(driver, 0, &raw mut name, FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device);
        if status >= 0 {
            (*device).Flags &= !DO_DEVICE_INITIALIZING;
        }
        status
    }
}

struct Graph {
    bench: Bench,
    driver: &'static pnp::Driver,
    sink: Filter,
    source: Pin,
}

/// A source of this kind connected to a pin of the raw driver.
fn connected(kind: Kind) -> Graph {
    let bench = Bench::new(&[&[kind.framing(3, 64)]]);
    let driver = pnp::load_builtin("raw.sys", Some(entry)).expect("DriverEntry succeeds");
    let sink = Filter::open(r"\Device\RawSink").unwrap();
    let source = bench.filters[0].connect_to(0, &format(64), sink.handle()).unwrap();
    Graph { bench, driver, sink, source }
}

impl Graph {
    fn end(self) {
        let Self { bench, driver, sink, source } = self;
        drop(source);
        drop(sink);
        unsafe { nt::IoDeleteDevice((*driver.object()).DeviceObject) };
        driver.unload();
        assert_eq!(bench.violations(), Vec::<&str>::new());
        assert_eq!(bench.end(), Vec::<&str>::new());
    }
}

fn edge(ks: *mut KSPIN) -> PKSSTREAM_POINTER {
    unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) }
}

/// Fills frames with their number, so many of them.
fn producing(most: u8) -> Rc<Cell<u8>> {
    let made = Rc::new(Cell::new(0));
    let count = Rc::clone(&made);
    on_process(0, move |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        if count.get() == most {
            KsStreamPointerUnlock(edge, 0);
            return STATUS_PENDING;
        }
        count.set(count.get() + 1);
        unsafe { (*edge).OffsetOut.__bindgen_anon_1.Data.write(count.get()) };
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 1, 1);
        STATUS_SUCCESS
    });
    made
}

/// T4.8, R4.5, R4.27: the peer is external; frames go by IRPs and are used again when these complete.
#[test]
fn a_source_writes_to_a_pin_that_is_not_avstreams() {
    let graph = connected(Kind::output());
    unsafe {
        assert_eq!((*pin(0)).ConnectionIsExternal, 1);
        assert_eq!((*pin(0)).Communication, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SOURCE);
        assert!(!KsPinGetConnectedPinFileObject(pin(0)).is_null());
        assert!(!KsPinGetConnectedPinDeviceObject(pin(0)).is_null());
    }
    let made = producing(200);
    graph.source.set_state(State::Run).unwrap();
    graph.bench.rig.settle();
    assert_eq!(made.get(), 200);
    assert_eq!(raw().seen.take(), (1..=200).map(|number| vec![number]).collect::<Vec<_>>());
    let circuit = ks::Pin::of(pin(0)).transport().circuit().unwrap();
    assert_eq!((circuit.framing().count, circuit.trips()), (3, 200));
    drop(circuit);
    graph.source.set_state(State::Stop).unwrap();
    graph.end();
}

/// What the other driver still has at STOP is cancelled; what it fails stays at home until the next change of state.
#[test]
fn irps_come_home_at_stop() {
    let graph = connected(Kind::output());
    raw().keep.set(true);
    let made = producing(10);
    graph.source.set_state(State::Run).unwrap();
    graph.bench.rig.settle();
    assert_eq!((made.get(), raw().kept.borrow().len()), (3, 3), "all frames are under way");
    graph.source.set_state(State::Stop).unwrap();
    assert_eq!(raw().kept.borrow().len(), 0);
    raw().keep.set(false);
    raw().status.set(STATUS_DEVICE_NOT_READY);
    graph.source.set_state(State::Pause).unwrap();
    graph.bench.rig.settle();
    assert_eq!(made.get(), 6, "each frame was tried once");
    raw().status.set(STATUS_SUCCESS);
    graph.source.set_state(State::Run).unwrap();
    graph.bench.rig.settle();
    assert_eq!(made.get(), 10);
    graph.end();
}

/// R2.15, R4.2: a data sink that is the IRP source reads.
#[test]
fn a_sink_of_data_reads_from_a_pin_that_is_not_avstreams() {
    let graph = connected(Kind::input());
    raw().reads.set(20);
    let taken = Rc::new(Cell::new(0));
    let count = Rc::clone(&taken);
    on_process(0, move |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        unsafe {
            assert_eq!(((*edge).OffsetIn.Count, (*edge).OffsetIn.__bindgen_anon_1.Data.read()), (5, 9));
        }
        count.set(count.get() + 1);
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    graph.source.set_state(State::Run).unwrap();
    graph.bench.rig.settle();
    assert_eq!((taken.get(), raw().kept.borrow().len()), (20, 3));
    graph.end();
}

/// Section 4.5: IUnknown and IKsControl only, by requests to the other driver.
#[test]
fn the_thunk_of_a_pin_that_is_not_avstreams() {
    let graph = connected(Kind::output());
    for query in [KsPinGetConnectedPinInterface, KsPinGetConnectedFilterInterface] {
        let mut found: PVOID = null_mut();
        unsafe {
            assert_eq!(query(pin(0), &GUID_NULL, &mut found), STATUS_NOINTERFACE);
            assert!(found.is_null());
            assert_eq!(query(pin(0), &IID_IKSCONTROL, &mut found), STATUS_SUCCESS);
            let control = found.cast::<IKsControl>();
            let table = &*(*control).lpVtbl;
            let (mut property, mut value, mut returned) = (KSPROPERTY::default(), 0u32, 0);
            let status = table.KsProperty.unwrap()(
                control,
                &raw mut property,
                size_of::<KSPROPERTY>() as u32,
                (&raw mut value).cast(),
                4,
                &raw mut returned,
            );
            assert_eq!((status, value, returned), (STATUS_SUCCESS, 0x5A, 4));
            let status = table.KsMethod.unwrap()(control, null_mut(), 0, null_mut(), 0, &raw mut returned);
            assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST);
            assert_eq!(table.QueryInterface.unwrap()(control, &IID_IUNKNOWN, &mut found), STATUS_SUCCESS);
            assert_eq!(table.AddRef.unwrap()(control), 3);
            assert_eq!(table.QueryInterface.unwrap()(control, &GUID_NULL, &mut found), STATUS_NOINTERFACE);
            for left in [2, 1, 0] {
                assert_eq!(table.Release.unwrap()(control), left);
            }
        }
    }
    graph.end();
}

/// 10.2: with the other setting a sink whose Connect failed is used like one that is not AVStream's.
#[test]
fn a_failed_connect_may_fall_back() {
    let options = Options { connect_error: ConnectError::FallsBack, ..Options::default() };
    let bench =
        Bench::with(Rig::builder().options(options), &[&[Kind::output()], &[Kind::input(), Kind::input()]]);
    state().connect.set(STATUS_UNSUCCESSFUL);
    let sink = bench.filters[1].create_pin(1, &format(64)).unwrap();
    let source = bench.filters[0].connect(0, &format(64), &sink).unwrap();
    unsafe {
        assert_eq!(((*pin(0)).ConnectionIsExternal, (*pin(1)).ConnectionIsExternal), (1, 0));
    }
    assert_eq!(state().connects.get(), 1);
    let made = producing(50);
    let taken = Rc::new(Cell::new(0));
    let count = Rc::clone(&taken);
    on_process(1, move |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        count.set(count.get() + 1);
        unsafe { assert_eq!((*edge).OffsetIn.__bindgen_anon_1.Data.read(), count.get()) };
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    bench.rig.settle();
    assert_eq!((made.get(), taken.get()), (50, 50));
    source.set_state(State::Stop).unwrap();
    drop((source, sink));
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

unsafe extern "win64" fn done(_: PDEVICE_OBJECT, _: PIRP, context: PVOID) -> NTSTATUS {
    unsafe { *context.cast::<bool>() = true };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// T4.7: a driver that writes IRPs to the pin without a handshake is a client like any other, with buffers locked by
/// itself or by AVStream.
#[test]
fn a_driver_that_is_not_avstreams_writes() {
    let bench = Bench::new(&[&[Kind::input()]]);
    let client = bench.filters[0].create_pin(0, &format(64)).unwrap();
    let taken = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&taken);
    on_process(0, move |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        unsafe {
            let used = (*edge).OffsetIn.Count as usize;
            let data = std::slice::from_raw_parts((*edge).OffsetIn.__bindgen_anon_1.Data, used);
            seen.borrow_mut().push(data.to_vec());
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    client.set_state(State::Run).unwrap();
    for locked in [true, false] {
        let mut finished = false;
        unsafe {
            let mut file: PVOID = null_mut();
            let kind = nt::IoFileObjectType();
            let status =
                nt::ObReferenceObjectByHandle(client.handle() as HANDLE, 0, kind, 0, &mut file, null_mut());
            assert_eq!(status, STATUS_SUCCESS);
            let file: PFILE_OBJECT = file.cast();
            let data = nt::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, 64, 0x2077_6152).cast::<u8>();
            data.write_bytes(3, 64);
            let mut header = KSSTREAM_HEADER {
                Size: size_of::<KSSTREAM_HEADER>() as u32,
                FrameExtent: 64,
                DataUsed: 7,
                Data: data.cast(),
                ..KSSTREAM_HEADER::default()
            };
            let device = nt::IoGetRelatedDeviceObject(file);
            let irp = nt::IoAllocateIrp((*device).StackSize, 0);
            let mut mdl = null_mut();
            if locked {
                mdl = nt::IoAllocateMdl(data.cast(), 64, 0, 0, null_mut());
                nt::MmBuildMdlForNonPagedPool(mdl);
            }
            (*irp).MdlAddress = mdl;
            (*irp).UserBuffer = (&raw mut header).cast();
            let location = &mut *nt::IoGetNextIrpStackLocation(irp);
            location.MajorFunction = IRP_MJ_DEVICE_CONTROL as u8;
            location.FileObject = file;
            location.Parameters.DeviceIoControl.IoControlCode = IOCTL_KS_WRITE_STREAM;
            location.Parameters.DeviceIoControl.OutputBufferLength = header.Size;
            nt::IoSetCompletionRoutine(irp, Some(done), (&raw mut finished).cast(), 1, 1, 1);
            assert_eq!(nt::IoCallDriver(device, irp), STATUS_PENDING);
            assert!(finished);
            assert_eq!(
                ((*irp).IoStatus.Information, (*irp).MdlAddress),
                (7, mdl),
                "the sender's MDL is left alone"
            );
            assert_eq!(header.Data, data.cast());
            if locked {
                nt::IoFreeMdl(mdl);
            }
            nt::IoFreeIrp(irp);
            nt::ExFreePoolWithTag(data.cast(), 0x2077_6152);
            nt::ObfDereferenceObject(file.cast());
        }
    }
    assert_eq!(taken.take(), [vec![3; 7], vec![3; 7]]);
    assert_eq!((state().connects.get(), unsafe { (*pin(0)).ConnectionIsExternal }), (0, 0), "no Connect");
    drop(client);
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

#[derive(Default)]
struct Returned(RefCell<Vec<(usize, u32, usize, NTSTATUS)>>);

unsafe extern "win64" fn frame_return(
    pin: *mut KSPIN,
    data: PVOID,
    size: u32,
    mdl: PMDL,
    context: PVOID,
    status: NTSTATUS,
) {
    assert_eq!(unsafe { (*pin).Id }, 0);
    assert!(data.is_null() || mdl.is_null());
    Machine::current().extension::<Returned>().0.borrow_mut().push((
        data as usize,
        size,
        context as usize,
        status,
    ));
}

fn returned() -> Vec<(usize, u32, usize, NTSTATUS)> {
    Machine::current().extension::<Returned>().0.take()
}

/// R4.33: no buffers are requested; frames enter by address or MDL and come back with the IRP's status.
#[test]
fn frames_are_injected() {
    let bench = Bench::new(&[&[Kind::output()], &[Kind::input(), Kind::input()]]);
    *state().on_create.borrow_mut() = Some(Rc::new(|pin| unsafe {
        if (*pin).Id == 0 {
            KsPinRegisterFrameReturnCallback(pin, Some(frame_return));
        }
    }));
    let sink = bench.filters[1].create_pin(1, &format(64)).unwrap();
    let source = bench.filters[0].connect(0, &format(64), &sink).unwrap();
    let submit = |data: PVOID, size, context: usize| unsafe {
        KsPinSubmitFrame(pin(0), data, size, null_mut(), context as PVOID)
    };
    let data = unsafe { nt::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, 64, 0x2077_6152) };
    assert_eq!(submit(data, 64, 1), STATUS_DEVICE_NOT_READY, "in STOP");
    assert_eq!(submit(data, 0, 1), STATUS_INVALID_PARAMETER);
    let keep = Rc::new(Cell::new(false));
    let kept = Rc::clone(&keep);
    on_process(1, move |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        if kept.get() {
            KsStreamPointerUnlock(edge, 0);
            return STATUS_PENDING;
        }
        unsafe {
            let header = &mut *(*edge).StreamHeader;
            if header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT != 0 {
                assert_eq!(((*edge).OffsetIn.Count, header.PresentationTime.Time), (5, 77));
                KsStreamPointerSetStatusCode(edge, STATUS_DATA_ERROR);
            }
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    let circuit = ks::Pin::of(pin(0)).transport().circuit().unwrap();
    assert_eq!((circuit.framing().count, circuit.at_home()), (0, 0));
    drop(circuit);
    assert_eq!(submit(data, 64, 2), STATUS_SUCCESS);
    assert_eq!(submit(null_mut(), 0, 3), STATUS_SUCCESS);
    assert_eq!(returned(), [(data as usize, 64, 2, STATUS_SUCCESS), (0, 0, 3, STATUS_SUCCESS)]);
    let mut header = KSSTREAM_HEADER {
        Size: size_of::<KSSTREAM_HEADER>() as u32,
        OptionsFlags: KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT,
        DataUsed: 5,
        ..KSSTREAM_HEADER::default()
    };
    header.PresentationTime.Time = 77;
    unsafe {
        let mdl = nt::IoAllocateMdl(data, 64, 0, 0, null_mut());
        nt::MmBuildMdlForNonPagedPool(mdl);
        assert_eq!(KsPinSubmitFrameMdl(pin(0), mdl, &mut header, 4 as PVOID), STATUS_SUCCESS);
        assert_eq!(returned(), [(0, 0, 4, STATUS_DATA_ERROR)]);
        nt::IoFreeMdl(mdl);
        assert_eq!(KsPinSubmitFrame(pin(1), data, 64, null_mut(), null_mut()), STATUS_INVALID_DEVICE_REQUEST);
        KsPinRegisterFrameReturnCallback(pin(0), None);
        assert_eq!(bench.violations(), ["KsPinRegisterCallback"], "not in STOP");
    }
    // What is under way at STOP comes back cancelled.
    keep.set(true);
    assert_eq!(submit(data, 64, 5), STATUS_SUCCESS);
    assert_eq!(returned(), []);
    source.set_state(State::Stop).unwrap();
    assert_eq!(returned(), [(data as usize, 64, 5, STATUS_CANCELLED)]);
    unsafe { nt::ExFreePoolWithTag(data, 0x2077_6152) };
    drop((source, sink));
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}

#[derive(Default)]
struct Trips(Cell<u64>);

unsafe extern "win64" fn irp_completion(pin: *mut KSPIN, irp: PIRP) {
    assert!(unsafe { (*pin).Id } == 0 && !irp.is_null());
    let trips = &Machine::current().extension::<Trips>().0;
    trips.set(trips.get() + 1);
}

/// R4.34: called for each trip; the mode of the pin does not change.
#[test]
fn trips_are_told() {
    let bench = Bench::new(&[&[Kind::output()], &[Kind::input(), Kind::input()]]);
    *state().on_create.borrow_mut() = Some(Rc::new(|pin| unsafe {
        if (*pin).Id == 0 {
            KsPinRegisterIrpCompletionCallback(pin, Some(irp_completion));
        }
    }));
    let sink = bench.filters[1].create_pin(1, &format(64)).unwrap();
    let source = bench.filters[0].connect(0, &format(64), &sink).unwrap();
    let made = producing(20);
    on_process(1, |ks| {
        let edge = edge(ks);
        if edge.is_null() {
            return STATUS_PENDING;
        }
        KsStreamPointerUnlock(edge, 1);
        STATUS_SUCCESS
    });
    sink.set_state(State::Run).unwrap();
    source.set_state(State::Run).unwrap();
    bench.rig.settle();
    let circuit = ks::Pin::of(pin(0)).transport().circuit().unwrap();
    assert_eq!(made.get(), 20);
    assert_eq!((circuit.trips(), Machine::current().extension::<Trips>().0.get()), (20, 20));
    drop(circuit);
    assert_eq!(source.set_state(State::Stop), Ok::<_, Status>(()));
    drop((source, sink));
    assert_eq!(bench.violations(), Vec::<&str>::new());
    assert_eq!(bench.end(), Vec::<&str>::new());
}
