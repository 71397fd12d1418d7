//! The stream pointer functions: edges, locks, moving on (R6.10 to R6.22).
//!
//! All of them run at IRQL <= DISPATCH_LEVEL. Each takes the queue's spin lock; only
//! `KsStreamPointerDelete` may come from a cancel callback, where the lock is held (R6.24).

use std::ptr::null_mut;

use ks_sys::{
    BOOLEAN, KSPIN, KSSTREAM_HEADER, KSSTREAM_POINTER_STATE, LONG, NTSTATUS, PFNKSSTREAMPOINTER, PIRP,
    PKSSTREAM_POINTER, PMDL, PVOID, STATUS_DEVICE_NOT_READY, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL, ULONG, ULONGLONG,
};

use super::{
    frame::Frame,
    mapping,
    object::Pin as PinObject,
    pointer::{self, StreamPointer},
    queue::{Held, Queue},
};
use crate::nt::violation;

/// The leading edge; locked, or NULL if it cannot be locked, when the state asks for that (R6.14).
/// (`nf-ks-kspingetleadingedgestreampointer.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetLeadingEdgeStreamPointer(
    Pin: *mut KSPIN,
    State: KSSTREAM_POINTER_STATE::Type,
) -> PKSSTREAM_POINTER {
    edge(Pin, State, "KsPinGetLeadingEdgeStreamPointer", |held| held.inner().leading)
}

/// The trailing edge, if the pin has one (R6.11). (`nf-ks-kspingettrailingedgestreampointer.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetTrailingEdgeStreamPointer(
    Pin: *mut KSPIN,
    State: KSSTREAM_POINTER_STATE::Type,
) -> PKSSTREAM_POINTER {
    edge(Pin, State, "KsPinGetTrailingEdgeStreamPointer", |held| held.inner().trailing)
}

fn edge(
    pin: *mut KSPIN,
    state: KSSTREAM_POINTER_STATE::Type,
    call: &str,
    which: impl Fn(Held<'_>) -> *mut StreamPointer,
) -> PKSSTREAM_POINTER {
    let Some(queue) = PinObject::of(pin).transport().queue() else { return null_mut() };
    let Some(guard) = queue.enter(call) else { return null_mut() };
    let edge = which(guard.held);
    if edge.is_null() {
        return null_mut();
    }
    // SAFETY: edges live as long as the queue, and their fields are under its lock.
    let (public, locked) = unsafe { ((*edge).public.address(), (*edge).locked) };
    if state != KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED {
        return public;
    }
    if locked {
        let message = format_args!("{call} is to lock an edge that is locked");
        violation::report("KsStreamPointerLock", 0x81003, queue.pin.name(), message);
        return public;
    }
    if guard.held.lock_pointer(edge) { public } else { null_mut() }
}

/// Looks the pointer up, takes the queue's lock and runs `body`; `refused` if one of both cannot be.
fn with<R>(
    public: PKSSTREAM_POINTER,
    call: &str,
    refused: R,
    body: impl FnOnce(Held<'_>, &mut StreamPointer, *mut StreamPointer) -> R,
) -> R {
    let Some((queue, pointer)) = pointer::find(public, call) else { return refused };
    let Some(guard) = queue.enter(call) else { return refused };
    // SAFETY: the memory of the queue's pointers is the queue's, and their fields are under its lock; `body` uses
    // the reference no more once it has handed the pointer on.
    let state = unsafe { &mut *pointer };
    if state.is(public) { body(guard.held, state, pointer) } else { refused }
}

/// Pins the frame against cancellation. STATUS_DEVICE_NOT_READY without a frame. (`nf-ks-ksstreampointerlock.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerLock(StreamPointer: PKSSTREAM_POINTER) -> NTSTATUS {
    let call = "KsStreamPointerLock";
    with(StreamPointer, call, STATUS_DEVICE_NOT_READY, |held, state, pointer| {
        if state.locked {
            let message = "KsStreamPointerLock of a locked stream pointer";
            violation::report("KsStreamPointerLock", 0x81003, held.queue.pin.name(), message);
            return STATUS_SUCCESS;
        }
        if held.lock_pointer(pointer) { STATUS_SUCCESS } else { STATUS_DEVICE_NOT_READY }
    })
}

/// Unlocks, and moves on if Eject. (`nf-ks-ksstreampointerunlock.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerUnlock(StreamPointer: PKSSTREAM_POINTER, Eject: BOOLEAN) {
    let call = "KsStreamPointerUnlock";
    with(StreamPointer, call, (), |held, state, pointer| {
        if !state.locked {
            not_locked(held, call);
            return;
        }
        let request = held.unlock_pointer(pointer);
        if Eject != 0 {
            held.advance(pointer);
        }
        held.settle(request);
    });
}

