//! `cargo xtask fidelity`: what of the KS contract the rig plays, and which test looks at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::house;

/// Print which rules of the KS contract the rig plays, tests and refuses.
///
/// A rule is emulated where the sources of ksrig cite its id, tested where a test or a compliance check does, refused
/// where docs/fidelity.md lists it with the reason. Fails when a rule is none of these, when an id is cited that is no
/// rule's, or when less than 90 % of the rules are emulated and tested.
#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask fidelity\n  cargo xtask fidelity --all")]
pub struct Options {
    /// List every rule, not only those that are open
    #[arg(long)]
    pub all: bool,
}

/// The share of rules, in percent, that have to be emulated and tested.
const LEAST: f64 = 90.0;

/// The rules: id, a few words, documentation page.
const CONTRACT: &str = include_str!("../data/contract.tsv");

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Emulated, and a test cites it.
    Tested,
    /// Emulated, and no test cites it.
    Untested,
    /// A test cites it, and no source of the rig.
    TestOnly,
    /// Listed with the reason.
    Refused,
    /// None of these.
    Open,
}

impl Standing {
    fn text(self) -> &'static str {
        match self {
            Self::Tested => "emulated and tested",
            Self::Untested => "emulated, not tested",
            Self::TestOnly => "tested, not cited in the rig",
            Self::Refused => "refused",
            Self::Open => "OPEN",
        }
    }
}

/// The ids that the parts of the repository cite.
#[derive(Debug, Default)]
struct Citations {
    sources: BTreeSet<String>,
    tests: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl Citations {
    fn standing(&self, id: &str) -> Standing {
        // T4.x are tests themselves: no source of the rig has to name them.
        let emulated = self.sources.contains(id) || (id.starts_with('T') && self.tests.contains(id));
        match (emulated, self.tests.contains(id), self.refused.contains(id)) {
            (_, _, true) => Standing::Refused,
            (true, true, _) => Standing::Tested,
            (true, false, _) => Standing::Untested,
            (false, true, _) => Standing::TestOnly,
            (false, false, _) => Standing::Open,
        }
    }
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let rules = rules()?;
    let cited = citations(house::root())?;
    let known: BTreeSet<&str> = rules.iter().map(|rule| rule.0).collect();
    let mut counts: BTreeMap<Standing, usize> = BTreeMap::new();
    for (id, words, page) in &rules {
        let standing = cited.standing(id);
        *counts.entry(standing).or_default() += 1;
        if options.all || !matches!(standing, Standing::Tested | Standing::Refused) {
            println!("{id:<6} {:<29} {words} ({page})", standing.text());
        }
    }
    let count = |standing| counts.get(&standing).copied().unwrap_or_default();
    for (standing, count) in &counts {
        println!("{count:>5}  {}", standing.text());
    }
    let share = 100.0 * count(Standing::Tested) as f64 / rules.len() as f64;
    println!(
        "{:>5}  rules, {share:.1} % emulated and tested, {} unaccounted for",
        rules.len(),
        count(Standing::Open)
    );
    let all = [&cited.sources, &cited.tests, &cited.refused].into_iter().flatten();
    let strange: BTreeSet<&String> = all.filter(|id| !known.contains(id.as_str())).collect();
    if !strange.is_empty() {
        bail!("cited, but no rule of crates/xtask/data/contract.tsv: {strange:?}");
    }
    if count(Standing::Open) > 0 {
        bail!("{} rules are neither played nor tested nor listed in docs/fidelity.md", count(Standing::Open));
    }
    if share < LEAST {
        bail!("{share:.1} % of the rules are emulated and tested: {LEAST} % have to be");
    }
    Ok(())
}

fn rules() -> Result<Vec<(&'static str, &'static str, &'static str)>> {
    CONTRACT
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut columns = line.split('\t');
            let row = (columns.next(), columns.next(), columns.next());
            let (Some(id), Some(words), Some(page)) = row else {
                bail!("contract.tsv: no three columns: {line}")
            };
            Ok((id, words, page))
        })
        .collect()
}

