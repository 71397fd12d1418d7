//! Exceptions of a driver in C: `__try`, `__except`, `__finally` (tests/c/seh.c).

use std::process::Command;

use ksrig::nt::{self, Machine, MachineOptions, pnp, trace};
use loopcam_tests::images;

/// What the specimen says.
fn prints(image: &str, free: bool) -> Vec<String> {
    let machine = Machine::new(MachineOptions { free, ..MachineOptions::default() });
    pnp::load_file(&images::raw(image)).unwrap_or_else(|error| panic!("{error}"));
    let lines = trace::take().into_iter().filter(|event| event.kind == "print").map(|event| event.detail);
    let lines = lines.collect();
    assert_eq!(nt::violation::take(), []);
    machine.shutdown();
    lines
}

/// Filters are asked from the inside out, termination blocks run in order with what they must know, exceptions inside
/// of filters and blocks nest, registers are restored, and faults have the codes and parameters of the documentation
/// (exception-handling-x64; winnt.h's EXCEPTION_RECORD). All the same where threads run free: filters and blocks, which the
/// rig calls, keep the baton.
#[test]
fn exceptions_are_handled() {
    let expected = [
        "search ny3",
        "finally-normal aBCd",
        "finally-abnormal afbch",
        "collided c1m23",
        "inside-finally cieo",
        "inside-filter fh",
        "out-of-filter ffm",
        "inside-except 1m",
        "continued 42",
        "registers 6 15 3 15",
        "read code c0000005 flags 0 parameters 2 0 10",
        "write code c0000005 flags 0 parameters 2 1 20",
        "copy code c0000005 flags 0 parameters 2 0 30",
        "noncanonical code c0000005 flags 0 parameters 2 0 ffffffffffffffff",
        "probe-kernel code c0000005 flags 1 parameters 0 0 0",
        "probe-odd code 80000002 flags 1 parameters 0 0 0",
        "probe-write code c0000005 flags 1 parameters 0 0 0",
        "divide code c0000094 flags 0 parameters 0 0 0",
        "overflow code c0000095 flags 0 parameters 0 0 0",
        "ud2 code c000001d flags 0 parameters 0 0 0",
        "assertion code c0000420 flags 0 parameters 0 0 0",
        "raise code c0000017 flags 1 parameters 0 0 0",
        "probe-nothing went on",
        "faults hhhhhhhhhhhh",
        "deep 21",
        "often 1000",
        "large 3",
        "walk 2 frames, trace 2, header MZ",
    ];
    assert_eq!(prints("c-seh", false), expected);
    assert_eq!(prints("c-seh", true), expected);
}

/// What the tests below run in a process of its own.
#[test]
#[ignore = "ends its process"]
fn child() {
    prints(&std::env::var("SPECIMEN").expect("an image"), false);
}

/// The report of a specimen that stops the machine.
fn stopped(image: &str) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "--ignored", "--nocapture", "child"]).env("SPECIMEN", image);
    let output = command.output().expect("this test runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(nt::bugcheck::EXIT_CODE), "{text}");
    text
}

/// An exception that nobody handles stops the machine with its code and the call stack by function names.
#[test]
fn unhandled_exceptions_stop_the_machine() {
    let text = stopped("c-seh-unhandled");
    for part in
        ["STOP: unhandled exception", "0x1E", "0xc0000120", "raise+", "finally_inside+", "DriverEntry+"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Loads from KUSER_SHARED_DATA are carried out whatever the instruction, with the flags it sets, and CR8 is the IRQL
/// (ns-ntddk-kuser_shared_data; tests/c/shared.c).
#[test]
fn shared_data_and_cr8() {
    let expected = [
        "version 10.0 build 19045 product 1",
        "root C wide",
        "mov32 4a65",
        "mov16 ffffffffffff000a",
        "mov8 4300",
        "extended 43 4a65",
        "indexed 10",
        "absolute 19045",
        "compare 1 0",
        "compare8 0 1",
        "test 1 add 15",
        "vector 19045 1 589825 10",
        "ticks 64 interrupt 10000000",
        "irql 0 2",
        "irql 0",
    ];
    assert_eq!(prints("c-shared", false), expected);
}

/// A part of the page that is not played ends the run with the place.
#[test]
fn unplayed_shared_data_is_refused() {
    let text = stopped("c-shared-unplayed");
    for part in ["STOP: not emulated", "KUSER_SHARED_DATA+0xf00", "c-shared-unplayed.sys+", "DriverEntry+"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
