//! The program, compiled for 32 bits.
//!
//! Checks write the structures of 64 bits. This system sends what the same program would send if it were compiled for
//! 32: pointers and handles of four bytes in `KSPIN_CONNECT`, `KSSTREAM_HEADER` and the `KS_FRAME_INFO` behind it,
//! `KSEVENTDATA`, `KSQUERYBUFFER` and the handles that are values of properties; and gives the answers back in the
//! structures of 64 bits. What is wrong on purpose stays wrong: lengths are shortened by as much as the structures are.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use ks_sys::*;

use crate::{
    client::utf16,
    property::{DISABLE_EVENT, ENABLE_EVENT, GET, PROPERTY, SET},
    system::{Interface, Machine, Memory, Program, Reach, Reply, Request, Span, System, Work},
    wire::{Status, guid},
};

const WIDE_HEADER: usize = size_of::<KSSTREAM_HEADER>();
const NARROW_HEADER: usize = WIDE_HEADER - WIDER;
const WIDE_EVENT: usize = size_of::<KSEVENTDATA>();
const NARROW_EVENT: usize = WIDE_EVENT / 2;
const WIDE_CONNECT: usize = size_of::<KSPIN_CONNECT>();
const NARROW_CONNECT: usize = WIDE_CONNECT - WIDER;
/// How much longer header and connect request of 64 bits are.
const WIDER: usize = 8;
/// Where the sink's handle lies in a KSPIN_CONNECT of 64 bits; the padding before it is in that of 64 alone.
const SINK: usize = std::mem::offset_of!(KSPIN_CONNECT, PinToHandle);
const DATA: usize = std::mem::offset_of!(KSSTREAM_HEADER, Data);

/// A system whose program has 32 bits.
pub struct Narrow<'a> {
    wide: &'a dyn System,
    inner: Box<dyn System + 'a>,
    reach: Rc<dyn Reach>,
    /// The structures of 32 bits that live as long as the check, by the address of those of 64: an event is known by the
    /// address of its data.
    events: RefCell<BTreeMap<usize, Box<dyn Memory>>>,
}

impl<'a> Narrow<'a> {
    /// The program of 32 bits beside the one of 64, where there can be one.
    pub fn beside(wide: &'a dyn System) -> Option<Self> {
        let (inner, reach) = wide.narrow()?;
        Some(Self { wide, inner, reach, events: RefCell::default() })
    }

    fn copy(&self, bytes: &[u8]) -> Rc<Box<dyn Memory>> {
        let mut memory = self.inner.memory(bytes.len().max(1));
        memory.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        Rc::new(memory)
    }

    fn property(&self, handle: usize, input: Span, output: Span) -> Option<Box<dyn Request>> {
        let head = self.reach.peek(Span { length: 24, ..input }).filter(|_| input.length >= 24)?;
        let (id, verb) = (word(&head, 16), word(&head, 20));
        let handles = [
            KSPROPERTY_STREAM::KSPROPERTY_STREAM_ALLOCATOR,
            KSPROPERTY_STREAM::KSPROPERTY_STREAM_MASTERCLOCK,
            KSPROPERTY_STREAM::KSPROPERTY_STREAM_PIPE_ID,
        ];
        let is_handle = head[..16] == *crate::wire::bytes::of(&KSPROPSETID_Stream)
            && handles.contains(&(id as i32))
            && [GET, SET].contains(&verb);
        if !is_handle {
            return None;
        }
        let value = self.reach.peek(output)?;
        let shorter = match value.len() {
            0 => Vec::new(),
            length if length < 8 => value[..length.min(3)].to_vec(),
            _ => [&value[..4], &value[8..]].concat(),
        };
        let memory = self.copy(&shorter);
        let span = Span { address: memory.address(), length: shorter.len() as u32 };
        let request = self.inner.start(handle, PROPERTY, input, span);
        let back = move |reach: &dyn Reach, reply: &mut Reply| {
            let bytes = memory.bytes();
            if reply.information >= 4 {
                reply.information += 4;
                if verb == GET && reply.status.is_success() {
                    reach.poke(output.address, &[&bytes[..4], &[0; 4]].concat());
                }
            }
        };
        Some(self.answered(request, back))
    }

