//! For which Windows it is.

use super::{
    super::{Check, Findings, Levels, Rule},
    AGAIN, INF2CAT,
};
use crate::catalog::{Catalog, Platform};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "CAT30",
        title: "members name versions of Windows, and rightly",
        levels: Levels::ERROR,
        page: "install/creating-a-catalog-file-for-a-non-pnp-driver-package",
        check: Check::Catalog(well_formed),
    },
    Rule {
        code: "CAT31",
        title: "the versions are those of the INF",
        levels: Levels::WARNING,
        page: INF2CAT,
        check: Check::Catalog(complete),
    },
    Rule {
        code: "CAT32",
        title: "the catalog names the systems that it is for",
        levels: Levels::WARNING,
        page: INF2CAT,
        check: Check::Catalog(os),
    },
];

/// `2:major.minor`, or a version alone after the first, as Inf2Cat writes.
fn is_version(text: &str, first: bool) -> bool {
    let version = text.strip_prefix("2:").or((!first).then_some(text));
    let numbers = version.and_then(|version| version.split_once('.'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn well_formed(catalog: &Catalog, findings: &mut Findings<'_>) {
    for member in &catalog.members {
        let file = member.value("File").unwrap_or("a member");
        match member.value("OSAttr") {
            None => findings.add(None, format!("{file} has no OSAttr"), AGAIN),
            Some(value) if value.split(',').enumerate().all(|(index, part)| is_version(part, index == 0)) => {
            }
            Some(value) => findings.add(
                None,
                format!("the OSAttr of {file} is `{value}`"),
                "write 2:major.minor for each version, with commas between",
            ),
        }
    }
}

fn complete(catalog: &Catalog, findings: &mut Findings<'_>) {
    let mut needed = Vec::new();
    for inf in &findings.package().infs {
        let targets = inf.inf.targets().into_iter().filter(|target| !inf.inf.devices_of(target).is_empty());
        needed.extend(targets.filter_map(|target| Platform::of(&target.decoration.ok()?).first().copied()));
    }
    for member in &catalog.members {
        let Some(value) = member.value("OSAttr") else { continue };
        let has = |platform: &Platform| {
            let (major, minor) = platform.version;
            value.split(',').any(|part| part.trim_start_matches("2:") == format!("{major}.{minor}"))
        };
        for platform in needed.iter().filter(|platform| !has(platform)) {
            let file = member.value("File").unwrap_or("a member");
            findings.add(None, format!("the OSAttr of {file} lacks {}", platform.os_attribute()), AGAIN);
        }
    }
}

fn os(catalog: &Catalog, findings: &mut Findings<'_>) {
    if catalog.value("OS").is_none_or(|value| value.trim().is_empty()) {
        findings.add(None, "it has no OS", AGAIN);
    }
}
