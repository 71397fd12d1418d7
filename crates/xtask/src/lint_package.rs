//! `cargo xtask lint-package`: what Windows and InfVerif would say about a driver package.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use driver_package::lint::{self, Profile, Severity};

/// Check a driver package: its INF files, and what they say about the other files.
///
/// Any package will do, not only this driver's. A finding has the number that InfVerif gives it, or a code of letters
/// where InfVerif has none; what is there; what to do; and the page of the documentation that the rule rests on. Exit
/// code 1 if there is an error; warnings are only shown. Nothing is written.
#[derive(Args)]
#[command(
    after_help = "Profiles (the default is the one that the oldest Windows in an INF's [Manufacturer] section asks for):
  xp              Windows XP x64 and later, as `infverif /k`
  windows7        Windows 7 and later, as `infverif /k`
  windows10       Windows 10 and later, universal, as `infverif /u`
  windows-driver  Windows 10 1709 and later, isolated, as `infverif /w`

Examples:
  cargo xtask lint-package target/package/loopcam
  cargo xtask lint-package --profile windows-driver some/package
  cargo xtask lint-package --json some/package | jq '.findings[].code'
  cargo xtask lint-package --rules"
)]
pub struct Options {
    /// The folder with the .inf file
    #[arg(value_name = "DIR", required_unless_present = "rules")]
    folder: Option<PathBuf>,
    /// Whose rules apply: xp, windows7, windows10 or windows-driver
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Profile>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// List the rules instead
    #[arg(long, conflicts_with_all = ["folder", "profile", "json"])]
    rules: bool,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let Some(folder) = &options.folder else {
        for rule in lint::rules() {
            println!("{:<6} {}\n       {}", rule.code, rule.title, rule.url());
        }
        println!("{} rules", lint::rules().count());
        return Ok(());
    };
    let report =
        lint::lint_package(folder, lint::Options { profile: options.profile, ..Default::default() })?;
    if options.json {
        println!("{}", report.to_json());
    } else {
        println!("{report}");
    }
    match report.count(Severity::Error) {
        0 => Ok(()),
        1 => bail!("1 error in {}", folder.display()),
        n => bail!("{n} errors in {}", folder.display()),
    }
}