    fn enable(&self, handle: usize, input: Span, output: Span) -> Option<Box<dyn Request>> {
        let head = self.reach.peek(Span { length: 24, ..input }).filter(|_| input.length >= 24)?;
        let flags = word(&head, 20);
        if flags & KSEVENT_TYPE_QUERYBUFFER != 0 {
            // KSQUERYBUFFER: the address of the event's data, and a pointer that is reserved.
            let query = self.reach.peek(input)?;
            let events = self.events.borrow();
            let address = query.get(24..32).map_or(0, |pointer| long(pointer, 0) as usize);
            let pointer = events.get(&address).map_or(address, |memory| memory.address()) as u32;
            let mut narrow = [&query[..24], &pointer.to_le_bytes(), &[0; 4]].concat();
            narrow.truncate(if query.len() >= 40 { 32 } else { query.len().min(31) });
            let memory = self.copy(&narrow);
            let span = Span { address: memory.address(), length: narrow.len() as u32 };
            let request = self.inner.start(handle, ENABLE_EVENT, span, output);
            return Some(self.answered(request, move |_, _| drop(memory)));
        }
        if flags & (KSEVENT_TYPE_ENABLE | KSEVENT_TYPE_ONESHOT | KSEVENT_TYPE_ENABLEBUFFERED) == 0 {
            return None;
        }
        let data = self.reach.peek(output)?;
        let narrow = if data.len() < WIDE_EVENT {
            data[..data.len().min(NARROW_EVENT - 1)].to_vec()
        } else if word(&data, 0) == KSEVENTF_SEMAPHORE_HANDLE {
            [&data[..4], &data[8..12], &data[16..24], &data[WIDE_EVENT..]].concat()
        } else {
            let reserved = [16, 24].map(|at| (word(&data, at) | word(&data, at + 4)).to_le_bytes());
            [&data[..4], &data[8..12], &reserved[0], &reserved[1], &data[WIDE_EVENT..]].concat()
        };
        let mut events = self.events.borrow_mut();
        let memory = events.entry(output.address).or_insert_with(|| self.inner.memory(4096));
        let bytes = memory.bytes_mut().get_mut(..narrow.len())?;
        bytes.copy_from_slice(&narrow);
        let span = Span { address: memory.address(), length: narrow.len() as u32 };
        Some(self.inner.start(handle, ENABLE_EVENT, input, span))
    }

    fn disable(&self, handle: usize, input: Span, output: Span) -> Box<dyn Request> {
        let events = self.events.borrow();
        let address = events.get(&input.address).map_or(input.address, |memory| memory.address());
        let length = match input.length as usize {
            length if length < WIDE_EVENT => length.min(NARROW_EVENT - 1),
            length => length - NARROW_EVENT,
        };
        self.inner.start(handle, DISABLE_EVENT, Span { address, length: length as u32 }, output)
    }

    fn stream(&self, handle: usize, code: u32, input: Span, output: Span) -> Option<Box<dyn Request>> {
        let wide = self.reach.peek(output)?;
        let first = if wide.len() >= 4 { word(&wide, 0) as usize } else { 0 };
        let stride = if (WIDE_HEADER..=wide.len()).contains(&first) { first } else { WIDE_HEADER };
        let mut narrow = Vec::new();
        for header in wide.chunks(stride) {
            if header.len() < WIDE_HEADER {
                // What is no whole header is none of 32 bits either.
                narrow.extend(&header[..header.len().min(NARROW_HEADER - 1)]);
                continue;
            }
            let size = word(header, 0);
            let size = if size < WIDE_HEADER as u32 {
                size.min(NARROW_HEADER as u32 - 1)
            } else {
                size - WIDER as u32
            };
            narrow.extend(size.to_le_bytes());
            narrow.extend(&header[4..DATA + 4]);
            narrow.extend(&header[DATA + 8..DATA + 12]);
            narrow.extend(narrow_info(&header[WIDE_HEADER..]));
        }
        let memory = self.copy(&narrow);
        let span = Span { address: memory.address(), length: narrow.len() as u32 };
        let request = self.inner.start(handle, code, input, span);
        let reads = code == IOCTL_KS_READ_STREAM;
        let back = move |reach: &dyn Reach, reply: &mut Reply| {
            if !reads || !reply.status.is_success() {
                return;
            }
            let stride = stride - WIDER;
            reply.information = reply.information / stride * (stride + WIDER);
            for (index, header) in memory.bytes()[..narrow.len()].chunks_exact(stride).enumerate() {
                let at = output.address + index * (stride + WIDER);
                // Size and Data are what the program wrote.
                reach.poke(at + 4, &header[4..DATA]);
                reach.poke(at + DATA + 8, &header[DATA + 4..NARROW_HEADER]);
                reach.poke(at + WIDE_HEADER, &wide_info(&header[NARROW_HEADER..]));
            }
        };
        Some(self.answered(request, back))
    }

    /// A request whose answer is turned into that of 64 bits once, when it has come.
    fn answered(
        &self,
        request: Box<dyn Request>,
        back: impl FnOnce(&dyn Reach, &mut Reply) + 'static,
    ) -> Box<dyn Request> {
        let (back, reply) = (RefCell::new(Some(Box::new(back) as Back)), RefCell::new(None));
        Box::new(Answered { request, reach: Rc::clone(&self.reach), back, reply })
    }
}

type Back = Box<dyn FnOnce(&dyn Reach, &mut Reply)>;

struct Answered {
    request: Box<dyn Request>,
    reach: Rc<dyn Reach>,
    back: RefCell<Option<Back>>,
    reply: RefCell<Option<Reply>>,
}

impl Request for Answered {
    fn wait(&self, units: u64) -> Option<Reply> {
        if let Some(reply) = *self.reply.borrow() {
            return Some(reply);
        }
        let mut reply = self.request.wait(units)?;
        if let Some(back) = self.back.take() {
            back(&*self.reach, &mut reply);
        }
        *self.reply.borrow_mut() = Some(reply);
        Some(reply)
    }

