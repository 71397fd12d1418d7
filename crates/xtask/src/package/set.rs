//! One driver package: a folder with an INF and what it names.

use std::path::Path;

use anyhow::{Context, Result, bail};
use driver_package::{
    catalog,
    digest::Digest,
    inf::{DriverVer, Stamp, stamp},
    lint::{self, Profile, Severity, lint_package},
};

use super::{Signers, copy, write};
use crate::{build::Flavour, house};

/// The packages, the newest Windows first.
pub const SETS: [Set; 3] = [
    Set {
        name: "windows-10-2004",
        windows: "Windows 10 2004 (19041) and later, x64 and ARM64",
        inf: "loopcam",
        images: &[(Flavour::Default, "amd64/loopcam.sys"), (Flavour::Arm64, "arm64/loopcam.sys")],
        digest: Digest::Sha256,
        profile: Profile::WindowsDriver,
        meant: &[],
    },
    Set {
        name: "windows-8",
        windows: "Windows 8 to Windows 10 1909, x64",
        inf: "loopcam-legacy",
        images: &[(Flavour::Downlevel, "loopcam.sys")],
        digest: Digest::Sha256,
        profile: Profile::Windows7,
        // SHA-256, which Windows 7 may not know: it has a package of its own.
        meant: &["SIG12", "SIG35"],
    },
    Set {
        name: "windows-xp",
        windows: "Windows XP, Vista and 7, x64",
        inf: "loopcam-legacy",
        images: &[(Flavour::Downlevel, "loopcam.sys")],
        digest: Digest::Sha1,
        profile: Profile::Xp,
        meant: &[],
    },
];

/// What is in a package.
pub struct Set {
    /// The folder.
    pub name: &'static str,
    /// For people.
    pub windows: &'static str,
    /// The source in inf/, without extension.
    inf: &'static str,
    /// Where the INF wants each driver.
    images: &'static [(Flavour, &'static str)],
    /// What signatures are made with.
    digest: Digest,
    /// What it is checked against.
    profile: Profile,
    /// The codes of warnings that the check gives, and is meant to give.
    meant: &'static [&'static str],
}

impl Set {
    /// The INF's path below the folder of all packages.
    pub fn inf(&self) -> String {
        format!("{}/{}.inf", self.name, self.inf)
    }

    /// Makes the package in a folder of its own below `folder`; without signers it is not signed, nor checked.
    pub fn make(&self, folder: &Path, version: DriverVer, signers: Option<&Signers>) -> Result<()> {
        let source = house::root().join("inf").join(self.inf).with_extension("inx");
        let text = std::fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        // Both sources say their catalog and their architectures themselves.
        let stamped = stamp(&text, &Stamp { version, architecture: None, catalog: None })
            .with_context(|| house::short(&source))?;
        let inf = folder.join(self.inf());
        write(&inf, &stamped)?;
        let folder = folder.join(self.name);
        for (flavour, place) in self.images {
            copy(&flavour.image(), &folder.join(place))?;
            if let Some(signers) = signers {
                signers.of(self.digest).sign(&folder.join(place), self.digest)?;
            }
        }
        // Version 1 is what Windows' own driver catalogs are, Windows 11's among them, and every Windows knows it.
        let catalog = catalog::create(&inf, catalog::Version::V1)?;
        let Some(signers) = signers else { return Ok(()) };
        signers.of(self.digest).sign(&catalog, self.digest)?;
        self.check(&folder, signers)
    }

    fn check(&self, folder: &Path, signers: &Signers) -> Result<()> {
        let options = lint::Options { profile: Some(self.profile), ..lint::Options::default() };
        let report = lint_package(folder, options)?;
        let mut findings = report.findings.iter().filter(|finding| !self.meant.contains(&finding.code));
        // What a certificate of the user's is warned of is for the user to judge.
        if findings.any(|finding| finding.severity == Severity::Error || signers.for_tests) {
            bail!("{} is not as it should be:\n{report}", house::short(folder));
        }
        if !signers.for_tests {
            println!("{report}");
        }
        Ok(())
    }
}
