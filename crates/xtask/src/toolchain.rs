//! The compilers and libraries of a driver build.
//!
//! Two routes lead to the Windows target, and what is there decides:
//! rustup's toolchain where it has the target's library, otherwise Debian's rustc-web, which builds `core` and `alloc`
//! from its own source package.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{house, process, rustc_wrapper, wdk_tree::WdkTree};

/// The driver's target.
pub const TARGET: &str = "x86_64-pc-windows-msvc";
/// The driver's other target.
pub const ARM64: &str = "aarch64-pc-windows-msvc";
/// The target of programs for Windows: as `x86_64-pc-windows-gnu`, but its library asks for nothing that Windows 7 lacks.
pub const PROGRAM: &str = "x86_64-win7-windows-gnu";
/// What links them: GCC, with the runtime library and start-up code that go with it.
pub const MINGW_GCC: &str = "/usr/bin/x86_64-w64-mingw32-gcc-win32";
/// The version of LLVM whose libclang, linker and tools are used.
pub const LLVM: &str = "22";
/// Where Debian installs it.
pub const LLVM_ROOT: &str = "/usr/lib/llvm-22";
/// mingw-w64's headers.
pub const MINGW_HEADERS: &str = "/usr/share/mingw-w64/include";
/// mingw-w64's import libraries.
pub const MINGW_LIBRARIES: &str = "/usr/x86_64-w64-mingw32/lib";
/// Debian's clippy.
pub const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";
/// Debian's formatter.
pub const DEBIAN_FMT: &str = "/usr/bin/cargo-fmt";
/// The oldest compiler that will do, as in Cargo.toml.
pub const OLDEST_RUST: (u32, u32) = (1, 95);

/// A program of LLVM.
pub fn llvm(program: &str) -> PathBuf {
    Path::new(LLVM_ROOT).join("bin").join(program)
}

/// The ordinary cargo: the one that runs this program.
pub fn host_cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(house::root());
    forget(&mut command, &[]);
    command
}

/// Whether the ordinary cargo has a subcommand.
pub fn host_has(subcommand: &str) -> bool {
    process::output(host_cargo().args([subcommand, "--version"])).is_ok()
}

/// `cargo fmt`, or Debian's.
pub fn formatter() -> Command {
    if host_has("fmt") {
        let mut command = host_cargo();
        command.arg("fmt");
        return command;
    }
    let mut command = Command::new(DEBIAN_FMT);
    command.arg("fmt").current_dir(house::root()).env("RUSTFMT", "/usr/bin/rustfmt");
    forget(&mut command, &OTHER_TOOLCHAIN);
    command
}

/// `cargo clippy` for crates of the host, or Debian's, if there is one.
pub fn host_clippy() -> Option<Command> {
    if host_has("clippy") {
        let mut command = host_cargo();
        command.arg("clippy");
        return Some(command);
    }
    if !Path::new(DEBIAN_CLIPPY).exists() {
        return None;
    }
    let mut command = debian();
    command.args(["clippy", "--target-dir"]).arg(house::root().join("target/debian"));
    Some(command)
}

/// What rustup and `cargo run` set for this program, and what would lead another toolchain astray.
const OTHER_TOOLCHAIN: [&str; 3] = ["CARGO", "LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN"];

/// Removes what `cargo run` tells this program about its own package, and more.
fn forget(command: &mut Command, more: &[&str]) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || more.contains(&name) {
            command.env_remove(name);
        }
    }
}

/// How the driver's crates are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The ordinary toolchain has the target's library.
    Rustup,
    /// Debian's rustc-web, with the library made from source.
    Debian,
}

impl Route {
    /// What is there, the quicker one first.
    pub fn choose() -> Result<Self> {
        if rustup_has_target(TARGET) {
            return Ok(Self::Rustup);
        }
        match rust_version("/usr/bin/rustc") {
            Some(version) if version >= OLDEST_RUST => Ok(Self::Debian),
            Some((major, minor)) => bail!(
                "/usr/bin/rustc is {major}.{minor}, but the driver needs {}.{}. Debian 12 has it in its security \
                 archive (rustc-web): run `cargo xtask setup`",
                OLDEST_RUST.0,
                OLDEST_RUST.1
            ),
            None => {
                bail!("no compiler for {TARGET}: run `cargo xtask setup`, or `rustup target add {TARGET}`")
            }
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup's toolchain",
            Self::Debian => "Debian's rustc-web, library from source",
        }
    }

    /// Fetches all crates, those of the target's library among them.
    pub fn fetch(self) -> Result<()> {
        process::run(host_cargo().args(["fetch", "--locked"]))?;
        match self {
            Self::Rustup => Ok(()),
            Self::Debian => {
                let targets = ["--target", TARGET, "--target", ARM64];
                process::run(debian_with_library(DRIVER_LIBRARY).args(["fetch", "--locked"]).args(targets))
            }
        }
    }

