//! The object behind a `KSSTREAM_POINTER`, and the list of the live ones.
//!
//! A pointer that a minidriver passes is looked up in that list and not followed: a deleted clone or any
//! other address is a violation (KsInvalidStreamPointer) and not a crash of the rig.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    mem::size_of,
    ops::{Deref, DerefMut},
    ptr::null_mut,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ks_sys::{KSSTREAM_POINTER, PFNKSSTREAMPOINTER, PKSSTREAM_POINTER};

use super::{
    cancel,
    frame::{Cancel, Frame, Request},
    mapping,
    queue::{Held, Queue},
};
use crate::nt::{lend, take_back, violation};

/// What kind of pointer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The leading edge.
    Leading,
    /// The trailing edge.
    Trailing,
    /// A clone.
    Clone,
}

/// A stream pointer.
pub struct StreamPointer {
    /// The queue it belongs to.
    pub queue: *const Queue,
    /// The frame it is on; null at the end of the queue and after a cancellation.
    pub frame: *mut Frame,
    /// Called when the frame's IRP is cancelled.
    pub cancel: PFNKSSTREAMPOINTER,
    /// Creation order of clones.
    pub serial: u64,
    /// Bytes of context behind what the minidriver sees.
    pub context_size: usize,
    /// What kind it is.
    pub kind: Kind,
    /// Whether the minidriver may use it: not after its deletion.
    pub live: bool,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether its frame was taken away by a cancellation (R6.25).
    pub lost: bool,
    /// Whether its cancel callback has been called and did not delete it (R6.24).
    pub outlived_cancel: bool,
    /// What the minidriver sees.
    pub public: Public,
}

/// The pool tag of stream pointers.
pub(super) const TAG: u32 = u32::from_le_bytes(*b"KSsp");

/// What the minidriver sees of a stream pointer, and behind it the bytes of a clone's context. It lies apart, so that it can be
/// taken away when the pointer is deleted: where special pool is watched, it lies there.
///
/// # Invariants
///
/// The memory is there as long as the pointer is live; who uses it holds the queue's lock.
pub struct Public {
    address: PKSSTREAM_POINTER,
    memory: Memory,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    None,
    Heap,
    Special,
}

const _: () =
    assert!(size_of::<KSSTREAM_POINTER>().is_multiple_of(16), "nothing between pointer and context");

impl Public {
    const NONE: Self = Self { address: null_mut(), memory: Memory::None };

    /// Where it is, or was.
    pub const fn address(&self) -> PKSSTREAM_POINTER {
        self.address
    }

    /// Memory, if there is none.
    fn take(&mut self, context_size: usize) {
        if self.memory != Memory::None {
            return;
        }
        let layout = layout(context_size);
        // Not a byte more than there is, so that each behind it is watched.
        (self.address, self.memory) = match lend(size_of::<KSSTREAM_POINTER>() + context_size, TAG) {
            Some(address) => (address.cast(), Memory::Special),
            // SAFETY: the layout is not empty.
            None => (unsafe { alloc(layout) }.cast(), Memory::Heap),
        };
        if self.address.is_null() {
            handle_alloc_error(layout);
        }
    }

    /// The minidriver has it no more: whoever still reads through the pointer meets a fault, or these patterns (R8.6).
    fn hide(&mut self) {
        match self.memory {
            Memory::None => (),
            // SAFETY: its memory.
            Memory::Heap => unsafe { self.address.write_bytes(0xDD, 1) },
            Memory::Special => {
                take_back(self.address.cast());
                self.memory = Memory::None;
            }
        }
    }

    fn free(&mut self, context_size: usize) {
        self.hide();
        if self.memory == Memory::Heap {
            // SAFETY: it came from `take`.
            unsafe { dealloc(self.address.cast(), layout(context_size)) };
            self.memory = Memory::None;
        }
    }
}

impl Deref for Public {
    type Target = KSSTREAM_POINTER;

    fn deref(&self) -> &KSSTREAM_POINTER {
        // SAFETY: by the invariant.
        unsafe { &*self.address }
    }
}

impl DerefMut for Public {
    fn deref_mut(&mut self) -> &mut KSSTREAM_POINTER {
        // SAFETY: by the invariant.
        unsafe { &mut *self.address }
    }
}

