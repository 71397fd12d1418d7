//! The requester of two connected pins: it makes the frames that go round between them (R4.26).

use std::{
    ptr::null_mut,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ks_sys::{
    _POOL_TYPE::NonPagedPoolNx, KSSTREAM_HEADER, NTSTATUS, PIRP, PMDL, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
};

use super::{
    allocator_requests::Assigned,
    circuit::Circuit,
    frame::{Origin, Request},
    object::Pin,
};
use crate::nt::{
    ExAllocatePoolWithTag, ExFreePoolWithTag, IoAllocateIrp, IoAllocateMdl, IoFreeIrp, IoFreeMdl,
    MmBuildMdlForNonPagedPool, bugcheck,
};

const TAG: u32 = u32::from_le_bytes(*b"KSrq");
/// Frames when no pin has a wish. ASSUMED: enough for one on each side and one on the way.
const FRAMES: u32 = 3;
/// Bytes of a frame when neither framing nor format says any. ASSUMED: a page.
const BYTES: u32 = 4096;
/// More than this for one circuit is refused, as a machine would.
const MOST_BYTES: u64 = 1 << 30;

/// How many frames of how many bytes, and the bytes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Frames.
    pub count: u32,
    /// Bytes of each frame's buffer.
    pub bytes: u32,
    /// Bytes of each frame's header.
    pub header: u32,
}

