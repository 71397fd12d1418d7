//! `Include` and `Needs`: sections of Windows' own INF files.

use super::{INFVERIF, rule};
use crate::{
    inf::SUFFIXES,
    lint::{Findings, InfFile, Levels, Rule},
};

/// The rules.
pub const RULES: &[Rule] = &[
    rule(
        "1310",
        "a needed section is of the kind of the one that needs it",
        Levels::ERROR,
        INFVERIF,
        other_kind,
    ),
    rule("1311", "what a .Services section needs is a .Services section", Levels::ERROR, INFVERIF, no_kind),
    rule("1315", "a needed section is there", Levels::ERROR, INFVERIF, missing),
    rule("1319", "the INF of a needed section is included", Levels::ERROR, INFVERIF, not_included),
];

/// Sections of Windows' INF files that drivers for kernel streaming need.
const KNOWN: [(&str, &str); 3] = [
    ("KS.Registration", "ks.inf"),
    ("KSCAPTUR.Registration", "kscaptur.inf"),
    ("KSCAPTUR.Registration.NT", "kscaptur.inf"),
];

/// What follows the last dot, if it makes a section a special one.
fn suffix(section: &str) -> Option<&'static str> {
    let last = section.rsplit_once('.')?.1;
    SUFFIXES.iter().map(|(suffix, _)| *suffix).find(|suffix| suffix.eq_ignore_ascii_case(last))
}

/// Each needed section: the section that needs it, the line, its name.
fn needs(file: &InfFile) -> Vec<(&str, usize, &str)> {
    let lines = file.inf.directives("Needs").into_iter();
    let each = lines
        .flat_map(|(from, entry)| entry.values.iter().map(move |value| (from, entry.line, &*value.text)));
    each.filter(|(.., name)| !name.is_empty()).collect()
}

/// The INF files that a section includes.
fn includes<'a>(file: &'a InfFile, section: &'a str) -> Vec<&'a str> {
    let lines = file.inf.entries(section).filter(|entry| entry.is("Include"));
    lines.flat_map(|entry| &entry.values).map(|value| value.text.as_str()).collect()
}

fn other_kind(file: &InfFile, findings: &mut Findings<'_>) {
    for (from, line, name) in needs(file) {
        if let Some(kind) = suffix(name)
            && suffix(from) != Some(kind)
        {
            let found = format!("[{from}] needs [{name}], which is for sections that end in .{kind}");
            findings.add(line, found, format!("put the line into the section [….{kind}]"));
        }
    }
}

fn no_kind(file: &InfFile, findings: &mut Findings<'_>) {
    for (from, line, name) in needs(file) {
        if let Some(kind) = suffix(from)
            && suffix(name).is_none()
        {
            let found = format!("[{from}] needs [{name}], which does not end in .{kind}");
            findings.add(
                line,
                found,
                format!("name the section that ends in .{kind}, or put the line elsewhere"),
            );
        }
    }
}

fn missing(file: &InfFile, findings: &mut Findings<'_>) {
    for (from, line, name) in needs(file) {
        if includes(file, from).is_empty()
            && !file.inf.has(name)
            && !KNOWN.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            let advice = "include the INF file that has it: Include = name.inf, in the same section";
            findings.add(line, format!("[{from}] needs [{name}], which is not there"), advice);
        }
    }
}

fn not_included(file: &InfFile, findings: &mut Findings<'_>) {
    for (from, line, name) in needs(file) {
        let Some((_, inf)) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            continue;
        };
        if !includes(file, from).iter().any(|included| included.eq_ignore_ascii_case(inf)) {
            let found = format!("[{from}] needs [{name}] without including {inf}");
            findings.add(line, found, format!("write Include = {inf} in the same section"));
        }
    }
}
