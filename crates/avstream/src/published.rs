//! The newest frame of a pin, for others to read where it lies.
//!
//! A pin into which frames flow *publishes* each: it clones the stream pointer, so that the frame stays
//! with the writer's buffer, and goes on. Any number of readers, on other pins, in other threads, copy
//! from that buffer. The next frame takes the place of the last, which is given back when its last
//! reader is done.
//!
//! While nobody reads a frame its clone is unlocked, and the request that carries it can be cancelled.
//! An unlocked clone is in one of these states, which the cancel callback shares with everybody else:
//!
//! | state | who may do something with the clone |
//! |---|---|
//! | idle | whoever makes it busy; or the cancel callback, which makes it gone and deletes it |
//! | busy | who made it busy: it is locked, or being locked, unlocked or deleted |
//! | cancelled | who made it busy; it was cancelled meanwhile, so nobody reads it any more |
//! | gone | nobody: it is deleted |
//!
//! The cancel callback runs with the queue's spin lock held and touches nothing but this state (R6.24).
//! Clones are locked and unlocked with the lock of [`Slots`] held, which therefore comes before the
//! queue's; they are deleted without it, as that may complete a request.

use core::{
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use crate::{
    callback::callbacks,
    edge::LeadingEdge,
    error::{Error, Result},
    ffi::{
        KSPIN, KSSTREAM_POINTER, KsStreamPointerClone, KsStreamPointerDelete, KsStreamPointerLock,
        KsStreamPointerUnlock, PKSSTREAM_POINTER,
    },
    memory::FrameSource,
    raw,
    shared::Shared,
    spin_lock::SpinLock,
    wait::Event,
};

/// Frames that are held at the same time: the newest, and older ones that somebody still reads.
const COUNT: usize = 16;

const IDLE: u32 = 0;
const BUSY: u32 = 1;
const CANCELLED: u32 = 2;
const GONE: u32 = 3;

/// Where one pin publishes frames and others read the newest.
///
/// It is open for frames of one pin at a time, as long as that pin's
/// [`PUBLISHES`](crate::PinDispatch::PUBLISHES) names it and the pin is in PAUSE or RUN.
pub struct Slots {
    table: SpinLock<Table>,
    /// The number of the newest frame there ever was.
    sequence: AtomicU64,
    states: [AtomicU32; COUNT],
    /// A slot has become free after closing.
    freed: Event,
}

struct Table {
    /// The pin whose frames these are; NULL while closed.
    owner: *mut KSPIN,
    /// Somebody waits for all slots to become free: nobody may open them before.
    is_closing: bool,
    newest: Option<usize>,
    slots: [Slot; COUNT],
}

// SAFETY: the pointers are used as the table of states says, whichever the thread.
unsafe impl Send for Table {}

#[derive(Clone, Copy)]
struct Slot {
    used: bool,
    /// Not the newest any more: the last reader deletes it.
    retired: bool,
    readers: u32,
    clone: *mut KSSTREAM_POINTER,
    label: Label,
}

/// What readers are told about a frame.
#[derive(Clone, Copy)]
struct Label {
    sequence: u64,
    mark: u64,
    time: i64,
}

const FREE: Slot = Slot {
    used: false,
    retired: false,
    readers: 0,
    clone: null_mut(),
    label: Label { sequence: 0, mark: 0, time: 0 },
};

/// A clone that is to be deleted, when the lock has been dropped.
struct Doomed {
    index: usize,
    clone: *mut KSSTREAM_POINTER,
}

impl Slots {
    /// Slots without frames, closed.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new() -> Result<Shared<Self>> {
        let table = Table { owner: null_mut(), is_closing: false, newest: None, slots: [FREE; COUNT] };
        let slots = Shared::new(Self {
            table: SpinLock::new(table),
            sequence: AtomicU64::new(0),
            states: [const { AtomicU32::new(GONE) }; COUNT],
            freed: Event::new(),
        })?;
        // SAFETY: once, where it stays.
        unsafe { slots.freed.initialize() };
        Ok(slots)
    }

    /// Takes frames of a pin from now on; not before those of another have been given back.
    pub(crate) fn open(&self, pin: NonNull<KSPIN>) -> Result {
        let mut table = self.table.lock();
        if !table.owner.is_null() || table.is_closing {
            return Err(Error::SHARING_VIOLATION);
        }
        table.owner = pin.as_ptr();
        Ok(())
    }

    /// Takes no more frames, gives the newest back and waits until all have been given back. PASSIVE_LEVEL.
    pub(crate) fn close(&self) {
        let doomed = {
            let mut table = self.table.lock();
            table.owner = null_mut();
            table.is_closing = true;
            self.retire_newest(&mut table)
        };
        self.delete(doomed);
        loop {
            {
                let mut table = self.table.lock();
                self.sweep(&mut table);
                if table.slots.iter().all(|slot| !slot.used) {
                    table.is_closing = false;
                    return;
                }
                self.freed.clear();
            }
            self.freed.wait();
        }
    }

    /// Gives the newest frame back, so that nobody reads it any more. IRQL ≤ DISPATCH_LEVEL.
    pub fn clear(&self) {
        let doomed = self.retire_newest(&mut self.table.lock());
        self.delete(doomed);
    }

    /// Makes the frame at a leading edge the newest, and reads it. `mark` is what readers are to know of
    /// it, `time` when it came. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::DEVICE_NOT_READY`]: the slots are not open for this pin.
    /// [`Error::INSUFFICIENT_RESOURCES`]: too many frames are being read, or there is no memory. The frame is
    /// lost, and has had its number.
    pub fn publish(&self, edge: &LeadingEdge<'_>, mark: u64, time: i64) -> Result<Reading<'_>> {
        let pointer = edge.pointer();
        // SAFETY: a live stream pointer.
        let owner = unsafe { pointer.as_ref() }.Pin;
        let (index, state) = self.reserve(owner)?;
        let clone = match clone(pointer, state) {
            Ok(clone) => clone,
            Err(error) => {
                self.free(index);
                self.count();
                return Err(error);
            }
        };
        let mut doomed = None;
        let label;
        {
            let mut table = self.table.lock();
            let is_open = table.owner == owner;
            if is_open {
                doomed = self.retire_newest(&mut table);
                table.newest = Some(index);
            }
            label = Label { sequence: self.count(), mark, time };
            if let Some(slot) = table.slots.get_mut(index) {
                slot.clone = clone.as_ptr();
                slot.retired = !is_open;
                slot.label = label;
            }
        }
        self.delete(doomed);
        Ok(Reading { slots: self, index, clone, label })
    }

    /// Reads the newest frame, if it is newer than number `seen`. IRQL ≤ DISPATCH_LEVEL.
    #[must_use]
    pub fn newer_than(&self, seen: u64) -> Option<Reading<'_>> {
        if self.sequence() <= seen {
            return None;
        }
        let doomed;
        {
            let mut table = self.table.lock();
            let table = &mut *table;
            let index = table.newest?;
            let slot = table.slots.get_mut(index)?;
            if slot.label.sequence <= seen {
                return None;
            }
            let clone = NonNull::new(slot.clone)?;
            if slot.readers > 0 || self.lock_clone(index, clone) {
                slot.readers += 1;
                return Some(Reading { slots: self, index, clone, label: slot.label });
            }
            // It has been cancelled.
            table.newest = None;
            slot.retired = true;
            doomed = if self.is_gone(index) {
                slot.used = false;
                None
            } else {
                Some(Doomed { index, clone: clone.as_ptr() })
            };
        }
        self.delete(doomed);
        None
    }

    /// The number of the next frame.
    fn count(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::AcqRel).wrapping_add(1)
    }

    /// The number of the newest frame there ever was.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// An unused slot, busy and with one reader, for a frame of `owner`.
    fn reserve(&self, owner: *mut KSPIN) -> Result<(usize, &AtomicU32)> {
        let mut table = self.table.lock();
        if table.owner != owner {
            return Err(Error::DEVICE_NOT_READY);
        }
        self.sweep(&mut table);
        let slots = table.slots.iter_mut().zip(&self.states).enumerate();
        for (index, (slot, state)) in slots {
            if !slot.used {
                *slot = Slot { used: true, readers: 1, ..FREE };
                state.store(BUSY, Ordering::Release);
                return Ok((index, state));
            }
        }
        self.count();
        Err(Error::INSUFFICIENT_RESOURCES)
    }

    /// Frees the slots whose clone the cancel callback has deleted.
    fn sweep(&self, table: &mut Table) {
        for (index, (slot, state)) in table.slots.iter_mut().zip(&self.states).enumerate() {
            if slot.used && slot.readers == 0 && state.load(Ordering::Acquire) == GONE {
                slot.used = false;
                if table.newest == Some(index) {
                    table.newest = None;
                }
            }
        }
    }

    /// Takes the place of the newest frame from the frame that has it.
    fn retire_newest(&self, table: &mut Table) -> Option<Doomed> {
        let index = table.newest.take()?;
        let slot = table.slots.get_mut(index)?;
        slot.retired = true;
        if slot.readers > 0 {
            return None;
        }
        if self.turn(index, IDLE, BUSY) {
            return Some(Doomed { index, clone: slot.clone });
        }
        slot.used = false;
        None
    }

    /// Locks an idle clone; `false` if it has been cancelled. The lock of the table is held.
    fn lock_clone(&self, index: usize, clone: NonNull<KSSTREAM_POINTER>) -> bool {
        if !self.turn(index, IDLE, BUSY) {
            return false;
        }
        // SAFETY: busy since just now, hence live and unlocked.
        let status = unsafe { KsStreamPointerLock(clone.as_ptr()) };
        Error::check(status).is_ok()
    }

    /// One reader less.
    fn release(&self, index: usize) {
        let doomed = {
            let mut table = self.table.lock();
            let table = &mut *table;
            let Some(slot) = table.slots.get_mut(index) else { return };
            slot.readers = slot.readers.saturating_sub(1);
            if slot.readers > 0 {
                return;
            }
            if !slot.retired {
                // SAFETY: busy and locked, by the first of its readers or as a clone of a locked edge.
                unsafe { KsStreamPointerUnlock(slot.clone, 0) };
                if self.turn(index, BUSY, IDLE) {
                    return;
                }
                // It has been cancelled.
                slot.retired = true;
                if table.newest == Some(index) {
                    table.newest = None;
                }
            }
            Some(Doomed { index, clone: slot.clone })
        };
        self.delete(doomed);
    }

    /// Deletes a clone that has no readers and is busy. The lock of the table is not held.
    fn delete(&self, doomed: Option<Doomed>) {
        if let Some(Doomed { index, clone }) = doomed {
            // SAFETY: busy, hence live, and nobody else will do it.
            unsafe { KsStreamPointerDelete(clone) };
            self.free(index);
        }
    }

    fn free(&self, index: usize) {
        let is_closing = {
            let mut table = self.table.lock();
            if let Some(slot) = table.slots.get_mut(index) {
                *slot = FREE;
            }
            table.is_closing
        };
        if is_closing {
            self.freed.set();
        }
    }

    fn is_gone(&self, index: usize) -> bool {
        self.states.get(index).is_none_or(|state| state.load(Ordering::Acquire) == GONE)
    }

    /// Turns one state into another; `false` if it is in a third.
    fn turn(&self, index: usize, from: u32, to: u32) -> bool {
        self.states.get(index).is_some_and(|state| turn(state, from, to))
    }
}

