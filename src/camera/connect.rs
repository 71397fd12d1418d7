//! The connection of *Input* to a source pin inside the kernel: what the class driver's callbacks Connect and
//! Disconnect do.
//!
//! Connect runs inside the open of the source pin, with the control mutexes of both filters held. Nothing
//! that takes one of them may be done: no property is asked of the source (R4.17, R4.22).

use avstream::{Control, Error, Pin, Result, facts::IFacts, ffi::IKsControl, interface::Owned};
use video::Format;

use super::input::Input;
use crate::source_info::SourceInfo;

/// What *Input* is connected to.
pub enum Connection {
    /// Nothing: a client may write.
    None,
    /// A source that could not be seen during Connect.
    Unseen,
    /// A source.
    Seen(#[expect(dead_code, reason = "kept until the source goes")] Peer),
}

/// The source at the other end.
pub struct Peer {
    /// Takes properties for it, once no mutex is held.
    _control: Owned<IKsControl>,
    /// What else it says, if it is one that knows of loopcam.
    _info: Option<SourceInfo>,
}

impl Peer {
    /// Checks that a source that can be seen is one to be connected to.
    fn new(pin: &Pin<'_, Control>, control: Owned<IKsControl>, format: Format) -> Result<Self> {
        let info = match pin.connected_filter::<IFacts>().and_then(|facts| facts.get::<SourceInfo>()) {
            Ok(info) => Some(info),
            // An ordinary source.
            Err(Error::NOINTERFACE) => None,
            Err(error) => return Err(error),
        };
        if info.is_some_and(|info| info.is_loopback != 0) {
            // A loopback camera, this one or one that it may be the source of: what is written would be written
            // again, in the same thread, for ever.
            return Err(Error::INVALID_PARAMETER);
        }
        if info.is_some_and(|info| !info.agrees_with(format)) {
            return Err(Error::NO_MATCH);
        }
        Ok(Self { _control: control, _info: info })
    }
}

impl Input {
    /// A source connects to this pin. Whatever a failed attempt has acquired is released when it returns.
    pub(super) fn connect(&self, pin: &Pin<'_, Control>) -> Result {
        if self.is_connected() {
            return Err(Error::SHARING_VIOLATION);
        }
        let connection = match pin.connected_pin() {
            Ok(control) => Connection::Seen(Peer::new(pin, control, self.stream().format)?),
            // The documented "there is no such connection". No page says whether the source can be seen already;
            // it is tried again on the way into ACQUIRE (contract 10.33).
            Err(Error::UNSUCCESSFUL) => Connection::Unseen,
            Err(error) => return Err(error),
        };
        self.claim()?;
        self.set_connection(connection);
        Ok(())
    }

    /// The source goes: undoes what `connect` did, once.
    pub(super) fn disconnect(&self, _: &Pin<'_, Control>) {
        self.set_connection(Connection::None);
        self.lose_source();
    }

    /// The way into ACQUIRE: the source can be seen now, whether or not it could before.
    pub(super) fn complete_connection(&self, pin: &Pin<'_, Control>) -> Result {
        if !matches!(*self.connection.lock(), Connection::Unseen) {
            return Ok(());
        }
        let peer = Peer::new(pin, pin.connected_pin()?, self.stream().format)?;
        self.set_connection(Connection::Seen(peer));
        Ok(())
    }

    pub(super) fn is_connected(&self) -> bool {
        !matches!(*self.connection.lock(), Connection::None)
    }

    fn set_connection(&self, connection: Connection) {
        let old = core::mem::replace(&mut *self.connection.lock(), connection);
        // Without the lock: it releases the source's interfaces.
        drop(old);
    }
}
