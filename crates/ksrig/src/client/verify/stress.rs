//! One scenario again and again, its threads running free.

use super::run::{Outcome, Run};
use super::subject::Subject;
use crate::client::scenario::Scenario;
use crate::verifier::Replay;

/// What a stress came to.
#[derive(Debug)]
pub struct Stressed {
    /// Runs.
    pub runs: u64,
    /// The number of the one that failed, and what came of it.
    pub failed: Option<(u64, Outcome)>,
}

impl Subject {
    /// Plays a scenario with threads that run free until a run fails, at most `count` times or until `goes_on` says that it is
    /// enough; it gets the number of the run that comes. The first run has number `first`.
    pub fn stress(
        &self,
        scenario: &Scenario,
        first: u64,
        count: u64,
        mut goes_on: impl FnMut(u64) -> bool,
    ) -> Stressed {
        for made in 0..count {
            let number = first + made;
            if !goes_on(number) {
                return Stressed { runs: made, failed: None };
            }
            let outcome = self.run(scenario, &Run::of(&Replay::Free(number)));
            if !outcome.findings.is_empty() {
                return Stressed { runs: made + 1, failed: Some((number, outcome)) };
            }
        }
        Stressed { runs: count, failed: None }
    }
}