fn turn(state: &AtomicU32, from: u32, to: u32) -> bool {
    state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// Clones a locked stream pointer; the clone is locked as well.
fn clone(pointer: NonNull<KSSTREAM_POINTER>, state: &AtomicU32) -> Result<NonNull<KSSTREAM_POINTER>> {
    const CONTEXT: u32 = size_of::<*const AtomicU32>() as u32;
    let mut clone = null_mut();
    // SAFETY: a live, locked stream pointer. The callback is called for an unlocked clone only.
    let status = unsafe { KsStreamPointerClone(pointer.as_ptr(), Some(cancelled), CONTEXT, &mut clone) };
    Error::check(status)?;
    let clone = NonNull::new(clone).ok_or(Error::INSUFFICIENT_RESOURCES)?;
    // SAFETY: a live clone.
    let context = unsafe { clone.as_ref() }.Context.cast::<*const AtomicU32>();
    // SAFETY: as many bytes as were asked for, behind the clone. The state outlives the clone: slots
    // are closed before they go.
    unsafe { context.write(state) };
    Ok(clone)
}

callbacks! {
    /// The request that carries an unlocked clone is being cancelled (`nc-ks-pfnksstreampointer.md`).
    fn cancelled(pointer: PKSSTREAM_POINTER) {
        // SAFETY: a live clone.
        let context = unsafe { (*pointer).Context }.cast::<*const AtomicU32>();
        // SAFETY: `clone` has written it.
        let state = unsafe { *context };
        // SAFETY: the state outlives the clone.
        let state = unsafe { &*state };
        loop {
            if turn(state, IDLE, GONE) {
                // SAFETY: nobody else does anything with it, and this is allowed here (R6.24).
                unsafe { KsStreamPointerDelete(pointer) };
                return;
            }
            if turn(state, BUSY, CANCELLED) || state.load(Ordering::Acquire) >= CANCELLED {
                return;
            }
        }
    }
}

/// A published frame that is being read. It is not given back before this is dropped.
#[must_use]
pub struct Reading<'a> {
    slots: &'a Slots,
    index: usize,
    clone: NonNull<KSSTREAM_POINTER>,
    label: Label,
}