/// Moves to the next frame and keeps the lock state. (`nf-ks-ksstreampointeradvance.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerAdvance(StreamPointer: PKSSTREAM_POINTER) -> NTSTATUS {
    let call = "KsStreamPointerAdvance";
    with(StreamPointer, call, STATUS_DEVICE_NOT_READY, |held, state, pointer| {
        if state.locked {
            return move_on(held, pointer, true);
        }
        held.advance(pointer);
        STATUS_SUCCESS
    })
}

/// Moves inside the frame; at its end, or if Eject, to the next one, which is locked.
/// STATUS_DEVICE_NOT_READY if not locked or if there is no next frame. (`nf-ks-ksstreampointeradvanceoffsets.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerAdvanceOffsets(
    StreamPointer: PKSSTREAM_POINTER,
    InUsed: ULONG,
    OutUsed: ULONG,
    Eject: BOOLEAN,
) -> NTSTATUS {
    let call = "KsStreamPointerAdvanceOffsets";
    with(StreamPointer, call, STATUS_DEVICE_NOT_READY, |held, state, pointer| {
        if !state.locked {
            return STATUS_DEVICE_NOT_READY;
        }
        if advance_offsets(held, state, InUsed, OutUsed) || Eject != 0 {
            return move_on(held, pointer, true);
        }
        STATUS_SUCCESS
    })
}

/// The same, and unlocks. (`nf-ks-ksstreampointeradvanceoffsetsandunlock.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerAdvanceOffsetsAndUnlock(
    StreamPointer: PKSSTREAM_POINTER,
    InUsed: ULONG,
    OutUsed: ULONG,
    Eject: BOOLEAN,
) {
    let call = "KsStreamPointerAdvanceOffsetsAndUnlock";
    with(StreamPointer, call, (), |held, state, pointer| {
        if !state.locked {
            not_locked(held, call);
            return;
        }
        if advance_offsets(held, state, InUsed, OutUsed) || Eject != 0 {
            move_on(held, pointer, false);
        } else {
            let request = held.unlock_pointer(pointer);
            held.settle(request);
        }
    });
}

/// The IRP of a locked pointer's frame, or NULL. (`nf-ks-ksstreampointergetirp.md`)
///
/// # Safety
/// The two flags are NULL or can be written.
#[allow(non_snake_case)]
pub unsafe fn KsStreamPointerGetIrp(
    StreamPointer: PKSSTREAM_POINTER,
    FirstFrameInIrp: *mut BOOLEAN,
    LastFrameInIrp: *mut BOOLEAN,
) -> PIRP {
    with(StreamPointer, "KsStreamPointerGetIrp", null_mut(), |_, state, _| {
        let Some(frame) = locked_frame(state) else { return null_mut() };
        // SAFETY: the request lives at least as long as its frames.
        let request = unsafe { &*frame.request };
        for (flag, which) in
            [(FirstFrameInIrp, request.frames.first()), (LastFrameInIrp, request.frames.last())]
        {
            if !flag.is_null() {
                let same = which.is_some_and(|other| std::ptr::eq(other, frame));
                // SAFETY: the caller says it can be written.
                unsafe { *flag = same.into() };
            }
        }
        request.irp
    })
}

/// The MDL of a locked pointer's frame, or NULL. (`nf-ks-ksstreampointergetmdl.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerGetMdl(StreamPointer: PKSSTREAM_POINTER) -> PMDL {
    with(StreamPointer, "KsStreamPointerGetMdl", null_mut(), |_, state, _| {
        locked_frame(state).map_or(null_mut(), |frame| frame.mdl)
    })
}

