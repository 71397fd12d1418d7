//! Properties: the one request by which a client asks an object anything.

use ks_sys::*;

use super::Status;
use super::bytes::{self, Identifier};
use super::sys;

/// What a property request came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The final status.
    pub status: Status,
    /// `IO_STATUS_BLOCK.Information`: bytes written, or bytes needed.
    pub information: usize,
    /// The whole output buffer.
    pub data: Vec<u8>,
}

impl Answer {
    /// The first bytes as a structure, if the request succeeded and gave enough of them.
    pub fn value<T: bytes::Plain>(&self) -> Result<T, Status> {
        self.status.check()?;
        bytes::read(&self.data).ok_or(Status(STATUS_BUFFER_TOO_SMALL))
    }
}

/// `KSPROPERTY_TYPE_GET`
pub const GET: u32 = 1;
/// `KSPROPERTY_TYPE_SET`
pub const SET: u32 = 2;

/// `KSPROPERTY_TYPE_SETSUPPORT`
pub const SET_SUPPORT: u32 = 0x100;

/// The input of a property request: the identifier and what follows it.
pub fn request(set: GUID, id: u32, flags: u32, extra: &[u8]) -> Vec<u8> {
    [bytes::of(&Identifier { Set: set, Id: id, Flags: flags }), extra].concat()
}

/// Sends `IOCTL_KS_PROPERTY` with any input and an output buffer of `data`'s contents and length.
pub fn send(handle: usize, input: &[u8], mut data: Vec<u8>) -> Answer {
    let (status, information) = sys::control(handle, IOCTL_KS_PROPERTY, input, &mut data);
    Answer { status, information, data }
}

/// Gets a value of any size: asks for the size first, as clients do.
pub fn get_sized(handle: usize, input: &[u8]) -> Result<Vec<u8>, Status> {
    let asked = send(handle, input, Vec::new());
    if asked.status != Status(STATUS_BUFFER_OVERFLOW) {
        asked.status.check()?;
    }
    let answer = send(handle, input, vec![0; asked.information]);
    answer.status.check()?;
    let mut data = answer.data;
    data.truncate(answer.information);
    Ok(data)
}
