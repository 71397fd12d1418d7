//! A stream request on its way.

use ks_sys::HANDLE;

use super::Status;
use super::narrow::narrow;
use super::packet::Packet;
use crate::nt::{io, sched};

/// A read or write that may still be pending. Dropped, it is cancelled and waited for.
pub struct Request {
    // Before the packet: dropping it waits until nobody uses the packet any more.
    request: io::request::Request,
    packet: Packet,
}

/// A request that is done.
pub struct Completion {
    /// The final status.
    pub status: Status,
    /// `IO_STATUS_BLOCK.Information`.
    pub information: usize,
    /// The headers and frames as the driver left them.
    pub packet: Packet,
}

impl Request {
    /// Sends the headers as the output buffer of a stream request. `len` may lie about their length.
    pub(super) fn send(handle: usize, code: u32, packet: Packet, len: u32) -> Self {
        sched::explored_point();
        let headers = packet.headers().address();
        let start = || {
            let (handle, none) = (handle as HANDLE, std::ptr::null_mut());
            // SAFETY: the packet lives as long as the request, which `Drop` and `wait` see to.
            unsafe { io::request::Request::device_io_control(handle, code, none, 0, headers, len) }
        };
        // Whoever sends it, its headers are what they are.
        let request = if packet.is_narrow() { narrow(start) } else { start() };
        Self { request, packet }
    }

    /// Whether it is done.
    pub fn is_done(&self) -> bool {
        self.request.is_done()
    }

    /// Waits until it is done.
    pub fn wait(self) -> Completion {
        let (status, information) = self.request.wait();
        Completion { status: Status(status), information, packet: self.packet }
    }

    /// Waits no longer than so many 100 ns units of virtual time; gives the request back when they are over.
    pub fn wait_for(self, units: u64) -> Result<Completion, Self> {
        match self.request.wait_for(units) {
            Some((status, information)) => {
                Ok(Completion { status: Status(status), information, packet: self.packet })
            }
            None => Err(self),
        }
    }

    /// Asks for its cancellation; it still has to be waited for.
    pub fn cancel(&self) {
        sched::explored_point();
        self.request.cancel();
    }
}
