//! Clones of stream pointers.

use std::ptr::null_mut;

use ks_sys::{
    KSPIN, KSSTREAM_POINTER, NTSTATUS, PFNKSSTREAMPOINTER, PKSSTREAM_POINTER, STATUS_DEVICE_NOT_READY,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
};

use super::{
    object::Pin as PinObject,
    pointer::{self, Kind, StreamPointer},
    queue::{Held, Queue},
};
use crate::nt::{fails_now, violation};

/// So many deleted clones are kept from being used again.
const QUARANTINE: usize = 16;

/// Makes a clone: same frame, same lock state, one reference more; the context stands right behind it.
/// IRQL <= DISPATCH_LEVEL. (`nf-ks-ksstreampointerclone.md`)
///
/// # Safety
/// `CloneStreamPointer` can be written.
#[allow(non_snake_case)]
pub unsafe fn KsStreamPointerClone(
    StreamPointer: PKSSTREAM_POINTER,
    CancelCallback: PFNKSSTREAMPOINTER,
    ContextSize: ULONG,
    CloneStreamPointer: *mut PKSSTREAM_POINTER,
) -> NTSTATUS {
    let Some((queue, original)) = pointer::find(StreamPointer, "KsStreamPointerClone") else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(guard) = queue.enter("KsStreamPointerClone") else { return STATUS_DEVICE_NOT_READY };
    let held = guard.held;
    // SAFETY: pointers of the queue are alive, and their fields are under its lock.
    let (is_it, frame, locked) =
        unsafe { ((*original).is(StreamPointer), (*original).frame, (*original).locked) };
    // SAFETY: the frame a pointer is on is alive.
    let Some(frame) = (unsafe { frame.as_mut() }).filter(|_| is_it) else { return STATUS_DEVICE_NOT_READY };
    if !frame.queued {
        return STATUS_DEVICE_NOT_READY;
    }
    if fails_now(size_of::<KSSTREAM_POINTER>() + ContextSize as usize, pointer::TAG) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let clone = held.new_clone(&queue, ContextSize as usize);
    frame.references += 1;
    held.place(clone, frame);
    // SAFETY: both are alive; the clone has the original's offsets, and its own from now on.
    unsafe {
        (*clone).cancel = CancelCallback;
        let (to, from) = (&mut (*clone).public, &(*original).public);
        (to.OffsetIn, to.OffsetOut) = (from.OffsetIn, from.OffsetOut);
    }
    if locked {
        held.lock_pointer(clone);
    }
    pointer::enter(&queue, clone);
    // SAFETY: the caller says where.
    unsafe { *CloneStreamPointer = public(clone) };
    STATUS_SUCCESS
}

/// Deletes a clone; the frame and its IRP may be completed by that. Allowed in a cancel callback.
/// IRQL <= DISPATCH_LEVEL. (`nf-ks-ksstreampointerdelete.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerDelete(StreamPointer: PKSSTREAM_POINTER) {
    let Some((queue, clone)) = pointer::find(StreamPointer, "KsStreamPointerDelete") else { return };
    let delete = |held: Held<'_>| {
        // SAFETY: the memory of the queue's pointers is the queue's, and their fields are under its lock.
        let (is_it, kind) = unsafe { ((*clone).is(StreamPointer), (*clone).kind) };
        if !is_it {
            return;
        }
        if kind == Kind::Clone {
            held.delete_clone(clone);
        } else {
            let message = "KsStreamPointerDelete on an edge: only clones can be deleted";
            violation::report("KsInvalidStreamPointer", 0x8100C, queue.pin.name(), message);
        }
    };
    if queue.nested() {
        delete(queue.held());
    } else {
        delete(queue.lock().held);
    }
}

/// The oldest clone on a pin, or NULL. (`nf-ks-kspingetfirstclonestreampointer.md`)
///
/// # Safety
/// The pin is live.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetFirstCloneStreamPointer(Pin: *mut KSPIN) -> PKSSTREAM_POINTER {
    let Some(queue) = PinObject::of(Pin).transport().queue() else { return null_mut() };
    let Some(guard) = queue.enter("KsPinGetFirstCloneStreamPointer") else { return null_mut() };
    guard.held.inner().clones.first().map_or(null_mut(), |&clone| public(clone))
}

/// The clone that was made after this one, or NULL. (`nf-ks-ksstreampointergetnextclone.md`)
#[allow(non_snake_case)]
pub fn KsStreamPointerGetNextClone(StreamPointer: PKSSTREAM_POINTER) -> PKSSTREAM_POINTER {
    let Some((queue, pointer)) = pointer::find(StreamPointer, "KsStreamPointerGetNextClone") else {
        return null_mut();
    };
    let Some(guard) = queue.enter("KsStreamPointerGetNextClone") else { return null_mut() };
    let clones = &guard.held.inner().clones;
    let position = clones.iter().position(|&clone| clone == pointer);
    position.and_then(|index| clones.get(index + 1)).map_or(null_mut(), |&clone| public(clone))
}

fn public(pointer: *mut StreamPointer) -> PKSSTREAM_POINTER {
    // SAFETY: pointers of the queue are alive.
    unsafe { (*pointer).public.address() }
}

impl Held<'_> {
    /// A clone on no frame, last in the list.
    fn new_clone(self, queue: &Queue, context_size: usize) -> *mut StreamPointer {
        let inner = self.inner();
        inner.last_serial += 1;
        inner.counters.clones += 1;
        let spare = if inner.spare.len() > QUARANTINE { inner.spare.pop_front() } else { None };
        let clone = match spare {
            Some(spare) => {
                // SAFETY: the queue's, and nobody's at the time.
                pointer::renew(queue, unsafe { &mut *spare }, context_size);
                spare
            }
            None => pointer::allocate(queue, Kind::Clone, context_size),
        };
        // SAFETY: it is ours.
        unsafe { (*clone).serial = inner.last_serial };
        inner.clones.push(clone);
        self.progress();
        clone
    }

    /// Deletes a live clone, locked or not. Its timeout goes with it (R6.20).
    pub fn delete_clone(self, clone: *mut StreamPointer) {
        pointer::strike(clone);
        self.queue.timeouts.cancel(clone);
        // SAFETY: the clone is alive.
        let (serial, locked, frame) = unsafe {
            (*clone).end();
            ((*clone).serial, (*clone).locked, (*clone).frame)
        };
        let inner = self.inner();
        // SAFETY: clones in the list are alive.
        let index = inner.clones.partition_point(|&other| unsafe { (*other).serial } < serial);
        inner.clones.remove(index);
        inner.spare.push_back(clone);
        let unlocked = locked.then(|| self.unlock_pointer(clone));
        if !frame.is_null() {
            self.release(frame);
        }
        if let Some(request) = unlocked {
            self.settle(request);
        }
        self.progress();
    }
}
