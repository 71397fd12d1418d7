//! What newer Windows does not do any more.

use super::{UNIVERSAL, rule};
use crate::lint::{Findings, InfFile, Levels, Rule};

const PAGE: &str = "install/using-a-universal-inf-file";

/// The rules.
///
/// ASSUMED: the page of codes does not say which directives 1307, 1308 and 1309 are about; they are shared out by its
/// words: what only desktops do, what takes away instead of adding, and the same with files.
pub const RULES: &[Rule] = &[
    rule(
        "1303",
        "there are no co-installers",
        Levels::ERROR,
        "install/inf-ddinstall-coinstallers-section",
        co_installers,
    ),
    rule("1307", "nothing is done that only old desktops do", UNIVERSAL, PAGE, desktop),
    rule("1308", "nothing is taken out of the registry", UNIVERSAL, PAGE, subtractive),
    rule("1309", "no files are deleted or renamed", UNIVERSAL, PAGE, files),
    rule(
        "1421",
        "DefaultInstall names its architecture",
        Levels::ERROR,
        "install/inf-defaultinstall-section",
        default_install,
    ),
    rule(
        "1422",
        "DefaultUninstall is for old systems only",
        Levels::ERROR,
        "install/inf-defaultinstall-section",
        uninstall,
    ),
];

fn co_installers(file: &InfFile, findings: &mut Findings<'_>) {
    for section in &file.inf.sections {
        if section.name.to_ascii_lowercase().ends_with(".coinstallers") {
            let found = format!("[{}] adds a co-installer", section.name);
            findings.add(section.line, found, "remove the section: Windows runs no co-installers any more");
        }
    }
}

fn named(file: &InfFile, directives: &[&str], advice: &str, findings: &mut Findings<'_>) {
    for directive in directives {
        for (section, entry) in file.inf.directives(directive) {
            findings.add(entry.line, format!("[{section}] has {directive}"), advice);
        }
    }
}

fn desktop(file: &InfFile, findings: &mut Findings<'_>) {
    let directives = [
        "RegisterDlls",
        "UnregisterDlls",
        "LogConfig",
        "ProfileItems",
        "UpdateInis",
        "UpdateIniFields",
        "Ini2Reg",
    ];
    named(file, &directives, "remove the line: a universal INF only describes the driver", findings);
    for section in &file.inf.sections {
        let name = section.name.to_ascii_lowercase();
        if name.ends_with(".factdef") || name.ends_with(".logconfigoverride") {
            findings.add(
                section.line,
                format!("[{}] is for devices that are not plug and play", section.name),
                "remove the section",
            );
        }
    }
}

fn subtractive(file: &InfFile, findings: &mut Findings<'_>) {
    let directives = ["DelReg", "BitReg", "DelProperty", "DelService"];
    named(file, &directives, "remove the line: Windows cleans up after a driver by itself", findings);
}

fn files(file: &InfFile, findings: &mut Findings<'_>) {
    named(
        file,
        &["DelFiles", "RenFiles"],
        "remove the line: Windows cleans up after a driver by itself",
        findings,
    );
}

fn default_install(file: &InfFile, findings: &mut Findings<'_>) {
    for section in &file.inf.sections {
        let name = section.name.to_ascii_lowercase();
        let rest = name.strip_prefix("defaultinstall");
        if rest.is_some_and(|rest| {
            rest.is_empty() || rest == ".services" || rest == ".nt" || rest == ".nt.services"
        }) {
            let found = format!("[{}] names no architecture", section.name);
            findings.add(section.line, found, "write [DefaultInstall.NTamd64], or the like");
        }
    }
}

fn uninstall(file: &InfFile, findings: &mut Findings<'_>) {
    for section in &file.inf.sections {
        let name = section.name.to_ascii_lowercase();
        let main = name.starts_with("defaultuninstall") && !name.ends_with(".services");
        if main && !section.entries.iter().any(|entry| entry.is("LegacyUninstall") && entry.value(0) == "1") {
            let found = format!("[{}] would run on new systems too", section.name);
            findings.add(section.line, found, "write LegacyUninstall = 1 in it, or remove it");
        }
    }
}
