//! The rules: what the rig watches a driver for, with Driver Verifier's names and numbers where it has them.
//!
//! The checks themselves stand where the calls pass: in [`nt`](crate::nt) around every export and callback,
//! in [`ks`](crate::ks) around the AVStream ones. Here are the table that explains them, what is told of a driver that broke
//! one, which schedules are tried, and the word that makes a run again.

pub mod coverage;
pub mod finding;
mod replay;
mod rules;
pub mod schedule;
mod verdict;

pub use finding::{Finding, Findings};
pub use replay::Replay;
pub use rules::{RULES, Rule};
pub use verdict::{Faults, Played, Stress, Tried, Verdict};

/// The rule of this name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// The sources of the layers that check, without their tests.
    fn sources() -> Vec<(PathBuf, String)> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders: Vec<PathBuf> = ["nt", "ks", "client"].map(|layer| source.join(layer)).into();
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(text) = std::fs::read_to_string(&path) {
                    let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
                    files.push((path, code.to_owned()));
                }
            }
        }
        files
    }

    #[test]
    fn what_is_reported_is_explained() {
        let mut unknown = Vec::new();
        for (path, code) in sources() {
            for part in code.split("violation::report(").skip(1) {
                let name = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                if let Some(name) = name.filter(|name| rule(name).is_none()) {
                    unknown.push(format!("{name} in {}", path.display()));
                }
            }
        }
        for (path, code) in sources() {
            // Causes of fatal stops, and the fatal errors of ks.
            for part in code.split("(\"").skip(1) {
                let Some((name, rest)) = part.split_once("\", ") else { continue };
                let numbers = rest.split(')').next().unwrap_or_default();
                let fatal = numbers.starts_with("0x") && numbers.matches(", ").count() == 1;
                if fatal && rule(name).is_none() {
                    unknown.push(format!("{name} in {}", path.display()));
                }
            }
            for part in code.split("driver_error(").skip(1) {
                let name = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                if let Some(name) = name.filter(|name| rule(name).is_none()) {
                    unknown.push(format!("{name} in {}", path.display()));
                }
            }
        }
        assert!(unknown.is_empty(), "rules without an entry in verifier/rules.rs: {unknown:#?}");
    }

    #[test]
    fn what_is_explained_is_watched() {
        let code: String = sources().into_iter().map(|(_, code)| code).collect();
        for rule in RULES {
            assert!(code.contains(&format!("\"{}\"", rule.name)), "nothing checks {}", rule.name);
        }
    }

    #[test]
    fn names_are_unique_and_pages_are_pages() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{} twice", rule.name);
            assert!(rule.page.starts_with("https://learn.microsoft.com/"), "{}", rule.name);
        }
    }
}
