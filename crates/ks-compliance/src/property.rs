//! Property, method and event requests as bytes.

use ks_sys::{GUID, KSPROPSETID_Pin, KSPROPSETID_Topology, PROPSETID_VIDCAP_VIDEOCONTROL, is_equal_guid};

use crate::{
    system::{Reply, Span, System},
    wire::{
        Range, Status,
        bytes::{self, Identifier},
    },
};

/// `KSPROPERTY_TYPE_GET`
pub const GET: u32 = 1;
/// `KSPROPERTY_TYPE_SET`
pub const SET: u32 = 2;
/// `KSPROPERTY_TYPE_SETSUPPORT`
pub const SET_SUPPORT: u32 = 0x100;
/// `KSPROPERTY_TYPE_BASICSUPPORT`
pub const BASIC_SUPPORT: u32 = 0x200;
/// `KSPROPERTY_TYPE_RELATIONS`
pub const RELATIONS: u32 = 0x400;
/// `KSPROPERTY_TYPE_SERIALIZESET`, `..UNSERIALIZESET`, `..SERIALIZERAW`, `..UNSERIALIZERAW`, `..SERIALIZESIZE`
pub const SERIALIZE: [u32; 5] = [0x800, 0x1000, 0x2000, 0x4000, 0x8000];
/// `KSPROPERTY_TYPE_DEFAULTVALUES`
pub const DEFAULT_VALUES: u32 = 0x10000;
/// The IOCTL of property requests.
pub const PROPERTY: u32 = ks_sys::IOCTL_KS_PROPERTY;
/// The IOCTL of method requests.
pub const METHOD: u32 = ks_sys::IOCTL_KS_METHOD;
/// The IOCTL that enables events.
pub const ENABLE_EVENT: u32 = ks_sys::IOCTL_KS_ENABLE_EVENT;
/// The IOCTL that disables events.
pub const DISABLE_EVENT: u32 = ks_sys::IOCTL_KS_DISABLE_EVENT;

/// What a request came back with, and its output buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The final status.
    pub status: Status,
    /// `IO_STATUS_BLOCK.Information`.
    pub information: usize,
    /// The whole output buffer.
    pub data: Vec<u8>,
}

impl Answer {
    /// The value, if the request succeeded and gave enough bytes.
    pub fn value<T: bytes::Plain>(&self) -> Result<T, Status> {
        self.status.check()?;
        bytes::read(&self.data).ok_or(Status(ks_sys::STATUS_BUFFER_TOO_SMALL))
    }
}

/// How long a request that should end at once is waited for.
pub const PATIENCE: u64 = 10 * crate::system::SECOND;

/// Sends a request with spans as they are. One that does not end counts as STATUS_TIMEOUT.
pub fn send_spans(system: &dyn System, handle: usize, code: u32, input: Span, output: Span) -> Reply {
    let request = system.start(handle, code, input, output);
    request.wait(PATIENCE).unwrap_or(Reply { status: Status(ks_sys::STATUS_IO_TIMEOUT), information: 0 })
}

/// Sends a request with copies of these buffers; an empty one is a null pointer.
pub fn send(system: &dyn System, handle: usize, code: u32, input: &[u8], output: Vec<u8>) -> Answer {
    let given = memory(system, input);
    let taken = memory(system, &output);
    let span = |memory: &Option<Box<dyn crate::system::Memory>>, length: usize| {
        memory
            .as_ref()
            .map_or_else(Span::default, |memory| Span { address: memory.address(), length: length as u32 })
    };
    let reply = send_spans(system, handle, code, span(&given, input.len()), span(&taken, output.len()));
    let data = taken.map_or_else(Vec::new, |memory| memory.bytes()[..output.len()].to_vec());
    Answer { status: reply.status, information: reply.information, data }
}

fn memory(system: &dyn System, bytes: &[u8]) -> Option<Box<dyn crate::system::Memory>> {
    (!bytes.is_empty()).then(|| {
        let mut memory = system.memory(bytes.len());
        memory.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        memory
    })
}

/// The input of a request: the identifier and what follows it.
pub fn request(set: GUID, id: u32, flags: u32, extra: &[u8]) -> Vec<u8> {
    [bytes::of(&Identifier { Set: set, Id: id, Flags: flags }), extra].concat()
}

/// A property of an object that was found to be there.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its set.
    pub set: GUID,
    /// Its number.
    pub id: u32,
    /// `KSPROPERTY_TYPE_GET` and `SET`, as BASICSUPPORT says.
    pub access: u32,
    /// What follows the identifier.
    pub extra: Vec<u8>,
}

impl Property {
    /// For people.
    pub fn name(&self) -> String {
        format!("{} {}", crate::wire::guid::label(&self.set), self.id)
    }

    /// The input of a request with these flags.
    pub fn request(&self, flags: u32) -> Vec<u8> {
        request(self.set, self.id, flags, &self.extra)
    }
}

/// What has to follow the identifier of a property for the request to be complete: the pin's number and a range for
/// pin properties, a node for topology properties, the pin's number and more of KSPROPERTY_VIDEOCONTROL_…_S, nothing that any
/// page asks for otherwise.
pub fn extra(set: &GUID, id: u32, pin: u32, range: Option<&Range>) -> Vec<u8> {
    use ks_sys::KSPROPERTY_PIN::*;
    let pin = [pin.to_le_bytes(), [0; 4]].concat();
    if is_equal_guid(set, &KSPROPSETID_Pin) {
        let intersects = id == KSPROPERTY_PIN_DATAINTERSECTION as u32;
        if let Some(range) = range.filter(|_| intersects) {
            return [pin, multiple(&[range])].concat();
        }
        if id == KSPROPERTY_PIN_CTYPES as u32 { Vec::new() } else { pin }
    } else if is_equal_guid(set, &KSPROPSETID_Topology) {
        vec![0; 8]
    } else if is_equal_guid(set, &PROPSETID_VIDCAP_VIDEOCONTROL) {
        [pin, vec![0; 24]].concat()
    } else {
        Vec::new()
    }
}

/// A `KSMULTIPLE_ITEM` and the ranges behind it, each on an 8-byte boundary.
pub fn multiple(ranges: &[&Range]) -> Vec<u8> {
    let mut items = Vec::new();
    for range in ranges {
        items.resize(items.len().next_multiple_of(8), 0);
        items.extend_from_slice(&range.0);
    }
    let head = ks_sys::KSMULTIPLE_ITEM { Size: (8 + items.len()) as u32, Count: ranges.len() as u32 };
    [bytes::of(&head), &items].concat()
}
