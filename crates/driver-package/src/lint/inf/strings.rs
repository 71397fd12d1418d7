//! `[Strings]` and the tokens that stand for them.

use super::rule;
use crate::{
    inf::{Entry, Section},
    lint::{Findings, InfFile, Levels, Rule},
};

const PAGE: &str = "install/inf-strings-section";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1235", "every %token% is defined", Levels::ERROR, PAGE, undefined),
    rule("1294", "nothing is listed twice", Levels::ERROR, super::INFVERIF, duplicates),
    rule("1295", "every language has the same strings", Levels::ERROR, PAGE, languages),
];

fn undefined(file: &InfFile, findings: &mut Findings<'_>) {
    for (line, token) in file.inf.undefined_tokens() {
        let advice = format!("define {token} in [Strings]; for a text with percent signs write %%{token}%%");
        findings.add(line, format!("%{token}% is not defined"), advice);
    }
}

fn duplicates(file: &InfFile, findings: &mut Findings<'_>) {
    let lists = ["SourceDisksNames", "SourceDisksFiles", "DestinationDirs", "Version"];
    let is_list = |section: &Section| {
        let first = section.name.split('.').next().unwrap_or_default();
        section.is_strings() || lists.iter().any(|list| list.eq_ignore_ascii_case(first))
    };
    for section in file.inf.sections.iter().filter(|section| is_list(section)) {
        let mut seen: Vec<String> = Vec::new();
        for entry in &section.entries {
            let key = entry.raw_key().to_lowercase();
            if key.is_empty() {
                continue;
            }
            if seen.contains(&key) {
                let found = format!("[{}] has {} twice", section.name, entry.raw_key());
                findings.add(
                    entry.line,
                    found,
                    "remove one of the lines: which of them holds cannot be told",
                );
            }
            seen.push(key);
        }
    }
}

fn languages(file: &InfFile, findings: &mut Findings<'_>) {
    let mut sections = file.inf.sections.iter().filter(|section| section.is_strings());
    let Some(first) = sections.next() else { return };
    let has = |section: &Section, entry: &Entry| {
        section.entries.iter().any(|other| other.raw_key().eq_ignore_ascii_case(entry.raw_key()))
    };
    for section in sections {
        for (one, other) in [(first, section), (section, first)] {
            if let Some(entry) = one.entries.iter().find(|entry| !has(other, entry)) {
                let found = format!("[{}] has {}, [{}] has not", one.name, entry.raw_key(), other.name);
                findings.add(entry.line, found, "define every string in every language");
            }
        }
    }
}
