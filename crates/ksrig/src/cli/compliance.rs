//! `ksrig compliance`

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use ks_compliance::{Bench, Check, Outcome, Verdict, check, command, outcome::Finding};

use super::args;
use crate::client::UnderTest;
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
    arguments.push("--one".into());
    let make = |check: &'static Check| {
        apart(&program, &arguments, check)
            .unwrap_or_else(|error| check.stopped("the check", format!("{error:#}")))
    };
    args.suite.run(args.machine.driver_name(), "the rig".to_owned(), make).map_err(|reason| anyhow!(reason))
}

/// Makes a check in a process of its own.
fn apart(
    program: &std::path::Path,
    arguments: &[std::ffi::OsString],
    check: &Check,
) -> anyhow::Result<Outcome> {
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
    let rig = args.machine.rig()?.trace(check.id != "H10").on_stop(on_stop).build();
    let system = UnderTest::new(rig, &args.machine.driver)?;
    let mut bench = Bench::new(&system, args.suite.promises());
    (bench.seed, bench.requests) = (args.machine.seed, args.suite.requests);
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
