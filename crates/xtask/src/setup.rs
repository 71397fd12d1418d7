//! `cargo xtask setup`: what the other commands need from the machine.

use std::{
    fs,
    io::IsTerminal as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    process,
    toolchain::{self, LLVM, LLVM_ROOT, MINGW_HEADERS, MINGW_LIBRARIES, OLDEST_RUST, Route, TARGET},
};

/// Install what is needed to build and test the driver.
///
/// Looks for the compiler, LLVM's tools, mingw-w64's headers and import libraries, what signs packages and what the
/// tests use; installs what is missing with apt-get (through sudo if you are not root), and fetches the crates. Says
/// what it installs before it does. The other commands do this by themselves where something is missing.
#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask setup --check")]
pub struct Options {
    /// Only tell what is there and what is missing; exit code 1 if anything is
    #[arg(long)]
    pub check: bool,
}

/// What a command needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The driver can be built.
    Build,
    /// A program for Windows can be built as well.
    Program,
    /// A signed package can be made of them.
    Package,
    /// Everything can be checked and tested.
    Test,
}

/// A piece of the machine.
struct Need {
    what: String,
    package: String,
    purpose: Purpose,
    there: bool,
}

impl Need {
    fn new(purpose: Purpose, package: impl Into<String>, what: impl Into<String>, there: bool) -> Self {
        Self { what: what.into(), package: package.into(), purpose, there }
    }
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let needs = needs();
    for need in &needs {
        println!("  {:<7}  {:<22} {}", if need.there { "ok" } else { "MISSING" }, need.package, need.what);
    }
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.there).collect();
    if options.check {
        if missing.is_empty() {
            return Ok(());
        }
        bail!("{} of {} are missing: `cargo xtask setup` installs them", missing.len(), needs.len());
    }
    install(&missing)?;
    fetch()?;
    println!("everything is there");
    Ok(())
}

/// Installs what is missing, if anything is. Quick if not: a few looks into the file system.
pub fn ensure(purpose: Purpose) -> Result<()> {
    let needs = needs();
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.there && need.purpose <= purpose).collect();
    install(&missing)
}

fn needs() -> Vec<Need> {
    use Purpose::{Build, Package, Program, Test};

    let llvm = Path::new(LLVM_ROOT);
    let clang_headers = llvm.join(format!("lib/clang/{LLVM}/include/stddef.h"));
    let file = |path: &str| Path::new(path).exists();
    let mut needs = Vec::new();
    let by_rustup = toolchain::rustup_has_target(TARGET);
    if by_rustup {
        needs.push(Need::new(Build, "(rustup)", format!("rustup's toolchain for {TARGET}"), true));
    }
    // rustup has no library for the programs' target.
    let compiler = if by_rustup { Program } else { Build };
    let new_enough = toolchain::rust_version("/usr/bin/rustc").is_some_and(|version| version >= OLDEST_RUST);
    let (major, minor) = OLDEST_RUST;
    needs.extend([
        Need::new(
            compiler,
            "rustc-web",
            format!("a compiler for Windows, {major}.{minor} or later"),
            new_enough,
        ),
        Need::new(compiler, "cargo-web", "its cargo", file("/usr/bin/cargo")),
        Need::new(
            compiler,
            "rust-web-src",
            "its library's source",
            file("/usr/lib/rustlib/src/rust/library/core"),
        ),
        Need::new(
            Program,
            "gcc-mingw-w64-x86-64-win32",
            "the linker of programs for Windows",
            file(toolchain::MINGW_GCC),
        ),
    ]);
    if !by_rustup {
        needs.push(Need::new(Test, "rust-web-clippy", "its clippy", file(toolchain::DEBIAN_CLIPPY)));
    }
    let formatter = file(toolchain::DEBIAN_FMT) || toolchain::host_has("fmt");
    needs.extend([
        Need::new(Test, "rustfmt-web", "rustfmt", formatter),
        Need::new(
            Build,
            format!("libclang1-{LLVM}"),
            "libclang, which reads C headers",
            has_libclang(&llvm.join("lib")),
        ),
        Need::new(
            Build,
            format!("libclang-common-{LLVM}-dev"),
            "clang's own headers",
            clang_headers.exists(),
        ),
        Need::new(
            Build,
            format!("clang-{LLVM}"),
            "the compiler of the test drivers in C",
            toolchain::llvm("clang").exists(),
        ),
        Need::new(Build, format!("lld-{LLVM}"), "the linker", toolchain::llvm("lld-link").exists()),
        Need::new(
            Build,
            format!("llvm-{LLVM}"),
            "tools for import libraries",
            toolchain::llvm("llvm-dlltool").exists(),
        ),
        Need::new(
            Build,
            "mingw-w64-common",
            "Windows headers",
            file(&format!("{MINGW_HEADERS}/ddk/ntifs.h")),
        ),
        Need::new(
            Build,
            "mingw-w64-x86-64-dev",
            "Windows exports",
            file(&format!("{MINGW_LIBRARIES}/libks.a")),
        ),
        Need::new(Package, "openssl", "makes the test certificate", program("openssl").is_some()),
        Need::new(Package, "osslsigncode", "signs drivers and catalogs", program("osslsigncode").is_some()),
        Need::new(Test, "valgrind", "counts instructions", program("valgrind").is_some()),
        Need::new(Test, "ffmpeg", "real video for the tests", program("ffmpeg").is_some()),
        Need::new(Test, "wine64", "runs the program for Windows", file("/usr/lib/wine/wine64")),
        Need::new(Test, "python3-venv", "runs others' verifiers of packages", has_venv()),
        Need::new(
            Test,
            "lomiri-wallpapers-16.04",
            "photographs for the tests",
            file("/usr/share/backgrounds/umang_by_Abhishek_Mudgal.jpg"),
        ),
    ]);
    needs
}

