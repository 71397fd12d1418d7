//! The certificates of signers.

use x509_cert::Certificate;

use super::{
    super::{Check, Findings, Levels, Rule, SignedFile},
    AGAIN, POLICY,
};
use crate::{
    digest::Digest,
    pkcs7::certificate::{self, CertificateFault},
};

/// How a certificate for tests is made.
const TEST_CERTIFICATES: &str = "install/makecert-test-certificate";

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "SIG30",
        title: "the certificate is for signing code",
        levels: Levels::ERROR,
        page: TEST_CERTIFICATES,
        check: Check::Signature(|signed, findings| {
            let fault = |certificate: &_| {
                (!certificate::is_for_code(certificate)).then_some(CertificateFault::NotForCode)
            };
            check(signed, findings, fault);
        }),
    },
    Rule {
        code: "SIG31",
        title: "the certificate may sign",
        levels: Levels::ERROR,
        page: TEST_CERTIFICATES,
        check: Check::Signature(|signed, findings| {
            let fault =
                |certificate: &_| (!certificate::may_sign(certificate)).then_some(CertificateFault::KeyUsage);
            check(signed, findings, fault);
        }),
    },
    Rule {
        code: "SIG32",
        title: "the certificate is valid now",
        levels: Levels::ERROR,
        page: TEST_CERTIFICATES,
        check: Check::Signature(|signed, findings| {
            let now = findings.package().now();
            check(signed, findings, |certificate| certificate::check_validity(certificate, now).err());
        }),
    },
    Rule {
        code: "SIG33",
        title: "the certificate's key is RSA with 2048 bits or more",
        levels: Levels::WARNING,
        page: TEST_CERTIFICATES,
        check: Check::Signature(|signed, findings| {
            check(signed, findings, |certificate| certificate::check_key(certificate).err());
        }),
    },
    Rule {
        code: "SIG34",
        title: "the certificate is signed by its issuer, who is itself or comes with it",
        levels: Levels::ERROR,
        page: TEST_CERTIFICATES,
        check: Check::Signature(|signed, findings| {
            let Some(signature) = signed.signature() else { return };
            check(signed, findings, |certificate| {
                certificate::check_issuer(certificate, signature.certificates()).err()
            });
        }),
    },
    Rule {
        code: "SIG35",
        title: "the certificate's own digest is one that every Windows of the package knows",
        levels: Levels::WARNING,
        page: POLICY,
        check: Check::Signature(digest),
    },
];

fn check(
    signed: &SignedFile,
    findings: &mut Findings<'_>,
    fault: impl Fn(&Certificate) -> Option<CertificateFault>,
) {
    let certificate = signed.signature().and_then(|signature| signature.certificate());
    if let Some(fault) = certificate.and_then(fault) {
        findings.add(
            None,
            format!("the signer's certificate: {fault}"),
            format!("{AGAIN} with another certificate"),
        );
    }
}

fn digest(signed: &SignedFile, findings: &mut Findings<'_>) {
    let certificate = signed.signature().and_then(|signature| signature.certificate());
    let is_old = findings.package().oldest_windows() < (6, 2, 0);
    if is_old && certificate.and_then(certificate::digest) == Some(Digest::Sha256) {
        findings.add(
            None,
            "the signer's certificate is itself signed with SHA-256, which Windows before 7 with KB3033929 cannot check",
            "use a certificate that is signed with SHA-1 for the set for old Windows",
        );
    }
}
