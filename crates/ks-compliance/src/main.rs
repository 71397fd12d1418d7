//! `ks-compliance.exe`: the suite on real Windows handles.

use std::process::ExitCode;

#[cfg(windows)]
fn main() -> ExitCode {
    ks_compliance::windows::main()
}

#[cfg(not(windows))]
fn main() -> ExitCode {
    eprintln!(
        "ks-compliance is a Windows program; here the suite runs on the rig: `ksrig compliance DRIVER.sys`"
    );
    ExitCode::from(2)
}
