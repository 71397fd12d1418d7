//! Allocators of a pin: the minidriver's (R7.9), or AVStream's default one, which takes pool.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use ks_sys::{
    _POOL_TYPE::NonPagedPoolNx, KSALLOCATOR_DISPATCH, KSALLOCATOR_FRAMING, KSALLOCATOR_FRAMING_EX, NTSTATUS,
    PAGE_SIZE, PVOID, STATUS_INVALID_PARAMETER,
};

use super::{
    call::{
        ALLOCATOR_ALLOCATE, ALLOCATOR_DELETE, ALLOCATOR_FREE, ALLOCATOR_INITIALIZE, driver_call,
        driver_status,
    },
    object::Pin,
};
use crate::nt::{ExAllocatePoolWithTag, ExFreePoolWithTag, violation};

const TAG: u32 = u32::from_le_bytes(*b"KSal");
/// What pool memory smaller than a page is aligned to, less one.
const POOL_ALIGNMENT: u32 = 15;

enum Memory {
    /// The minidriver's, with its context.
    Driver(&'static KSALLOCATOR_DISPATCH, usize),
    Pool,
}

/// One allocator.
pub struct Allocator {
    pin: &'static str,
    framing: KSALLOCATOR_FRAMING,
    memory: Memory,
    state: Mutex<State>,
}

// SAFETY: the framing is plain numbers, the rest is locked.
unsafe impl Send for Allocator {}
// SAFETY: as above.
unsafe impl Sync for Allocator {}

#[derive(Default)]
struct State {
    /// Frames that are out, by address.
    out: Vec<usize>,
    /// Frames that were promised and are being made.
    promised: u32,
    /// Requests that wait for a frame (IRPs, by address).
    waiting: VecDeque<usize>,
}

impl Allocator {
    /// The allocator of a pin with this framing. Errors: STATUS_INVALID_PARAMETER for a framing without a frame size or
    /// with an alignment that is none, those of InitializeAllocator. ASSUMED: a dispatch table without Allocate or Free
    /// is none. Passive level.
    pub fn new(pin: &'static Pin, framing: KSALLOCATOR_FRAMING) -> Result<Self, NTSTATUS> {
        let mask = framing.FileAlignment;
        if framing.FrameSize == 0 || !mask.wrapping_add(1).is_power_of_two() || mask >= PAGE_SIZE {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // SAFETY: the driver's table lives as long as the pin.
        let dispatch = pin.dispatch().and_then(|dispatch| unsafe { dispatch.Allocator.as_ref() });
        let whole = |dispatch: &&KSALLOCATOR_DISPATCH| dispatch.Allocate.is_some() && dispatch.Free.is_some();
        let memory = match dispatch.filter(whole) {
            Some(dispatch) => Memory::Driver(dispatch, initialize(pin, dispatch, framing)?),
            None => Memory::Pool,
        };
        Ok(Self { pin: pin.name(), framing, memory, state: Mutex::default() })
    }

    /// What it was made with.
    pub fn framing(&self) -> KSALLOCATOR_FRAMING {
        self.framing
    }

    /// How many frames are out.
    pub fn allocated(&self) -> u32 {
        self.lock().out.len() as u32
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("never poisoned")
    }

    /// A frame; none when all are out, or when there is no memory. ASSUMED: `Frames` 0 is no limit. At most dispatch
    /// level.
    pub fn allocate(&self) -> Option<PVOID> {
        {
            let mut state = self.lock();
            let out = state.out.len() as u32 + state.promised;
            if self.framing.Frames != 0 && out >= self.framing.Frames {
                return None;
            }
            state.promised += 1;
        }
        let frame = match &self.memory {
            Memory::Driver(dispatch, context) => dispatch.Allocate.map_or(std::ptr::null_mut(), |allocate| {
                // SAFETY: the driver's callback with its own context.
                driver_call(ALLOCATOR_ALLOCATE, self.pin, || unsafe { allocate(*context as PVOID) })
            }),
            Memory::Pool => {
                // Pool of a page and more is aligned to pages.
                let least = if self.framing.FileAlignment > POOL_ALIGNMENT { PAGE_SIZE } else { 0 };
                let bytes = self.framing.FrameSize.max(least);
                // SAFETY: any size.
                unsafe { ExAllocatePoolWithTag(NonPagedPoolNx, bytes.into(), TAG) }
            }
        };
        let mut state = self.lock();
        state.promised -= 1;
        if frame.is_null() {
            return None;
        }
        state.out.push(frame as usize);
        Some(frame)
    }

    /// Takes a frame back. A request that waits gets it; otherwise it is freed. STATUS_INVALID_PARAMETER for what is no
    /// frame of this allocator. At most dispatch level.
    pub fn free(&self, frame: PVOID, hand_on: impl FnOnce(usize, PVOID)) -> Result<(), NTSTATUS> {
        let next = {
            let mut state = self.lock();
            let place = state.out.iter().position(|&out| out == frame as usize);
            let place = place.ok_or(STATUS_INVALID_PARAMETER)?;
            let next = state.waiting.pop_front();
            if next.is_none() {
                state.out.remove(place);
            }
            next
        };
        match next {
            Some(irp) => hand_on(irp, frame),
            None => self.release(frame),
        }
        Ok(())
    }

    fn release(&self, frame: PVOID) {
        match &self.memory {
            Memory::Driver(dispatch, context) => {
                if let Some(free) = dispatch.Free {
                    // SAFETY: the driver's callback with its own context and frame.
                    driver_call(ALLOCATOR_FREE, self.pin, || unsafe { free(*context as PVOID, frame) });
                }
            }
            // SAFETY: allocated by `allocate`.
            Memory::Pool => unsafe { ExFreePoolWithTag(frame, TAG) },
        }
    }

    /// A request waits for a frame, behind those that wait already.
    pub fn wait(&self, irp: usize) {
        self.lock().waiting.push_back(irp);
    }

    /// A request waits no longer; false when it has got its frame.
    pub fn give_up(&self, irp: usize) -> bool {
        let mut state = self.lock();
        let before = state.waiting.len();
        state.waiting.retain(|&other| other != irp);
        state.waiting.len() < before
    }

    /// The requests that wait.
    pub fn waiting(&self) -> Vec<usize> {
        self.lock().waiting.iter().copied().collect()
    }

    /// It is closed: frames that are still out are reported and freed, the minidriver's allocator is deleted. Passive
    /// level.
    pub fn end(&self, name: &str) {
        let left = std::mem::take(&mut self.lock().out);
        if !left.is_empty() {
            let message = format!("{} frame(s) left when the allocator was closed", left.len());
            violation::report("KsAllocatorFrames", 0, name, message);
        }
        left.into_iter().for_each(|frame| self.release(frame as PVOID));
        if let Memory::Driver(dispatch, context) = &self.memory
            && let Some(delete) = dispatch.DeleteAllocator
        {
            // SAFETY: the driver's callback with its own context.
            driver_call(ALLOCATOR_DELETE, self.pin, || unsafe { delete(*context as PVOID) });
        }
    }
}

fn initialize(
    pin: &'static Pin,
    dispatch: &KSALLOCATOR_DISPATCH,
    framing: KSALLOCATOR_FRAMING,
) -> Result<usize, NTSTATUS> {
    let Some(initialize) = dispatch.InitializeAllocator else { return Ok(0) };
    let (mut framing, mut context) = (framing, std::ptr::null_mut());
    // SAFETY: the driver's callback with its own pin; the places are ours.
    let status = driver_status(ALLOCATOR_INITIALIZE, pin.name(), || unsafe {
        initialize(pin.ks(), &raw mut framing, &raw mut context)
    });
    if status < 0 { Err(status) } else { Ok(context as usize) }
}

/// The short form of a framing: its first item (R7.7). ASSUMED: of a range of frame sizes the largest.
pub fn short(framing: &KSALLOCATOR_FRAMING_EX) -> KSALLOCATOR_FRAMING {
    let item = &framing.FramingItem[0];
    // SAFETY: all zero is a valid framing.
    let mut short = unsafe { std::mem::zeroed::<KSALLOCATOR_FRAMING>() };
    short.__bindgen_anon_1.RequirementsFlags = item.Flags;
    short.PoolType = ks_sys::_POOL_TYPE::NonPagedPool;
    short.Frames = item.Frames;
    short.FrameSize = item.FramingRange.Range.MaxFrameSize;
    short.FileAlignment = item.FileAlignment;
    short
}
