//! The `RUSTC_WRAPPER` of driver builds: lets the unmodified wdk-build, and so every build script on it, compile on
//! a Linux host.
//!
//! Cargo calls a wrapper as `wrapper rustc arguments…`. It is this same program under another name, a symbolic link
//! made by [`install`], so that a checkout needs no script and the rules below have unit tests. Only host crates are
//! touched, i.e. calls without `--target`: what goes into the driver is compiled as on Windows.
//!
//! Why not `[patch.crates-io]`: it rewrites Cargo.lock, and wdk-build runs `cargo metadata` by itself, which would
//! rewrite it back; there would be no `--locked` and no common lock with Windows.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

const NAME: &str = "rustc-wrapper";

/// What decides how crates are compiled here. Cargo does not look into a wrapper, so a change in these texts must
/// empty the target directory.
pub const SOURCES: [&str; 2] = [include_str!("rustc_wrapper.rs"), FACADE];

/// `std` as wdk-build wants to see it.
const FACADE: &str = include_str!("../wdk/wdk_linux_host.rs");
const FACADE_CRATE: &str = "wdk_linux_host";

/// The crates of windows-rs that are empty, or do not compile, unless they believe to be on Windows. Not among them:
/// windows_result (would need FormatMessage) and windows_link (its other form is a plain `extern`, as wanted).
const WINDOWS_RS: [&str; 7] = [
    "windows",
    "windows_collections",
    "windows_core",
    "windows_future",
    "windows_numerics",
    "windows_strings",
    "windows_threading",
];

/// Leaves the wrapper in a folder; gives its path.
pub fn install(folder: &Path) -> Result<PathBuf> {
    let link = folder.join(NAME);
    let program = std::env::current_exe().context("where is this program?")?;
    if fs::read_link(&link).is_ok_and(|target| target == program) {
        return Ok(link);
    }
    // Replaced in one step: another build may be using it.
    let new = folder.join(format!("{NAME}.{}", std::process::id()));
    symlink(&program, &new).with_context(|| format!("cannot make {}", new.display()))?;
    fs::rename(&new, &link).with_context(|| format!("cannot make {}", link.display()))?;
    Ok(link)
}

/// Whether this process was started under the wrapper's name.
pub fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).file_name() == Some(OsStr::new(NAME)))
}

/// Becomes the compiler.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(rustc) = arguments.next() else {
        eprintln!("{NAME} is called by cargo, with the name of the compiler");
        return ExitCode::FAILURE;
    };
    let call = Call::new(arguments.collect());
    if call.needs_facade() {
        let Some(out) = &call.out_dir else {
            eprintln!("{NAME}: wdk_build is compiled without --out-dir");
            return ExitCode::FAILURE;
        };
        if let Err(error) = compile_facade(&rustc, out) {
            eprintln!("{NAME}: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    let error = Command::new(&rustc).args(call.rewritten()).exec();
    eprintln!("{NAME}: cannot start {}: {error}", rustc.display());
    ExitCode::FAILURE
}

fn compile_facade(rustc: &OsStr, out: &Path) -> Result<()> {
    let source = out.join(format!("{FACADE_CRATE}.rs"));
    fs::write(&source, FACADE).with_context(|| format!("cannot write {}", source.display()))?;
    crate::process::run(
        Command::new(rustc)
            .args([
                "--crate-name",
                FACADE_CRATE,
                "--crate-type",
                "rlib",
                "--edition",
                "2024",
                "-O",
                "--out-dir",
            ])
            .args([out, &source]),
    )
}

/// One call of the compiler.
struct Call {
    arguments: Vec<OsString>,
    crate_name: String,
    for_host: bool,
    out_dir: Option<PathBuf>,
}

impl Call {
    fn new(arguments: Vec<OsString>) -> Self {
        let value =
            |option: &str| arguments.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1].clone());
        Self {
            crate_name: value("--crate-name").unwrap_or_default().to_string_lossy().into_owned(),
            for_host: value("--target").is_none(),
            out_dir: value("--out-dir").map(PathBuf::from),
            arguments,
        }
    }

    fn needs_facade(&self) -> bool {
        self.for_host && self.crate_name == "wdk_build"
    }

    fn rewritten(mut self) -> Vec<OsString> {
        let mut more = Vec::<OsString>::new();
        if self.for_host && WINDOWS_RS.contains(&self.crate_name.as_str()) {
            more.extend(["--cfg", "windows"].map(OsString::from));
            if self.crate_name == "windows_strings" {
                // Its std part uses std::os::windows.
                self.remove_pair("--cfg", "feature=\"std\"");
            }
        }
        if self.needs_facade() {
            let facade = self.out_dir.unwrap_or_default().join(format!("lib{FACADE_CRATE}.rlib"));
            let mut std = OsString::from("std=");
            std.push(facade);
            // The injected `extern crate std` and the prelude then resolve to the facade.
            more.extend(["--extern".into(), std, "--cfg".into(), "target_os=\"windows\"".into()]);
        }
        if !more.is_empty() {
            more.extend(["-A", "explicit_builtin_cfgs_in_flags"].map(OsString::from));
        }
        if self.crate_name == "compiler_builtins" {
            // As many objects as the released library has, so that the linker takes no more of it than is used: as
            // one object it asks for fma() in unoptimised builds.
            more.extend(["-C", "codegen-units=1000"].map(OsString::from));
        }
        self.arguments.extend(more);
        self.arguments
    }

    fn remove_pair(&mut self, option: &str, value: &str) {
        if let Some(at) = self.arguments.windows(2).position(|pair| pair[0] == option && pair[1] == value) {
            self.arguments.drain(at..at + 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let words = Call::new(line.split(' ').map(OsString::from).collect()).rewritten();
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn other_crates_are_left_alone() {
        let line = "--crate-name serde --edition=2021 src/lib.rs --cfg feature=\"std\"";
        assert_eq!(rewritten(line), line);
    }

    #[test]
    fn nothing_of_the_driver_is_touched() {
        for name in ["windows_core", "windows_strings", "wdk_build"] {
            let line = format!("--crate-name {name} --cfg feature=\"std\" --target x86_64-pc-windows-msvc");
            assert_eq!(rewritten(&line), line);
        }
    }

    #[test]
    fn windows_rs_believes_to_be_on_windows() {
        assert_eq!(
            rewritten("--crate-name windows_future lib.rs"),
            "--crate-name windows_future lib.rs --cfg windows -A explicit_builtin_cfgs_in_flags"
        );
        assert_eq!(
            rewritten("--crate-name windows_strings --cfg feature=\"std\" --cfg feature=\"x\""),
            "--crate-name windows_strings --cfg feature=\"x\" --cfg windows -A explicit_builtin_cfgs_in_flags"
        );
    }

    #[test]
    fn wdk_build_gets_the_facade() {
        assert_eq!(
            rewritten("--crate-name wdk_build --out-dir /o"),
            "--crate-name wdk_build --out-dir /o --extern std=/o/libwdk_linux_host.rlib --cfg target_os=\"windows\" \
             -A explicit_builtin_cfgs_in_flags"
        );
    }

    #[test]
    fn compiler_builtins_stays_in_small_pieces() {
        let line = "--crate-name compiler_builtins --target x86_64-pc-windows-msvc";
        assert_eq!(rewritten(line), format!("{line} -C codegen-units=1000"));
    }
}