    /// A cargo that compiles for the driver: `build`, `clippy`… are to follow.
    pub fn cargo(self, target: &str, tree: &WdkTree, target_dir: &Path, subcommand: &str) -> Result<Command> {
        let mut cargo = match self {
            Self::Rustup if !rustup_has_target(target) => {
                bail!("rustup's toolchain has no library for {target}: `rustup target add {target}`")
            }
            Self::Rustup => host_cargo(),
            Self::Debian => debian_with_library(DRIVER_LIBRARY),
        };
        // mingw-w64's ddk knows no ARM64. What a video driver uses of it has one layout on both.
        let clang_for_arm64 =
            format!("{} --target={TARGET} -U_ARM64_ -UARM64 -D_AMD64_ -DAMD64 -D_WIN64", clang_arguments());
        bindings(&mut cargo)
            .args([subcommand, "--locked", "--target", target, "--target-dir"])
            .arg(target_dir)
            .env("WDKContentRoot", &tree.root)
            .env("RUSTC_WRAPPER", rustc_wrapper::install(&tree.root)?)
            .env("BINDGEN_EXTRA_CLANG_ARGS_aarch64_pc_windows_msvc", clang_for_arm64)
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", llvm("lld-link"))
            .env("CARGO_TARGET_AARCH64_PC_WINDOWS_MSVC_LINKER", llvm("lld-link"))
            // Set by a user for the host; it would hide .cargo/config.toml's flags for the target.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .env_remove("CARGO_TARGET_DIR");
        Ok(cargo)
    }
}

/// What bindgen needs to know of LLVM, for every target: it is compiled anew where its environment is another one.
fn bindings(cargo: &mut Command) -> &mut Command {
    cargo.env("LIBCLANG_PATH", format!("{LLVM_ROOT}/lib")).env("BINDGEN_EXTRA_CLANG_ARGS", clang_arguments())
}

/// libclang does not find its own headers from LIBCLANG_PATH, and mingw-w64's headers want a compiler that says it is
/// GCC.
fn clang_arguments() -> String {
    format!("-resource-dir={LLVM_ROOT}/lib/clang/{LLVM} -fgnuc-version=13.2")
}

/// Debian's cargo with Debian's compiler.
fn debian() -> Command {
    let mut path = OsString::from("/usr/bin:");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo.current_dir(house::root()).env("PATH", path);
    cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTDOC", "/usr/bin/rustdoc");
    forget(&mut cargo, &OTHER_TOOLCHAIN);
    cargo
}

/// What a driver takes of the library.
const DRIVER_LIBRARY: &str = "core,alloc";

/// With the unstable options of a stable compiler: the target's library is made from its own source.
fn debian_with_library(crates: &str) -> Command {
    let mut cargo = debian();
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", crates);
    cargo
}

/// A cargo that compiles programs for [`PROGRAM`]: `build`, `clippy`… are to follow.
///
/// Always Debian's compiler: nobody gives away this target's library, and Debian has the source.
pub fn program_cargo(target_dir: &Path, subcommand: &str) -> Result<Command> {
    let home = match env::var_os("CARGO_HOME") {
        Some(folder) => folder.into(),
        None => env::home_dir().context("where is your home folder? Set HOME")?.join(".cargo"),
    };
    let flags = [
        // No older Windows has all that is imported, and so it says so.
        "-Clink-arg=-Wl,--major-os-version,6,--minor-os-version,1".to_owned(),
        "-Clink-arg=-Wl,--major-subsystem-version,6,--minor-subsystem-version,1".to_owned(),
        "-Clink-arg=-Wl,--nxcompat".to_owned(),
        // The same bytes whenever it is linked; where, still counts (docs/building.md).
        "-Clink-arg=-Wl,--no-insert-timestamp".to_owned(),
        // Messages name a crate's source, but not where this machine has it.
        format!("--remap-path-prefix={}=crates.io", home.join("registry/src").display()),
    ];
    let mut cargo = debian_with_library("std,panic_abort");
    bindings(&mut cargo)
        .args([subcommand, "--locked", "--target", PROGRAM, "--target-dir"])
        .arg(target_dir)
        .args(["--config", &format!("target.{PROGRAM}.linker={MINGW_GCC:?}")])
        .args(["--config", &format!("target.{PROGRAM}.rustflags={flags:?}")])
        // Nobody debugs it on the machine that it is for.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR");
    Ok(cargo)
}

/// Whether the ordinary compiler has the library of a target.
pub fn rustup_has_target(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--print", "target-libdir", "--target", target]).current_dir(house::root());
    process::output(&mut command).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// The version of a compiler, if it can be run.
pub fn rust_version(rustc: &str) -> Option<(u32, u32)> {
    let text = process::output(Command::new(rustc).arg("--version").env_remove("LD_LIBRARY_PATH")).ok()?;
    parse_version(text.strip_prefix("rustc ")?)
}

/// The first two numbers of `1.96.0+anything`.
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