fn has_libclang(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libclang-"))
}

/// Whether Python can make an environment with its own packages.
fn has_venv() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).output().is_ok_and(|output| output.status.success())
}

/// A program in PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn install(missing: &[&Need]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package.as_str()).collect();
    let list = packages.join(" ");
    let Some(apt) = program("apt-get") else {
        bail!("{}", without_apt(missing));
    };
    let by_hand = format!("apt-get update && apt-get install --no-install-recommends {list}");
    let Some(root) = Root::obtain() else {
        bail!(
            "these packages are missing: {list}\nInstalling them takes root, and neither are you root nor is there \
             a sudo that can be used here. As root, run:\n  {by_hand}"
        );
    };

    println!("installing with apt-get{}: {list}", root.remark());
    let apt_get = |arguments: &[&str]| {
        let mut command = root.command(&apt);
        command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        process::run(&mut command)
    };
    apt_get(&["-q", "update"]).with_context(|| unreachable(&by_hand))?;
    if packages.contains(&"rustc-web") {
        check_offered_rust()?;
    }
    apt_get(&[&["-q", "install", "--yes", "--no-install-recommends"], &packages[..]].concat())
        .with_context(|| unreachable(&by_hand))?;

    let still: Vec<String> = needs()
        .into_iter()
        .filter(|need| !need.there && packages.contains(&need.package.as_str()))
        .map(|need| need.package)
        .collect();
    if !still.is_empty() {
        bail!(
            "apt-get has installed {}, but what is needed of it is not where it should be",
            still.join(", ")
        );
    }
    Ok(())
}

/// The packages are there, or apt says why not: then it is about the archive.
fn unreachable(by_hand: &str) -> String {
    format!(
        "apt-get could not install everything; what it says above tells the reason. If no archive can be reached, \
         check the network and /etc/apt/sources.list; rustc-web of the right version and LLVM {LLVM} come from \
         Debian 12's main and security archives. By hand:\n  {by_hand}"
    )
}

fn without_apt(missing: &[&Need]) -> String {
    let list: Vec<String> =
        missing.iter().map(|need| format!("  {} (Debian's package {})", need.what, need.package)).collect();
    format!(
        "these are missing, and there is no apt-get to install them:\n{}\nInstall them by hand. The compiler may also \
         be rustup's: `rustup target add {TARGET}`. LLVM is expected in {LLVM_ROOT}, mingw-w64's headers in \
         {MINGW_HEADERS} and its libraries in {MINGW_LIBRARIES}.",
        list.join("\n")
    )
}

/// Debian 12's plain archive has an older rustc-web; the right one is in its security archive.
fn check_offered_rust() -> Result<()> {
    let policy = process::output(Command::new("apt-cache").args(["policy", "rustc-web"]).env("LC_ALL", "C"))?;
    let offered = candidate(&policy);
    if offered.and_then(toolchain::parse_version).is_some_and(|version| version >= OLDEST_RUST) {
        return Ok(());
    }
    let offers = offered.map_or("no rustc-web".to_owned(), |version| format!("rustc-web {version}"));
    let (major, minor) = OLDEST_RUST;
    bail!(
        "apt offers {offers}, but {major}.{minor} or later is needed. It is in Debian 12's security archive; is this \
         line in /etc/apt/sources.list, and can it be reached?\n  \
         deb http://deb.debian.org/debian-security bookworm-security main\n\
         On another system, rustup's toolchain will do: `rustup target add {TARGET}`"
    )
}

/// What `apt-cache policy` says it would install.
fn candidate(policy: &str) -> Option<&str> {
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate:"))
        .map(str::trim)
        .filter(|v| *v != "(none)")
}

/// How to become root.
enum Root {
    Already,
    Sudo(PathBuf),
}

impl Root {
    fn obtain() -> Option<Self> {
        // The owner of this process's entry is its effective user.
        if fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0) {
            return Some(Self::Already);
        }
        let sudo = program("sudo")?;
        // Nobody can type a password where there is no terminal.
        let quiet =
            || Command::new(&sudo).args(["-n", "true"]).output().is_ok_and(|output| output.status.success());
        (std::io::stdin().is_terminal() || quiet()).then_some(Self::Sudo(sudo))
    }

    fn remark(&self) -> &'static str {
        match self {
            Self::Already => "",
            Self::Sudo(_) => " (sudo may ask for your password)",
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::Already => Command::new("env"),
            Self::Sudo(sudo) => {
                let mut command = Command::new(sudo);
                command.arg("env");
                command
            }
        };
        command.arg("DEBIAN_FRONTEND=noninteractive").arg(program);
        command
    }
}

fn fetch() -> Result<()> {
    println!("fetching the crates");
    Route::choose()?.fetch().context(
        "the crates could not be fetched: what cargo says above tells the reason. They come from crates.io; behind a \
         proxy or with a mirror, say so in ~/.cargo/config.toml ([http] proxy, [source])",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offered_version_is_read() {
        let policy =
            "rustc-web:\n  Installed: (none)\n  Candidate: 1.85.0+dfsg3-1~deb12u3\n  Version table:\n";
        assert_eq!(candidate(policy), Some("1.85.0+dfsg3-1~deb12u3"));
        assert_eq!(toolchain::parse_version(candidate(policy).unwrap()), Some((1, 85)));
        assert_eq!(candidate("rustc-web:\n  Candidate: (none)\n"), None);
        assert_eq!(candidate("N: Unable to locate package rustc-web"), None);
    }

    #[test]
    fn every_need_is_explained_without_apt() {
        let needs = needs();
        let text = without_apt(&needs.iter().collect::<Vec<_>>());
        for need in &needs {
            assert!(text.contains(&need.package), "{text}");
        }
    }
}
