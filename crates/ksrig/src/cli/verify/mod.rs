//! `ksrig verify`

mod job;
mod worker;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use self::job::{Job, Work};
use self::worker::Workers;
use super::args;
use crate::client::scenario::{SCENARIOS, Scenario, scenario};
use crate::client::verify::{Subject, faults::Sweep};
use crate::nt::flags::Flags;
use crate::report::Verification;
use crate::verifier::{Finding, Findings, Played, Replay, Verdict};

/// Arguments of `ksrig verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scenarios find by asking what a driver has: filters, pins, formats, pairs that can be connected. Each is played on a
machine of its own in a process of its own, so that one that stops the machine ends nothing else. What was found is shown
with the rule, the driver's call stack, the events before it and the command that shows it again.

Examples:
  ksrig verify loopcam.sys
  ksrig verify loopcam.sys --faults systematic --schedules 1000 --seconds 60 --html report.html
  ksrig verify loopcam.sys --scenario race-open --replay choices:17=1

Exit codes: 0 no rule was broken; 1 one was; 2 wrong usage.")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    /// What is watched beside what costs nothing: special-pool, pool-start, force-irql, deadlock, security, ks, none, and
    /// standard for special-pool, force-irql, deadlock and security
    #[arg(long, default_value = "standard,ks", value_name = "NAMES")]
    flags: Flags,
    /// Which calls of the driver's fail: `systematic` lets each place fail once, then each call by its number once, then
    /// each call and all that follow
    #[arg(long, value_enum, default_value_t = FaultsMode::None, value_name = "HOW")]
    faults: FaultsMode,
    /// Tries so many schedules of each scenario whose threads race
    #[arg(long, default_value_t = 0, value_name = "N")]
    schedules: u64,
    /// How long calls fail and schedules are tried, all together, real time
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Only this scenario; may be repeated
    #[arg(long, value_name = "NAME", value_parser = known)]
    scenario: Vec<String>,
    /// Plays the scenario once more as a report says
    #[arg(long, value_name = "WORD", requires = "scenario", value_parser = str::parse::<Replay>)]
    replay: Option<Replay>,
    /// Lists the scenarios
    #[arg(long)]
    list: bool,
    /// Writes what came of it as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a report that is one HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How long one run may take, seconds of real time: none takes as long that comes to its end
    #[arg(long, hide = true, default_value_t = 30, value_name = "S")]
    patience: u64,
    /// Does a job in this process
    #[arg(long, hide = true, value_name = "JSON")]
    job: Option<String>,
}

/// How calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FaultsMode {
    /// None does.
    None,
    /// All of them, one after another.
    Systematic,
}

fn known(name: &str) -> Result<String, String> {
    scenario(name).map(|scenario| scenario.name.to_owned()).ok_or_else(|| {
        let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("no scenario {name:?}; those are {}", known.join(", "))
    })
}

/// Verifies a driver.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    if args.list {
        SCENARIOS.iter().for_each(|scenario| println!("{:<14} {}", scenario.name, scenario.title));
        return Ok(true);
    }
    if let Some(job) = &args.job {
        let job: Job = serde_json::from_str(job)?;
        let rig = args.machine.rig()?;
        let builder = rig.watch(args.flags).on_start(job::on_start).on_stop(job::on_stop);
        job::survey(&job, args.machine.seed, Duration::from_secs(args.patience));
        match Subject::new(builder, &args.drivers()) {
            Ok(subject) => job::work(&subject, args.machine.seed, &job)?,
            Err(error) => job::not_loaded(&job, args.machine.seed, &error),
        }
        return Ok(true);
    }
    anyhow::ensure!(args.machine.driver.exists(), "there is no {}", args.machine.driver.display());
    let verdict = args.verify()?;
    print!("{verdict}");
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&verdict)? + "\n"))?;
    }
    if let Some(path) = &args.html {
        write(path, &Verification(&verdict).html())?;
    }
    Ok(verdict.findings.0.is_empty())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The time that there is for what takes long.
struct Time {
    total: Option<f64>,
    begun: Instant,
    processes: usize,
    /// Jobs that take long and have not begun.
    left: AtomicUsize,
}

impl Time {
    /// The next job's share of what is left.
    fn share(&self) -> Option<f64> {
        let jobs = self.left.fetch_sub(1, Ordering::Relaxed).max(1);
        let rest = self.total? - self.begun.elapsed().as_secs_f64();
        Some(rest.max(0.0) * self.processes.min(jobs) as f64 / jobs as f64)
    }
}

impl Args {
    fn drivers(&self) -> Vec<PathBuf> {
        std::iter::once(&self.machine.driver).chain(&self.machine.also).cloned().collect()
    }

