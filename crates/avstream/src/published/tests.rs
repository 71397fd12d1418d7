//! Writers, readers and cancellations at the same time.

use core::{mem::zeroed, sync::atomic::AtomicBool};
use std::thread;

use super::*;
use crate::{
    context::Processing,
    ffi::KSPIN_DATAFLOW,
    host::played::{alone, cancel, counts},
    pin::Pin,
};

/// A writer, readers and somebody who cancels, all at once: nobody reads a frame that has been given back, and
/// each is given back once.
#[test]
fn every_frame_is_given_back_once() {
    const FRAMES: u64 = 10_000;
    const READ: u64 = 500;
    let _alone = alone();
    let slots = &Slots::new().unwrap();
    // SAFETY: numbers and null pointers.
    let mut pin: KSPIN = unsafe { zeroed() };
    pin.DataFlow = KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN;
    let pin = NonNull::from(&mut pin);
    slots.open(pin).unwrap();
    let (is_done, count) = (&AtomicBool::new(false), &AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| read(slots, is_done, count));
        }
        scope.spawn(|| {
            let mut random = 1_usize;
            while !is_done.load(Ordering::Relaxed) {
                random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                cancel(random >> 33);
                thread::yield_now();
            }
        });
        let mut frames = 0;
        while frames < FRAMES || count.load(Ordering::Relaxed) < READ {
            frames += 1;
            // SAFETY: a pin that is being processed.
            let mut pin = unsafe { Pin::<Processing>::from_raw(pin) };
            let edge = pin.leading_edge().unwrap();
            let mut number = [0; 8];
            edge.source().unwrap().read(0, &mut number);
            let reading = slots.publish(&edge, u64::from_le_bytes(number), i64::from_le_bytes(number));
            edge.finish(8);
            drop(reading);
            if frames % 64 == 0 {
                slots.clear();
            }
            if frames % 16 == 0 {
                thread::yield_now();
            }
        }
        slots.close();
        is_done.store(true, Ordering::Relaxed);
    });
    let (cloned, deleted) = counts();
    assert_eq!(cloned, deleted);
}

/// A request that is cancelled comes back at once, or when its last reader is done.
#[test]
fn a_cancelled_frame_is_given_back() {
    let _alone = alone();
    let slots = &Slots::new().unwrap();
    // SAFETY: numbers and null pointers.
    let mut pin: KSPIN = unsafe { zeroed() };
    pin.DataFlow = KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN;
    let raw = NonNull::from(&mut pin);
    slots.open(raw).unwrap();
    for is_read in [false, true] {
        // SAFETY: a pin that is being processed.
        let mut pin = unsafe { Pin::<Processing>::from_raw(raw) };
        let edge = pin.leading_edge().unwrap();
        let reading = slots.publish(&edge, 0, 0);
        edge.finish(8);
        let (cloned, deleted) = counts();
        assert_eq!(cloned, deleted + 1);
        if is_read {
            let second = slots.newer_than(0);
            cancel(0);
            drop(reading);
            assert!(second.is_some() && counts() == (cloned, deleted));
            drop(second);
        } else {
            drop(reading);
            cancel(0);
        }
        assert_eq!(counts(), (cloned, cloned));
        assert!(slots.newer_than(0).is_none());
    }
    slots.close();
}

/// Reads whatever is new, and counts it.
fn read(slots: &Slots, is_done: &AtomicBool, count: &AtomicU64) {
    let mut seen = 0;
    while !is_done.load(Ordering::Relaxed) {
        let Some(reading) = slots.newer_than(seen) else {
            thread::yield_now();
            continue;
        };
        assert!(reading.sequence() > seen);
        seen = reading.sequence();
        for _ in 0..3 {
            let mut number = [0; 8];
            assert!(reading.source().unwrap().read(0, &mut number));
            assert_eq!(u64::from_le_bytes(number), reading.mark());
            assert_eq!(i64::from_le_bytes(number), reading.time());
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// While frames of one pin are on their way back no other pin can publish.
#[test]
fn nobody_opens_what_is_closing() {
    let _alone = alone();
    let slots = &Slots::new().unwrap();
    // SAFETY: numbers and null pointers.
    let mut pins: [KSPIN; 2] = unsafe { zeroed() };
    let [first, second] = pins.each_mut().map(|pin| {
        pin.DataFlow = KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN;
        NonNull::from(pin)
    });
    slots.open(first).unwrap();
    // SAFETY: a pin that is being processed.
    let mut pin = unsafe { Pin::<Processing>::from_raw(first) };
    let edge = pin.leading_edge().unwrap();
    let reading = slots.publish(&edge, 0, 0).unwrap();
    edge.finish(8);
    thread::scope(|scope| {
        let closing = scope.spawn(|| slots.close());
        while !slots.is_closing.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        assert_eq!(slots.open(second), Err(Error::SHARING_VIOLATION));
        assert!(!closing.is_finished());
        drop(reading);
        closing.join().unwrap();
    });
    slots.open(second).unwrap();
    slots.close();
}
