//! The hardware ids.

use std::collections::BTreeSet;

use super::{
    super::{Check, Findings, Levels, Rule},
    AGAIN, INF2CAT,
};
use crate::catalog::Catalog;

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "CAT40",
        title: "hardware ids are in lower case",
        levels: Levels::ERROR,
        page: INF2CAT,
        check: Check::Catalog(lower_case),
    },
    Rule {
        code: "CAT41",
        title: "the hardware ids of the INF are in the catalog",
        levels: Levels::ERROR,
        page: INF2CAT,
        check: Check::Catalog(missing),
    },
    Rule {
        code: "CAT42",
        title: "the catalog has no hardware ids but the INF's",
        levels: Levels::WARNING,
        page: INF2CAT,
        check: Check::Catalog(extra),
    },
    Rule {
        code: "CAT43",
        title: "hardware ids are numbered from 1 on, each once",
        levels: Levels::ERROR,
        page: INF2CAT,
        check: Check::Catalog(numbers),
    },
];

/// Number and id of the names HWID1, HWID2 …, in the order of the catalog.
fn listed(catalog: &Catalog) -> Vec<(u32, &str)> {
    let id = |name: &str| name.strip_prefix("HWID").and_then(|number| number.parse().ok());
    catalog.names.iter().filter_map(|pair| Some((id(&pair.name)?, pair.value.as_str()))).collect()
}

/// Those of the INFs that name this catalog, or of all if none does.
fn wanted(findings: &Findings<'_>) -> BTreeSet<String> {
    let infs = &findings.package().infs;
    infs.iter()
        .flat_map(|inf| {
            inf.inf
                .devices()
                .iter()
                .flat_map(|d| d.ids().map(str::to_lowercase).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn lower_case(catalog: &Catalog, findings: &mut Findings<'_>) {
    for (number, id) in listed(catalog) {
        if id.to_lowercase() != id {
            findings.add(None, format!("HWID{number} is {id}"), AGAIN);
        }
    }
}

fn missing(catalog: &Catalog, findings: &mut Findings<'_>) {
    let listed: BTreeSet<String> = listed(catalog).into_iter().map(|(_, id)| id.to_lowercase()).collect();
    for id in wanted(findings).difference(&listed) {
        findings.add(None, format!("the hardware id {id} is missing"), AGAIN);
    }
}

fn extra(catalog: &Catalog, findings: &mut Findings<'_>) {
    let listed: BTreeSet<String> = listed(catalog).into_iter().map(|(_, id)| id.to_lowercase()).collect();
    for id in listed.difference(&wanted(findings)) {
        findings.add(None, format!("no INF has the hardware id {id}"), AGAIN);
    }
}

fn numbers(catalog: &Catalog, findings: &mut Findings<'_>) {
    let mut numbers: Vec<u32> = listed(catalog).into_iter().map(|(number, _)| number).collect();
    numbers.sort_unstable();
    if !numbers.iter().copied().eq((1..).take(numbers.len())) {
        findings.add(None, format!("hardware ids have the numbers {numbers:?}"), AGAIN);
    }
}
