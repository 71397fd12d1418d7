//! Tests whose subject ends the process run in one of their own.

use std::process::Command;

use crate::nt::{
    bugcheck,
    callback::{CallbackKind, Group},
    flags::Flags,
    violation,
};

/// What a driver does: its name, what is watched, the deed, and what the report says; "" = it does no wrong.
pub type Case = (&'static str, Flags, fn(), &'static str);

const VARIABLE: &str = "KSRIG_CASE";

/// In the process of the test: does the deed in a callback.
pub fn run(cases: &[Case]) {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    let Some((_, watch, deed, _)) = cases.iter().find(|(known, ..)| *known == name) else { return };
    violation::broken_by(CallbackKind::new("Deed", Group::Driver), *watch, deed);
}

/// The ignored test with this path passes in a process of its own.
pub fn succeeds(test: &str) {
    let output = start(test).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn start(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", test]);
    command
}

/// Every case ends as it says. `child` is the path of the ignored test that calls [`run`].
pub fn check(child: &str, cases: &[Case]) {
    for (name, _, _, expected) in cases {
        let output = start(child).env(VARIABLE, name).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let exit = if expected.is_empty() { 0 } else { bugcheck::EXIT_CODE };
        assert_eq!(output.status.code(), Some(exit), "{name}: {text}");
        for part in expected.split('|') {
            assert!(text.contains(part), "{name}: no {part:?} in {text}");
        }
    }
}