impl StreamPointer {
    /// Fills the public part for a frame (R6.15, R6.16), or empties it.
    pub fn place(&mut self, frame: *mut Frame, input: bool, mapped: bool) {
        self.frame = frame;
        let (header, data, count) = if frame.is_null() {
            (null_mut(), null_mut(), 0)
        } else {
            // SAFETY: a frame in a queue is alive and so is its header.
            let frame = unsafe { &*frame };
            let bytes = if input { frame.used() } else { frame.extent };
            // Mappings are made when the pointer is locked.
            if mapped { (frame.header, null_mut(), 0) } else { (frame.header, frame.data, bytes) }
        };
        let public = &mut *self.public;
        public.StreamHeader = header;
        let offset = if input { &mut public.OffsetIn } else { &mut public.OffsetOut };
        offset.__bindgen_anon_1.Data = data.cast();
        offset.Count = count;
        offset.Remaining = count;
    }
}

fn layout(context_size: usize) -> Layout {
    let size = size_of::<KSSTREAM_POINTER>() + context_size;
    Layout::from_size_align(size.next_multiple_of(16), 16).expect("sizes are 32 bits wide")
}

/// A new pointer of a queue, on no frame.
pub fn allocate(queue: &Queue, kind: Kind, context_size: usize) -> *mut StreamPointer {
    Box::into_raw(Box::new(StreamPointer::new(queue, kind, context_size, Public::NONE)))
}

/// Makes a deleted pointer a new one, with as much context.
pub fn renew(queue: &Queue, pointer: &mut StreamPointer, context_size: usize) {
    if pointer.context_size != context_size {
        pointer.public.free(pointer.context_size);
    }
    let public = std::mem::replace(&mut pointer.public, Public::NONE);
    *pointer = StreamPointer::new(queue, pointer.kind, context_size, public);
}

impl StreamPointer {
    /// On no frame, with the memory that there is.
    fn new(queue: &Queue, kind: Kind, context_size: usize, public: Public) -> Self {
        let mut pointer = Self {
            queue,
            frame: null_mut(),
            cancel: None,
            serial: 0,
            context_size,
            kind,
            live: true,
            locked: false,
            lost: false,
            outlived_cancel: false,
            public,
        };
        pointer.initialize(queue);
        pointer
    }

    /// What the minidriver sees at first.
    fn initialize(&mut self, queue: &Queue) {
        self.public.take(self.context_size);
        let address = self.public.address;
        // SAFETY: the memory is there and large enough; plain stores need no valid old values.
        unsafe {
            address.write_bytes(0, 1);
            (*address).Pin = queue.pin.ks();
            (*address).Offset =
                if queue.input { &raw mut (*address).OffsetIn } else { &raw mut (*address).OffsetOut };
            if self.context_size > 0 {
                let context = address.add(1).cast::<u8>();
                // ASSUMED: nothing says what the context holds at first; a pattern, so that nobody relies on zeros.
                context.write_bytes(0xCD, self.context_size);
                (*address).Context = context.cast();
            }
        }
    }

    /// The minidriver may not use it any more.
    pub fn end(&mut self) {
        self.live = false;
        self.public.hide();
    }

    /// Whether it is still the one that the minidriver knows by this address. The queue is locked.
    pub fn is(&self, public: PKSSTREAM_POINTER) -> bool {
        self.live && self.public.address == public
    }
}

/// Gives the memory back.
pub fn free(pointer: *mut StreamPointer) {
    // SAFETY: it came from `allocate`, and nobody has it any more.
    let mut pointer = unsafe { Box::from_raw(pointer) };
    let context_size = pointer.context_size;
    pointer.public.free(context_size);
}

