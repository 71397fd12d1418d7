//! A queue under fire: frames released in any order, by other threads, under cancellation and stops.

#![allow(missing_docs, clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks)]

mod fixture;

use std::cell::{Cell, RefCell};

use fixture::{Bench, Kind, format, pin};
use ks_sys::{
    KSSTREAM_POINTER_STATE::{
        KSSTREAM_POINTER_STATE_LOCKED as LOCKED, KSSTREAM_POINTER_STATE_UNLOCKED as UNLOCKED,
    },
    *,
};
use ksrig::{
    client::{Packet, Rig, State, Status},
    ks::{clone::*, stream_pointer::*},
    nt::{Machine, sched, trace::Event},
};

/// What the minidriver's threads share.
#[derive(Default)]
struct Shared {
    clones: RefCell<Vec<usize>>,
    ending: Cell<bool>,
}

fn shared() -> &'static Shared {
    Machine::current().extension::<Shared>()
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

unsafe extern "win64" fn cancelled(pointer: PKSSTREAM_POINTER) {
    shared().clones.borrow_mut().retain(|&clone| clone != pointer as usize);
    KsStreamPointerDelete(pointer);
}

fn minidriver(seed: u64, ks: usize) {
    let ks = ks as *mut KSPIN;
    let mut random = Random(seed);
    while !shared().ending.get() {
        sched::yield_now();
        match random.below(4) {
            0 => {
                let clones = &shared().clones;
                let count = clones.borrow().len() as u64;
                if count > 0 {
                    let clone = clones.borrow_mut().swap_remove(random.below(count) as usize);
                    KsStreamPointerDelete(clone as PKSSTREAM_POINTER);
                }
            }
            1 => {
                let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, UNLOCKED) };
                if !edge.is_null() {
                    clone(edge, &mut random);
                    sched::yield_now();
                    if unsafe { KsPinGetLeadingEdgeStreamPointer(ks, UNLOCKED) } == edge {
                        KsStreamPointerAdvance(edge);
                    }
                }
            }
            _ => {
                let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
                if edge.is_null() {
                    sched::sleep(10);
                    continue;
                }
                // The edge is this thread's while it is locked: no other one locks it.
                for _ in 0..random.below(3) {
                    clone(edge, &mut random);
                }
                let used = random.below(20).min(unsafe { (*edge).OffsetOut.Remaining }.into()) as u32;
                KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, used, random.below(2) as u8);
            }
        }
    }
}

fn clone(pointer: PKSSTREAM_POINTER, random: &mut Random) {
    let mut clone = std::ptr::null_mut();
    let cancel: PFNKSSTREAMPOINTER = if random.below(2) == 0 { Some(cancelled) } else { None };
    if unsafe { KsStreamPointerClone(pointer, cancel, 16, &mut clone) } == STATUS_SUCCESS {
        // Before the unlock: a cancellation that waited for it deletes the clone.
        shared().clones.borrow_mut().push(clone as usize);
        if random.below(2) == 0 && unsafe { !(*clone).StreamHeader.is_null() } {
            // Locked if it is a clone of a locked one.
            let mut irp = [0; 2];
            if !unsafe { KsStreamPointerGetIrp(clone, &mut irp[0], &mut irp[1]) }.is_null() {
                KsStreamPointerUnlock(clone, 0);
            }
        }
    }
}

#[test]
fn every_request_comes_back_once() {
    for seed in 0..40 {
        run(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

fn run(seed: u64) -> Vec<Event> {
    let flags = KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING
        | if seed.is_multiple_of(3) { KSPIN_FLAG_ENFORCE_FIFO } else { 0 };
    let bench = Bench::with(Rig::builder().seed(seed), &[&[Kind::output().flags(flags)]]);
    let client = bench.filters[0].create_pin(0, &format(64)).unwrap();
    client.set_state(State::Run).unwrap();
    let ks = pin(0) as usize;
    let thread = bench.rig.spawn("minidriver", move || minidriver(seed, ks));
    let mut random = Random(seed + 1000);
    let mut pending = Vec::new();
    let (mut filled, mut cancelled) = (0, 0);
    for _ in 0..400 {
        sched::yield_now();
        match random.below(8) {
            0 if !pending.is_empty() => {
                let request: &ksrig::client::Request = &pending[random.below(pending.len() as u64) as usize];
                request.cancel();
            }
            1..=3 if !pending.is_empty() => {
                let request = pending.remove(0);
                match ksrig::client::Request::wait_for(request, 200) {
                    Ok(done) => {
                        let whole = done.packet.len() * size_of::<KSSTREAM_HEADER>();
                        match done.status {
                            Status::SUCCESS => assert_eq!(done.information, whole),
                            Status(STATUS_CANCELLED) => assert_eq!(done.information, 0),
                            other => panic!("{other}"),
                        }
                        for index in 0..done.packet.len() {
                            let header = done.packet.header(index);
                            assert_eq!(header.Data.cast_const().cast(), done.packet.frame(index).as_ptr());
                        }
                        if done.status == Status::SUCCESS { filled += 1 } else { cancelled += 1 }
                    }
                    Err(request) => pending.push(request),
                }
            }
            _ if pending.len() < 12 => {
                let lengths: Vec<usize> = (0..=random.below(3)).map(|_| 16).collect();
                pending.push(client.submit_read(Packet::new(&lengths)));
            }
            _ => {}
        }
    }
    assert!(filled > 10 && cancelled > 3, "seed {seed}: {filled} filled, {cancelled} cancelled");
    shared().ending.set(true);
    thread.join();
    // One by one: a deletion may let a cancellation through that deletes others.
    while let Some(clone) = last_clone() {
        KsStreamPointerDelete(clone as PKSSTREAM_POINTER);
    }
    client.set_state(State::Stop).unwrap();
    for request in pending {
        let status = request.wait().status;
        assert!(matches!(status, Status::SUCCESS | Status(STATUS_CANCELLED)), "{status}");
    }
    drop(client);
    let events = bench.rig.events();
    assert_eq!(bench.violations(), Vec::<&str>::new(), "seed {seed}");
    assert_eq!(bench.end(), Vec::<&str>::new(), "seed {seed}");
    events
}

fn last_clone() -> Option<usize> {
    shared().clones.borrow_mut().pop()
}
