//! One scenario on a fresh machine.

use std::cell::RefCell;
use std::sync::Arc;

use super::subject::{Health, Subject};
use crate::client::format::SECOND;
use crate::client::scenario::{Abandoned, Done, Feed, Scenario, Stage, Traffic};
use crate::client::{Driver, Rig, State};
use crate::nt::inject::{self, Tally};
use crate::nt::sched::{self, Explored, Plan};
use crate::nt::{self, Machine, object, trace, violation};
use crate::verifier::{Finding, Replay};

/// Virtual time that no run needs: five minutes, in 100 ns units.
pub(super) const LIMIT: u64 = 300 * SECOND;

/// What is done to a run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Calls that fail.
    pub faults: Option<inject::Plan>,
    /// Who runs when.
    pub schedule: Option<Plan>,
    /// Threads run free, in the run of this number.
    pub free: Option<u64>,
}

impl Run {
    /// What a report says.
    pub fn of(replay: &Replay) -> Self {
        let faults = |plan| Self { faults: Some(plan), ..Self::default() };
        match replay {
            Replay::Plain => Self::default(),
            Replay::Site(site) => faults(inject::Plan::Site(*site)),
            Replay::Nth(number) => faults(inject::Plan::Nth(*number)),
            Replay::From(number) => faults(inject::Plan::From(*number)),
            Replay::Choices(choices) => Self::scheduled(Plan::Given(choices.clone())),
            Replay::Free(run) => Self { free: Some(*run), ..Self::default() },
        }
    }

    /// Of this schedule.
    pub(super) fn scheduled(plan: Plan) -> Self {
        Self { schedule: Some(plan), ..Self::default() }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the driver did wrong.
    pub findings: Vec<Finding>,
    /// What was done, and how often.
    pub done: Done,
    /// The calls that can fail, and those that failed.
    pub tally: Tally,
    /// The choices of the schedule.
    pub explored: Explored,
}

impl Subject {
    /// Plays a scenario on a machine of its own.
    pub fn run(&self, scenario: &Scenario, run: &Run) -> Outcome {
        let mut builder = self.builder.clone();
        let seed = builder.machine().seed;
        if let Some(number) = run.free {
            builder = builder.free(true).seed(seed.wrapping_add(number));
        }
        let rig = builder.build();
        sched::limit(LIMIT);
        let before = object::handles_and_objects();
        let stage = Stage {
            rig: &rig,
            survey: Arc::clone(&self.survey),
            pairs: Arc::clone(&self.pairs),
            paths: &self.paths,
            drivers: RefCell::default(),
            done: RefCell::default(),
            plan: RefCell::new(run.schedule.clone()),
        };
        let fail = || {
            if let Some(plan) = &run.faults {
                inject::begin(plan.clone());
            }
        };
        if scenario.loads {
            fail();
        }
        let loaded = stage.load();
        if !scenario.loads {
            fail();
        }
        if loaded.is_ok() {
            (scenario.act)(&stage);
        }
        // Nothing is done to the drivers any more; what was done stays readable, for a stop on the way to the end.
        let explored = if scenario.races { sched::explored() } else { Explored::default() };
        let tally = if run.faults.is_some() { inject::end() } else { Tally::default() };
        stage.each_driver(Driver::wait_for_files);
        if tally.failed > 0 {
            self.check_recovery(&stage);
        } else if let Err(error) = loaded {
            violation::report(
                "Recovery",
                0,
                "the drivers",
                format_args!("nothing failed on purpose, but: {error}"),
            );
        }
        stage.unload();
        self.check_what_is_left(before);
        let events = trace::take();
        let findings = violation::take().into_iter().map(|broken| {
            let mut finding = Finding::of_violation(&broken, &events);
            finding.scenario = scenario.name.to_owned();
            finding.seed = seed;
            finding.injected = tally.struck.as_ref().map(ToString::to_string);
            finding
        });
        let findings = findings.collect();
        if run.schedule.is_some() {
            stage.did_often("choices", explored.choices.len() as u64);
            stage.did_often("switch points", explored.switch_points);
        }
        let done = stage.done.take();
        drop(stage);
        rig.end();
        Outcome { findings, done, tally, explored }
    }

    /// What the drivers do when they are asked for everything once.
    pub(super) fn look(&self, rig: &Rig) -> Health {
        let mut health = Health { filters: rig.filters().len(), ..Health::default() };
        let mut traffic = Traffic::new(&self.survey, &self.pairs, Feed::Links);
        health.pins = traffic.lanes.len();
        health.links = traffic.links.len();
        traffic.to(State::Run);
        traffic.flow(rig, 3);
        health.streaming = traffic.lanes.iter().filter(|lane| lane.done > 0).count();
        traffic.stop();
        drop(traffic);
        sched::settle();
        health
    }

    /// Nothing fails any more: the drivers do what they did, if need be after they were loaded again.
    fn check_recovery(&self, stage: &Stage<'_>) {
        if stage.rig.filters().len() != self.health.filters {
            stage.unload();
            if let Err(error) = stage.load() {
                return violation::report(
                    "Recovery",
                    0,
                    "the drivers",
                    format_args!("not loaded again: {error}"),
                );
            }
        }
        let health = self.look(stage.rig);
        if health != self.health {
            let message = format_args!("before the failure {:?}, after it {health:?}", self.health);
            violation::report("Recovery", 0, "the drivers", message);
        }
    }

    /// Files, objects and MDLs that outlive the drivers.
    fn check_what_is_left(&self, before: (usize, usize)) {
        sched::settle();
        let now = object::handles_and_objects();
        // Events of the programs' own.
        let events = Machine::current().extension::<Abandoned>().0.get();
        let (handles, objects, mdls) = (
            now.0.saturating_sub(before.0 + events),
            now.1.saturating_sub(before.1 + self.stays + events),
            nt::mdls_in_use(),
        );
        if handles + objects + mdls > 0 {
            let message = format_args!("{handles} handles, {objects} objects and {mdls} MDLs are left");
            violation::report("ObjectLeft", 0, "the drivers", message);
        }
    }
}
