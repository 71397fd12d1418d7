//! Whether one signature of a `SignedData` holds.

use std::fmt;

use der::{Encode, asn1::OctetString};
use x509_cert::Certificate;

use super::{SignedData, SignerInfo, certificate};
use crate::{digest::Digest, oid};

/// The signature of a `SignedData` that has exactly one.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    data: &'a SignedData,
    signer: &'a SignerInfo,
}

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// `SignedData` and `SignerInfo` have version 1.
    Version,
    /// The digest is neither SHA-1 nor SHA-256.
    Algorithm,
    /// The algorithms named outside and inside of the signer's information are not the same, or the key's is not
    /// rsaEncryption.
    AlgorithmsDiffer,
    /// The signer's certificate is not there.
    NoCertificate,
    /// No signed attributes, or the type of the content among them is not the content's.
    ContentType,
    /// The digest among the signed attributes is not that of the content: it was changed after signing.
    MessageDigest,
    /// The key is not RSA, or broken.
    Key,
    /// The signature does not belong to the attributes and the key.
    Signature,
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "the versions of the structures are not 1",
            Self::Algorithm => "the digest is neither SHA-1 nor SHA-256",
            Self::AlgorithmsDiffer => "the named algorithms contradict each other",
            Self::NoCertificate => "the signer's certificate is not in the signature",
            Self::ContentType => "the signed attributes do not name the type of the content",
            Self::MessageDigest => "the content is not what was signed: its digest differs",
            Self::Key => "the signer's key is no RSA key",
            Self::Signature => "the signature does not belong to the signed attributes and the signer's key",
        })
    }
}

impl<'a> Signature<'a> {
    /// The signature, if there is exactly one.
    pub fn of(data: &'a SignedData) -> Option<Self> {
        match data.signer_infos.as_slice() {
            [signer] => Some(Self { data, signer }),
            _ => None,
        }
    }

    /// The digest that the signer used.
    pub fn digest(&self) -> Option<Digest> {
        Digest::from_oid(self.signer.digest_algorithm.oid)
    }

    /// The signer's certificate.
    pub fn certificate(&self) -> Option<&'a Certificate> {
        let wanted = &self.signer.issuer_and_serial_number;
        self.data.certificates().iter().find(|certificate| {
            let certificate = certificate.tbs_certificate();
            *certificate.issuer() == wanted.issuer && *certificate.serial_number() == wanted.serial_number
        })
    }

    /// All certificates that came with the signature.
    pub fn certificates(&self) -> &'a [Certificate] {
        self.data.certificates()
    }

    /// Whether further signatures are nested in this one.
    pub fn has_nested(&self) -> bool {
        self.signer.unauthenticated(oid::NESTED_SIGNATURE).next().is_some()
    }

    /// Everything but the certificate's own merits.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), SignatureFault> {
        let (data, signer) = (self.data, self.signer);
        if (data.version, signer.version) != (1, 1) {
            return Err(SignatureFault::Version);
        }
        let digest = self.digest().ok_or(SignatureFault::Algorithm)?;
        // The parameters are NULL everywhere; some signers leave rsaEncryption's out, Windows takes both.
        let key = &signer.digest_encryption_algorithm;
        if signer.digest_algorithm != digest.algorithm()
            || data.digest_algorithms.as_slice() != [digest.algorithm()]
            || key.oid != oid::RSA_ENCRYPTION
            || key.parameters.as_ref().is_some_and(|parameters| !parameters.is_null())
        {
            return Err(SignatureFault::AlgorithmsDiffer);
        }
        let certificate = self.certificate().ok_or(SignatureFault::NoCertificate)?;
        let content_type = signer.authenticated(oid::CONTENT_TYPE).and_then(|value| value.decode_as().ok());
        if content_type != Some(data.content_info.content_type) {
            return Err(SignatureFault::ContentType);
        }
        let expected =
            signer.authenticated(oid::MESSAGE_DIGEST).and_then(|v| v.decode_as::<OctetString>().ok());
        if expected.is_none_or(|expected| expected.as_bytes() != digest.of([data.content()])) {
            return Err(SignatureFault::MessageDigest);
        }
        // What is signed is the SET OF in DER, not the [0] that stands in the structure.
        let attributes = signer.authenticated_attributes.as_ref().and_then(|set| set.to_der().ok());
        let attributes = attributes.ok_or(SignatureFault::ContentType)?;
        let key = certificate::rsa_key(certificate).ok_or(SignatureFault::Key)?;
        if certificate::is_signature(key, digest, &attributes, signer.encrypted_digest.as_bytes()) {
            Ok(())
        } else {
            Err(SignatureFault::Signature)
        }
    }
}