/// The status that the IRP of the pointer's frame is completed with. (`nf-ks-ksstreampointersetstatuscode.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerSetStatusCode(StreamPointer: PKSSTREAM_POINTER, Status: NTSTATUS) -> NTSTATUS {
    with(StreamPointer, "KsStreamPointerSetStatusCode", STATUS_INVALID_PARAMETER, |_, state, _| {
        // SAFETY: the frame a pointer is on is alive.
        let Some(frame) = (unsafe { state.frame.as_ref() }) else { return STATUS_DEVICE_NOT_READY };
        // ASSUMED: of several frames of one IRP the last status set counts.
        // SAFETY: the request lives at least as long as its frames.
        unsafe { (*frame.request).status = Status };
        STATUS_SUCCESS
    })
}

/// Schedules the pointer's one timeout, in 100 ns from now. (`nf-ks-ksstreampointerscheduletimeout.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerScheduleTimeout(
    StreamPointer: PKSSTREAM_POINTER,
    Callback: PFNKSSTREAMPOINTER,
    Interval: ULONGLONG,
) {
    with(StreamPointer, "KsStreamPointerScheduleTimeout", (), |held, _, pointer| {
        held.queue.timeouts.schedule(pointer, Callback, Interval);
    });
}

/// Drops the pointer's timeout, if it has one. (`nf-ks-ksstreampointercanceltimeout.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerCancelTimeout(StreamPointer: PKSSTREAM_POINTER) {
    with(StreamPointer, "KsStreamPointerCancelTimeout", (), |held, _, pointer| {
        held.queue.timeouts.cancel(pointer);
    });
}

/// Bytes of data and of buffer from the leading edge on (R6.22). (`nf-ks-kspingetavailablebytecount.md`)
///
/// # Safety
/// The pin is live; the two counts are NULL or can be written.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetAvailableByteCount(
    Pin: *mut KSPIN,
    InputDataBytes: *mut LONG,
    OutputBufferBytes: *mut LONG,
) -> NTSTATUS {
    let Some(queue) = PinObject::of(Pin).transport().queue() else { return STATUS_UNSUCCESSFUL };
    let Some(guard) = queue.enter("KsPinGetAvailableByteCount") else { return STATUS_UNSUCCESSFUL };
    // SAFETY: the edge lives as long as the queue.
    let edge = unsafe { &*guard.held.inner().leading };
    let (mut input, mut output) = (edge.public.OffsetIn.Remaining, edge.public.OffsetOut.Remaining);
    // SAFETY: the frame that an edge is on is alive.
    if let Some(frame) = unsafe { edge.frame.as_mut() }.filter(|_| queue.mapped) {
        let passed = if frame.mappings.is_empty() { 0 } else { mapping::passed(&queue, edge, frame) };
        (input, output) = if queue.input { (frame.used() - passed, 0) } else { (0, frame.extent - passed) };
    }
    for frame in guard.held.ahead().skip(1) {
        // SAFETY: frames in the queue are alive, and so are their headers.
        let frame = unsafe { &*frame };
        if queue.input {
            input = input.saturating_add(frame.used());
        } else {
            output = output.saturating_add(frame.extent);
        }
    }
    for (count, bytes) in [(InputDataBytes, input), (OutputBufferBytes, output)] {
        if !count.is_null() {
            // SAFETY: the caller says it can be written.
            unsafe { *count = bytes.min(LONG::MAX as ULONG) as LONG };
        }
    }
    STATUS_SUCCESS
}

/// A frame at the leading edge, which is locked on it.
pub(super) struct Leading {
    pub pointer: PKSSTREAM_POINTER,
    pub data: PVOID,
    pub bytes: u32,
    /// The header's flags, of input pins.
    pub options: u32,
}

/// Locks the leading edge for a filter's `Process`; none without a frame, or if it is locked already.
pub(super) fn lock_leading(queue: &Queue) -> Option<Leading> {
    let guard = queue.lock();
    let edge = guard.held.inner().leading;
    // SAFETY: edges live as long as the queue, and their fields are under its lock.
    if unsafe { (*edge).locked } || !guard.held.lock_pointer(edge) {
        return None;
    }
    // SAFETY: as above; the frame that it is locked on has a header.
    unsafe {
        let public = &mut (*edge).public;
        let offset = if queue.input { &public.OffsetIn } else { &public.OffsetOut };
        let options = if queue.input { (*public.StreamHeader).OptionsFlags } else { 0 };
        let (data, bytes) = (offset.__bindgen_anon_1.Data.cast(), offset.Remaining);
        Some(Leading { pointer: public.address(), data, bytes, options })
    }
}

