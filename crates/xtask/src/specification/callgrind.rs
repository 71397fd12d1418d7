//! Instructions of the driver, counted by callgrind: the same in every run, however busy the machine is.
//!
//! The rig maps a driver's image into memory that no file stands behind, so callgrind books its code under no object
//! ("???"), and under it alone.

use std::{collections::HashMap, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::process;

/// Runs a program of the rig and gives the instructions inside the driver.
pub fn instructions(rig: &mut Command) -> Result<u64> {
    let out = tempfile::NamedTempFile::new()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", out.path().display()));
    valgrind.arg(rig.get_program()).args(rig.get_args());
    process::output(&mut valgrind)?;
    count(out.path())
}

fn count(profile: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(profile).context("callgrind's output")?;
    let sum = without_object(&text);
    ensure!(sum > 0, "callgrind has seen no instruction of the driver");
    Ok(sum)
}

/// What is booked under no object. The format: <https://valgrind.org/docs/manual/cl-format.html>.
fn without_object(profile: &str) -> u64 {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut sum, mut counts, mut call) = (0, false, false);
    for line in profile.lines() {
        if let Some((key, object)) = line.split_once("ob=").filter(|(key, _)| matches!(*key, "" | "c")) {
            // `(3) name` the first time, `(3)` from then on.
            let (number, name) = object.split_once(' ').unwrap_or((object, ""));
            let name = if name.is_empty() { names.get(number).copied().unwrap_or("") } else { name };
            names.insert(number, name);
            counts = if key.is_empty() { name == "???" } else { counts };
        } else if line.starts_with("calls=") {
            // The line that follows is the cost of what was called.
            call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if counts && !call {
                sum += line.rsplit(' ').next().and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
            }
            call = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of the driver count; those of other objects and the inclusive cost of calls do not.
    #[test]
    fn sums() {
        let profile = "events: Ir\n\nob=(1) /lib/libc.so\nfn=(1) a\n1 5\n\nob=(2) ???\nfn=(2) 0x1\n0 100\ncob=(1)\n\
                       cfn=(1)\ncalls=3 1\n0 7000\n0 20\n\nob=(1)\nfn=(1)\n+1 3\n\nob=(2)\nfn=(2)\n* 1\ntotals: 129\n";
        assert_eq!(without_object(profile), 121);
    }
}