/// Hashes an address.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("addresses only");
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = ((address >> 4) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

/// A live pointer.
struct Entry {
    queue: Arc<Queue>,
    pointer: *mut StreamPointer,
}

// SAFETY: the queue keeps the pointer's memory, and its fields are under the queue's lock.
unsafe impl Send for Entry {}

type Live = HashMap<usize, Entry, BuildHasherDefault<AddressHasher>>;

/// The live stream pointers, by the address the minidriver knows. Addresses are unique in the process, so
/// the machines share the list. It is only asked for single addresses: its order never matters.
static LIVE: Mutex<Live> = Mutex::new(HashMap::with_hasher(BuildHasherDefault::new()));

fn live() -> MutexGuard<'static, Live> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enters a pointer that the minidriver is about to get.
pub fn enter(queue: &Arc<Queue>, pointer: *mut StreamPointer) {
    live().insert(address(pointer), Entry { queue: Arc::clone(queue), pointer });
}

/// Strikes a pointer off.
pub fn strike(pointer: *mut StreamPointer) {
    let entry = live().remove(&address(pointer));
    // The list's mutex is free again should this be the last reference.
    drop(entry);
}

fn address(pointer: *mut StreamPointer) -> usize {
    // SAFETY: the memory of the queue's pointers is the queue's.
    unsafe { (*pointer).public.address as usize }
}

/// The pointer behind an argument of a call; a violation if it is none (KsInvalidStreamPointer).
/// The queue keeps its pointers as long as it lives itself, and may use one that was deleted again: whether this one
/// [`is`](StreamPointer::is) still the one that is meant is asked once the queue is locked.
pub fn find(public: PKSSTREAM_POINTER, call: &str) -> Option<(Arc<Queue>, *mut StreamPointer)> {
    let found = live().get(&(public as usize)).map(|entry| (Arc::clone(&entry.queue), entry.pointer));
    if found.is_none() {
        let what = if public.is_null() { "NULL" } else { "no edge and no live clone" };
        violation::report(
            "KsInvalidStreamPointer",
            0x8100C,
            call,
            format_args!("the stream pointer is {what}"),
        );
    }
    found
}

impl Held<'_> {
    /// Locks a pointer; false when it is on no frame.
    pub fn lock_pointer(self, pointer: *mut StreamPointer) -> bool {
        // SAFETY: pointers of the queue are alive, and their fields are under its lock.
        let pointer = unsafe { &mut *pointer };
        // SAFETY: the frame a pointer is on is alive; so is its request.
        let Some(frame) = (unsafe { pointer.frame.as_mut() }) else { return false };
        if !frame.queued || !mapping::can_lock(self.queue) {
            return false;
        }
        pointer.locked = true;
        frame.locks += 1;
        // SAFETY: as above.
        unsafe { (*frame.request).locks += 1 };
        mapping::fill(self.queue, pointer, frame);
        true
    }

    /// Unlocks a locked pointer and gives the request that may now be cancelled: [`Held::settle`] it.
    pub fn unlock_pointer(self, pointer: *mut StreamPointer) -> *mut Request {
        // SAFETY: pointers of the queue are alive, and their fields are under its lock.
        let pointer = unsafe { &mut *pointer };
        pointer.locked = false;
        // SAFETY: a locked pointer is on a frame, and the lock keeps it there.
        let frame = unsafe { &mut *pointer.frame };
        frame.locks -= 1;
        // SAFETY: the request lives at least as long as its frames.
        unsafe { (*frame.request).locks -= 1 };
        frame.request
    }

    /// Carries out a cancellation that had waited for a lock (R6.23).
    pub fn settle(self, request: *mut Request) {
        // SAFETY: requests live until the lock of the queue is released.
        let waiting = unsafe { &*request };
        if waiting.cancel == Cancel::Asked && waiting.locks == 0 && waiting.outstanding > 0 {
            cancel::cancel_now(self, request);
        }
    }

    /// Moves an unlocked pointer to the next frame. False when it cannot move.
    pub fn advance(self, pointer: *mut StreamPointer) -> bool {
        // SAFETY: pointers of the queue are alive, and their fields are under its lock.
        let (kind, old) = unsafe { ((*pointer).kind, (*pointer).frame) };
        // SAFETY: the frame a pointer is on is alive.
        let Some(frame) = (unsafe { old.as_mut() }) else { return false };
        let next = self.next_after(frame.ordinal);
        self.progress();
        match kind {
            Kind::Leading => {
                if self.queue.mapped && !self.queue.input {
                    // R6.21 (d)
                    // SAFETY: pointers of the queue are alive; so is the header.
                    unsafe {
                        (*frame.header).DataUsed = mapping::passed(self.queue, &*pointer, frame);
                    }
                }
                self.place(pointer, next);
                if self.inner().trailing.is_null() {
                    self.leave_window(frame);
                }
            }
            Kind::Trailing => {
                // SAFETY: the edge lives as long as the queue.
                if unsafe { (*self.inner().leading).frame } == old {
                    // ASSUMED: the trailing edge stops at the leading edge, it never overtakes it.
                    return false;
                }
                self.place(pointer, next);
                self.leave_window(frame);
            }
            Kind::Clone => {
                // SAFETY: frames in the queue are alive.
                if let Some(next) = unsafe { next.as_mut() } {
                    next.references += 1;
                }
                self.place(pointer, next);
                self.release(old);
            }
        }
        true
    }

    /// The last edge has passed a frame.
    pub fn leave_window(self, frame: *mut Frame) {
        // SAFETY: the window's reference keeps the frame alive.
        unsafe { (*frame).in_window = false };
        self.release(frame);
    }
}
