//! `ks-compliance.exe`, the suite as a program for Windows, under Wine: there is no other Windows here. It starts, says
//! what it can do, and says clearly that there is nothing to check; Wine has no ks.sys.

use std::{
    fs::{self, File},
    process::{Command, Output},
};

use loopcam_tests::{
    images::{self, root},
    movie,
};

/// Wine, with a Windows folder of its own; no display, nothing of the user's.
fn wine(arguments: &[&str]) -> Output {
    let prefix = root().join("target/wine");
    fs::create_dir_all(&prefix).expect("a folder for Wine");
    let mut command = Command::new("/usr/lib/wine/wine64");
    command.args(arguments).current_dir(&prefix);
    // .NET and HTML, which Wine would offer to download; the program uses neither.
    command.env("WINEDLLOVERRIDES", "mscoree,mshtml=").env("WINEDEBUG", "-all");
    command.env("WINEPREFIX", &prefix).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    movie::run(&mut command)
}

/// Runs the program: exit code, what it printed, and what it said of errors.
fn program(arguments: &[&str]) -> (Option<i32>, String, String) {
    // Tests run side by side, and the first start makes the Windows folder.
    let lock = File::create(root().join("target/wine.lock")).expect("a file to lock");
    lock.lock().expect("the lock");
    let image = images::windows_program().display().to_string();
    let done = wine(&[&[image.as_str()], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// It starts, and its help tells the arguments and the exit codes.
#[test]
fn help() {
    let (code, help, errors) = program(&["--help"]);
    assert_eq!(code, Some(0), "{errors}");
    for word in ["--category", "--family", "--html", "--text", "Exit codes:"] {
        assert!(help.contains(word), "no {word} in:\n{help}");
    }
}

/// It has the checks that the rig has, all of them.
#[test]
fn the_checks_are_those_of_the_rig() {
    let (code, list, errors) = program(&["--list"]);
    assert_eq!(code, Some(0), "{errors}");
    let driver = images::raw("sound").display().to_string();
    let rig = movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), &["compliance", &driver, "--list"]);
    assert!(rig.status.success(), "{}", String::from_utf8_lossy(&rig.stderr));
    assert_eq!(list, String::from_utf8_lossy(&rig.stdout));
    assert!(list.lines().filter(|line| line.trim_start().starts_with("https://")).count() >= 75, "{list}");
}

/// Without a KS filter it checks nothing, makes no report, and says what to do.
#[test]
fn nothing_to_check() {
    for more in [&[][..], &["--filter", "Loopcam"], &["--category", "{3D7A9C14-0B5E-4C86-9E27-F4A6B1D80C53}"]]
    {
        let (code, text, errors) = program(&[&["--json", "report.json"], more].concat());
        assert_eq!(code, Some(3), "{text}{errors}");
        assert!(errors.contains("has no KS filter") && errors.contains("Install the driver"), "{errors}");
        assert_eq!(text, "");
        assert!(!root().join("target/wine/report.json").exists());
    }
}

/// Wrong arguments are explained before anything is looked for.
#[test]
fn wrong_usage() {
    for (arguments, word) in [
        (["--category", "nonsense"], "neither a GUID nor a category"),
        (["--family", "Z"], "neither a family"),
        (["--requests", "many"], "invalid value"),
    ] {
        let (code, text, errors) = program(&arguments);
        assert_eq!(code, Some(2), "{text}{errors}");
        assert!(errors.contains(word), "{errors}");
    }
}
