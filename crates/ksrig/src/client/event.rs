//! Events: a client asks an object to be told, and waits.

use ks_sys::*;

use super::Status;
use super::bytes;
use super::narrow::{self, narrow};
use super::property;
use super::sys;
use crate::nt::{NtClose, NtCreateEvent, NtWaitForSingleObject, io, user};

/// An event that a client has enabled, told by an event handle. Disabled on drop.
pub struct Event {
    object: usize,
    signal: HANDLE,
    /// The `KSEVENTDATA` and what follows it: its address is what identifies the event.
    data: user::Buffer,
    /// Whether they are those of a program of 32 bits.
    narrow: bool,
    enabled: bool,
}

// SAFETY: handle and memory belong to the process, not to a thread.
unsafe impl Send for Event {}

impl Event {
    /// Enables an event of the object with that handle. `flags` are `KSEVENT_TYPE_…`; `node` is the topology node it is
    /// of, `extra` what follows the `KSEVENTDATA`.
    pub fn enable(
        object: usize,
        (set, id): (GUID, u32),
        flags: u32,
        node: Option<u32>,
        extra: &[u8],
    ) -> Result<Self, Status> {
        let place = user::Buffer::new(size_of::<HANDLE>());
        let kind = _EVENT_TYPE::SynchronizationEvent;
        // SAFETY: the place is the user's.
        let status = unsafe { NtCreateEvent(place.address().cast(), 0, std::ptr::null_mut(), kind, 0) };
        Status(status).check()?;
        let signal: u64 = bytes::read(place.bytes()).unwrap_or_default();
        let signal = signal as HANDLE;
        // The type has four bytes, and padding behind it where pointers have more.
        let form: Vec<u8> = [KSEVENTF_EVENT_HANDLE as usize, signal as usize, 0, 0]
            .into_iter()
            .flat_map(narrow::word)
            .collect();
        let data = user::Buffer::from_bytes(&[&form, extra].concat());
        let input = match node {
            Some(node) => {
                let node = [node.to_le_bytes(), [0; 4]].concat();
                property::request(set, id, flags | KSEVENT_TYPE_TOPOLOGY, &node)
            }
            None => property::request(set, id, flags, &[]),
        };
        let mut event = Self { object, signal, data, narrow: narrow::is_narrow(), enabled: false };
        event.control(IOCTL_KS_ENABLE_EVENT, &input)?;
        event.enabled = true;
        Ok(event)
    }

    /// Sends a request with the event's data as its output, or, for IOCTL_KS_DISABLE_EVENT, as its input.
    fn control(&self, code: u32, input: &[u8]) -> Result<(), Status> {
        let given = user::Buffer::from_bytes(input);
        let data = (self.data.address(), self.data.len() as u32);
        let (input, output) = match code {
            IOCTL_KS_DISABLE_EVENT => (data, (std::ptr::null_mut(), 0)),
            _ => ((given.address(), given.len() as u32), data),
        };
        let send = || {
            let object = self.object as HANDLE;
            // SAFETY: both buffers live until the request is done.
            unsafe { io::request::device_io_control(object, code, input.0, input.1, output.0, output.1) }
        };
        let (status, _) = if self.narrow { narrow(send) } else { send() };
        Status(status).check().map(drop)
    }

    /// Whether it has happened since the last look.
    pub fn is_set(&self) -> bool {
        self.wait_for(0)
    }

    /// Waits until it happens, no longer than so many 100 ns units; whether it has.
    pub fn wait_for(&self, units: u64) -> bool {
        let mut timeout = LARGE_INTEGER { QuadPart: -(units as i64) };
        // SAFETY: the handle is this event's own.
        unsafe { NtWaitForSingleObject(self.signal, 0, &raw mut timeout) == STATUS_SUCCESS }
    }

    /// The next notification of an event that was enabled with `KSEVENT_TYPE_ENABLEBUFFERED`, no longer than this.
    pub fn buffered(&self, (set, id): (GUID, u32), longest: usize) -> Result<Vec<u8>, Status> {
        let place = [narrow::word(self.data.address() as usize), narrow::word(0)].concat();
        let input = property::request(set, id, KSEVENT_TYPE_QUERYBUFFER, &place);
        let mut data = vec![0; longest];
        let (status, length) = sys::control(self.object, IOCTL_KS_ENABLE_EVENT, &input, &mut data);
        status.check()?;
        data.truncate(length);
        Ok(data)
    }

    /// Disables it. A one-shot event that has happened is gone already: `STATUS_UNSUCCESSFUL`.
    pub fn disable(mut self) -> Result<(), Status> {
        self.enabled = false;
        self.control(IOCTL_KS_DISABLE_EVENT, &[])
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.enabled {
            // One that is gone already is answered with a status.
            let _ = self.control(IOCTL_KS_DISABLE_EVENT, &[]);
        }
        // SAFETY: the handle is this event's own.
        unsafe { NtClose(self.signal) };
    }
}

/// The event sets of the object with that handle (`KSEVENT_TYPE_SETSUPPORT` with no set).
pub fn sets(object: usize) -> Result<Vec<GUID>, Status> {
    let input = property::request(GUID_NULL, 0, KSEVENT_TYPE_SETSUPPORT, &[]);
    let (status, length) = sys::control(object, IOCTL_KS_ENABLE_EVENT, &input, &mut []);
    if status != Status(STATUS_BUFFER_OVERFLOW) {
        status.check()?;
    }
    let mut data = vec![0; length];
    sys::control(object, IOCTL_KS_ENABLE_EVENT, &input, &mut data).0.check()?;
    Ok(data.chunks_exact(size_of::<GUID>()).filter_map(bytes::read).collect())
}

/// Sends `IOCTL_KS_METHOD` with any input and an output buffer of `data`'s contents and length.
pub fn method(object: usize, input: &[u8], mut data: Vec<u8>) -> property::Answer {
    let (status, information) = sys::control(object, IOCTL_KS_METHOD, input, &mut data);
    property::Answer { status, information, data }
}
