//! The rules: what the rig watches a driver for, with Driver Verifier's names and numbers where it has them.
//!
//! The checks themselves stand where the calls pass: in [`nt`](crate::nt) around every export and callback,
//! in [`ks`](crate::ks) around the AVStream ones. This is the table that explains them.

mod rules;

pub use rules::{RULES, Rule};

/// The rule of this name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every name that a source file reports stands in the table.
    #[test]
    fn what_is_reported_is_explained() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut unknown = Vec::new();
        for layer in ["nt", "nt/io", "nt/pnp", "ks", "client"] {
            for file in std::fs::read_dir(source.join(layer)).unwrap() {
                let path = file.unwrap().path();
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                for part in text.split("violation::report(").skip(1) {
                    let name = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                    if let Some(name) = name.filter(|name| rule(name).is_none()) {
                        unknown.push(format!("{name} in {}", path.display()));
                    }
                }
            }
        }
        assert!(unknown.is_empty(), "rules without an entry in verifier/rules.rs: {unknown:#?}");
    }

    #[test]
    fn names_are_unique_and_pages_are_pages() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.name != rule.name), "{} twice", rule.name);
            assert!(rule.page.starts_with("https://learn.microsoft.com/"), "{}", rule.name);
        }
    }
}
