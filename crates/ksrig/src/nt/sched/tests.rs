use std::{cell::RefCell, time::Instant};

use super::*;
use crate::nt::MachineOptions;

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

fn run(seed: u64) -> Vec<String> {
    let machine = Machine::new(MachineOptions { seed, preemption: 2, ..MachineOptions::default() });
    let threads: Vec<_> = (0..4)
        .map(|number| {
            machine.spawn(&format!("t{number}"), move || {
                for step in 0..20 {
                    let line = format!("{number}.{step}@{}", now());
                    machine.extension::<Log>().0.borrow_mut().push(line);
                    if step % 7 == 3 {
                        sleep(100 + number);
                    }
                    switch_point();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(super::super::machine::JoinHandle::join);
    let log = machine.extension::<Log>().0.take();
    machine.shutdown();
    log
}

/// The same seed gives the same sequence of switches; another seed another one.
#[test]
fn same_seed_same_run() {
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// What becomes of a counter to which three threads add 1, each with a switch point between reading and writing.
fn counted(seed: u64, changes: Vec<u64>) -> (u32, u64) {
    #[derive(Default)]
    struct Counter(Cell<u32>);
    let machine = Machine::new(MachineOptions { preemption: 0, ..MachineOptions::default() });
    explore(Plan::Priorities { seed, changes, stop_in: 0 });
    let add = move || {
        let counter = &machine.extension::<Counter>().0;
        switch_point();
        let before = counter.get();
        switch_point();
        counter.set(before + 1);
    };
    let threads: Vec<_> = (0..3).map(|number| machine.spawn(&format!("t{number}"), add)).collect();
    threads.into_iter().for_each(super::super::machine::JoinHandle::join);
    let steps = explored().switch_points;
    let count = machine.extension::<Counter>().0.get();
    machine.shutdown();
    (count, steps)
}

/// Priorities: whoever is highest runs until it blocks, so nothing is lost without a change; one change at the right
/// switch point loses an update, and seeds find it. The same seed gives the same run.
#[test]
fn priorities_by_chance() {
    for seed in 0..20 {
        assert_eq!(counted(seed, vec![]), (3, 6), "seed {seed}");
    }
    let lost = (0..20).filter(|seed| counted(*seed, vec![2]).0 < 3).count();
    assert!(lost > 0, "the thread that fell between reading and writing");
    assert!((0..20).all(|seed| counted(seed, vec![1]).0 == 3), "falling before it reads loses nothing");
    for seed in 0..5 {
        assert_eq!(counted(seed, vec![2, 4]), counted(seed, vec![4, 2]));
    }
}

/// What was decided can be read to the end of the machine, and by a thread that is none of its.
#[test]
fn choices_stay_readable() {
    let machine = Machine::new(MachineOptions::default());
    let threads = [(); 2].map(|()| machine.spawn("t", || (0..5).for_each(|_| switch_point())));
    explore(Plan::Given(vec![(0, 1)]));
    threads.into_iter().for_each(super::super::machine::JoinHandle::join);
    let watchdog = || std::thread::spawn(|| explored_so_far(machine)).join().expect("no panic");
    let before = watchdog();
    let explored = explored();
    assert_eq!(explored.choices.first().map(|choice| choice.taken), Some(1));
    assert_eq!((&before, &watchdog()), (&explored.choices, &explored.choices));
    machine.shutdown();
}

/// Hours of virtual time take no real time, and arrive exactly.
#[test]
fn time_jumps() {
    let machine = Machine::new(MachineOptions::default());
    let start = Instant::now();
    sleep(36_000_000_000 * 5);
    assert_eq!(now(), 36_000_000_000 * 5);
    assert!(start.elapsed().as_secs() < 5);
    machine.shutdown();
}

fn panic_with(stop: &bugcheck::Stop) {
    panic!("{}", stop.rule);
}

/// All threads blocked and no time-out set: a deadlock is reported, in whichever thread it happens.
#[test]
#[should_panic(expected = "deadlock")]
fn deadlock_is_reported() {
    let machine = Machine::new(MachineOptions { on_stop: Some(panic_with), ..MachineOptions::default() });
    let thread = machine.spawn("other", || block(&"nothing", None));
    block(&"nothing either", None);
    thread.join();
}

/// `settle` returns when the others have come to rest, and no time has passed.
#[test]
fn settle_runs_the_others() {
    let machine = Machine::new(MachineOptions::default());
    let thread = machine.spawn("busy", || (0..50).for_each(|_| yield_now()));
    settle();
    assert!(thread.is_done());
    assert_eq!(now(), 0);
    thread.join();
    machine.shutdown();
}