/// The end of a filter's `Process`: the pointer moves on by what was used. One that the minidriver unlocked itself
/// stays where it left it.
pub(super) fn finish_process(public: PKSSTREAM_POINTER, used: u32, terminate: bool) {
    with(public, "the end of Process", (), |held, state, pointer| {
        if !state.locked {
            return;
        }
        let (input, output) = if held.queue.input { (used, 0) } else { (0, used) };
        if advance_offsets(held, state, input, output) || terminate {
            move_on(held, pointer, false);
        } else {
            let request = held.unlock_pointer(pointer);
            held.settle(request);
        }
    });
}

/// The header of the frame at the leading edge, if that holds no data (R2.7).
pub(super) fn empty_leading(queue: &Queue) -> Option<KSSTREAM_HEADER> {
    let guard = queue.lock();
    // SAFETY: edges live as long as the queue; the frame that one is on is alive, and so is its header.
    unsafe {
        let frame = (*guard.held.inner().leading).frame.as_ref()?;
        (frame.used() == 0).then(|| *frame.header)
    }
}

/// Sends the frame at the leading edge on with flags and time stamps of another one, and no data (R2.7).
pub(super) fn send_empty(queue: &Queue, from: &KSSTREAM_HEADER) {
    let guard = queue.lock();
    let edge = guard.held.inner().leading;
    // SAFETY: as in `empty_leading`.
    let Some(frame) = (unsafe { (*edge).frame.as_ref() }) else { return };
    // SAFETY: as above.
    let header = unsafe { &mut *frame.header };
    header.OptionsFlags |= from.OptionsFlags;
    header.PresentationTime = from.PresentationTime;
    header.Duration = from.Duration;
    guard.held.advance(edge);
}

/// Lets the frame at the leading edge go.
pub(super) fn drop_leading(queue: &Queue) {
    let guard = queue.lock();
    guard.held.advance(guard.held.inner().leading);
}

fn not_locked(held: Held<'_>, call: &str) {
    let message = format_args!("{call} of a stream pointer that is not locked");
    violation::report("KsStreamPointerLock", 0x81003, held.queue.pin.name(), message);
}

fn locked_frame(state: &StreamPointer) -> Option<&Frame> {
    // SAFETY: the frame a pointer is on is alive.
    if state.locked { unsafe { state.frame.as_ref() } } else { None }
}

/// Moves the offsets of a locked pointer, and gives whether its frame has nothing left (R6.17).
fn advance_offsets(held: Held<'_>, state: &mut StreamPointer, in_used: u32, out_used: u32) -> bool {
    let input = held.queue.input;
    let public = &mut *state.public;
    let offsets = [(&mut public.OffsetIn, in_used), (&mut public.OffsetOut, out_used)];
    for (offset, used) in offsets {
        let step = used.min(offset.Remaining);
        if step < used {
            let message = format_args!("the offset is advanced by {used} bytes, but only {step} remain");
            violation::report("KsStreamPointerAdvanceOffsets", 0, held.queue.pin.name(), message);
        }
        if step > 0 {
            let place = &mut offset.__bindgen_anon_1;
            // SAFETY: with mappings the table is the member in use, without them the address; both stay inside.
            unsafe {
                if held.queue.mapped {
                    place.Mappings = mapping::forward(held.queue, place.Mappings, step);
                } else {
                    place.Data = place.Data.wrapping_add(step as usize);
                }
            }
            offset.Remaining -= step;
            held.progress();
        }
    }
    if input {
        return state.public.OffsetIn.Remaining == 0;
    }
    // R6.21 (a), (b): the bytes passed are data, and what the minidriver wrote is never lowered.
    let passed = state.public.OffsetOut.Count - state.public.OffsetOut.Remaining;
    if out_used > 0 && !held.queue.mapped {
        // SAFETY: a locked pointer is on a frame, and the header lives as long.
        let header = unsafe { &mut *(*state.frame).header };
        header.DataUsed = header.DataUsed.max(passed);
    }
    state.public.OffsetOut.Remaining == 0
}

/// Takes a locked pointer to the next frame, locked again if asked for.
fn move_on(held: Held<'_>, pointer: *mut StreamPointer, relock: bool) -> NTSTATUS {
    let request = held.unlock_pointer(pointer);
    held.advance(pointer);
    held.settle(request);
    if relock && !held.lock_pointer(pointer) { STATUS_DEVICE_NOT_READY } else { STATUS_SUCCESS }
}
