//! Frames between two connected pins: what a driver writes into a header, and resets (R5.15, R6.2).

use std::{cell::RefCell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        Pin,
        fixture::{self, Fixture, close, control, open_pin},
        state,
        stream_pointer::{
            KsPinGetAvailableByteCount, KsPinGetLeadingEdgeStreamPointer, KsStreamPointerUnlock,
        },
    },
    nt::violation,
};

thread_local! {
    static PINS: RefCell<Vec<PKSPIN>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    PINS.with_borrow_mut(|pins| pins.push(pin));
    STATUS_SUCCESS
}

/// An input with a connected output, in STOP.
struct Graph {
    fixture: Fixture,
    handles: [HANDLE; 4],
    sink: &'static Pin,
    source: &'static Pin,
}

impl Graph {
    fn new() -> Self {
        let dispatch = KSPIN_DISPATCH { Create: Some(create), ..KSPIN_DISPATCH::default() };
        let pin = |flow, communication| {
            fixture::pin_type(dispatch, flow, communication, KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING)
        };
        let input = pin(KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
        let output = pin(KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH);
        let fixture = Fixture::new(vec![fixture::filter(1, vec![input]), fixture::filter(2, vec![output])]);
        let filters = [fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap()];
        let sink = open_pin(filters[0], 0, null_mut()).unwrap();
        let source = open_pin(filters[1], 0, sink).unwrap();
        let pins = PINS.take();
        let handles = [source, sink, filters[0], filters[1]];
        Self { fixture, handles, sink: Pin::of(pins[0]), source: Pin::of(pins[1]) }
    }

    fn set_state(&self, state: KSSTATE::Type) {
        for pin in [self.sink, self.source] {
            assert_eq!(state::set(pin, state), STATUS_SUCCESS);
        }
    }

    /// The driver says that the next frame holds this, and lets it go.
    fn produce(&self, used: u32) {
        let locked = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED;
        // SAFETY: a live pin.
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(self.source.ks(), locked) };
        // SAFETY: the pointer is locked on a frame.
        unsafe { (*(*edge).StreamHeader).DataUsed = used };
        KsStreamPointerUnlock(edge, 1);
    }

    fn reset(&self, handle: HANDLE, value: KSRESET::Type) {
        let input = (value as u32).to_le_bytes();
        assert_eq!(control(handle, IOCTL_KS_RESET_STATE, &input, &mut []).0, STATUS_SUCCESS);
    }

    fn depth(pin: &Pin) -> usize {
        pin.transport().queue().unwrap().depth().0
    }

    fn end(self) {
        self.handles.into_iter().for_each(close);
        self.fixture.end();
    }
}

#[test]
fn a_frame_never_holds_more_than_its_buffer() {
    let graph = Graph::new();
    graph.set_state(KSSTATE::KSSTATE_PAUSE);
    let extent = graph.source.transport().circuit().unwrap().framing().bytes;
    for (used, arrives, violations) in [(7, 7, 0), (extent, extent, 0), (extent + 1, extent, 1)] {
        graph.produce(used);
        let found = violation::take();
        assert!(found.iter().all(|violation| violation.rule == "KsDataUsed"), "{found:?}");
        assert_eq!(found.len(), violations);
        let unlocked = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_UNLOCKED;
        // SAFETY: a live pin; the places are ours.
        let (edge, bytes) = unsafe {
            let mut bytes = 0;
            KsPinGetAvailableByteCount(graph.sink.ks(), &mut bytes, null_mut());
            (KsPinGetLeadingEdgeStreamPointer(graph.sink.ks(), unlocked), bytes)
        };
        // SAFETY: the edge is on the frame that arrived.
        let (count, header) = unsafe { ((*edge).OffsetIn.Count, (*(*edge).StreamHeader).DataUsed) };
        assert_eq!((count, header, bytes), (arrives, arrives, arrives as i32));
        let locked = KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED;
        // SAFETY: a live pin.
        KsStreamPointerUnlock(unsafe { KsPinGetLeadingEdgeStreamPointer(graph.sink.ks(), locked) }, 1);
    }
    graph.end();
}

#[test]
fn a_reset_lasts_across_changes_of_state() {
    let graph = Graph::new();
    let [source, sink, ..] = graph.handles;
    graph.reset(sink, KSRESET::KSRESET_BEGIN);
    for _ in 0..2 {
        graph.set_state(KSSTATE::KSSTATE_RUN);
        graph.produce(1);
        assert_eq!(Graph::depth(graph.sink), 0);
        graph.set_state(KSSTATE::KSSTATE_STOP);
    }
    graph.reset(source, KSRESET::KSRESET_BEGIN);
    graph.set_state(KSSTATE::KSSTATE_RUN);
    assert_eq!(Graph::depth(graph.source), 0);
    graph.reset(source, KSRESET::KSRESET_END);
    assert_eq!(Graph::depth(graph.source), 3);
    graph.produce(1);
    assert_eq!(Graph::depth(graph.sink), 0);
    graph.reset(sink, KSRESET::KSRESET_END);
    graph.produce(1);
    assert_eq!(Graph::depth(graph.sink), 1);
    assert_eq!(violation::list(), []);
    graph.end();
}
