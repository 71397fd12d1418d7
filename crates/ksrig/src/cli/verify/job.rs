//! One scenario in a process of its own: what it is to do, and what it tells.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::Error;
use crate::client::scenario::{Done, scenario};
use crate::client::verify::{Run, Subject, faults::Sweep};
use crate::nt::bugcheck::{EXIT_CODE, Stop};
use crate::nt::{Machine, inject, sched, trace};
use crate::verifier::schedule::{Choices, taken};
use crate::verifier::{Finding, Replay};

/// What is to be done with a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// It is played once.
    Play,
    /// It is played once more as it was.
    Again(String),
    /// Calls fail, from here on.
    Faults(Sweep),
    /// Schedules are tried, so many.
    Schedules(u64),
    /// Threads run free, so often.
    Stress(u64),
    /// A schedule with which a fault is found is made smaller.
    Minimise(Choices, Box<Finding>),
}

/// A job for a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The scenario.
    pub scenario: String,
    /// What is to be done.
    pub work: Work,
    /// For how long at most, seconds of real time.
    pub seconds: Option<f64>,
}

/// What the process tells, each in a line.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// Something is wrong with the driver.
    Found(Finding),
    /// So many runs have been made.
    Runs(u64),
    /// A smaller schedule shows the fault, too: as this.
    Smaller(Choices, Finding),
    /// The machine has stopped, or the run does not end: the process ends.
    Stopped {
        /// Why.
        finding: Finding,
        /// Where the sweep has got to.
        sweep: Option<Sweep>,
        /// The schedules that were tried, or the free runs, this one among them.
        tried: Option<u64>,
    },
    /// It is over.
    Over {
        /// What was done in a run.
        done: Done,
        /// Where the sweep has got to.
        sweep: Option<Sweep>,
        /// Schedules, and whether all with few deviations were among them; or free runs.
        tried: Option<(u64, bool)>,
        /// Real time, seconds.
        seconds: f64,
    },
}

/// What marks a message among what else may be printed.
pub const MARK: char = '\u{1e}';

fn tell(message: &Message) {
    if let Ok(line) = serde_json::to_string(message) {
        println!("\n{MARK}{line}");
        let _ = std::io::stdout().flush();
    }
}

/// What is being done, for the report of a stop.
struct Current {
    scenario: &'static str,
    seed: u64,
    replay: Replay,
    sweep: Option<Sweep>,
    tried: Option<u64>,
    since: Instant,
    /// The machine of the run, when it has begun.
    machine: Option<&'static Machine>,
}

static CURRENT: Mutex<Option<Current>> = Mutex::new(None);

fn current() -> MutexGuard<'static, Option<Current>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin(scenario: &'static str, seed: u64, replay: Replay, sweep: Option<Sweep>, tried: Option<u64>) {
    let since = Instant::now();
    *current() = Some(Current { scenario, seed, replay, sweep, tried, since, machine: None });
}

/// For `MachineOptions::on_start`: each run has a machine of its own, and its own time.
pub fn on_start(machine: &'static Machine) {
    if let Some(current) = current().as_mut() {
        current.since = Instant::now();
        current.machine = Some(machine);
    }
}

/// The drivers are about to be asked what they are, for that job. Nothing of it may take longer than the patience.
pub fn survey(job: &Job, seed: u64, patience: Duration) {
    let replay = match &job.work {
        Work::Again(replay) => replay.parse().unwrap_or_default(),
        _ => Replay::Plain,
    };
    if let Some(scenario) = scenario(&job.scenario) {
        begin(scenario.name, seed, replay, None, None);
    }
    watch(patience);
}

/// The drivers cannot be asked anything: tells so, and that it is over.
pub fn not_loaded(job: &Job, seed: u64, error: &Error) {
    let message = error.to_string();
    let mut finding = match error.integrity() {
        Some(code) => Finding::of_image(code, message),
        None => Finding::of_process("not loaded", "the drivers load, and their devices start", message),
    };
    finding.scenario.clone_from(&job.scenario);
    finding.seed = seed;
    tell(&Message::Found(finding));
    tell(&Message::Over { done: Done::new(), sweep: None, tried: None, seconds: 0.0 });
}

