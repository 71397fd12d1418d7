//! `ksrig verify`

mod course;
mod job;
mod worker;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};

use self::course::{Course, Courses, Time};
use self::job::{Job, Work};
use self::worker::Workers;
use super::args;
use crate::client::scenario::{SCENARIOS, Scenario, scenario};
use crate::client::verify::{Subject, faults::Sweep};
use crate::nt::flags::Flags;
use crate::report::Verification;
use crate::verifier::{Finding, Replay, Verdict};

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
    /// Plays each scenario whose threads race so many times with threads that run free: driver code on all processors at
    /// once, with stops at any instruction. force-irql and security watch nothing then, and no run is like another
    #[arg(long, default_value_t = 0, value_name = "N")]
    stress: u64,
    /// How long calls fail, schedules are tried and threads run free, all together, real time
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

/// For how many seconds calls of one scenario fail, where time is limited; then another one may take longer.
const SLICE: f64 = 5.0;

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

    /// What is done with each scenario first, in order.
    fn works(&self) -> Vec<Work> {
        if let Some(replay) = &self.replay {
            return vec![Work::Again(replay.to_string())];
        }
        let mut works = vec![Work::Play];
        if self.faults == FaultsMode::Systematic {
            works.push(Work::Faults(Sweep::new(1)));
        }
        works
    }

    /// What is done then with a scenario whose threads race.
    fn races(&self, scenario: &Scenario) -> Vec<Work> {
        let wanted =
            [(self.schedules, Work::Schedules(self.schedules)), (self.stress, Work::Stress(self.stress))];
        let is_wanted = scenario.races && self.replay.is_none();
        let wanted = wanted.into_iter().filter(|(count, _)| is_wanted && *count > 0);
        wanted.map(|(_, work)| work).collect()
    }

    fn verify(&self) -> anyhow::Result<Verdict> {
        let workers = Workers {
            program: std::env::current_exe().context("where this program is")?,
            arguments: std::env::args_os().skip(1).collect::<Vec<OsString>>(),
        };
        let chosen = self.chosen();
        let time = Time::new(self.seconds);
        let bar = ProgressBar::new(chosen.len() as u64);
        bar.set_style(
            ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").map_err(|error| anyhow!(error))?,
        );
        let ends = |course: &mut Course| {
            course.played.found = course.findings.0.len();
            bar.inc(1);
            bar.suspend(|| println!("{}", course.played));
        };
        let new = |scenario: &&'static Scenario| Course::new(scenario, self.works(), self.races(scenario));
        let courses: Vec<_> = chosen.iter().map(new).collect();
        let jobs = AtomicUsize::new(courses.iter().map(|course| course.then.len()).sum());
        let racing = AtomicUsize::new(courses.iter().filter(|course| !course.then.is_empty()).count());
        // Faults have an end, and come first; races take all the time that they get.
        let first = time.part(if jobs.load(Ordering::Relaxed) > 0 { 0.5 } else { 1.0 });
        let courses = Courses::new(courses.into_iter());
        courses.each(
            |courses| course::longest(courses, first),
            |course| {
                let seconds = first.left().map(|left| left.min(SLICE));
                self.play(&workers, course, seconds, &bar);
                if course.left.is_empty() && course.then.is_empty() {
                    ends(course);
                }
            },
        );
        let courses = courses.into_inner().map(|mut course| {
            let cut_short = !course.left.is_empty();
            course.left = std::mem::take(&mut course.then).into();
            if cut_short && course.left.is_empty() {
                ends(&mut course);
            }
            course
        });
        let courses = Courses::new(courses);
        courses.each(course::first, |course| {
            while !course.left.is_empty() {
                let left = (jobs.fetch_sub(1, Ordering::Relaxed), racing.load(Ordering::Relaxed));
                self.play(&workers, course, time.share(left.0, left.1), &bar);
            }
            racing.fetch_sub(1, Ordering::Relaxed);
            ends(course);
        });
        bar.finish_and_clear();
        let mut verdict = Verdict {
            driver: self.machine.driver_name(),
            flags: self.flags.to_string(),
            seed: self.machine.seed,
            ..Verdict::default()
        };
        for course in courses.into_inner() {
            verdict.played.push(course.played);
            for finding in course.findings.0 {
                verdict.findings.add(finding);
            }
        }
        Ok(verdict)
    }

    /// The next that is to be done with a scenario, for so many seconds if it takes long. What is cut short is the next
    /// again.
    fn play(&self, workers: &Workers, course: &mut Course, seconds: Option<f64>, bar: &ProgressBar) {
        let Some(work) = course.left.pop_front() else { return };
        let is_long = !matches!(work, Work::Play | Work::Again(_));
        let name = course.scenario.name;
        let job = Job { scenario: name.to_owned(), work, seconds: seconds.filter(|_| is_long) };
        let progress = |runs| bar.set_message(format!("{name}: {runs} runs"));
        let (findings, rest) = workers.work(job, &mut course.played, &progress);
        if let Some(sweep) = rest {
            course.left.push_front(Work::Faults(sweep));
        }
        for mut finding in findings {
            if let Ok(Replay::Choices(choices)) = finding.replay.parse()
                && !course.findings.0.iter().any(|known| known.is_same(&finding))
                && self.replay.is_none()
            {
                finding = workers.smaller(finding, choices);
            }
            finding.command = self.command(&finding);
            course.findings.add(finding);
        }
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
