//! Frames, and the requests that carry them.
//!
//! A request is what is sent and completed as one: an IRP of a client with one or more stream headers, or
//! one frame of a circuit. Every header is a frame (R6.6); the request is finished when its last frame is.

use std::{ptr::null_mut, sync::Arc};

use ks_sys::{KSSTREAM_HEADER, NTSTATUS, PIRP, PMDL, PVOID, STATUS_SUCCESS};

use super::{circuit::Circuit, injection::Injected, queue::Queue};

/// One stream header and its buffer, while it is in a queue.
pub struct Frame {
    /// The request it belongs to.
    pub request: *mut Request,
    /// The system's copy of the header; `Data` is the buffer's system address (R6.5).
    pub header: *mut KSSTREAM_HEADER,
    /// The buffer's system address, null for a header without buffer.
    pub data: PVOID,
    /// `Data` as the client wrote it: what it gets back.
    pub client_data: PVOID,
    /// The buffer's MDL, null for a header without buffer.
    pub mdl: PMDL,
    /// Bytes of the buffer: what `FrameExtent` said when the frame was made.
    pub extent: u32,
    /// Its place in the queue: later frames have higher numbers.
    pub ordinal: u64,
    /// One for the window (edges that have not passed it yet) and one for each clone (R6.12).
    pub references: u32,
    /// Locked stream pointers on it.
    pub locks: u32,
    /// Whether the edges have not passed it yet.
    pub in_window: bool,
    /// Whether it can be found in the queue: not after a cancellation.
    pub queued: bool,
    /// The table of mappings, once it was locked on a pin that generates them.
    pub mappings: Vec<u64>,
}

impl Frame {
    /// Bytes of data, never more than the buffer has.
    pub fn used(&self) -> u32 {
        // SAFETY: the header lives as long as the request that carries it.
        unsafe { (*self.header).DataUsed.min(self.extent) }
    }
}

/// Where a finished request goes.
pub enum Origin {
    /// Back to the client, by completing the IRP.
    Client,
    /// Along the circuit of two connected pins.
    Circuit(*const Circuit),
}

/// Whether somebody wants a request back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// No.
    No,
    /// Yes, but a locked stream pointer is on one of its frames (R6.23).
    Asked,
    /// Its frames have left the queue.
    Done,
}

/// What is completed as one.
pub struct Request {
    /// Where it goes when it is finished.
    pub origin: Origin,
    /// The IRP.
    pub irp: PIRP,
    /// The queue it is in.
    pub queue: Option<Arc<Queue>>,
    /// Its frames, in the order of the headers.
    pub frames: Vec<Frame>,
    /// Frames that are not finished.
    pub outstanding: u32,
    /// Locked stream pointers on its frames.
    pub locks: u32,
    /// The status the minidriver wants it completed with (`KsStreamPointerSetStatusCode`).
    pub status: NTSTATUS,
    /// Whether it is wanted back.
    pub cancel: Cancel,
    /// Whether its IRP's cancel routine has run.
    pub routine_ran: bool,
    /// Whether all its frames are finished.
    pub finished: bool,
    /// Whether it may be completed (R6.13: as soon as the earlier ones are).
    pub ready: bool,
    /// The system's copy of the headers.
    pub headers: Vec<u64>,
    /// Bytes of one header, and of all.
    pub header_size: u32,
    /// Bytes of all headers.
    pub length: u32,
    /// The client's headers.
    pub client_headers: PVOID,
    /// Whether they are those of a program of 32 bits.
    pub narrow: bool,
    /// Where an injected frame came from.
    pub injected: Option<Injected>,
    /// Whether the MDLs of the IRP were made here.
    pub own_mdls: bool,
    /// The next one in a list of finished requests.
    pub next: *mut Request,
}

impl Request {
    /// An empty request.
    pub fn new(origin: Origin) -> Box<Self> {
        Box::new(Self {
            origin,
            irp: null_mut(),
            queue: None,
            frames: Vec::new(),
            outstanding: 0,
            locks: 0,
            status: STATUS_SUCCESS,
            cancel: Cancel::No,
            routine_ran: false,
            finished: false,
            ready: false,
            headers: Vec::new(),
            header_size: 0,
            length: 0,
            client_headers: null_mut(),
            narrow: false,
            injected: None,
            own_mdls: false,
            next: null_mut(),
        })
    }

    /// Makes it as good as new; memory is kept.
    pub fn reset(&mut self) {
        self.queue = None;
        self.outstanding = 0;
        self.locks = 0;
        self.status = STATUS_SUCCESS;
        self.cancel = Cancel::No;
        self.routine_ran = false;
        self.finished = false;
        self.ready = false;
        self.frames.iter_mut().for_each(|frame| frame.mappings.clear());
        self.next = null_mut();
    }

    /// Appends a frame for a header of the system's copy.
    pub fn push(&mut self, header: *mut KSSTREAM_HEADER, data: PVOID, client_data: PVOID, mdl: PMDL) {
        let request: *mut Self = self;
        // SAFETY: the header is part of the copy.
        let extent = unsafe { (*header).FrameExtent };
        self.frames.push(Frame {
            request,
            header,
            data,
            client_data,
            mdl,
            extent,
            ordinal: 0,
            references: 0,
            locks: 0,
            in_window: false,
            queued: false,
            mappings: Vec::new(),
        });
    }

    /// The sum of `DataUsed`.
    pub fn bytes_used(&self) -> usize {
        self.frames.iter().map(|frame| frame.used() as usize).sum()
    }
}

/// Finished requests, oldest first, chained through the requests themselves.
pub(super) struct Finished {
    first: *mut Request,
    last: *mut Request,
}

impl Finished {
    /// None.
    pub const fn new() -> Self {
        Self { first: null_mut(), last: null_mut() }
    }

    /// Appends one.
    pub fn push(&mut self, request: *mut Request) {
        // SAFETY: the request was just finished: nobody else has it.
        unsafe { (*request).next = null_mut() };
        if self.last.is_null() {
            self.first = request;
        } else {
            // SAFETY: requests in the list live until they are taken out.
            unsafe { (*self.last).next = request };
        }
        self.last = request;
    }

    /// Takes the oldest out.
    pub fn pop(&mut self) -> Option<*mut Request> {
        let request = self.first;
        if request.is_null() {
            return None;
        }
        // SAFETY: requests in the list live until they are taken out.
        self.first = unsafe { (*request).next };
        if self.first.is_null() {
            self.last = null_mut();
        }
        Some(request)
    }
}
