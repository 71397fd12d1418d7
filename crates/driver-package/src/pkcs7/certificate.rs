//! What a signer's certificate must be.

use std::{fmt, time::SystemTime};

use der::{Encode, asn1::ObjectIdentifier};
use rsa::{
    PublicKey,
    pkcs1::DecodeRsaPublicKey,
    pkcs1v15::{Signature, VerifyingKey},
    signature::Verifier,
    traits::PublicKeyParts,
};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::{
    Certificate,
    ext::pkix::{ExtendedKeyUsage, KeyUsage},
};

use crate::{digest::Digest, oid};

/// Why a certificate is not fit for signing code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its extended key usage is not code signing.
    NotForCode,
    /// It has a key usage without digital signature.
    KeyUsage,
    /// It is not yet valid, or not any more.
    Validity(String),
    /// The key is no RSA key of 2048 bits or more.
    Key(String),
    /// The certificate of its issuer is not there.
    NoIssuer,
    /// It is not signed with its issuer's key: it was changed.
    Changed,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForCode => f.write_str("the extended key usage does not say code signing"),
            Self::KeyUsage => f.write_str("the key usage does not say digital signature"),
            Self::Validity(when) => f.write_str(when),
            Self::Key(what) => f.write_str(what),
            Self::NoIssuer => {
                f.write_str("it is not self-signed, and its issuer's certificate is not in the signature")
            }
            Self::Changed => f.write_str("it is not signed with its issuer's key: it was changed"),
        }
    }
}

/// The extended key usage is code signing.
pub fn is_for_code(certificate: &Certificate) -> bool {
    let usage = certificate.tbs_certificate().get_extension::<ExtendedKeyUsage>();
    matches!(usage, Ok(Some((_, usage))) if usage.0.contains(&oid::CODE_SIGNING))
}

/// The key usage, if there is one, has digital signature.
pub fn may_sign(certificate: &Certificate) -> bool {
    match certificate.tbs_certificate().get_extension::<KeyUsage>() {
        Ok(usage) => usage.is_none_or(|(_, usage)| usage.digital_signature()),
        Err(_) => false,
    }
}

/// Valid at that time.
pub fn check_validity(certificate: &Certificate, now: SystemTime) -> Result<(), CertificateFault> {
    let validity = certificate.tbs_certificate().validity();
    if now < validity.not_before.to_system_time() {
        Err(CertificateFault::Validity(format!("it is valid from {} only", validity.not_before)))
    } else if now > validity.not_after.to_system_time() {
        Err(CertificateFault::Validity(format!("it was valid until {}", validity.not_after)))
    } else {
        Ok(())
    }
}

/// RSA, and long enough.
pub fn check_key(certificate: &Certificate) -> Result<(), CertificateFault> {
    let fault = match rsa_key(certificate) {
        None => "its key is no RSA key".to_owned(),
        Some(key) if key.n().bit_width() < 2048 => format!("its key has {} bits only", key.n().bit_width()),
        Some(_) => return Ok(()),
    };
    Err(CertificateFault::Key(fault))
}

/// With which digest the certificate itself is signed, if it is RSA with one of the two.
pub fn digest(certificate: &Certificate) -> Option<Digest> {
    match certificate.signature_algorithm().oid {
        oid::SHA1_WITH_RSA => Some(Digest::Sha1),
        oid::SHA256_WITH_RSA => Some(Digest::Sha256),
        _ => None,
    }
}

/// Signed by its issuer, which is itself or one of the others. Keys that are no RSA keys are taken on trust.
///
/// # Errors
///
/// The issuer is not there, or it has not signed this.
pub fn check_issuer(certificate: &Certificate, others: &[Certificate]) -> Result<(), CertificateFault> {
    let content = certificate.tbs_certificate();
    let mut issuers =
        others.iter().filter(|other| other.tbs_certificate().subject() == content.issuer()).peekable();
    if issuers.peek().is_none() {
        return Err(CertificateFault::NoIssuer);
    }
    let (Ok(signed), Some(signature)) = (content.to_der(), certificate.signature().as_bytes()) else {
        return Err(CertificateFault::Changed);
    };
    let algorithm = certificate.signature_algorithm();
    let has_signed = |issuer: &Certificate| {
        rsa_key(issuer).is_none_or(|key| {
            let signature = Signature::try_from(signature);
            signature.is_ok_and(|signature| verify(key, algorithm.oid, &signed, &signature))
        })
    };
    let holds = content.signature() == algorithm && issuers.any(has_signed);
    if holds { Ok(()) } else { Err(CertificateFault::Changed) }
}

/// The key, if it is RSA.
pub(super) fn rsa_key(certificate: &Certificate) -> Option<PublicKey> {
    let info = certificate.tbs_certificate().subject_public_key_info();
    let null = info.algorithm.parameters.as_ref().is_some_and(|parameters| parameters.is_null());
    if info.algorithm.oid != oid::RSA_ENCRYPTION || !null {
        return None;
    }
    PublicKey::from_pkcs1_der(info.subject_public_key.as_bytes()?).ok()
}

/// Whether an RSA signature (PKCS #1 v1.5) is that of a message.
pub(super) fn is_signature(key: PublicKey, digest: Digest, message: &[u8], signature: &[u8]) -> bool {
    let algorithm = match digest {
        Digest::Sha1 => oid::SHA1_WITH_RSA,
        Digest::Sha256 => oid::SHA256_WITH_RSA,
    };
    Signature::try_from(signature).is_ok_and(|signature| verify(key, algorithm, message, &signature))
}

fn verify(key: PublicKey, algorithm: ObjectIdentifier, message: &[u8], signature: &Signature) -> bool {
    match algorithm {
        oid::SHA1_WITH_RSA => VerifyingKey::<Sha1>::new(key).verify(message, signature),
        oid::SHA256_WITH_RSA => VerifyingKey::<Sha256>::new(key).verify(message, signature),
        oid::SHA384_WITH_RSA => VerifyingKey::<Sha384>::new(key).verify(message, signature),
        oid::SHA512_WITH_RSA => VerifyingKey::<Sha512>::new(key).verify(message, signature),
        _ => return false,
    }
    .is_ok()
}
