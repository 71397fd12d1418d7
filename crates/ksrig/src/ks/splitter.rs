//! Splitter pins: what the first instance sends is copied to the others (R6.37; `stream/avstream-splitters.md`).
//!
//! Each instance is in a pipe of its own, so the others have a copy source. Which pins could share a pipe, and so be
//! delegate branches, ksproxy and AVStream agree upon in private (R4.32); here none do.

use std::ptr::null_mut;

use ks_sys::{KSPIN_FLAG_SPLITTER, PKSPIN};

use super::{
    frame::{Cancel, Frame, Request},
    object::Pin as PinObject,
    queue::Queue,
};
use crate::nt::trace;

/// The first instance of a splitter pin's type, for the others.
pub(super) fn copy_source(pin: &PinObject) -> Option<&'static PinObject> {
    if pin.flags() & KSPIN_FLAG_SPLITTER == 0 {
        return None;
    }
    let pins = pin.filter().pins();
    let first = pins.into_iter().find(|other| same_type(pin, other))?;
    (!std::ptr::eq(first, pin)).then_some(first)
}

fn same_type(one: &PinObject, other: &PinObject) -> bool {
    // SAFETY: the public structures live as long as the pins.
    unsafe { (*one.ks()).Id == (*other.ks()).Id }
}

/// A request of a splitter's queue is finished: its frames are copied to the other instances. IRQL <= DISPATCH_LEVEL,
/// no queue locked.
///
/// ASSUMED: an instance without a frame misses that one, and one whose frame is too small gets what fits.
pub(super) fn copy(pin: &PinObject, request: *mut Request) {
    // SAFETY: a finished request is nobody's but ours.
    let request = unsafe { &*request };
    if request.cancel == Cancel::Done || request.status < 0 || copy_source(pin).is_some() {
        return;
    }
    for other in pin.filter().pins() {
        if std::ptr::eq(other, pin) || !same_type(pin, other) {
            continue;
        }
        if let Some(queue) = other.transport().queue() {
            for frame in &request.frames {
                copy_frame(frame, &queue);
            }
        }
    }
}

fn copy_frame(from: &Frame, queue: &Queue) {
    let guard = queue.lock();
    let edge = guard.held.inner().leading;
    // SAFETY: edges live as long as the queue; the frame that one is on is alive.
    let Some(to) = (unsafe { (*edge).frame.as_mut() }) else {
        if trace::enabled() {
            trace::event("frame", queue.pin.name(), "misses a copy: there is no frame");
        }
        return;
    };
    let bytes = from.used().min(to.extent);
    // SAFETY: both headers and buffers live as long as their requests; the sizes are those of the buffers.
    unsafe {
        if bytes > 0 {
            std::ptr::copy(from.data.cast::<u8>(), to.data.cast::<u8>(), bytes as usize);
        }
        let (source, header) = (&*from.header, &mut *to.header);
        header.OptionsFlags = source.OptionsFlags;
        header.PresentationTime = source.PresentationTime;
        header.Duration = source.Duration;
        header.TypeSpecificFlags = source.TypeSpecificFlags;
        header.DataUsed = bytes;
        // What follows the header is part of it (R6.9).
        let extension = source.Size.min(header.Size) as usize;
        if extension > size_of_val(source) {
            let skip = size_of_val(source);
            let (source, header) = (from.header.cast::<u8>().add(skip), to.header.cast::<u8>().add(skip));
            std::ptr::copy_nonoverlapping(source, header, extension - skip);
        }
    }
    guard.held.advance(edge);
}

/// The pins that a pin's frames are copied, or delegated, from; NULL for none. PASSIVE_LEVEL for a stable answer: the
/// pin must not leave PAUSE meanwhile. (`nf-ks-kspingetcopyrelationships.md`)
///
/// # Safety
/// The pin is live; the two places can be written.
#[allow(non_snake_case)]
pub unsafe fn KsPinGetCopyRelationships(Pin: PKSPIN, CopySource: *mut PKSPIN, DelegateBranch: *mut PKSPIN) {
    let source = copy_source(PinObject::of(Pin)).map_or(null_mut(), |source| source.ks());
    // SAFETY: the caller's places.
    unsafe {
        *CopySource = source;
        *DelegateBranch = null_mut();
    }
}
