//! A numbered check.

use crate::{
    bench::Bench,
    checks,
    outcome::{Finding, Outcome, Verdict},
    page,
};

/// A numbered check.
pub struct Check {
    /// Its family's letter and its number: `B6`.
    pub id: &'static str,
    /// What it checks.
    pub title: &'static str,
    /// The documentation page, as [`page::url`] takes it.
    pub page: &'static str,
    /// Makes it.
    pub run: fn(&Bench<'_>),
}

/// The families.
pub const FAMILIES: [(char, &str); 8] = [
    ('A', "Identity and topology"),
    ('B', "Property protocol"),
    ('C', "Formats"),
    ('D', "Pin life and instances"),
    ('E', "State machine"),
    ('F', "Streaming"),
    ('G', "Clock, allocator, events"),
    ('H', "PnP, power, resources"),
];

/// All checks, in order.
pub fn all() -> impl Iterator<Item = &'static Check> {
    checks::ALL.iter().copied().flatten()
}

/// The checks whose family or number is in the list; all if it is empty. An entry that names none is an error.
pub fn select(wanted: &[String]) -> Result<Vec<&'static Check>, String> {
    let names = |check: &Check, name: &str| {
        check.id.eq_ignore_ascii_case(name) || (name.len() == 1 && check.id[..1].eq_ignore_ascii_case(name))
    };
    if let Some(none) = wanted.iter().find(|name| !all().any(|check| names(check, name))) {
        return Err(format!("{none:?} is neither a family (A to H) nor a check (such as B6)"));
    }
    Ok(all().filter(|check| wanted.is_empty() || wanted.iter().any(|name| names(check, name))).collect())
}

impl Check {
    /// Makes the check.
    pub fn make(&self, bench: Bench<'_>) -> Outcome {
        (self.run)(&bench);
        let (verdict, assertions, failures, warnings, notes) = bench.finish();
        Outcome { verdict, assertions, failures, warnings, notes, ..self.blank() }
    }

    /// The check ended with its computer.
    pub fn stopped(&self, what: &str, got: String) -> Outcome {
        let failure = Finding {
            at: self.id.to_owned(),
            what: what.to_owned(),
            expected: "the machine goes on".to_owned(),
            got,
            times: 1,
        };
        Outcome { verdict: Verdict::Fail, assertions: 1, failures: vec![failure], ..self.blank() }
    }

    /// The system cannot play what the check leads to.
    pub fn not_played(&self, why: String) -> Outcome {
        Outcome { notes: vec![why], ..self.blank() }
    }

    fn blank(&self) -> Outcome {
        Outcome {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            page: page::url(self.page),
            verdict: Verdict::NotSupported,
            assertions: 0,
            failures: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_numbered_without_gaps() {
        for (family, _) in FAMILIES {
            let numbers: Vec<usize> = all()
                .filter_map(|check| check.id.strip_prefix(family))
                .map(|number| number.parse().unwrap())
                .collect();
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "family {family}");
            assert!(numbers.len() >= 6, "family {family}");
        }
        assert!(all().count() >= 75);
    }

    #[test]
    fn selection() {
        assert_eq!(select(&[]).unwrap().len(), all().count());
        assert_eq!(select(&["b6".to_owned()]).unwrap()[0].id, "B6");
        assert!(select(&["A".to_owned()]).unwrap().iter().all(|check| check.id.starts_with('A')));
        assert!(select(&["Z9".to_owned()]).is_err());
    }
}
