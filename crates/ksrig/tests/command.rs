//! The `ksrig` command from outside: what a person meets who does something wrong.
//!
//! What needs a driver is skipped when `cargo xtask build` has not made one.

use std::path::{Path, PathBuf};
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

fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("a scratch file");
    path
}

fn driver() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/driver/default/loopcam.sys");
    let there = path.exists();
    if !there {
        eprintln!("skipped: run `cargo xtask build` first");
    }
    there.then(|| path.display().to_string())
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

#[test]
fn what_is_no_driver_is_refused() {
    fails(&["info", "/nonexistent/x.sys"], 1, "/nonexistent/x.sys");
    let text = scratch("text.sys", b"this is no driver");
    fails(&["info", &text.display().to_string()], 1, "not a 64-bit Windows image");
    let program = std::fs::read(env!("CARGO_BIN_EXE_ksrig")).expect("this program");
    let elf = scratch("elf.sys", &program[..4096]);
    fails(&["info", &elf.display().to_string()], 1, "not a 64-bit Windows image");
}

#[test]
fn malformed_video_is_refused_before_anything_runs() {
    for (name, bytes, word) in [
        ("empty.y4m", b"".as_slice(), "not a YUV4MPEG2"),
        ("none.y4m", b"YUV4MPEG2 W16 H16 F30:1\n", "no frames"),
        ("odd.y4m", b"YUV4MPEG2 W15 H16 F30:1\nFRAME\n", "even"),
        ("cut.y4m", b"YUV4MPEG2 W16 H16 F30:1\nFRAME\nabc", "3 of 384"),
        ("deep.y4m", b"YUV4MPEG2 W16 H16 F30:1 C420p10\n", "C420p10"),
    ] {
        let (input, output) = (scratch(name, bytes), Path::new(env!("CARGO_TARGET_TMPDIR")).join("none"));
        let args = ["capture", "/nonexistent.sys", "--input", &input.display().to_string(), "--output"];
        fails(&[&args[..], &[&output.display().to_string()]].concat(), 1, word);
        assert!(!output.exists());
    }
}

#[test]
fn unknown_filters_pins_and_formats_are_named() {
    let Some(driver) = driver() else { return };
    let connect =
        |from, to, format| vec!["connect", driver.as_str(), "--from", from, "--to", to, "--format", format];
    fails(&connect("9/0", "0/1", "nv12:64x64@30"), 1, "no filter \"9\"");
    fails(&connect("1/0", "0/7", "nv12:64x64@30"), 1, "has no pin \"7\"");
    fails(&connect("1/0", "0/1", "nv12:64x63@30"), 1, "does not offer NV12 64x63");
    fails(&connect("1/0", "0/1", "nv12:4000x3000@30"), 1, "does not offer");
    fails(&connect("0/1", "0/0", "nv12:64x64@30"), 1, "STATUS_");
    // A file whose size the driver does not take.
    let mut video = b"YUV4MPEG2 W8 H8 F30:1\nFRAME\n".to_vec();
    video.resize(video.len() + 96, 0);
    let (input, output) = (scratch("small.y4m", &video), scratch("small-out.y4m", b""));
    let (input, output) = (input.display().to_string(), output.display().to_string());
    fails(&["capture", &driver, "--input", &input, "--output", &output], 1, "does not offer NV12 8x8");
}

#[test]
fn a_capture_is_its_input() {
    let Some(driver) = driver() else { return };
    for (colour, len) in [("420mpeg2", 64 * 48 * 3 / 2), ("422", 64 * 48 * 2)] {
        let mut video = format!("YUV4MPEG2 W64 H48 F30000:1001 Ip A1:1 C{colour}\n").into_bytes();
        for frame in 0..20 {
            video.extend(b"FRAME\n");
            video.extend((0..len).map(|i| (i * 17 + i / 64 * 5 + frame * 3) as u8));
        }
        let input = scratch(&format!("in-{colour}.y4m"), &video);
        let output = input.with_file_name(format!("out-{colour}.y4m"));
        let (from, to) = (input.display().to_string(), output.display().to_string());
        let (exit, text) = said(&ksrig(&["capture", &driver, "--input", &from, "--output", &to]));
        assert_eq!(exit, Some(0), "{text}");
        assert!(std::fs::read(&output).expect("the capture") == video, "the capture differs from its input");
    }
}

#[test]
fn a_demo_leaves_its_files_and_the_same_seed_the_same_events() {
    let Some(driver) = driver() else { return };
    let run = |name: &str| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let out_name = out.display().to_string();
        let args = ["demo", &driver, "--size", "64x48", "--frames", "12", "--seed", "7", "--out", &out_name];
        let (exit, text) = said(&ksrig(&args));
        assert_eq!(exit, Some(0), "{text}");
        assert!(text.contains("Connect ran on") && text.contains("returned STATUS_SUCCESS"), "{text}");
        for file in ["report.html", "frames.png", "capture.y4m"] {
            assert!(out.join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
        }
        std::fs::read(out.join("events.jsonl")).expect("the events")
    };
    assert!(run("demo-a") == run("demo-b"), "the same seed gave two different runs");
}
