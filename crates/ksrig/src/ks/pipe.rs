//! Pipes: the pins that change state together (R4.25, R4.36).
//!
//! With pin-centric processing a pipe is one pin that a client talks to, or the two ends of an
//! intra-AVStream connection.
//!
//! The order of the locks: the machine's [`connecting`](super::connect::connecting) mutex, then a source's control
//! mutex, then its sink's pipe, then other control mutexes. Everybody else takes the pipe before any control mutex.
//! That the one who connects does otherwise is harmless: it waits for the pipe of a sink that has no peer and gets
//! none meanwhile, so who has the pipe wants the control mutex of the sink's filter only, which is never the
//! source's (R4.17), and nobody but the one holder of `connecting` keeps a control mutex while it waits for a pipe.

use super::{mutex, object::Pin};

/// The pins of the pipe that this pin is in: the IRP sink first.
pub fn members(pin: &'static Pin) -> Vec<&'static Pin> {
    match pin.peer() {
        Some(peer) if pin.transport().is_standard(pin) && peer.transport().is_standard(peer) => {
            if pin.is_source() { vec![peer, pin] } else { vec![pin, peer] }
        }
        _ => vec![pin],
    }
}

/// Whose mutex serializes the pipe: the sink's.
fn owner(pin: &'static Pin) -> &'static Pin {
    if pin.is_source() { pin.peer().unwrap_or(pin) } else { pin }
}

/// Holds off changes of state, and of the connection, in the pipe of this pin. PASSIVE_LEVEL, before any
/// filter control mutex.
pub fn lock(pin: &'static Pin) -> mutex::Guard<'static> {
    loop {
        let owner = owner(pin);
        let guard = owner.transport().pipe.acquire();
        if std::ptr::eq(owner, self::owner(pin)) {
            return guard;
        }
    }
}