/// Tells of a run that ends the process.
fn ends(mut finding: Finding) {
    let mut current = current();
    let Some(Current { scenario, seed, replay, sweep, tried, machine, .. }) = current.as_mut() else {
        return;
    };
    finding.scenario = (*scenario).to_owned();
    finding.seed = *seed;
    let choices = machine.map_or_else(Vec::new, sched::explored_so_far);
    if let Some(struck) = machine.and_then(inject::struck) {
        finding.injected = Some(struck.to_string());
        if let Some(sweep) = sweep.as_mut().filter(|_| *replay == Replay::Plain) {
            *replay = sweep.struck(&struck);
        }
    } else if !choices.is_empty() {
        *replay = Replay::Choices(taken(&choices));
    }
    finding.replay = replay.to_string();
    tell(&Message::Stopped { finding, sweep: sweep.clone(), tried: *tried });
}

/// For `MachineOptions::on_stop`.
pub fn on_stop(stop: &Stop) {
    ends(Finding::of_stop(stop, &trace::last(usize::MAX)));
}

/// Free runs in which a fault of one is looked for again.
const FREE_AGAIN: u64 = 1000;

/// Ends the process when a run does not end.
fn watch(patience: Duration) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let late = |current: &Current| current.since.elapsed() > patience;
            if current().as_ref().is_some_and(late) {
                let mut message = format!("the run goes on after {} s", patience.as_secs());
                let machine = current().as_ref().and_then(|current| current.machine);
                let still = machine.map_or(0, sched::stalled);
                if still > 0 {
                    message += &format!(
                        "; {still} threads stand still in driver code, and others may spin for what these hold"
                    );
                }
                ends(Finding::of_process("no end", "a run ends, and by itself", message));
                // SAFETY: ends the process, whose machine cannot be ended.
                unsafe { libc::_exit(EXIT_CODE) };
            }
        }
    });
}

/// Does a job and tells what came of it.
pub fn work(subject: &Subject, seed: u64, job: &Job) -> anyhow::Result<()> {
    let scenario =
        scenario(&job.scenario).ok_or_else(|| anyhow::anyhow!("no scenario {:?}", job.scenario))?;
    let begun = Instant::now();
    let goes_on = || job.seconds.is_none_or(|seconds| begun.elapsed().as_secs_f64() < seconds);
    let found = |findings: Vec<Finding>, replay: &Replay| {
        for mut finding in findings {
            finding.replay = replay.to_string();
            tell(&Message::Found(finding));
        }
    };
    let (mut done, mut swept, mut tried) = (Done::new(), None, None);
    let next = |made: u64, replay: Replay| {
        begin(scenario.name, seed, replay, None, Some(made + 1));
        if made.is_multiple_of(16) {
            tell(&Message::Runs(made));
        }
        goes_on()
    };
    let stress = |first: u64, count: u64| {
        let each = |number| next(number - first, Replay::Free(number));
        let stressed = subject.stress(scenario, first, count, each);
        if let Some((number, outcome)) = stressed.failed {
            found(outcome.findings, &Replay::Free(number));
        }
        stressed.runs
    };
    let mut once = |run: &Run, replay: &Replay| {
        begin(scenario.name, seed, replay.clone(), None, None);
        let outcome = subject.run(scenario, run);
        done = outcome.done;
        found(outcome.findings, replay);
    };
    match &job.work {
        Work::Play => once(&Run::default(), &Replay::Plain),
        Work::Again(replay) => {
            let replay: Replay = replay.parse().map_err(|reason: String| anyhow::anyhow!(reason))?;
            match replay {
                Replay::Free(number) => drop(stress(number, FREE_AGAIN)),
                replay => once(&Run::of(&replay), &replay),
            }
        }
        Work::Faults(sweep) => {
            let mut sweep = sweep.clone();
            sweep.go_on(
                subject,
                scenario,
                |sweep, replay| begin(scenario.name, seed, replay.clone(), Some(sweep.clone()), None),
                |sweep, outcome, replay| {
                    found(outcome.findings, replay);
                    tell(&Message::Runs(sweep.runs));
                    if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                },
            );
            swept = Some(sweep);
        }
        Work::Schedules(count) => {
            let explored = subject.explore(scenario, seed, *count, |made| next(made, Replay::Plain));
            tried = Some((explored.schedules, explored.exhausted));
            if let Some((choices, outcome)) = explored.failed {
                found(outcome.findings, &Replay::Choices(choices));
            }
        }
        Work::Stress(count) => tried = Some((stress(1, *count), false)),
        Work::Minimise(choices, finding) => {
            begin(scenario.name, seed, Replay::Plain, None, None);
            subject.minimise(scenario, choices.clone(), finding, goes_on, |fewer, found| {
                tell(&Message::Smaller(fewer.clone(), found));
            });
        }
    }
    tell(&Message::Over { done, sweep: swept, tried, seconds: begun.elapsed().as_secs_f64() });
    Ok(())
}
