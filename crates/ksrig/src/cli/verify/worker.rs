//! The processes that do the jobs.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::job::{Job, MARK, Message, Work};
use crate::client::verify::faults::Sweep;
use crate::verifier::schedule::{Choices, minimise};
use crate::verifier::{Faults, Finding, Played, Replay, Stress, Tried};

/// How processes are started.
pub struct Workers {
    /// This program.
    pub program: PathBuf,
    /// The arguments of the process that has been started by a person.
    pub arguments: Vec<OsString>,
}

/// Stops behind which a sweep is taken up again.
const MOST_STOPS: usize = 100;
/// Processes that make a schedule smaller whose end is the end of the process.
const ATTEMPTS: usize = 60;
/// For how long they are started, real time.
const PATIENCE: Duration = Duration::from_secs(60);

impl Workers {
    /// Starts a process for a job and listens to the end.
    fn listen(&self, job: &Job, mut hear: impl FnMut(Message)) -> anyhow::Result<()> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .arg("--job")
            .arg(serde_json::to_string(job)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("its output")?;
        let mut errors = child.stderr.take().context("its errors")?;
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let mut ended = false;
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let Some(text) = line.strip_prefix(MARK) else { continue };
            let message: Message = serde_json::from_str(text)?;
            ended |= matches!(message, Message::Over { .. } | Message::Stopped { .. });
            hear(message);
        }
        let status = child.wait()?;
        let errors = errors.join().unwrap_or_default();
        if !ended {
            let first = errors.lines().next().unwrap_or("nothing was said");
            return Err(anyhow!("{status}: {first}"));
        }
        Ok(())
    }

    /// Does a job, behind every stop again; what came of it is added to `played`. What was found comes back, and where a
    /// sweep has got to that was cut short.
    pub fn work(
        &self,
        mut job: Job,
        played: &mut Played,
        progress: &dyn Fn(u64),
    ) -> (Vec<Finding>, Option<Sweep>) {
        let (mut findings, mut rest) = (Vec::new(), None);
        for _ in 0..MOST_STOPS {
            let mut go_on: Option<Sweep> = None;
            let begun = Instant::now();
            let heard = self.listen(&job, |message| match message {
                Message::Found(finding) => findings.push(finding),
                Message::Stopped { finding, sweep, tried } => {
                    // What stopped without a failure stops without one again.
                    go_on = sweep.filter(|_| finding.injected.is_some());
                    if let Some(runs) = tried {
                        note(played, &job.work, (runs, false), begun.elapsed().as_secs_f64());
                    }
                    findings.push(finding);
                }
                Message::Runs(runs) => progress(runs),
                Message::Smaller(..) => {}
                Message::Over { done, sweep, tried, seconds } => {
                    if let Work::Play | Work::Again(_) = job.work {
                        played.done = done;
                    }
                    if let Some(sweep) = sweep {
                        add(&mut played.faults, &sweep, seconds);
                        rest = Some(sweep).filter(|sweep| !sweep.is_complete());
                    }
                    if let Some(tried) = tried {
                        note(played, &job.work, tried, seconds);
                    }
                }
            });
            if let Err(error) = heard {
                let mut finding =
                    Finding::of_process("process", "a run ends, and by itself", format!("{error:#}"));
                finding.scenario.clone_from(&job.scenario);
                findings.push(finding);
            }
            match go_on {
                Some(sweep) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    add(&mut played.faults, &sweep, seconds);
                    job.seconds = job.seconds.map(|rest| rest - seconds);
                    job.work = Work::Faults(sweep);
                }
                None => break,
            }
        }
        (findings, rest)
    }

    /// The finding with the fewest choices of its schedule that show it.
    pub fn smaller(&self, finding: Finding, choices: Choices) -> Finding {
        let again = |work| Job { scenario: finding.scenario.clone(), work, seconds: Some(60.0) };
        let (mut least, mut shown) = (choices.clone(), None);
        let mut stops = false;
        // What went before says nothing about which fault it is.
        let wanted = Finding { trail: Vec::new(), ..finding.clone() };
        let heard = self.listen(&again(Work::Minimise(choices, Box::new(wanted))), |message| match message {
            Message::Smaller(fewer, found) => (least, shown) = (fewer, Some(found)),
            Message::Stopped { .. } => stops = true,
            _ => {}
        });
        if heard.is_err() || stops {
            // Each attempt may end its process.
            let begun = Instant::now();
            least = minimise(least, ATTEMPTS, |fewer| {
                let mut same = None;
                if begun.elapsed() < PATIENCE {
                    let replay = Replay::Choices(fewer.clone()).to_string();
                    let heard = self.listen(&again(Work::Again(replay)), |message| {
                        if let Message::Found(found) | Message::Stopped { finding: found, .. } = message
                            && found.is_same(&finding)
                        {
                            same = Some(found);
                        }
                    });
                    same = same.filter(|_| heard.is_ok());
                }
                let fails = same.is_some();
                shown = same.or(shown.take());
                fails
            });
        }
        Finding { replay: Replay::Choices(least).to_string(), ..shown.unwrap_or(finding) }
    }
}

/// Notes the schedules that were tried, and whether all with few deviations were among them; or the free runs.
fn note(played: &mut Played, work: &Work, (runs, exhausted): (u64, bool), seconds: f64) {
    match work {
        Work::Schedules(wanted) => {
            let complete = runs >= *wanted || exhausted;
            played.schedules = Some(Tried { schedules: runs, exhausted, complete, seconds });
        }
        Work::Stress(wanted) => {
            played.stress = Some(Stress { runs, complete: runs >= *wanted, seconds });
        }
        _ => {}
    }
}

fn add(faults: &mut Option<Faults>, sweep: &Sweep, seconds: f64) {
    let faults = faults.get_or_insert_default();
    *faults = Faults {
        runs: sweep.runs,
        sites: sweep.sites.len() as u64,
        calls: sweep.calls,
        complete: sweep.is_complete(),
        seconds: faults.seconds + seconds,
    };
}
