//! The processes that do the jobs.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, anyhow};

use super::job::{Job, MARK, Message, Work};
use crate::client::verify::faults::Sweep;
use crate::verifier::schedule::{Choices, minimise};
use crate::verifier::{Faults, Finding, Played, Replay, Tried};

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
            ended |= matches!(message, Message::Over { .. } | Message::Stopped(..));
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

    /// Does a job, behind every stop again; what came of it is added to `played`, what was found comes back.
    pub fn work(&self, mut job: Job, played: &mut Played, progress: &dyn Fn(u64)) -> Vec<Finding> {
        let mut findings = Vec::new();
        for _ in 0..MOST_STOPS {
            let mut go_on: Option<Sweep> = None;
            let begun = Instant::now();
            let heard = self.listen(&job, |message| match message {
                Message::Found(finding) => findings.push(finding),
                Message::Stopped(finding, sweep) => {
                    // What stopped without a failure stops without one again.
                    go_on = sweep.filter(|_| finding.injected.is_some());
                    findings.push(finding);
                }
                Message::Runs(runs) => progress(runs),
                Message::Smaller(_) => {}
                Message::Over { done, sweep, schedules, seconds } => {
                    if let Work::Play | Work::Again(_) = job.work {
                        played.done = done;
                    }
                    if let Some(sweep) = sweep {
                        add(&mut played.faults, &sweep, seconds);
                    }
                    if let Some((schedules, exhausted)) = schedules {
                        played.schedules = Some(Tried { schedules, exhausted, seconds });
                    }
                }
            });
            if let Err(error) = heard {
                let mut finding = Finding::of_process("process", format!("{error:#}"));
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
        findings
    }

    /// The fewest choices of a schedule with which it fails in the same way.
    pub fn smaller(&self, finding: &Finding, choices: Choices) -> Choices {
        let again = |work| Job { scenario: finding.scenario.clone(), work, seconds: Some(60.0) };
        let mut least = choices.clone();
        let mut stops = false;
        let job = again(Work::Minimise(choices.clone(), finding.rule.clone()));
        let heard = self.listen(&job, |message| match message {
            Message::Smaller(fewer) => least = fewer,
            Message::Stopped(..) => stops = true,
            _ => {}
        });
        if heard.is_ok() && !stops {
            return least;
        }
        // Each attempt may end its process.
        minimise(least, ATTEMPTS, |fewer| {
            let mut same = false;
            let replay = Replay::Choices(fewer.clone()).to_string();
            let heard = self.listen(&again(Work::Again(replay)), |message| {
                if let Message::Found(found) | Message::Stopped(found, _) = message {
                    same |= found.rule == finding.rule;
                }
            });
            heard.is_ok() && same
        })
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
