//! What a member says of itself.

use super::{
    super::{Check, Findings, Levels, Rule},
    AGAIN, CATALOGS,
};
use crate::{
    catalog::{Catalog, Member, NameValue},
    spc::SubjectKind,
};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "CAT20",
        title: "a member's identifier is its digest",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(identifiers),
    },
    Rule {
        code: "CAT21",
        title: "digests are of the catalog's algorithm",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(algorithms),
    },
    Rule {
        code: "CAT22",
        title: "drivers are taken as images, other files byte for byte",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(kinds),
    },
    Rule {
        code: "CAT23",
        title: "a member's information agrees with its digest",
        levels: Levels::ERROR,
        page: CATALOGS,
        check: Check::Catalog(information),
    },
    Rule {
        code: "CAT24",
        title: "names have plain authenticated text",
        levels: Levels::WARNING,
        page: "install/creating-a-catalog-file-for-a-non-pnp-driver-package",
        check: Check::Catalog(flags),
    },
];

fn file(member: &Member) -> &str {
    member.value("File").unwrap_or("a member without a name")
}

fn identifiers(catalog: &Catalog, findings: &mut Findings<'_>) {
    for member in &catalog.members {
        match member.digest_value() {
            Some(digest) if member.identifier == catalog.identifier_of(digest) => {}
            Some(_) => findings.add(
                None,
                format!("{} is listed under another digest than its own", file(member)),
                AGAIN,
            ),
            None => findings.add(None, format!("{} has not exactly one digest", file(member)), AGAIN),
        }
    }
}

fn algorithms(catalog: &Catalog, findings: &mut Findings<'_>) {
    let right = catalog.version.digest();
    for member in &catalog.members {
        let Some(digest) = &member.digest else { continue };
        if digest.digest() != Some(right) || digest.message_digest.digest.as_bytes().len() != right.length() {
            findings.add(
                None,
                format!(
                    "the digest of {} is not {right}, as in catalogs of version {}",
                    file(member),
                    catalog.version
                ),
                AGAIN,
            );
        }
    }
}

fn kinds(catalog: &Catalog, findings: &mut Findings<'_>) {
    for member in &catalog.members {
        let name = file(member).to_ascii_lowercase();
        let (right, how) = match name.rsplit_once('.') {
            Some((_, "sys" | "dll" | "exe")) => (SubjectKind::Image, "an image"),
            Some((_, "inf")) => (SubjectKind::Flat, "a flat file"),
            _ => continue,
        };
        if member.digest.as_ref().is_some_and(|digest| digest.kind() != Some(right)) {
            findings.add(None, format!("{name} is not taken as {how}"), AGAIN);
        }
    }
}

fn information(catalog: &Catalog, findings: &mut Findings<'_>) {
    for member in &catalog.members {
        let Some(digest) = &member.digest else { continue };
        if member.kind.is_none() || member.kind != digest.kind() {
            findings.add(
                None,
                format!("the information about {} is for another kind of file", file(member)),
                AGAIN,
            );
        }
    }
}

fn flags(catalog: &Catalog, findings: &mut Findings<'_>) {
    let names = catalog.names.iter().chain(catalog.members.iter().flat_map(|member| &member.names));
    for pair in names.filter(|pair| pair.flags != NameValue::TEXT) {
        findings.add(None, format!("{} has the flags {:#x}", pair.name, pair.flags), AGAIN);
    }
}
