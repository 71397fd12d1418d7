//! What is signed, and how often.

use super::{
    super::{Check, Findings, ImageFile, Levels, Package, Rule, Severity::*, SignedFile},
    AGAIN, POLICY,
};
use crate::image;

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "SIG01",
        title: "the catalog is signed",
        levels: Levels::each([Some(Warning), Some(Error), Some(Error), Some(Error)]),
        page: POLICY,
        check: Check::Package(catalog),
    },
    Rule {
        code: "SIG02",
        title: "the image has a signature of its own",
        levels: Levels::WARNING,
        page: POLICY,
        check: Check::Image(embedded),
    },
    Rule {
        code: "SIG03",
        title: "a file has one signature",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Package(one),
    },
    Rule {
        code: "SIG04",
        title: "image and catalog are signed with one certificate",
        levels: Levels::WARNING,
        page: POLICY,
        check: Check::Package(same),
    },
];

fn catalog(package: &Package, findings: &mut Findings<'_>) {
    for file in package.catalogs.iter().filter(|file| file.catalog.is_ok()) {
        if !package.signed.iter().any(|signed| signed.name == file.name) {
            findings.add_in(
                file.name.as_str(),
                None,
                "nobody has signed it",
                "sign it with a certificate for code",
            );
        }
    }
}

fn embedded(file: &ImageFile, findings: &mut Findings<'_>) {
    if image::certificates(&file.bytes).is_ok_and(|table| table.signatures.is_empty()) {
        findings.add(
            None,
            "it has no signature",
            "sign it: a driver that starts at boot, or without its package, is loaded by that signature only",
        );
    }
}

fn one(package: &Package, findings: &mut Findings<'_>) {
    let advice =
        "make one set of files per digest: two signatures keep a driver from loading before KB3081436";
    for (index, signed) in package.signed.iter().enumerate() {
        let Ok(data) = &signed.data else { continue };
        let earlier = package.signed[..index].iter().filter(|other| other.name == signed.name).count();
        if earlier > 0 {
            findings.add_in(
                signed.name.as_str(),
                None,
                format!("it has signature number {}", earlier + 1),
                advice,
            );
        }
        match signed.signature() {
            None => {
                let count = data.signer_infos.len();
                findings.add_in(
                    signed.name.as_str(),
                    None,
                    format!("its signature has {count} signers"),
                    advice,
                );
            }
            Some(signature) if signature.has_nested() => {
                findings.add_in(
                    signed.name.as_str(),
                    None,
                    "a further signature is nested in its own",
                    advice,
                );
            }
            Some(_) => {}
        }
    }
}

fn same(package: &Package, findings: &mut Findings<'_>) {
    let certificate =
        |signed: &SignedFile| signed.signature().and_then(|signature| signature.certificate().cloned());
    let mut catalogs = package.signed.iter().filter(|signed| !signed.embedded).filter_map(certificate);
    let Some(catalog) = catalogs.next() else { return };
    for signed in &package.signed {
        if certificate(signed).is_some_and(|certificate| certificate != catalog) {
            findings.add_in(
                signed.name.as_str(),
                None,
                "it is signed with another certificate than the catalog",
                format!("{AGAIN}: a user would have to trust both"),
            );
        }
    }
}
