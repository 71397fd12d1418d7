//! Whether a signature holds.

use super::{
    super::{Check, Findings, Levels, Rule, Severity::*, SignedFile},
    AGAIN, POLICY,
};
use crate::{asn1, digest::Digest};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "SIG10",
        title: "a signature can be read, and is strict DER",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Signature(structure),
    },
    Rule {
        code: "SIG11",
        title: "a signature belongs to its content and to its certificate",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Signature(holds),
    },
    Rule {
        code: "SIG12",
        title: "the digest is one that every Windows of the package knows",
        levels: Levels::WARNING,
        page: POLICY,
        check: Check::Signature(too_new),
    },
    Rule {
        code: "SIG13",
        title: "the digest is not SHA-1 where Windows has better",
        levels: Levels::each([None, None, Some(Warning), Some(Error)]),
        page: POLICY,
        check: Check::Signature(too_old),
    },
];

fn structure(signed: &SignedFile, findings: &mut Findings<'_>) {
    if let Err(error) = &signed.data {
        findings.add(None, format!("the signature cannot be read: {error}"), AGAIN);
    }
    // A catalog's is told by its own rules.
    for fault in asn1::faults(&signed.bytes).into_iter().filter(|_| signed.embedded) {
        findings.add(None, format!("byte {} of the signature: {}", fault.offset, fault.kind.text()), AGAIN);
    }
}

fn holds(signed: &SignedFile, findings: &mut Findings<'_>) {
    if let Some(Err(fault)) = signed.signature().map(|signature| signature.verify()) {
        findings.add(None, fault.to_string(), format!("{AGAIN}, and change nothing afterwards"));
    }
}

fn too_new(signed: &SignedFile, findings: &mut Findings<'_>) {
    if signed.signature().and_then(|signature| signature.digest()) != Some(Digest::Sha256) {
        return;
    }
    let found = match findings.package().oldest_windows() {
        (6, 2.., _) | (7.., ..) => return,
        (6, 1, _) => "it is signed with SHA-256: unsigned for Windows 7 without KB3033929",
        _ => "it is signed with SHA-256: unsigned for Windows XP and Vista, and for 7 without KB3033929",
    };
    findings.add(None, found, "make another set of the package for these, signed with SHA-1");
}

fn too_old(signed: &SignedFile, findings: &mut Findings<'_>) {
    if signed.signature().and_then(|signature| signature.digest()) == Some(Digest::Sha1) {
        findings.add(None, "it is signed with SHA-1", "sign it with SHA-256");
    }
}
