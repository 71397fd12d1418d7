//! The members against the files.

use super::{
    super::{Check, Findings, InfFile, Levels, Package, Rule},
    AGAIN, CATALOGS, INF2CAT,
};
use crate::catalog::{Catalog, Member, digest};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "CAT10",
        title: "every file of the package is in the catalog",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Package(|package, findings| files(package, findings, false)),
    },
    Rule {
        code: "CAT11",
        title: "no file was changed after the catalog was made",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Package(|package, findings| files(package, findings, true)),
    },
    Rule {
        code: "CAT12",
        title: "the catalog has no members without a file",
        levels: Levels::WARNING,
        page: CATALOGS,
        check: Check::Catalog(extra),
    },
    Rule {
        code: "CAT13",
        title: "members have the name of their file",
        levels: Levels::WARNING,
        page: INF2CAT,
        check: Check::Catalog(names),
    },
    Rule {
        code: "CAT14",
        title: "members are in order",
        levels: Levels::WARNING,
        page: CATALOGS,
        check: Check::Catalog(order),
    },
    Rule {
        code: "CAT15",
        title: "no member is there twice",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(twice),
    },
];

/// The files that an INF brings, itself among them, as far as they are there.
fn files_of(package: &Package, inf: &InfFile) -> Vec<(String, Vec<u8>)> {
    let sources = inf.inf.sources();
    let paths = [inf.name.as_str()].into_iter().chain(sources.iter().map(|source| source.path.as_str()));
    let mut names: Vec<String> = paths.filter_map(|path| package.find(path)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter_map(|name| package.read(&name).ok().map(|bytes| (name, bytes))).collect()
}

/// The catalogs of an INF that can be read; all of the package, if it names none of them.
fn catalogs_of<'a>(package: &'a Package, inf: &InfFile) -> Vec<(&'a str, &'a Catalog)> {
    let is_named = |name: &str| {
        inf.inf.entries("Version").any(|entry| {
            entry.key().to_ascii_lowercase().starts_with("catalogfile")
                && entry.value(0).eq_ignore_ascii_case(name)
        })
    };
    let files = package.catalogs.iter();
    let all: Vec<_> =
        files.filter_map(|file| Some((file.name.as_str(), file.catalog.as_ref().ok()?))).collect();
    let named: Vec<_> = all.iter().copied().filter(|(name, _)| is_named(name)).collect();
    if named.is_empty() { all } else { named }
}

/// A file's name without its folders.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_named(member: &Member, path: &str) -> bool {
    member.value("File").is_some_and(|file| base(&file.replace('\\', "/")).eq_ignore_ascii_case(base(path)))
}

/// The member that a file is.
fn member<'a>(catalog: &'a Catalog, bytes: &[u8]) -> Option<&'a Member> {
    catalog.find(&digest(catalog.version.digest(), bytes).ok()?.1)
}

fn files(package: &Package, findings: &mut Findings<'_>, changed: bool) {
    for inf in &package.infs {
        let files = files_of(package, inf);
        for (name, catalog) in catalogs_of(package, inf) {
            // Members of that name that are files of the package: another platform's.
            let taken: Vec<&Member> = files.iter().filter_map(|(_, bytes)| member(catalog, bytes)).collect();
            for (path, bytes) in &files {
                let mut others = catalog.members.iter().filter(|other| !taken.contains(other));
                if member(catalog, bytes).is_some() || others.any(|other| is_named(other, path)) != changed {
                    continue;
                }
                let found = match changed {
                    true => format!("{path} is not as it was when {name} was made"),
                    false => format!("{path} is not in {name}"),
                };
                findings.add_in(path.as_str(), None, found, AGAIN);
            }
        }
    }
}

fn extra(catalog: &Catalog, findings: &mut Findings<'_>) {
    let package = findings.package();
    let files = package.files.iter().filter_map(|name| package.read(name).ok());
    let known: Vec<&Member> = files.filter_map(|bytes| member(catalog, &bytes)).collect();
    for extra in catalog.members.iter().filter(|member| !known.contains(member)) {
        let file = extra.value("File").unwrap_or("a file without a name");
        // Then it is changed, which is told of the file.
        if !package.files.iter().any(|path| is_named(extra, path)) {
            findings.add(None, format!("it has {file}, which is not in the package"), AGAIN);
        }
    }
}

fn names(catalog: &Catalog, findings: &mut Findings<'_>) {
    let package = findings.package();
    for path in &package.files {
        let Some(member) = package.read(path).ok().and_then(|bytes| member(catalog, &bytes)) else {
            continue;
        };
        // Two files may be one member.
        let twin = |other: &&String| {
            package.read(other).ok().is_some_and(|bytes| self::member(catalog, &bytes) == Some(member))
                && is_named(member, other)
        };
        if !is_named(member, path) && !package.files.iter().any(|other| twin(&other)) {
            let name = member.value("File").map_or("no File".to_owned(), |file| format!("File {file}"));
            findings.add(None, format!("the member that {path} is has {name}"), AGAIN);
        }
    }
}

fn order(catalog: &Catalog, findings: &mut Findings<'_>) {
    if !catalog.members.is_sorted_by(|a, b| a.identifier <= b.identifier) {
        findings.add(None, "its members are not in the order of their identifiers", AGAIN);
    }
}

fn twice(catalog: &Catalog, findings: &mut Findings<'_>) {
    for (index, member) in catalog.members.iter().enumerate() {
        if catalog.members[..index].iter().any(|other| other.identifier == member.identifier) {
            findings.add(
                None,
                format!("{} is in it twice", member.value("File").unwrap_or("a member")),
                AGAIN,
            );
        }
    }
}