    fn cancel(&self) {
        self.request.cancel();
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_le_bytes(bytes.unwrap_or_default())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

const WIDE_INFO: usize = size_of::<KS_FRAME_INFO>();
/// Both handles are shorter.
const NARROW_INFO: usize = WIDE_INFO - WIDER;
const HANDLES: usize = std::mem::offset_of!(KS_FRAME_INFO, hDirectDraw);

/// What follows a header with the KS_FRAME_INFO of 32 bits in as much room, which is what the pin asks for.
fn narrow_info(wide: &[u8]) -> Vec<u8> {
    let Some((info, rest)) = wide.split_at_checked(WIDE_INFO) else { return wide.to_vec() };
    let size = if word(info, 0) == WIDE_INFO as u32 { NARROW_INFO as u32 } else { word(info, 0) };
    let handles = [&info[HANDLES..HANDLES + 4], &info[HANDLES + 8..HANDLES + 12]].concat();
    let rows = &info[HANDLES + 16..];
    [&size.to_le_bytes(), &info[4..HANDLES], &handles, rows, &[0; WIDER], rest].concat()
}

/// The same with that of 64 bits.
fn wide_info(narrow: &[u8]) -> Vec<u8> {
    let Some((info, rest)) = narrow.split_at_checked(WIDE_INFO) else { return narrow.to_vec() };
    let size = if word(info, 0) == NARROW_INFO as u32 { WIDE_INFO as u32 } else { word(info, 0) };
    let [first, second] = [HANDLES, HANDLES + 4].map(|at| &info[at..at + 4]);
    let (zeros, rows) = (&[0; 4][..], &info[HANDLES + 8..NARROW_INFO]);
    [&size.to_le_bytes(), &info[4..HANDLES], first, zeros, second, zeros, rows, rest].concat()
}

/// The name of a pin with the KSPIN_CONNECT of 32 bits.
fn narrow_name(name: &[u8]) -> Option<Vec<u8>> {
    let class = utf16(&format!("{}\\", guid::text(&KSNAME_Pin)));
    let connect = name.strip_prefix(&class[..])?;
    let narrow = if connect.len() < WIDE_CONNECT {
        connect[..connect.len().min(NARROW_CONNECT - 2)].to_vec()
    } else {
        [&connect[..SINK - 4], &connect[SINK..SINK + 4], &connect[SINK + 8..]].concat()
    };
    Some([class, narrow].concat())
}

impl System for Narrow<'_> {
    fn name(&self) -> String {
        format!("{}, a program of 32 bits", self.inner.name())
    }

    fn interfaces(&self) -> Vec<Interface> {
        self.wide.interfaces()
    }

    fn open(&self, root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status> {
        self.inner.open(root, narrow_name(name).as_deref().unwrap_or(name), access)
    }

    fn close(&self, handle: usize) -> Status {
        self.inner.close(handle)
    }

    fn start(&self, handle: usize, code: u32, input: Span, output: Span) -> Box<dyn Request> {
        let changed = match code {
            PROPERTY => self.property(handle, input, output),
            ENABLE_EVENT => self.enable(handle, input, output),
            DISABLE_EVENT => Some(self.disable(handle, input, output)),
            IOCTL_KS_READ_STREAM | IOCTL_KS_WRITE_STREAM => self.stream(handle, code, input, output),
            _ => None,
        };
        changed.unwrap_or_else(|| self.inner.start(handle, code, input, output))
    }

    fn memory(&self, length: usize) -> Box<dyn Memory> {
        self.inner.memory(length)
    }

    fn event(&self) -> usize {
        self.inner.event()
    }

    fn is_set(&self, event: usize, units: u64) -> bool {
        self.inner.is_set(event, units)
    }

    fn now(&self) -> u64 {
        self.inner.now()
    }

    fn sleep(&self, units: u64) {
        self.inner.sleep(units);
    }

    fn image_version(&self) -> Option<[u16; 4]> {
        self.wide.image_version()
    }

    fn duplicate(&self, handle: usize) -> Result<usize, Status> {
        self.inner.duplicate(handle)
    }

    fn program(&self) -> Result<Box<dyn Program + '_>, Status> {
        self.wide.program()
    }

    fn together(&self, threads: Vec<Work>) -> Vec<(String, Status)> {
        self.wide.together(threads)
    }

    fn machine(&self) -> Option<&dyn Machine> {
        self.wide.machine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows a header comes back as it was sent; what is no frame info stays as it is.
    #[test]
    fn frame_info_both_ways() {
        let mut wide: Vec<u8> = (0..80).collect();
        wide[..4].copy_from_slice(&72_u32.to_le_bytes());
        wide[28..32].fill(0);
        wide[36..40].fill(0);
        let narrow = narrow_info(&wide);
        assert_eq!((word(&narrow, 0), narrow.len()), (64, 80));
        assert_eq!(narrow[24..36], [24, 25, 26, 27, 32, 33, 34, 35, 40, 41, 42, 43]);
        assert_eq!(wide_info(&narrow), wide);
        assert_eq!(
            (narrow_info(&wide[..71]), wide_info(&wide[..71])),
            (wide[..71].to_vec(), wide[..71].to_vec())
        );
    }
}