// SAFETY: the count of readers says what may be done, whichever the thread.
unsafe impl Send for Reading<'_> {}

impl Reading<'_> {
    /// The bytes of the frame; `None` if there is no buffer.
    #[must_use]
    pub fn source(&self) -> Option<FrameSource<'_>> {
        // SAFETY: a live stream pointer.
        let pin = unsafe { self.clone.as_ref() }.Pin;
        // SAFETY: its pin, which lives as long.
        let flow = unsafe { (*pin).DataFlow };
        // SAFETY: a live stream pointer.
        let offset = unsafe { raw::offset(self.clone.as_ptr(), flow) };
        // SAFETY: its position, which nobody moves.
        let (data, len) = raw::bytes(unsafe { &*offset });
        // SAFETY: locked as long as somebody reads.
        (!data.is_null()).then(|| unsafe { FrameSource::new(data, len) })
    }

    /// The number of the frame: one more than that of the frame before it. The first is 1.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.label.sequence
    }

    /// What the publisher said about the frame.
    #[must_use]
    pub const fn mark(&self) -> u64 {
        self.label.mark
    }

    /// When the frame came, as the publisher said.
    #[must_use]
    pub const fn time(&self) -> i64 {
        self.label.time
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.slots.release(self.index);
    }
}

#[cfg(test)]
mod tests;
