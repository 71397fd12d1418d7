use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use ks_sys::*;

use crate::{
    nt::{
        KeCancelTimer, KeInitializeDpc, KeInitializeTimer, KeSetTimer, Machine, MachineOptions,
        callback::{Callback, CallbackKind, Group, call},
        exports::{self, Export},
        machine::JoinHandle,
        pnp,
        sched::{self, Plan},
    },
    pe::specimen::{ENTRY, SLOT, Specimen},
};

const KIND: CallbackKind = CallbackKind::new("Deed", Group::Driver);

fn machine(free: bool) -> &'static Machine {
    Machine::new(MachineOptions { free, ..MachineOptions::default() })
}

fn in_driver<R: crate::nt::callback::Returned>(body: impl FnOnce() -> R) -> R {
    call(Callback { kind: KIND, object: &"a driver" }, body)
}

/// Two threads are in driver code at the same time on a machine whose threads run free, and never on another one.
#[test]
fn driver_code_runs_at_once() {
    for free in [true, false] {
        let machine = machine(free);
        let inside = Arc::new(AtomicU32::new(0));
        let met = Arc::new(AtomicBool::new(false));
        let threads = ["one", "two"].map(|name| {
            let (inside, met) = (Arc::clone(&inside), Arc::clone(&met));
            machine.spawn(name, move || {
                in_driver(|| {
                    inside.fetch_add(1, Ordering::SeqCst);
                    let patience = Duration::from_millis(if free { 20_000 } else { 100 });
                    let begun = Instant::now();
                    while !met.load(Ordering::SeqCst) && begun.elapsed() < patience {
                        met.fetch_or(inside.load(Ordering::SeqCst) == 2, Ordering::SeqCst);
                        std::thread::yield_now();
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            })
        });
        threads.into_iter().for_each(JoinHandle::join);
        assert_eq!(met.load(Ordering::SeqCst), free);
        machine.shutdown();
    }
}

/// Virtual time does not pass, and nobody is said to wait for ever, while a thread is in driver code; `settle` waits for it.
#[test]
fn time_waits_for_driver_code() {
    let machine = machine(true);
    let done = Arc::new(AtomicBool::new(false));
    let set = |done: &Arc<AtomicBool>| {
        let done = Arc::clone(done);
        move || {
            in_driver(|| {
                std::thread::sleep(Duration::from_millis(30));
                assert_eq!(sched::now(), 0, "time has passed");
                done.store(true, Ordering::SeqCst);
            });
        }
    };
    let thread = machine.spawn("slow", set(&done));
    sched::settle();
    assert!(done.swap(false, Ordering::SeqCst), "settle waits");
    thread.join();
    let thread = machine.spawn("slow", set(&done));
    sched::sleep(10_000_000);
    assert!(done.load(Ordering::SeqCst) && sched::now() == 10_000_000);
    thread.join();
    machine.shutdown();
}

/// In exports the threads take turns as ever: a counter that is read and written apart there loses nothing.
#[test]
fn exports_take_turns() {
    #[derive(Default)]
    struct Counter(Cell<u32>);
    static EXPORT: Export =
        Export { name: "Count", thunk: std::ptr::null(), irql: 0..=2, rule: ("IrqlDdi", 0) };
    let machine = machine(true);
    let threads = ["one", "two", "three"].map(|name| {
        machine.spawn(name, move || {
            for _ in 0..200 {
                in_driver(|| {
                    let _call = exports::enter(&EXPORT);
                    let counter = &machine.extension::<Counter>().0;
                    let before = counter.get();
                    std::thread::yield_now();
                    counter.set(before + 1);
                });
            }
        })
    });
    threads.into_iter().for_each(JoinHandle::join);
    assert_eq!(machine.extension::<Counter>().0.get(), 600);
    machine.shutdown();
}

/// mov eax, [rcx]; inc eax; mov [rcx], eax; ret
const ADD: &[u8] = &[0x8B, 0x01, 0xFF, 0xC0, 0x89, 0x01, 0xC3];

/// The same behind a call: push rbx; sub rsp, 20h; mov rbx, rcx; call [slot]; mov eax, [rbx]; inc eax; mov [rbx], eax;
/// add rsp, 20h; pop rbx; ret
fn call_and_add() -> Vec<u8> {
    let before = [0x53, 0x48, 0x83, 0xEC, 0x20, 0x48, 0x89, 0xCB, 0xFF, 0x15];
    let next = ENTRY + 3 + before.len() as u32 + 4;
    let after = [0x8B, 0x03, 0xFF, 0xC0, 0x89, 0x03, 0x48, 0x83, 0xC4, 0x20, 0x5B, 0xC3];
    [&before[..], &SLOT.wrapping_sub(next).to_le_bytes(), &after].concat()
}

/// Additions of two threads that a driver loses which reads and writes the number apart, with no call in between; and the
/// choices of the plan.
fn lost(free: bool, plan: Option<Plan>, add: &[u8]) -> (u32, Vec<(u64, u32)>) {
    const TIMES: u32 = 1000;
    let machine = machine(free);
    // DriverEntry: xor eax, eax; ret
    let code = [&[0x31, 0xC0, 0xC3][..], add].concat();
    let specimen = Specimen { import: "KeGetCurrentIrql", code, ..Specimen::default() };
    let driver = pnp::load("add.sys", &specimen.build()).expect("DriverEntry succeeds");
    let add = driver.image().expect("an image").entry() + 3;
    let number = Arc::new(AtomicU32::new(0));
    let threads = ["one", "two"].map(|name| {
        let number = Arc::clone(&number);
        machine.spawn(name, move || {
            for _ in 0..TIMES {
                // SAFETY: the code above is such a function.
                let add: unsafe extern "win64" fn(*mut u32) = unsafe { std::mem::transmute(add) };
                // SAFETY: the number's address.
                in_driver(|| unsafe { add(number.as_ptr()) });
                sched::yield_now();
            }
        })
    });
    if let Some(plan) = plan {
        sched::explore(plan);
    }
    threads.into_iter().for_each(JoinHandle::join);
    let taken = sched::explored().choices.into_iter().filter(|choice| choice.taken != 0);
    let choices = taken.map(|choice| (choice.at, choice.taken)).collect();
    driver.unload();
    machine.shutdown();
    (2 * TIMES - number.load(Ordering::Relaxed), choices)
}

/// Threads that run free stop between two instructions of a driver; those that take turns do not.
#[test]
fn free_threads_stop_in_the_middle() {
    for add in [ADD, &call_and_add()] {
        assert!(lost(true, None, add).0 > 0);
        assert_eq!(lost(false, None, add).0, 0);
    }
}

/// Schedules have such stops, too, where their plan has; and one that has them comes back by its choices.
#[test]
fn schedules_stop_in_the_middle() {
    let chance = |seed, stop_in| Plan::Chance { seed, one_in: 5, stop_in };
    let priorities = |seed, stop_in| Plan::Priorities { seed, changes: vec![], stop_in };
    for seed in 0..3 {
        for plan in [chance(seed, 0), priorities(seed, 0)] {
            assert_eq!(lost(false, Some(plan), ADD).0, 0);
        }
        for (plan, add) in [(chance(seed, 4), ADD), (priorities(seed, 4), &call_and_add())] {
            let (first, choices) = lost(false, Some(plan), add);
            assert!(first > 0);
            assert_eq!(lost(false, Some(Plan::Given(choices.clone())), add), (first, choices));
        }
    }
}

/// A step is one although Linux took it for an int 1, and ends the counting where nothing is counted; an int 3 is none.
#[test]
fn steps_are_told_from_breakpoints() {
    let machine = machine(false);
    let trapped = |code, flags| {
        let mut registers = [0; 23];
        registers[libc::REG_EFL as usize] = flags;
        let is_step = sched::step::trapped(code, &mut registers);
        (is_step, registers[libc::REG_EFL as usize])
    };
    for code in [1, 2] {
        assert_eq!((trapped(code, 0x146), trapped(code, 0x46)), ((true, 0x46), (true, 0x46)));
    }
    assert_eq!(trapped(libc::SI_KERNEL, 0x146), (false, 0x146));
    machine.shutdown();
}

static DPCS: AtomicU32 = AtomicU32::new(0);

unsafe extern "win64" fn count_dpc(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    DPCS.fetch_add(1, Ordering::Relaxed);
}

/// A timer that is soon due may be due while a thread stops in driver code, as on another processor; one that is due much
/// later may not, and without stops none is. The schedule comes back by its choices.
#[test]
fn timers_come_in_the_middle() {
    let early = |milliseconds: i64, plan: Plan| {
        let machine = machine(false);
        let code = [&[0x31, 0xC0, 0xC3][..], ADD].concat();
        let specimen = Specimen { import: "KeGetCurrentIrql", code, ..Specimen::default() };
        let driver = pnp::load("add.sys", &specimen.build()).expect("DriverEntry succeeds");
        let add = driver.image().expect("an image").entry() + 3;
        let (mut timer, mut dpc, mut number) = (Box::<KTIMER>::default(), Box::<KDPC>::default(), 0);
        DPCS.store(0, Ordering::Relaxed);
        // SAFETY: timer and DPC live until the timer is cancelled; the code above is such a function.
        unsafe {
            KeInitializeTimer(&raw mut *timer);
            KeInitializeDpc(&raw mut *dpc, Some(count_dpc), std::ptr::null_mut());
            KeSetTimer(&raw mut *timer, LARGE_INTEGER { QuadPart: -10_000 * milliseconds }, &raw mut *dpc);
            let add: unsafe extern "win64" fn(*mut u32) = std::mem::transmute(add);
            sched::explore(plan);
            in_driver(|| add(&raw mut number));
            KeCancelTimer(&raw mut *timer);
        }
        let (came, then) = (DPCS.load(Ordering::Relaxed), sched::now());
        assert_eq!(then, u64::from(came) * 10_000 * milliseconds as u64);
        let taken = sched::explored().choices.into_iter().filter(|choice| choice.taken != 0);
        let choices: Vec<_> = taken.map(|choice| (choice.at, choice.taken)).collect();
        driver.unload();
        machine.shutdown();
        (came, choices)
    };
    let stops = |seed| Plan::Chance { seed, one_in: 1000, stop_in: 1 };
    let came: Vec<_> = (0..40).map(|seed| early(10, stops(seed))).filter(|(came, _)| *came > 0).collect();
    assert!(came.len() > 1 && came.len() < 20, "{came:?}");
    for (_, choices) in came {
        assert_eq!(early(10, Plan::Given(choices.clone())), (1, choices));
    }
    assert!((0..40).all(|seed| early(1000, stops(seed)).0 == 0));
    assert!((0..40).all(|seed| early(10, Plan::Chance { seed, one_in: 2, stop_in: 0 }).0 == 0));
}
