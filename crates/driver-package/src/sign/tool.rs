//! Runs the programs that do the signing.

use std::{
    ffi::OsStr,
    process::{Command, Output},
};

use super::Error;

/// Runs a program to its end; its text is English.
pub(super) fn run<S: AsRef<OsStr>>(
    tool: &'static str,
    arguments: impl IntoIterator<Item = S>,
) -> Result<Output, Error> {
    Command::new(tool).args(arguments).env("LC_ALL", "C").output().map_err(|error| Error::Tool(tool, error))
}

/// The error of a program that was to do something, if it has failed.
pub(super) fn check(tool: &'static str, task: impl Into<String>, output: &Output) -> Result<(), Error> {
    if output.status.success() {
        return Ok(());
    }
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).trim().to_owned());
    Err(Error::Refused { tool, task: task.into(), output: text.join("\n").trim().to_owned() })
}
