//! What no object of this rig has yet: events, methods, clocks, allocators, topology nodes.
//!
//! A driver that offers one of them ends the run when it is asked for; one that does not is answered for.

use ks_sys::{
    KSPIN_FLAG_GENERATE_EOS_EVENTS, KSPIN_FLAG_IMPLEMENT_CLOCK, NTSTATUS, STATUS_NOT_IMPLEMENTED,
    STATUS_PROPSET_NOT_FOUND,
};

use super::{
    automation,
    object::{Object, Pin},
};
use crate::nt::{bugcheck, trace};

/// Answers a request for an event: no object has AVStream's own (R7.12 by analogy).
pub fn event(object: Object) -> NTSTATUS {
    // SAFETY: the driver's table lives as long as its object.
    let table = unsafe { automation::of(object).0.as_ref() };
    let at_end = matches!(object, Object::Pin(pin) if pin.flags() & KSPIN_FLAG_GENERATE_EOS_EVENTS != 0);
    if at_end || table.is_some_and(|table| table.EventSetsCount > 0) {
        bugcheck::not_emulated(&format!("events of {}", object.name()));
    }
    STATUS_PROPSET_NOT_FOUND
}

/// Answers a request for a method (R7.18: AVStream's own tables contain none).
pub fn method(object: Object) -> NTSTATUS {
    // SAFETY: the driver's table lives as long as its object.
    let table = unsafe { automation::of(object).0.as_ref() };
    if table.is_some_and(|table| table.MethodSetsCount > 0) {
        bugcheck::not_emulated(&format!("methods of {}", object.name()));
    }
    STATUS_PROPSET_NOT_FOUND
}

/// Answers the creation of a clock on a pin.
pub fn clock(pin: &Pin) -> NTSTATUS {
    let offered = pin.flags() & KSPIN_FLAG_IMPLEMENT_CLOCK != 0
        || pin.dispatch().is_some_and(|dispatch| !dispatch.Clock.is_null());
    create("a clock", pin.name(), offered)
}

/// Answers the creation of an allocator on a pin.
pub fn allocator(pin: &Pin) -> NTSTATUS {
    create("an allocator", pin.name(), pin.dispatch().is_some_and(|dispatch| !dispatch.Allocator.is_null()))
}

/// Answers the creation of a topology node.
pub fn node(object: Object) -> NTSTATUS {
    create("a topology node", object.name(), false)
}

/// ASSUMED: until clocks, allocators and nodes exist here, their creation answers as not implemented.
fn create(what: &str, object: &str, offered: bool) -> NTSTATUS {
    if offered {
        bugcheck::not_emulated(&format!("{what} of {object}, which its driver implements"));
    }
    trace::event("not_emulated", object, format_args!("the creation of {what}"));
    STATUS_NOT_IMPLEMENTED
}
