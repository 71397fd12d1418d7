//! `ksrig compliance`

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use ks_compliance::{
    Check, Outcome, Verdict, check, command,
    outcome::{Finding, Totals},
    report,
};

use super::args;
use crate::client::UnderTest;
use crate::ks::options::SWITCHES;
use crate::nt::bugcheck::Stop;

/// Arguments of `ksrig compliance`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each check has a machine of its own, so one that ends the machine is one failure and no more. At its end the driver is
unloaded: rules that it broke, and what it left behind, count as failures of the check.

Examples:
  ksrig compliance loopcam.sys --category KSCATEGORY_CAPTURE --category KSCATEGORY_VIDEO
  ksrig compliance loopcam.sys --family B --family F4 --json report.json")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
    #[command(flatten)]
    suite: command::Suite,
    /// Makes the chosen checks once with each switch of --flip set the other way, alone, and shows what fails; H6, which
    /// makes A to G once more, only where it is named
    #[arg(long, conflicts_with_all = ["flip", "json", "html"])]
    each_switch: bool,
    /// Makes one check in this process and prints the outcome as JSON
    #[arg(long, hide = true, value_name = "NUMBER")]
    one: Option<String>,
}

/// How long a check may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the suite.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    if args.suite.list {
        print!("{}", command::list());
        return Ok(true);
    }
    if let Some(id) = &args.one {
        return one(args, id);
    }
    let program = std::env::current_exe().context("where this program is")?;
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut checks = check::select(&args.suite.family).map_err(|reason| anyhow!(reason))?;
    if args.each_switch {
        arguments.retain(|argument| argument != "--each-switch");
        // H6 makes A to G once more.
        let named = args.suite.family.iter().any(|name| name.eq_ignore_ascii_case("H6"));
        checks.retain(|check| named || check.id != "H6");
        return each_switch(&program, &arguments, &checks);
    }
    let outcomes = Outcomes::begin(&program, &arguments, &checks);
    args.suite
        .run(args.machine.driver_name(), "the rig".to_owned(), |check| outcomes.of(check))
        .map_err(|reason| anyhow!(reason))
}

/// Makes the checks with each switch the other way.
fn each_switch(program: &Path, arguments: &[OsString], checks: &[&'static Check]) -> anyhow::Result<bool> {
    let mut all_well = true;
    for switch in SWITCHES {
        let arguments: Vec<_> =
            arguments.iter().cloned().chain(["--flip".into(), switch.point.into()]).collect();
        let outcomes = Outcomes::begin(program, &arguments, checks);
        let outcomes: Vec<_> = checks.iter().map(|check| outcomes.of(check)).collect();
        let totals = Totals::of(&outcomes);
        println!(
            "{:<6} {}: {} checks, {} assertions, {} failed",
            switch.point, switch.meaning, totals.checks, totals.assertions, totals.failed
        );
        for outcome in outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fail) {
            print!("{}{}", report::begin(&outcome.id, &outcome.title), report::end(outcome));
        }
        all_well &= totals.failed == 0;
    }
    Ok(all_well)
}

/// The outcomes of checks, made by as many processes at a time as the computer has processors.
struct Outcomes {
    receiver: mpsc::Receiver<(&'static str, Outcome)>,
    early: RefCell<BTreeMap<&'static str, Outcome>>,
}

/// The checks that take longest: they begin first.
const LONG: [&str; 5] = ["H10", "D9", "H3", "H11", "E10"];

impl Outcomes {
    /// Begins to make the checks.
    fn begin(program: &Path, arguments: &[OsString], checks: &[&'static Check]) -> Self {
        let (sender, receiver) = mpsc::channel();
        let mut queue = checks.to_vec();
        queue.sort_by_key(|check| LONG.iter().position(|id| *id == check.id).unwrap_or(LONG.len()));
        let queue = Arc::new(Mutex::new(queue.into_iter()));
        let arguments: Arc<[OsString]> = arguments.iter().cloned().chain(["--one".into()]).collect();
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            let (sender, queue, arguments) = (sender.clone(), Arc::clone(&queue), Arc::clone(&arguments));
            let program = program.to_owned();
            std::thread::spawn(move || {
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(check) = next() {
                    let outcome = apart(&program, &arguments, check)
                        .unwrap_or_else(|error| check.stopped("the check", format!("{error:#}")));
                    if sender.send((check.id, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { receiver, early: RefCell::default() }
    }

    /// The outcome of a check, waited for.
    fn of(&self, check: &Check) -> Outcome {
        let mut early = self.early.borrow_mut();
        loop {
            if let Some(outcome) = early.remove(check.id) {
                return outcome;
            }
            match self.receiver.recv() {
                Ok((id, outcome)) => drop(early.insert(id, outcome)),
                Err(_) => return check.stopped("the check", "it was not made".to_owned()),
            }
        }
    }
}

/// Makes a check in a process of its own.
fn apart(program: &Path, arguments: &[OsString], check: &Check) -> anyhow::Result<Outcome> {
    let mut child = Command::new(program)
        .args(arguments)
        .arg(check.id)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut output = child.stdout.take().context("its output")?;
    let mut errors = child.stderr.take().context("its errors")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let error_reader = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(check.stopped("the check", format!("no end within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().map_err(|_| anyhow!("its output could not be read"))??;
    let errors = error_reader.join().map_err(|_| anyhow!("its errors could not be read"))??;
    let last = text.lines().last().unwrap_or_default();
    if let Ok(outcome) = serde_json::from_str::<Outcome>(last) {
        return Ok(outcome);
    }
    if let Ok((rule, message)) = serde_json::from_str::<(String, String)>(last) {
        return Ok(if rule == "not emulated" {
            check.not_played(format!("the rig does not play it: {message}"))
        } else {
            check.stopped("the driver", format!("{rule}: {message}"))
        });
    }
    let first = errors.lines().next().unwrap_or("nothing was said");
    Ok(check.stopped("the process of the check", format!("{status}: {first}")))
}

/// Tells the process that waits why the machine stopped.
fn on_stop(stop: &Stop) {
    if let Ok(line) = serde_json::to_string(&(&stop.rule, &stop.message)) {
        println!("\n{line}");
    }
}

fn one(args: &Args, id: &str) -> anyhow::Result<bool> {
    let checks = check::select(&[id.to_owned()]).map_err(|reason| anyhow!(reason))?;
    let check = checks.first().context("a check")?;
    // Calls are counted in the log, which a million requests would fill.
    let endless = ["D9", "H3", "H10", "H11"].contains(&check.id);
    let rig = args.machine.rig()?.trace(!endless).on_stop(on_stop).build();
    let system = UnderTest::new(rig, &args.machine.driver)?;
    let mut bench = args.suite.bench(&system);
    bench.seed = args.machine.seed;
    let mut outcome = check.make(bench);
    let broken = system.end();
    if outcome.verdict != Verdict::NotSupported || !broken.is_empty() {
        // H8 and H9 of the list hold in every check.
        outcome.assertions += 1;
    }
    for rule in broken {
        outcome.verdict = Verdict::Fail;
        outcome.failures.push(Finding {
            at: "the rig".to_owned(),
            what: "the driver".to_owned(),
            expected: "no broken rule and nothing left behind".to_owned(),
            got: rule,
            times: 1,
        });
    }
    println!("\n{}", serde_json::to_string(&outcome)?);
    Ok(true)
}
