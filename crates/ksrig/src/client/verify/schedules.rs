//! Schedules of one scenario whose threads race.

use super::run::{Outcome, Run};
use super::subject::Subject;
use crate::client::scenario::Scenario;
use crate::nt::sched::Plan;
use crate::verifier::Finding;
use crate::verifier::schedule::{Choices, Schedules, minimise, taken};

/// Deviations from the plainest schedule that are tried exhaustively.
pub const DEVIATIONS: usize = 2;

/// Attempts to make a failing schedule smaller.
pub const ATTEMPTS: usize = 500;

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored {
    /// Schedules tried.
    pub schedules: u64,
    /// Whether every schedule with few deviations was among them.
    pub exhausted: bool,
    /// The choices of the one that failed, and what came of it.
    pub failed: Option<(Choices, Outcome)>,
}

impl Subject {
    /// Tries schedules until one fails, at most `count` or until `goes_on` says that it is enough.
    pub fn explore(
        &self,
        scenario: &Scenario,
        seed: u64,
        count: u64,
        mut goes_on: impl FnMut(u64) -> bool,
    ) -> Explored {
        let mut schedules = Schedules::new(seed, DEVIATIONS, count);
        loop {
            let (made, exhausted) = schedules.progress();
            if made >= count || !goes_on(made) {
                return Explored { schedules: made, exhausted, failed: None };
            }
            let outcome = self.run(scenario, &Run::scheduled(schedules.begin()));
            schedules.end(&outcome.explored.choices, outcome.explored.switch_points);
            if !outcome.findings.is_empty() {
                let choices = taken(&outcome.explored.choices);
                return Explored { schedules: made + 1, exhausted: false, failed: Some((choices, outcome)) };
            }
            if outcome.explored.choices.is_empty() {
                // Where there is nothing to choose, this is the only schedule.
                return Explored { schedules: made + 1, exhausted: true, failed: None };
            }
        }
    }

    /// Makes a schedule again.
    pub fn replay(&self, scenario: &Scenario, choices: &Choices) -> Outcome {
        self.run(scenario, &Run::scheduled(Plan::Given(choices.clone())))
    }

    /// The fewest choices with which the same fault is found, as far as one gets while it `goes_on`; `smaller` is told of
    /// each success.
    pub fn minimise(
        &self,
        scenario: &Scenario,
        choices: Choices,
        finding: &Finding,
        mut goes_on: impl FnMut() -> bool,
        mut smaller: impl FnMut(&Choices, Finding),
    ) -> Choices {
        minimise(choices, ATTEMPTS, |fewer| {
            let again = |found: &Finding| found.is_same(finding);
            let found = goes_on().then(|| self.replay(scenario, fewer).findings.into_iter().find(again));
            let found = found.flatten();
            found.map(|found| smaller(fewer, found)).is_some()
        })
    }
}
