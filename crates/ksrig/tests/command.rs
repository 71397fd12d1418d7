//! The `ksrig` command from outside, as far as it needs no driver: usage, help, rules.

use std::process::{Command, Output};

fn ksrig(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ksrig")).args(args).output().expect("the command runs")
}

/// Exit code and everything that was said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[track_caller]
fn fails(args: &[&str], code: i32, word: &str) {
    let (exit, text) = said(&ksrig(args));
    assert_eq!(exit, Some(code), "{args:?} said:\n{text}");
    assert!(text.contains(word), "{args:?} does not say {word:?} but:\n{text}");
}

#[test]
fn wrong_usage_is_explained() {
    fails(&[], 2, "Usage");
    fails(&["frobnicate"], 2, "frobnicate");
    fails(&["connect", "x.sys", "--from", "0", "--to", "0/1"], 2, "FILTER/PIN");
    fails(&["connect", "x.sys", "--from", "0/0", "--to", "0/1", "--format", "rgb:1x1@1"], 2, "nv12");
    fails(&["demo", "x.sys", "--connect", "0/0"], 2, "FILTER/PIN>FILTER/PIN");
}

#[test]
fn every_command_has_help() {
    for command in ["info", "connect", "capture", "demo", "bench", "rules"] {
        let (exit, text) = said(&ksrig(&[command, "--help"]));
        assert_eq!(exit, Some(0));
        assert!(text.contains("Usage"), "{command}");
    }
}

#[test]
fn the_rules_are_listed() {
    let (exit, text) = said(&ksrig(&["rules"]));
    assert_eq!(exit, Some(0));
    assert!(text.contains("KsCallbackReturn") && text.contains("0x81005"), "{text}");
    fails(&["rules", "nonsense"], 1, "nonsense");
}
