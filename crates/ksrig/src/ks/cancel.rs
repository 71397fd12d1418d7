//! Taking requests back out of a queue: cancellation of IRPs, cleanup, reset and stop (R6.23 to R6.26).

use std::ptr::null_mut;

use ks_sys::{_DEVICE_OBJECT, PIRP};

use super::{
    frame::{Cancel, Frame, Request},
    pointer::StreamPointer,
    queue::{Held, Queue},
};
use crate::nt::{
    IoReleaseCancelSpinLock, IoSetCancelRoutine,
    callback::{self, Callback, CallbackKind, Group},
    trace, violation,
};

const CANCELED: CallbackKind = CallbackKind::new("StreamPointerCancel", Group::Pin);

/// Makes the IRP of a request that was just queued cancellable; takes it back if it was cancelled before.
pub(super) fn arm(held: Held<'_>, request: *mut Request) {
    // SAFETY: the IRP is pending and ours until it is completed; DriverContext is for its holder.
    let canceled = unsafe {
        let irp = (*request).irp;
        (*irp).Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext[0] = request.cast();
        IoSetCancelRoutine(irp, Some(routine));
        (*irp).Cancel != 0 && IoSetCancelRoutine(irp, None).is_some()
    };
    if canceled {
        // SAFETY: the request is in this queue.
        unsafe { (*request).routine_ran = true };
        cancel_now(held, request);
    }
}

/// The cancel routine of every queued IRP. DISPATCH_LEVEL, cancel spin lock held.
unsafe extern "win64" fn routine(_: *mut _DEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the I/O manager calls with an IRP whose cancel routine this is: it is in a queue, and
    // whoever finishes it meanwhile leaves it to us.
    let request = unsafe {
        let request =
            (*irp).Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext[0].cast::<Request>();
        IoReleaseCancelSpinLock((*irp).CancelIrql);
        request
    };
    // SAFETY: as above; the queue is set as long as the request is in it.
    let Some(queue) = (unsafe { (*request).queue.clone() }) else { return };
    let guard = queue.lock();
    // SAFETY: the request waits for us.
    let canceled = unsafe { &mut *request };
    canceled.routine_ran = true;
    if canceled.finished {
        guard.held.finish_in_order(request);
    } else if canceled.locks > 0 {
        canceled.cancel = Cancel::Asked;
    } else {
        cancel_now(guard.held, request);
    }
}

/// Takes the frames of a request out of the queue. None of them is locked.
pub(super) fn cancel_now(held: Held<'_>, request: *mut Request) {
    // SAFETY: requests live until the lock of the queue is released.
    let count = unsafe {
        (*request).cancel = Cancel::Done;
        (*request).frames.len()
    };
    for index in 0..count {
        // SAFETY: as above.
        let frame: *mut Frame = unsafe {
            let frames = &mut (*request).frames;
            &raw mut frames[index]
        };
        // SAFETY: as above.
        if unsafe { (*frame).queued } {
            cancel_frame(held, frame);
        }
    }
}

fn cancel_frame(held: Held<'_>, frame: *mut Frame) {
    let queue = held.queue;
    held.inner().counters.cancelled += 1;
    if trace::enabled() {
        queue.log("is cancelled", frame);
    }
    // The frame must not go while it is being taken apart.
    // SAFETY: it is in the queue.
    let ordinal = unsafe {
        (*frame).references += 1;
        (*frame).ordinal
    };
    held.unlink(frame);
    // R6.26: edges advance by themselves.
    let next = held.next_after(ordinal);
    for edge in [held.inner().trailing, held.inner().leading] {
        // SAFETY: edges live as long as the queue.
        if !edge.is_null() && unsafe { (*edge).frame } == frame {
            held.place(edge, next);
        }
    }
    // SAFETY: the reference above keeps it.
    unsafe {
        if (*frame).in_window {
            (*frame).in_window = false;
            (*frame).references -= 1;
        }
    }
    let mut serial = 0;
    while let Some(clone) = clone_after(held, serial, frame) {
        // SAFETY: clones in the list are alive.
        let pointer = unsafe { &mut *clone };
        serial = pointer.serial;
        let Some(cancel) = pointer.cancel else {
            // R6.25: the pointer stays, the frame is gone.
            lose(held, clone);
            continue;
        };
        // R6.24: at DISPATCH_LEVEL, with the queue's spin lock held; it deletes the clone.
        let public = pointer.public.address();
        held.calling_back(|| {
            // SAFETY: the minidriver gave the routine for this clone.
            callback::call(Callback { kind: CANCELED, object: &queue.pin.name() }, || unsafe {
                cancel(public)
            });
        });
        // ASSUMED: who has been locking the clone meanwhile may delete it instead, a little later: the callback cannot wait
        // for it with the queue's lock held, and the page names no other harm than that the IRP does not complete.
        if clone_after(held, serial - 1, frame) == Some(clone) {
            // SAFETY: clones in the list are alive.
            unsafe { (*clone).outlived_cancel = true };
        }
    }
    held.release(frame);
}

