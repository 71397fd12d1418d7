//! Sections, and the names by which directives find them.

use super::{INFVERIF, rule};
use crate::{
    inf::{Inf, Kind},
    lint::{Findings, InfFile, Levels, Rule},
};

const SYNTAX: &str = "install/general-syntax-rules-for-inf-files";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1005", "a directive that names sections has a name", Levels::ERROR, INFVERIF, nameless),
    rule("1203", "every section that is named is there", Levels::ERROR, INFVERIF, missing),
    rule("1206", "a section is of one kind", Levels::ERROR, INFVERIF, mixed),
    rule("1209", "a section stands in one place", Levels::ERROR, SYNTAX, twice),
    rule(
        "1290",
        "a section has no directives of others",
        Levels::ERROR,
        "install/summary-of-inf-sections",
        foreign,
    ),
    rule("2083", "every section is used", Levels::WARNING, INFVERIF, unused),
];

fn nameless(file: &InfFile, findings: &mut Findings<'_>) {
    for directive in ["CopyFiles", "AddReg", "AddProperty", "DelReg", "DelFiles", "RenFiles"] {
        for (section, entry) in file.inf.directives(directive) {
            if entry.values.iter().all(|value| value.text.is_empty()) {
                findings.add(
                    entry.line,
                    format!("{directive} in [{section}] names no section"),
                    "name one, or remove the line",
                );
            }
        }
    }
}

fn missing(file: &InfFile, findings: &mut Findings<'_>) {
    // A service's section has a code of its own.
    for reference in file.inf.references().into_iter().filter(|reference| reference.kind != Kind::Service) {
        if !file.inf.has(reference.to) {
            let found = format!("[{}], which {} names, is not there", reference.to, reference.entry.key());
            findings.add(reference.entry.line, found, "define the section, or correct its name");
        }
    }
    for target in file.inf.targets().iter().filter(|target| !target.text.contains("$ARCH$")) {
        if !target.section.is_empty() && !file.inf.has(&target.section) {
            let found = format!("[{}], which [Manufacturer] names, is not there", target.section);
            findings.add(
                target.line,
                found,
                "define the section; an empty one keeps the package off these systems",
            );
        }
    }
}

fn mixed(file: &InfFile, findings: &mut Findings<'_>) {
    let references = file.inf.references();
    for (index, reference) in references.iter().enumerate() {
        let same = |other: &&crate::inf::Reference<'_>| other.to.eq_ignore_ascii_case(reference.to);
        if let Some(other) = references[..index].iter().find(same)
            && other.kind != reference.kind
        {
            let found =
                format!("[{}] is for {} and for {}", reference.to, other.entry.key(), reference.entry.key());
            findings.add(reference.entry.line, found, "make two sections");
        }
    }
}

fn twice(file: &InfFile, findings: &mut Findings<'_>) {
    let sections = &file.inf.sections;
    for (index, section) in sections.iter().enumerate().filter(|(_, section)| !section.name.is_empty()) {
        if let Some(first) = sections[..index].iter().find(|first| first.is(&section.name)) {
            let found = format!("[{}] is there already, in line {}", section.name, first.line);
            findings.add(section.line, found, "put the lines into one section, or correct the name");
        }
    }
}

/// What may stand in the sections of an installation that have few directives.
const DIRECTIVES: [(&str, &[&str]); 3] = [
    ("HW", &["AddReg", "DelReg", "BitReg", "Include", "Needs", "AddProperty", "DelProperty"]),
    ("Services", &["AddService", "DelService", "Include", "Needs", "LegacyUninstall"]),
    ("Interfaces", &["AddInterface", "Include", "Needs"]),
];

fn foreign(file: &InfFile, findings: &mut Findings<'_>) {
    for (root, _) in file.inf.roots() {
        let suffix = root.rsplit('.').next().unwrap_or_default();
        let Some((_, allowed)) = DIRECTIVES.iter().find(|(name, _)| name.eq_ignore_ascii_case(suffix)) else {
            continue;
        };
        for entry in file.inf.entries(root).filter(|entry| !allowed.iter().any(|name| entry.is(name))) {
            let found = format!(
                "[{root}] has {}",
                if entry.key().is_empty() { "a line without a directive" } else { entry.key() }
            );
            findings.add(entry.line, found, format!("such a section takes {}", allowed.join(", ")));
        }
    }
}

fn unused(file: &InfFile, findings: &mut Findings<'_>) {
    let used = used(&file.inf);
    for section in file.inf.sections.iter().filter(|section| !section.name.is_empty()) {
        let name = section.name.to_lowercase();
        // The security descriptor of a list of files or of registry entries.
        let plain = name.strip_suffix(".security").unwrap_or(&name);
        if !used.iter().any(|used| used == plain) && !is_known(&name) {
            findings.add(
                section.line,
                format!("[{}] is not used", section.name),
                "remove it, or correct the name that should lead here",
            );
        }
    }
}

/// The names, in lower case, of the sections that an installation comes by. Directives that are not known here name
/// sections too, so whatever may be a name counts.
fn used(inf: &Inf) -> Vec<String> {
    let mut used: Vec<String> = inf.targets().iter().map(|target| target.section.to_lowercase()).collect();
    let mut open: Vec<String> =
        inf.reached().into_iter().map(|(section, _)| section.to_lowercase()).collect();
    while let Some(section) = open.pop() {
        let values = inf.entries(&section).flat_map(|entry| &entry.values);
        let names = values.map(|value| value.text.to_lowercase()).filter(|name| inf.has(name));
        let new = names.filter(|name| !used.contains(name)).collect::<Vec<_>>();
        used.push(section);
        open.extend(new);
    }
    used
}

/// Whether Windows, or a tool, looks for a section by this name, in lower case.
fn is_known(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    [
        "version",
        "manufacturer",
        "controlflags",
        "destinationdirs",
        "sourcedisksnames",
        "sourcedisksfiles",
        "strings",
    ]
    .contains(&first)
        || ["signatureattributes", "interfaceinstall32", "deviceinstall32"].contains(&first)
}
