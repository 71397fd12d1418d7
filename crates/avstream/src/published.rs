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
//! | busy | who made it busy: it is locked, or being locked or deleted |
//! | cancelled | who made it busy, and deletes it; it was cancelled before it was locked, so nobody reads it |
//! | gone | nobody: it is deleted |
//!
//! The cancel callback runs with the queue's spin lock held and touches nothing but this state (R6.24).
//! Clones are made, locked and unlocked with the lock of [`Slots`] held, which therefore comes before the
//! queue's; they are deleted without it, as that may complete a request.
//!
//! One case remains in which a request is completed with that lock held: when it was cancelled while its clone was locked.
//! Then `KsStreamPointerUnlock`, of the last reader, calls the cancel callback, which deletes the clone, and the request may
//! be completed within it, at DISPATCH_LEVEL and under a spin lock. That is an error only where a completion routine
//! above comes back to these slots. To unlock without the lock is not enough: once the clone is gone its slot can be in
//! use again before the unlocking thread looks at its state, so the state would need to count its uses.

use core::{
    ptr::{NonNull, null_mut},
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
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
    uses: [Use; COUNT],
    /// Somebody waits for all slots to become vacant: nobody may open them before.
    is_closing: AtomicBool,
    /// A slot has become vacant while closing.
    vacated: Event,
}

struct Table {
    /// The pin whose frames these are; NULL while closed.
    owner: *mut KSPIN,
    newest: Option<usize>,
    slots: [Slot; COUNT],
}

// SAFETY: the pointers are used as the table of states says, whichever the thread.
unsafe impl Send for Table {}

#[derive(Clone, Copy)]
struct Slot {
    /// Not the newest any more: the last reader deletes it.
    retired: bool,
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

const EMPTY: Slot =
    Slot { retired: false, clone: null_mut(), label: Label { sequence: 0, mark: 0, time: 0 } };

/// How a slot is used. It is vacant while its clone is gone; nobody reads it then.
struct Use {
    state: AtomicU32,
    /// From 0, and to 0, with the lock of the table only.
    readers: AtomicU32,
}

impl Use {
    const fn new() -> Self {
        Self { state: AtomicU32::new(GONE), readers: AtomicU32::new(0) }
    }

    fn is_gone(&self) -> bool {
        self.state.load(Ordering::SeqCst) == GONE
    }

    fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Turns one state into another; `false` if it is in a third.
    fn turn(&self, from: u32, to: u32) -> bool {
        turn(&self.state, from, to)
    }

    /// One reader less, unless it is the last.
    fn leave(&self) -> bool {
        let less = |readers: u32| readers.checked_sub(1).filter(|rest| *rest > 0);
        self.readers.fetch_update(Ordering::Release, Ordering::Relaxed, less).is_ok()
    }
}

/// A clone that is to be deleted, when the lock has been dropped.
struct Doomed<'a> {
    usage: &'a Use,
    clone: *mut KSSTREAM_POINTER,
}

