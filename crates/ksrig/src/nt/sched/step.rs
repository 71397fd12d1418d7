//! A thread that stops in the middle of driver code, at an instruction that chance has chosen, while others go on: so that
//! threads meet there often, and not once in a million runs.
//!
//! The processor's trap flag brings a signal after each instruction (Intel SDM, volume 1, 3.4.3.1); the signal handler counts
//! those of drivers.

use std::{arch::asm, sync::atomic::Ordering};

use super::{Alarm, Scheduler, State, free};
use crate::{
    nt::{machine::lock, pnp, thread::Thread},
    pe::stub,
};

/// Where a thread stops, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// The instructions of drivers until then; 0 = it does not stop.
    instructions: u32,
    /// Instructions of the rig on the way to the driver after which it is given up; 0 = the thread is in the driver.
    way: u32,
    /// So often others enter driver code meanwhile.
    entries: u32,
    /// Whether a timer that is soon due is due then, as on another processor.
    until_timer: bool,
}

/// Of a place: until a timer is due.
const TIMER: u32 = 1 << 16;

impl Stall {
    /// At this place, as [`place`] gives it, and until it is the thread's turn again; none for 0.
    pub(super) fn at(place: u32) -> Option<Self> {
        let (instructions, until_timer) = (place % TIMER, place >= TIMER);
        (instructions > 0).then_some(Self { instructions, way: WAY, entries: 1, until_timer })
    }
}

/// How a thread gets from the rig into driver code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the return from an import: where the address lies that it returns to.
    Return(usize),
    /// By a call, or a return that no stub has noted.
    Call,
}

/// One entry of driver code in so many has a stall.
const ONE_IN: u64 = 4;
/// Instructions of the rig's on the way to the driver, at most.
const WAY: u32 = 256;
const TRAP_FLAG: i64 = 0x100;

/// Whether there is to be one, and where.
pub(super) fn draw(mut random: impl FnMut() -> u64) -> Option<Stall> {
    if !random().is_multiple_of(ONE_IN) {
        return None;
    }
    let stall = Stall::at(place(&mut random))?;
    Some(Stall { entries: 1 << (random() % 10), ..stall })
}

/// A place to stop at, never 0: an instruction, most of them early, as most stretches of driver code between two calls are
/// short; and for one in four [`TIMER`].
pub(super) fn place(mut random: impl FnMut() -> u64) -> u32 {
    let longest = 8 << (random() % 6);
    let instruction = 1 + (random() % longest) as u32;
    if random().is_multiple_of(4) { instruction + TIMER } else { instruction }
}

/// From here on the thread's instructions are counted.
pub(super) fn begin(thread: &Thread, stall: Stall, way: Way) {
    thread.stall.set(stall);
    match way {
        // The rig may have called the import itself: where a driver's routine is one.
        // SAFETY: the thread is in this call, whose work is done, and signals are handled on the alternate stack.
        Way::Return(place) => unsafe { stub::return_stepping(place, pnp::is_driver_code) },
        // SAFETY: sets a flag of this thread's; its signals are handled by `trapped`.
        Way::Call => unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") },
    }
}

/// They are not any more.
pub(super) fn end(thread: &Thread) {
    if thread.stall.replace(Stall::default()) != Stall::default() {
        // SAFETY: clears a flag of this thread's.
        unsafe { asm!("pushfq", "and qword ptr [rsp], ~0x100", "popfq") };
    }
}

/// An instruction has been executed with the trap flag set: true when it was one of those. In the signal handler.
pub fn trapped(code: i32, registers: &mut [i64]) -> bool {
    // siginfo.h: TRAP_BRKPT, TRAP_TRACE. A virtual machine may lose the bit by which Linux knows a step (BS of DR6), and Linux
    // takes it for an int 1 then. An int 3 has another code.
    const BREAKPOINT: i32 = 1;
    const TRACE: i32 = 2;
    let in_driver = pnp::is_driver_code(registers[libc::REG_RIP as usize] as usize);
    let steps = registers[libc::REG_EFL as usize] & TRAP_FLAG != 0;
    let is_step = code == TRACE || code == BREAKPOINT && (steps || !in_driver);
    let Some(thread) = Thread::try_current().filter(|_| is_step) else { return false };
    let mut stall = thread.stall.get();
    let goes_on = if in_driver {
        (stall.way, stall.instructions) = (0, stall.instructions.saturating_sub(1));
        stall.instructions > 0
    } else {
        // Once it has left driver code it is too late.
        stall.way = stall.way.saturating_sub(1);
        stall.way > 0
    };
    if goes_on {
        thread.stall.set(stall);
        return true;
    }
    registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
    let was = thread.stall.replace(Stall::default());
    if in_driver && was.instructions > 0 {
        let running = thread.meter.pause();
        free::stall(thread, u64::from(stall.entries), stall.until_timer);
        thread.meter.resume(running);
    }
    true
}

impl Scheduler {
    /// Whether a timer is the next alarm, and soon. What waits for longer would be late for no reason: callbacks have half a
    /// second, the processing mutex a tenth (KsTimed).
    pub(super) fn timer_is_soon(&self, state: &State) -> bool {
        const SOON: u64 = 400_000;
        const OFTEN: u32 = 2;
        let next = state.alarms.first_key_value();
        let is_soon = |((time, _), alarm): (&(u64, u64), &Alarm)| {
            matches!(alarm, Alarm::Timer(_)) && *time <= self.now.load(Ordering::Relaxed) + SOON
        };
        state.early < OFTEN && next.is_some_and(is_soon)
    }

    /// A timer is due, if one is soon.
    pub(super) fn let_timer_come(&self) {
        let mut state = lock(&self.state);
        if self.timer_is_soon(&state) {
            state.early += 1;
            self.let_time_pass(state);
        }
    }
}