    fn chosen(&self) -> Vec<&'static Scenario> {
        let chosen = |scenario: &&Scenario| {
            self.scenario.is_empty() || self.scenario.iter().any(|name| name == scenario.name)
        };
        SCENARIOS.iter().filter(chosen).collect()
    }

    /// What is done with a scenario, in order.
    fn works(&self, scenario: &Scenario) -> Vec<Work> {
        if let Some(replay) = &self.replay {
            return vec![Work::Again(replay.to_string())];
        }
        let mut works = vec![Work::Play];
        if self.faults == FaultsMode::Systematic {
            works.push(Work::Faults(Sweep::new(1)));
        }
        if self.schedules > 0 && scenario.races {
            works.push(Work::Schedules(self.schedules));
        }
        works
    }

    fn verify(&self) -> anyhow::Result<Verdict> {
        let workers = Workers {
            program: std::env::current_exe().context("where this program is")?,
            arguments: std::env::args_os().skip(1).collect::<Vec<OsString>>(),
        };
        let processes = std::thread::available_parallelism().map_or(1, NonZero::get);
        let chosen = self.chosen();
        let long = chosen.iter().map(|scenario| self.works(scenario).len() - 1).sum();
        let time =
            Time { total: self.seconds, begun: Instant::now(), processes, left: AtomicUsize::new(long) };
        let bar = ProgressBar::new(chosen.len() as u64);
        bar.set_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").map_err(|error| anyhow!(error))?,
        );
        let queue = Mutex::new(chosen.iter().enumerate());
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..processes.min(chosen.len()) {
                scope.spawn(|| {
                    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    while let Some((index, scenario)) = next() {
                        let result = self.play(&workers, scenario, &time, &bar);
                        bar.inc(1);
                        bar.suspend(|| println!("{}", result.0));
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                    }
                });
            }
        });
        bar.finish_and_clear();
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        let mut verdict = Verdict {
            driver: self.machine.driver_name(),
            flags: self.flags.to_string(),
            seed: self.machine.seed,
            ..Verdict::default()
        };
        for (_, (played, findings)) in results {
            verdict.played.push(played);
            for finding in findings.0 {
                verdict.findings.add(finding);
            }
        }
        Ok(verdict)
    }

    /// All that is done with one scenario.
    fn play(
        &self,
        workers: &Workers,
        scenario: &Scenario,
        time: &Time,
        bar: &ProgressBar,
    ) -> (Played, Findings) {
        let mut played = Played {
            scenario: scenario.name.to_owned(),
            title: scenario.title.to_owned(),
            ..Played::default()
        };
        let mut findings = Findings::default();
        for work in self.works(scenario) {
            let is_long = !matches!(work, Work::Play | Work::Again(_));
            let seconds = if is_long { time.share() } else { None };
            let job = Job { scenario: scenario.name.to_owned(), work, seconds };
            let progress = |runs| bar.set_message(format!("{}: {runs} runs", scenario.name));
            for mut finding in workers.work(job, &mut played, &progress) {
                if let Ok(Replay::Choices(choices)) = finding.replay.parse()
                    && !findings.0.iter().any(|known| known.is_same(&finding))
                    && self.replay.is_none()
                {
                    finding = workers.smaller(finding, choices);
                }
                finding.command = self.command(&finding);
                findings.add(finding);
            }
        }
        played.found = findings.0.len();
        (played, findings)
    }

    /// The command that shows a finding again.
    fn command(&self, finding: &Finding) -> String {
        let machine = &self.machine;
        let mut command = format!("ksrig verify {}", quoted(&machine.driver));
        // Writing to a string cannot fail.
        for path in &machine.also {
            let _ = write!(command, " --also {}", quoted(path));
        }
        for (option, path) in [("inf", &machine.inf), ("ks", &machine.ks)] {
            if let Some(path) = path {
                let _ = write!(command, " --{option} {}", quoted(path));
            }
        }
        for switch in &machine.flip {
            let _ = write!(command, " --flip {}", switch.point);
        }
        let _ = write!(
            command,
            " --flags {} --seed {} --scenario {}",
            self.flags, machine.seed, finding.scenario
        );
        if finding.replay != "plain" && !finding.replay.is_empty() {
            let _ = write!(command, " --replay {}", finding.replay);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command of a finding can be pasted into a shell, whatever the path is.
    #[test]
    fn paths_are_words() {
        assert_eq!(quoted(Path::new("../my-drivers/a_1.sys")), "../my-drivers/a_1.sys");
        assert_eq!(quoted(Path::new("my drivers/$a.sys")), "'my drivers/$a.sys'");
        assert_eq!(quoted(Path::new("it's.sys")), r"'it'\''s.sys'");
    }
}
