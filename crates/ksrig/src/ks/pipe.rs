//! Pipes: the pins that change state together (R4.25, R4.36).
//!
//! With pin-centric processing a pipe is one pin that a client talks to, or the two ends of an
//! intra-AVStream connection.

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