impl Slots {
    /// Slots without frames, closed.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new() -> Result<Shared<Self>> {
        let slots = Shared::new(Self {
            table: SpinLock::new(Table { owner: null_mut(), newest: None, slots: [EMPTY; COUNT] }),
            sequence: AtomicU64::new(0),
            uses: [const { Use::new() }; COUNT],
            is_closing: AtomicBool::new(false),
            vacated: Event::new(),
        })?;
        // SAFETY: once, where it stays.
        unsafe { slots.vacated.initialize() };
        Ok(slots)
    }

    /// Takes frames of a pin from now on; not before those of another have been given back.
    pub(crate) fn open(&self, pin: NonNull<KSPIN>) -> Result {
        let mut table = self.table.lock();
        if !table.owner.is_null() || self.is_closing.load(Ordering::SeqCst) {
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
            self.is_closing.store(true, Ordering::SeqCst);
            self.retire_newest(&mut table)
        };
        self.delete(doomed);
        loop {
            self.vacated.clear();
            // Before the slots are looked at: whoever vacates one that is not vacant then sets the event after this.
            fence(Ordering::SeqCst);
            if self.uses.iter().all(Use::is_gone) {
                self.is_closing.store(false, Ordering::SeqCst);
                return;
            }
            self.vacated.wait();
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
        let (doomed, reading);
        {
            let mut table = self.table.lock();
            if table.owner != owner {
                return Err(Error::DEVICE_NOT_READY);
            }
            let sequence = self.sequence.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
            let label = Label { sequence, mark, time };
            let mut slots = table.slots.iter_mut().zip(&self.uses).enumerate();
            let vacant = slots.find(|(_, (_, usage))| usage.is_gone());
            let (index, (slot, usage)) = vacant.ok_or(Error::INSUFFICIENT_RESOURCES)?;
            let clone = clone(pointer, &usage.state)?;
            *slot = Slot { retired: false, clone: clone.as_ptr(), label };
            usage.state.store(BUSY, Ordering::Release);
            usage.readers.store(1, Ordering::Relaxed);
            // It may be that it was in this place, and has been cancelled.
            doomed = if table.newest == Some(index) { None } else { self.retire_newest(&mut table) };
            table.newest = Some(index);
            reading = Reading { slots: self, index, usage, clone, label };
        }
        self.delete(doomed);
        Ok(reading)
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
            let (slot, usage) = (table.slots.get_mut(index)?, self.uses.get(index)?);
            let label = slot.label;
            if label.sequence <= seen {
                return None;
            }
            let clone = NonNull::new(slot.clone)?;
            if usage.has_readers() || lock_clone(usage, clone) {
                usage.readers.fetch_add(1, Ordering::Relaxed);
                return Some(Reading { slots: self, index, usage, clone, label });
            }
            // It has been cancelled.
            table.newest = None;
            doomed = if usage.is_gone() { None } else { Some(Doomed { usage, clone: clone.as_ptr() }) };
        }
        self.delete(doomed);
        None
    }

    /// The number of the newest frame there ever was.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Takes the place of the newest frame from the frame that has it.
    fn retire_newest(&self, table: &mut Table) -> Option<Doomed<'_>> {
        let index = table.newest.take()?;
        let (slot, usage) = (table.slots.get_mut(index)?, self.uses.get(index)?);
        slot.retired = true;
        if usage.has_readers() || !usage.turn(IDLE, BUSY) {
            return None;
        }
        Some(Doomed { usage, clone: slot.clone })
    }

    /// One reader less.
    fn release(&self, index: usize, usage: &Use) {
        if usage.leave() {
            return;
        }
        let doomed = {
            let mut table = self.table.lock();
            let table = &mut *table;
            let Some(slot) = table.slots.get_mut(index) else { return };
            if usage.readers.fetch_sub(1, Ordering::AcqRel) > 1 {
                return;
            }
            // Idle before it is unlocked: a request that was cancelled meanwhile goes then, and the cancel callback is to
            // delete the clone itself (R6.23, R6.24).
            if !slot.retired && usage.turn(BUSY, IDLE) {
                // SAFETY: locked, by the first of its readers or as a clone of a locked edge; hence live so far.
                unsafe { KsStreamPointerUnlock(slot.clone, 0) };
                if usage.is_gone() && table.newest == Some(index) {
                    table.newest = None;
                }
                return;
            }
            Doomed { usage, clone: slot.clone }
        };
        self.delete(Some(doomed));
    }

    /// Deletes a clone that has no readers and is busy. The lock of the table is not held.
    fn delete(&self, doomed: Option<Doomed<'_>>) {
        let Some(Doomed { usage, clone }) = doomed else { return };
        // SAFETY: busy, hence live, and nobody else will do it.
        unsafe { KsStreamPointerDelete(clone) };
        usage.state.store(GONE, Ordering::SeqCst);
        if self.is_closing.load(Ordering::SeqCst) {
            self.vacated.set();
        }
    }
}

/// Locks an idle clone; `false` if it has been cancelled. The lock of the table is held.
fn lock_clone(usage: &Use, clone: NonNull<KSSTREAM_POINTER>) -> bool {
    if !usage.turn(IDLE, BUSY) {
        return false;
    }
    // SAFETY: busy since just now, hence live and unlocked.
    let status = unsafe { KsStreamPointerLock(clone.as_ptr()) };
    Error::check(status).is_ok()
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
    usage: &'a Use,
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
        self.slots.release(self.index, self.usage);
    }
}

#[cfg(test)]
mod tests;