/// The first clone on the frame that was made after this one.
fn clone_after(held: Held<'_>, serial: u64, frame: *mut Frame) -> Option<*mut StreamPointer> {
    let clones = &held.inner().clones;
    // SAFETY: clones in the list are alive.
    let found = clones.iter().find(|&&clone| unsafe { (*clone).serial > serial && (*clone).frame == frame });
    found.copied()
}

/// Takes a clone's frame away.
fn lose(held: Held<'_>, clone: *mut StreamPointer) {
    // SAFETY: clones in the list are alive.
    let frame = unsafe {
        (*clone).lost = true;
        (*clone).frame
    };
    held.place(clone, null_mut());
    held.release(frame);
}

impl Queue {
    /// Takes back the requests that are chosen, as if they were cancelled; those with a locked pointer when it is
    /// unlocked.
    pub fn cancel(&self, chosen: impl Fn(&Request) -> bool) {
        let guard = self.lock();
        for request in requests(guard.held) {
            // SAFETY: requests live until the lock of the queue is released.
            let taken = unsafe { &mut *request };
            if taken.outstanding == 0 || taken.cancel == Cancel::Done || !chosen(taken) {
                continue;
            }
            taken.cancel = Cancel::Asked;
            guard.held.settle(request);
        }
    }

    /// The end of the queue: nothing is accepted any more, everything goes back. What the minidriver left locked or
    /// undeleted breaks a rule, is reported and taken from it (R5.13, R5.14). PASSIVE_LEVEL.
    pub fn close(&self) {
        self.timeouts.stop();
        let guard = self.lock();
        let held = guard.held;
        held.inner().accepting = false;
        let mut locked = 0;
        for pointer in pointers(held) {
            // SAFETY: pointers of the queue are alive, and their fields are under its lock.
            if unsafe { (*pointer).locked } {
                locked += 1;
                held.unlock_pointer(pointer);
            }
        }
        if locked > 0 {
            let message = format_args!("{locked} stream pointers are locked at STOP");
            violation::report("KsStreamPointerUnlock", 0x81004, self.pin.name(), message);
        }
        for request in requests(held) {
            // SAFETY: requests live until the lock of the queue is released.
            if unsafe { (*request).outstanding > 0 && (*request).cancel != Cancel::Done } {
                cancel_now(held, request);
            }
        }
        let left: Vec<_> = held.inner().clones.clone();
        // SAFETY: clones in the list are alive.
        let cancelled = left.iter().filter(|clone| unsafe { (***clone).outlived_cancel }).count();
        if cancelled > 0 {
            let message = format_args!(
                "{cancelled} clones are not deleted at STOP although their cancel callback was called: without \
                 KsStreamPointerDelete the IRP never completes"
            );
            violation::report("KsCancelCallback", 0, self.pin.name(), message);
        }
        // R8.7
        if left.len() > cancelled {
            let message = format_args!("{} clones are not deleted at STOP", left.len() - cancelled);
            violation::report("KsStreamPointerClone", 0x81002, self.pin.name(), message);
        }
        for clone in left {
            held.delete_clone(clone);
        }
    }

    /// Strikes the edges off the list of live pointers: the queue is out of the minidriver's reach.
    pub fn retire(&self) {
        let edges = {
            let guard = self.lock();
            [guard.held.inner().leading, guard.held.inner().trailing]
        };
        for edge in edges.into_iter().filter(|edge| !edge.is_null()) {
            super::pointer::strike(edge);
        }
    }
}

/// The requests with frames in the queue, in the order of arrival.
fn requests(held: Held<'_>) -> Vec<*mut Request> {
    let mut requests: Vec<*mut Request> = Vec::new();
    for &frame in &held.inner().frames {
        // SAFETY: frames in the queue are alive.
        let request = unsafe { (*frame).request };
        if requests.last() != Some(&request) {
            requests.push(request);
        }
    }
    requests
}

/// Edges and clones.
fn pointers(held: Held<'_>) -> Vec<*mut StreamPointer> {
    let inner = held.inner();
    let mut pointers = inner.clones.clone();
    pointers.extend([inner.leading, inner.trailing].into_iter().filter(|edge| !edge.is_null()));
    pointers
}