impl Framing {
    /// What both ends of a connection can live with: the most that one of them asks for (R4.26).
    pub fn of(ends: &[&'static Pin]) -> Self {
        let mut framing = Self { count: 0, bytes: 0, header: size_of::<KSSTREAM_HEADER>() as u32 };
        for pin in ends {
            // SAFETY: the public structure, its descriptor and its format live as long as the pin.
            let (ks, allocator) = unsafe { (&*pin.ks(), pin.framing().as_ref()) };
            framing.header = framing.header.max(ks.StreamHeaderSize.next_multiple_of(8));
            // SAFETY: a format starts with this structure.
            if let Some(format) = unsafe { ks.ConnectionFormat.as_ref() } {
                // SAFETY: the union's other member is only there for alignment.
                framing.bytes = framing.bytes.max(unsafe { format.__bindgen_anon_1.SampleSize });
            }
            if let Some(allocator) = allocator.filter(|allocator| allocator.CountItems > 0) {
                // R7.7: the first item that fits; ours is system memory, which all of them allow.
                let item = allocator.FramingItem[0];
                let range = item.FramingRange.Range;
                framing.count = framing.count.max(item.Frames);
                // A range without upper end says nothing about the size that is needed.
                let most =
                    if range.MaxFrameSize == u32::MAX { range.MinFrameSize } else { range.MaxFrameSize };
                framing.bytes = framing.bytes.max(most);
            }
        }
        framing.count = if framing.count == 0 { FRAMES } else { framing.count };
        framing.bytes = if framing.bytes == 0 { BYTES } else { framing.bytes };
        framing
    }

    /// The same with frames of an allocator: they are as large as it makes them, and no more than it has.
    /// STATUS_INVALID_PARAMETER for frames that are too small for what flows.
    pub fn within(mut self, allocator: &Assigned) -> Result<Self, NTSTATUS> {
        let wanted = allocator.status.Framing;
        if wanted.FrameSize < self.bytes {
            return Err(STATUS_INVALID_PARAMETER);
        }
        self.bytes = wanted.FrameSize;
        if wanted.Frames != 0 {
            self.count = wanted.Frames;
        }
        Ok(self)
    }
}

struct Idle {
    /// Whether frames that come home go round again.
    feeding: bool,
    requests: Vec<*mut Request>,
}

/// Frames, and the ones among them that are at home.
pub struct Requester {
    framing: Framing,
    /// Where the buffers come from: the allocator that the source was given (R4.31), else pool.
    allocator: Option<Arc<Assigned>>,
    /// All of them; each lives in its box until the requester goes.
    requests: Vec<*mut Request>,
    idle: Mutex<Idle>,
}

// SAFETY: requests at home are under the mutex, the others belong to a queue.
unsafe impl Send for Requester {}
// SAFETY: as above.
unsafe impl Sync for Requester {}

impl Requester {
    /// Allocates the frames. PASSIVE_LEVEL.
    pub fn new(
        framing: Framing,
        allocator: Option<Arc<Assigned>>,
        circuit: *const Circuit,
        stack: i8,
    ) -> Result<Self, NTSTATUS> {
        let idle = Mutex::new(Idle { feeding: false, requests: Vec::new() });
        let mut requester = Self { framing, allocator, requests: Vec::new(), idle };
        let bytes = (u64::from(framing.bytes) + u64::from(framing.header)) * u64::from(framing.count);
        if bytes > MOST_BYTES {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        for _ in 0..framing.count {
            requester.allocate(circuit, stack)?;
        }
        Ok(requester)
    }

    fn allocate(&mut self, circuit: *const Circuit, stack: i8) -> Result<(), NTSTATUS> {
        let Framing { bytes, header, .. } = self.framing;
        let data = match &self.allocator {
            Some(allocator) => allocator.allocate(),
            // SAFETY: IRQL is PASSIVE_LEVEL.
            None => unsafe { ExAllocatePoolWithTag(NonPagedPoolNx, bytes.into(), TAG) },
        };
        // SAFETY: as above.
        let irp = unsafe { IoAllocateIrp(stack, 0) };
        let (irp, mdl) = if data.is_null() || irp.is_null() {
            (irp, null_mut())
        } else {
            // SAFETY: the MDL describes the pool just allocated, and becomes the IRP's.
            (irp, unsafe { IoAllocateMdl(data, bytes, 0, 0, irp) })
        };
        if mdl.is_null() {
            self.discard(irp, data);
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        // SAFETY: the buffer is nonpaged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
        let mut request = Request::new(Origin::Circuit(circuit));
        request.irp = irp;
        request.headers = vec![0; header as usize / 8];
        request.header_size = header;
        request.length = header;
        let first = request.headers.as_mut_ptr().cast::<KSSTREAM_HEADER>();
        // SAFETY: the header was just made; the frame takes its extent from it.
        unsafe { (*first).FrameExtent = bytes };
        // SAFETY: the IRP is ours; who looks at it finds the header where a client's IRP has it (R6.2).
        unsafe { (*irp).AssociatedIrp.SystemBuffer = first.cast() };
        request.push(first, data, data, mdl);
        let request = Box::into_raw(request);
        self.clear(request);
        self.requests.push(request);
        self.lock().requests.push(request);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was allocated.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Frames at home.
    pub fn at_home(&self) -> usize {
        self.lock().requests.len()
    }

    /// From now on frames go round, or stay at home.
    pub fn feed(&self, feeding: bool) {
        self.lock().feeding = feeding;
    }

    /// Takes a frame that is to go round.
    pub fn take(&self) -> Option<*mut Request> {
        let mut idle = self.lock();
        if idle.feeding && !idle.requests.is_empty() { Some(idle.requests.remove(0)) } else { None }
    }

    /// A frame came home; if it is to go round again it is given back, empty.
    pub fn home(&self, request: *mut Request) -> Option<*mut Request> {
        self.clear(request);
        let mut idle = self.lock();
        if idle.feeding && idle.requests.is_empty() {
            return Some(request);
        }
        idle.requests.push(request);
        drop(idle);
        self.take()
    }

    /// A frame came home and stays there, empty, until frames are sent again.
    pub fn stay(&self, request: *mut Request) {
        self.clear(request);
        self.keep(request);
    }

    /// A frame that the queue did not take stays here.
    pub fn keep(&self, request: *mut Request) {
        self.lock().requests.push(request);
    }

    /// An empty frame: header zeroed, extension and all (R6.9).
    fn clear(&self, request: *mut Request) {
        // SAFETY: the request is at home: it is nobody's but ours.
        let request = unsafe { &mut *request };
        request.reset();
        request.headers.fill(0);
        let frame = &request.frames[0];
        // SAFETY: the header is part of the request.
        let header = unsafe { &mut *frame.header };
        header.Size = self.framing.header;
        header.FrameExtent = self.framing.bytes;
        header.Data = frame.data;
        header.PresentationTime.Numerator = 1;
        header.PresentationTime.Denominator = 1;
    }

    /// Frees IRP, its MDL and the buffer, as far as there are any.
    fn discard(&self, irp: PIRP, data: PVOID) {
        // SAFETY: all three were made by `allocate` and nobody uses them.
        unsafe {
            if !irp.is_null() {
                let mdl: PMDL = std::mem::replace(&mut (*irp).MdlAddress, null_mut());
                if !mdl.is_null() {
                    IoFreeMdl(mdl);
                }
                (*irp).AssociatedIrp.SystemBuffer = null_mut();
                IoFreeIrp(irp);
            }
            match &self.allocator {
                _ if data.is_null() => {}
                Some(allocator) => allocator.free(data),
                None => ExFreePoolWithTag(data, TAG),
            }
        }
    }
}

impl Drop for Requester {
    fn drop(&mut self) {
        let under_way = self.requests.len() - self.at_home();
        if under_way > 0 {
            // Their memory must not be freed, and whoever has them would route them into the circuit that is gone.
            let message = format_args!("{under_way} frame(s) are under way when their circuit ends");
            bugcheck::stop("broken invariant", message);
        }
        for &request in &self.requests {
            // SAFETY: made by `allocate`, and at home.
            let request = unsafe { Box::from_raw(request) };
            self.discard(request.irp, request.frames[0].data);
        }
    }
}