fn citations(root: &Path) -> Result<Citations> {
    let mut cited = Citations::default();
    for path in rust_files(&root.join("crates/ksrig/src"))? {
        let text = read(&path)?;
        let is_test = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_name().is_some_and(|name| name == "tests.rs");
        let (source, test) = if is_test { ("", text.as_str()) } else { split(&text) };
        cited.sources.extend(ids(source));
        cited.tests.extend(ids(test));
    }
    for folder in ["tests", "crates/ksrig/tests", "crates/avstream/tests", "crates/ks-compliance/src/checks"]
    {
        for path in rust_files(&root.join(folder))? {
            cited.tests.extend(ids(&read(&path)?));
        }
    }
    let page = read(&root.join("docs/fidelity.md"))?;
    // Points with a switch have a table of their own: those are played, both ways.
    let (_, refused) = page.split_once("## Rules that are not played").unwrap_or_default();
    let rows = refused.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    cited
        .refused
        .extend(rows.map(|(first, _)| first.trim()).filter(|first| is_rule(first)).map(str::to_owned));
    Ok(cited)
}

/// What stands before a file's module of unit tests, and the rest.
fn split(text: &str) -> (&str, &str) {
    text.find("#[cfg(test)]\nmod tests {").map_or((text, ""), |at| text.split_at(at))
}

/// Whether a table's first column is a rule.
fn is_rule(text: &str) -> bool {
    ids(text).first().is_some_and(|id| id == text)
}

/// The ids in a text: R4.14, T4.3, 10.1b. A range counts by the ids that are written out.
fn ids(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.map(|word| word.trim_matches('.')).filter(|word| is_id(word)).map(str::to_owned).collect()
}

fn is_id(word: &str) -> bool {
    let number =
        |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((chapter, rule)) = word.split_once('.') else { return false };
    match chapter.as_bytes() {
        [b'R', ..] => number(&chapter[1..]) && number(rule),
        b"T4" => number(rule),
        b"10" => SWITCHES.contains(&rule),
        _ => false,
    }
}

/// The points of chapter 10 that have a switch: other numbers that begin with ten are versions of Windows.
const SWITCHES: [&str; 9] = ["1", "1b", "2", "5", "7", "11", "14", "21", "33"];

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found() {
        let text =
            "R4.14, R4.15 (contract T4.3); R7.12's 10.1b, 10.0.19041, 10.17; R4.20–R4.22. xR1.1 R1.1x v10.33";
        assert_eq!(ids(text), ["R4.14", "R4.15", "T4.3", "R7.12", "10.1b", "R4.20", "R4.22"]);
    }

    #[test]
    fn the_list_is_well_formed() {
        let rules = rules().unwrap();
        let names: BTreeSet<_> = rules.iter().map(|rule| rule.0).collect();
        assert_eq!(names.len(), rules.len(), "no id twice");
        for (id, words, page) in rules {
            assert!(is_id(id) && !words.is_empty() && !page.is_empty(), "{id}");
        }
    }

    #[test]
    fn a_rule_in_no_place_is_open() {
        let mut cited = Citations::default();
        assert_eq!(cited.standing("R1.1"), Standing::Open);
        cited.tests.insert("R1.1".to_owned());
        assert_eq!(cited.standing("R1.1"), Standing::TestOnly);
        cited.sources.insert("R1.1".to_owned());
        assert_eq!(cited.standing("R1.1"), Standing::Tested);
        cited.refused.insert("R1.1".to_owned());
        assert_eq!(cited.standing("R1.1"), Standing::Refused);
    }

    #[test]
    fn unit_tests_are_no_source() {
        let (source, test) = split("//! R1.1\n#[cfg(test)]\nmod tests {\n// R1.2\n}\n");
        assert_eq!((ids(source), ids(test)), (vec!["R1.1".to_owned()], vec!["R1.2".to_owned()]));
    }
}
