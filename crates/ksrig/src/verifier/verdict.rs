//! What came of a verification, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Findings;

/// What came of one scenario.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Played {
    /// Its name.
    pub scenario: String,
    /// What is done in it.
    pub title: String,
    /// How often what was done.
    pub done: BTreeMap<String, u64>,
    /// The calls that were made to fail.
    pub faults: Option<Faults>,
    /// The schedules that were tried.
    pub schedules: Option<Tried>,
    /// The runs in which threads ran free.
    pub stress: Option<Stress>,
    /// What was found in it, each fault once.
    pub found: usize,
}

/// Calls that were made to fail.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// Runs of the scenario.
    pub runs: u64,
    /// Different places in the driver, and statuses, that failed.
    pub sites: u64,
    /// Calls of an undisturbed run that can fail.
    pub calls: u64,
    /// Whether all of them have failed, alone and with all that follow.
    pub complete: bool,
    /// Real time, seconds.
    pub seconds: f64,
}

/// Schedules that were tried.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Tried {
    /// How many.
    pub schedules: u64,
    /// Whether all with few deviations from the plainest are among them.
    pub exhausted: bool,
    /// Whether there are as many as were asked for, or no others.
    pub complete: bool,
    /// Real time, seconds.
    pub seconds: f64,
}

/// Runs in which threads ran free.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stress {
    /// How many.
    pub runs: u64,
    /// Whether there are as many as were asked for.
    pub complete: bool,
    /// Real time, seconds.
    pub seconds: f64,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// The driver's file.
    pub driver: String,
    /// What was watched.
    pub flags: String,
    /// The seed.
    pub seed: u64,
    /// The scenarios.
    pub played: Vec<Played>,
    /// What the driver did wrong.
    pub findings: Findings,
}

impl Verdict {
    /// Runs with calls that failed, all together.
    pub fn faults(&self) -> Option<Faults> {
        self.played.iter().filter_map(|played| played.faults).reduce(|all, one| Faults {
            runs: all.runs + one.runs,
            sites: all.sites + one.sites,
            calls: all.calls + one.calls,
            complete: all.complete && one.complete,
            seconds: all.seconds + one.seconds,
        })
    }

    /// Schedules, all together.
    pub fn schedules(&self) -> Option<Tried> {
        self.played.iter().filter_map(|played| played.schedules).reduce(|all, one| Tried {
            schedules: all.schedules + one.schedules,
            exhausted: all.exhausted && one.exhausted,
            complete: all.complete && one.complete,
            seconds: all.seconds + one.seconds,
        })
    }

    /// Runs with threads that ran free, all together.
    pub fn stress(&self) -> Option<Stress> {
        self.played.iter().filter_map(|played| played.stress).reduce(|all, one| Stress {
            runs: all.runs + one.runs,
            complete: all.complete && one.complete,
            seconds: all.seconds + one.seconds,
        })
    }

    /// What calls that failed, schedules and free runs came to, a sentence each.
    pub fn sums(&self) -> impl Iterator<Item = String> {
        let faults = self.faults().map(|sum| sum.to_string());
        let schedules = self.schedules().map(|sum| sum.to_string());
        [faults, schedules, self.stress().map(|sum| sum.to_string())].into_iter().flatten()
    }

    /// The result in a sentence.
    pub fn sentence(&self) -> String {
        match self.findings.0.len() {
            0 => format!("{} scenarios, no rule broken", self.played.len()),
            1 => format!("{} scenarios, one finding", self.played.len()),
            count => format!("{} scenarios, {count} findings", self.played.len()),
        }
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-3)
}

/// What is said of a sweep that was cut short.
fn rest(complete: bool) -> &'static str {
    if complete { "" } else { ", not all" }
}

impl Played {
    /// What was done, how often.
    pub fn summary(&self) -> String {
        let done: Vec<_> = self.done.iter().map(|(what, times)| format!("{times} {what}")).collect();
        let mut summary = done.join(", ");
        if let Some(Faults { runs, sites, calls, complete, .. }) = self.faults {
            summary += &format!("; {sites} places failed, {calls} calls, {runs} runs{}", rest(complete));
        }
        if let Some(Tried { schedules, exhausted, complete, .. }) = self.schedules {
            let few = if exhausted { ", all with few deviations" } else { "" };
            summary += &format!("; {schedules} schedules{few}{}", rest(complete));
        }
        if let Some(Stress { runs, complete, .. }) = self.stress {
            summary += &format!("; {runs} runs with free threads{}", rest(complete));
        }
        summary
    }
}

impl fmt::Display for Played {
    /// A line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.found == 0 { "ok" } else { "BAD" };
        write!(f, "{:<14} {word:<4} {}", self.scenario, self.summary())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, sites, calls, complete, seconds } = self;
        let rate = per_second(*runs, *seconds);
        let rest = if *complete {
            ""
        } else {
            "; not all that can fail has failed: time was up, or the machine stopped without a failure too"
        };
        write!(
            f,
            "{sites} places in the driver failed, of {calls} calls; {runs} runs, {rate:.0} per second and process{rest}"
        )
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, seconds, .. } = self;
        write!(f, "{schedules} schedules, {:.0} per second and process", per_second(*schedules, *seconds))
    }
}

impl fmt::Display for Stress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, seconds, .. } = self;
        write!(f, "{runs} runs with free threads, {:.0} per second and process", per_second(*runs, *seconds))
    }
}

impl fmt::Display for Verdict {
    /// The findings and the sums; the scenarios have been shown when they were over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings.0 {
            writeln!(f, "\n{finding}")?;
        }
        for sum in self.sums() {
            writeln!(f, "{sum}")?;
        }
        writeln!(f, "{}: {}", self.driver, self.sentence())
    }
}
