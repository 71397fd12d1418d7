//! The file and its structure.

use std::time::Duration;

use super::{
    super::{Check, Findings, Levels, Package, Rule, Severity::*},
    AGAIN, CATALOGS, INF2CAT,
};
use crate::{
    asn1::{self, FaultKind},
    catalog::{Catalog, Version},
};

const WINDOWS_8: (u32, u32, u32) = (6, 2, 0);

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "CAT01",
        title: "the catalog that an INF names is there",
        levels: Levels::each([Some(Warning), Some(Error), Some(Error), Some(Error)]),
        page: "install/inf-version-section",
        check: Check::Package(is_there),
    },
    Rule {
        code: "CAT02",
        title: "a .cat file is a catalog",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Package(is_catalog),
    },
    Rule {
        code: "CAT03",
        title: "the catalog is strict DER",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Package(|package, findings| {
            der(package, findings, |kind| !matches!(kind, FaultKind::Unsorted | FaultKind::Duplicate));
        }),
    },
    Rule {
        code: "CAT04",
        title: "the sets of the catalog are sorted and have nothing twice",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Package(|package, findings| {
            der(package, findings, |kind| matches!(kind, FaultKind::Unsorted | FaultKind::Duplicate));
        }),
    },
    Rule {
        code: "CAT05",
        title: "the trust list is for catalogs and has an identifier of 16 bytes",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(list),
    },
    Rule {
        code: "CAT06",
        title: "the catalog was not made in the future",
        levels: Levels::ERROR,
        page: INF2CAT,
        check: Check::Catalog(date),
    },
    Rule {
        code: "CAT07",
        title: "a catalog with SHA-256 members is for Windows 8 and later",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(version),
    },
];

fn is_there(package: &Package, findings: &mut Findings<'_>) {
    for inf in &package.infs {
        for entry in inf.inf.entries("Version") {
            // CatalogFile, and CatalogFile.NTamd64 for one platform.
            let key = entry.key().to_ascii_lowercase();
            if (key == "catalogfile" || key.starts_with("catalogfile."))
                && package.find(entry.value(0)).is_none()
            {
                findings.add_in(
                    inf.name.as_str(),
                    entry.line,
                    format!("there is no {}", entry.value(0)),
                    "make the catalog; the package is unsigned without it",
                );
            }
        }
    }
}

fn is_catalog(package: &Package, findings: &mut Findings<'_>) {
    for file in &package.catalogs {
        if let Err(error) = &file.catalog {
            findings.add_in(file.name.as_str(), None, error.to_string(), AGAIN);
        }
    }
}

fn der(package: &Package, findings: &mut Findings<'_>, which: impl Fn(FaultKind) -> bool) {
    for file in package.catalogs.iter().filter(|file| file.catalog.is_ok()) {
        for fault in asn1::faults(&file.bytes).into_iter().filter(|fault| which(fault.kind)) {
            findings.add_in(
                file.name.as_str(),
                None,
                format!("byte {}: {}", fault.offset, fault.kind.text()),
                "make and sign the catalog with other tools: since October 2020 Windows takes it for unsigned",
            );
        }
    }
}

fn list(catalog: &Catalog, findings: &mut Findings<'_>) {
    if !catalog.is_catalog_list {
        findings.add(None, "the trust list is not for catalogs (1.3.6.1.4.1.311.12.1.1)", AGAIN);
    }
    if catalog.identifier.len() != 16 {
        findings.add(None, format!("the list's identifier has {} bytes", catalog.identifier.len()), AGAIN);
    }
}

fn date(catalog: &Catalog, findings: &mut Findings<'_>) {
    // Clocks differ, and so do the sides of the date line.
    if catalog.this_update > findings.package().now() + Duration::from_secs(24 * 60 * 60) {
        findings.add(
            None,
            "it was made in the future",
            "set the clock right, and the INF's DriverVer; then make it again",
        );
    }
}

fn version(catalog: &Catalog, findings: &mut Findings<'_>) {
    if catalog.version == Version::V2 && findings.package().oldest_windows() < WINDOWS_8 {
        findings.add(
            None,
            "its members are named by SHA-256, which Windows before 8 does not understand",
            "make a catalog of version 1",
        );
    }
}
