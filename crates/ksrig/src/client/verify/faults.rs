//! Systematic failures of one scenario: each place in the driver once; then each call by its number, alone and with all
//! that follow.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::run::{Outcome, Run};
use super::subject::Subject;
use crate::client::scenario::Scenario;
use crate::nt::inject::{Plan, Struck};
use crate::verifier::Replay;

/// Where a sweep is: it can be taken up behind a run that ended the process.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Sweep {
    /// Runs so far.
    pub runs: u64,
    /// Places and statuses that have failed.
    pub sites: BTreeSet<u64>,
    /// Whether a place is left.
    pub sites_done: bool,
    /// The calls of an undisturbed run.
    pub calls: u64,
    /// The number of the next call that fails alone, and the next from which on all fail.
    pub next: (u64, u64),
    /// From one number to the next.
    pub stride: u64,
}

impl Sweep {
    /// At the beginning; every `stride`-th number.
    pub fn new(stride: u64) -> Self {
        Self { next: (1, 1), stride: stride.max(1), ..Self::default() }
    }

    /// Without the places: every `stride`-th number of so many calls.
    pub fn by_number(calls: u64, stride: u64) -> Self {
        Self { sites_done: true, calls, ..Self::new(stride) }
    }

    /// What the next run does; none at the end.
    fn plan(&mut self) -> Option<(Plan, Replay)> {
        if !self.sites_done {
            // Which place it will be, the run shows.
            return Some((Plan::New(self.sites.clone()), Replay::Plain));
        }
        // In turns, so that a sweep that is cut short has both.
        let (alone, from) = (self.next.0, self.next.1);
        if alone <= from && alone <= self.calls {
            self.next.0 += self.stride;
            return Some((Plan::Nth(alone), Replay::Nth(alone)));
        }
        if from <= self.calls {
            self.next.1 += self.stride;
            return Some((Plan::From(from), Replay::From(from)));
        }
        None
    }

    /// Whether everything has failed that can.
    pub fn is_complete(&self) -> bool {
        self.runs_left() == Some(0)
    }

    /// Runs that are still to come; none while that is not known.
    pub fn runs_left(&self) -> Option<u64> {
        let left = |next: u64| (self.calls + 1).saturating_sub(next).div_ceil(self.stride);
        self.sites_done.then(|| left(self.next.0) + left(self.next.1))
    }

    /// A call has failed: the process may end before the run does.
    pub fn struck(&mut self, struck: &Struck) -> Replay {
        if struck.site != 0 {
            self.sites.insert(struck.site);
        }
        Replay::Site(struck.site)
    }

    /// Goes on to the end, or until `each` says that it is enough. `begin` is told what is about to be done.
    pub fn go_on(
        &mut self,
        subject: &Subject,
        scenario: &Scenario,
        mut begin: impl FnMut(&Self, &Replay),
        mut each: impl FnMut(&Self, Outcome, &Replay) -> ControlFlow<()>,
    ) {
        while let Some((plan, mut replay)) = self.plan() {
            self.runs += 1;
            begin(self, &replay);
            let searches = matches!(plan, Plan::New(_));
            let outcome = subject.run(scenario, &Run { faults: Some(plan), ..Run::default() });
            match &outcome.tally.struck {
                Some(struck) if searches => replay = self.struck(struck),
                None if searches => {
                    // All places have failed: the run was undisturbed.
                    self.sites_done = true;
                    self.calls = outcome.tally.calls;
                }
                _ => {}
            }
            if each(self, outcome, &replay).is_break() {
                return;
            }
        }
    }
}
