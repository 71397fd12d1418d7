//! `cargo xtask package`: what a Windows user installs.

pub mod archive;
pub mod date;
mod set;

use std::{
    fs,
    path::{Path, PathBuf, absolute},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use driver_package::{date::Date, digest::Digest, inf::DriverVer, sign::Identity, version::Version};

pub use self::set::SETS;
use crate::{
    build::{Flavours, Profile, Workshop},
    house, image, program,
    setup::{self, Purpose},
};

/// Make the driver packages for Windows: INF files, drivers, catalogs, signatures, and a zip of everything.
///
/// Builds all flavours of the driver, checks the images, and leaves in target/package/loopcam-VERSION/ one package for
/// each family of Windows: windows-10-2004 (x64 and ARM64; the latter was never run), windows-8 (to Windows 10 1909)
/// and windows-xp (to Windows 7, signed with SHA-1, as these want it), with the certificate, the scripts, the compliance
/// suite and the documentation. Checks each package as `cargo xtask lint-package` does, and fails if anything is found.
///
/// Signs with a certificate for tests, which is made on first use in ~/.local/share/loopcam and must be trusted on the
/// machine that installs the package; or with a given one.
#[derive(Args)]
#[command(after_help = "The version is the driver's own: that of Cargo.toml.

Examples:
  cargo xtask package
  cargo xtask package --pfx mine.pfx --password-file password.txt
  SOURCE_DATE_EPOCH=0 cargo xtask package --unsigned --out /tmp/packages")]
pub struct Options {
    /// Sign with the certificate in this PFX file
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    pfx: Option<PathBuf>,
    /// The file with its password; the end of its first line is the password's
    #[arg(long, value_name = "FILE", requires = "pfx")]
    password_file: Option<PathBuf>,
    /// The date in the packages, as 2026-12-31 [default: SOURCE_DATE_EPOCH, or that of the last commit]
    #[arg(long, value_parser = date::parse)]
    date: Option<Date>,
    /// Do not sign: the same sources give the same bytes
    #[arg(long)]
    unsigned: bool,
    /// Leave ks-compliance.exe out
    #[arg(long)]
    without_program: bool,
    /// Where to leave them
    #[arg(long, value_name = "DIR", default_value = "target/package")]
    out: PathBuf,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure(Purpose::Package)?;
    let version =
        version_resource::of_package(env!("CARGO_PKG_VERSION")).context("the version has three numbers")?;
    let date = match options.date {
        Some(date) => date,
        None => date::of_sources()?,
    };
    let driver_ver = DriverVer { date, version: Version(version) };
    let signers = match options.unsigned {
        true => None,
        false => Some(Signers::new(options)?),
    };
    build(!options.without_program)?;

    let folder = match options.out.to_str() {
        Some("target/package") => default_folder(),
        _ => absolute(&options.out).context("--out")?.join(NAME),
    };
    let out = folder.parent().context("the packages' folder lies in one")?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    discard(&folder)?;
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write(&folder.join(README), &readme(options, driver_ver, signers.as_ref()))?;
    for set in &SETS {
        set.make(&folder, driver_ver, signers.as_ref())?;
        println!("made     {}", house::short(&folder.join(set.name)));
    }
    if let Some(signers) = &signers {
        signers.certificates(&folder)?;
    }
    extras(&folder)?;
    if !options.without_program {
        copy(&program::file(), &folder.join("tools/ks-compliance.exe"))?;
    }
    let zip = out.join(format!("{NAME}.zip"));
    archive::write(&folder, &zip, date)?;
    println!("made     {}\nDriverVer = {driver_ver}", house::short(&zip));
    Ok(())
}

const NAME: &str = concat!("loopcam-", env!("CARGO_PKG_VERSION"));

/// Where the packages are if nothing else is said.
pub fn default_folder() -> PathBuf {
    house::root().join("target/package").join(NAME)
}

/// Builds all flavours, and the program if it is wanted; only good images go into a package.
fn build(with_program: bool) -> Result<()> {
    let workshop = Workshop::open()?;
    for &flavour in Flavours::All.each() {
        let driver = workshop.driver(flavour, Profile::Release)?;
        let report = image::check_file(&driver, flavour)?;
        ensure!(
            report.faults().next().is_none(),
            "{} is not fit for a package:\n{report}",
            house::short(&driver)
        );
    }
    if with_program {
        program::build(&workshop)?;
    }
    Ok(())
}

/// Who signs what: a certificate for tests is itself signed with the digest that its readers know.
pub struct Signers {
    old: Identity,
    new: Identity,
    /// Not a certificate of the user's.
    pub for_tests: bool,
}

impl Signers {
    fn new(options: &Options) -> Result<Self> {
        let Some(pfx) = &options.pfx else {
            let home = std::env::home_dir().context("where is your home folder? Set HOME")?;
            let folder = home.join(".local/share/loopcam");
            let identity = |digest| Identity::for_tests(&folder, "Loopcam test certificate", digest);
            return Ok(Self {
                old: identity(Digest::Sha1)?,
                new: identity(Digest::Sha256)?,
                for_tests: true,
            });
        };
        let password = match &options.password_file {
            None => String::new(),
            Some(file) => {
                let text =
                    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
                text.lines().next().unwrap_or_default().to_owned()
            }
        };
        let identity = || Identity::from_pfx(pfx, &password);
        Ok(Self { old: identity()?, new: identity()?, for_tests: false })
    }

    /// The one whose certificate they know who know a digest.
    pub fn of(&self, digest: Digest) -> &Identity {
        match digest {
            Digest::Sha1 => &self.old,
            Digest::Sha256 => &self.new,
        }
    }

    /// Those for tests have to be installed.
    fn certificates(&self, folder: &Path) -> Result<()> {
        if self.for_tests {
            write(&folder.join("loopcam-test.cer"), &self.new.certificate()?)?;
            write(&folder.join("loopcam-test-sha1.cer"), &self.old.certificate()?)?;
        }
        Ok(())
    }
}

const README: &str = "README.txt";

fn readme(options: &Options, driver_ver: DriverVer, signers: Option<&Signers>) -> Vec<u8> {
    let mut text = format!("Loopcam, a loopback camera: driver packages, {driver_ver}\n\n");
    for set in &SETS {
        text += &format!("{:<16} {}\n", set.name, set.windows);
    }
    text += "\nThe driver for ARM64 was built and checked, but never run.\n";
    text += match signers {
        None => "Nothing is signed.\n",
        Some(Signers { for_tests: false, .. }) => "",
        Some(_) => {
            "\nThe signatures are for tests: Windows must be in test mode and trust loopcam-test.cer (Windows 7 and\n\
             earlier: loopcam-test-sha1.cer). In a PowerShell as administrator, in the folder scripts:\n\n  \
             powershell -ExecutionPolicy Bypass -File test-signing.ps1 -On\n  \
             (restart)\n  \
             powershell -ExecutionPolicy Bypass -File install.ps1\n"
        }
    };
    if !options.without_program {
        text += "\ntools\\ks-compliance.exe measures how well a camera's driver behaves: scripts\\compliance.ps1.\n";
    }
    text += "\ndocs\\windows.md tells the rest, Windows XP's way among it.\n";
    text.replace('\n', "\r\n").into_bytes()
}

/// What lies beside the packages.
fn extras(folder: &Path) -> Result<()> {
    let root = house::root();
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "docs/windows.md", "docs/compliance.md"] {
        copy(&root.join(name), &folder.join(name))?;
    }
    let scripts = root.join("scripts/windows");
    for entry in fs::read_dir(&scripts).with_context(|| format!("cannot read {}", scripts.display()))? {
        let path = entry?.path();
        copy(&path, &folder.join("scripts").join(path.file_name().context("a script has a name")?))?;
    }
    for flavour in Flavours::All.each() {
        let symbols = folder.join("symbols").join(flavour.name()).join("loopcam.pdb");
        copy(&flavour.image().with_extension("pdb"), &symbols)?;
    }
    Ok(())
}

/// Removes a package that this command made, and nothing else.
fn discard(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join(README).exists() {
        bail!(
            "{} is there and is no package of this command: move it away, or choose another --out",
            folder.display()
        );
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    write(to, &fs::read(from).with_context(|| format!("cannot read {}", from.display()))?)
}
