//! PKCS #7 as Authenticode uses it: version 1.5 of 1993, whose content is no OCTET STRING.
//!
//! The structures are those of RFC 2315. CMS (RFC 5652) would give such content version 3, which Windows does not
//! write.

pub mod certificate;
mod signature;

use der::{
    Any, Decode, Encode, Sequence, ValueOrd,
    asn1::{ObjectIdentifier, OctetString, SetOfVec},
};
use x509_cert::{
    Certificate, attr::Attribute, name::Name, serial_number::SerialNumber, spki::AlgorithmIdentifierOwned,
};

pub use self::signature::{Signature, SignatureFault};
use crate::oid;

/// `ContentInfo`: a content and its type.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct ContentInfo {
    /// The type.
    pub content_type: ObjectIdentifier,
    /// The content.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub content: Option<Any>,
}

/// `SignedData`: a content with any number of signatures.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SignedData {
    /// 1.
    pub version: u8,
    /// The signers' digest algorithms; none if nobody has signed.
    pub digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    /// What is signed.
    pub content_info: ContentInfo,
    /// The signers' certificates and those above them.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub certificates: Option<SetOfVec<Certificate>>,
    /// Revocation lists, which nobody uses here.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub revocation_lists: Option<SetOfVec<Any>>,
    /// One for each signature.
    pub signer_infos: SetOfVec<SignerInfo>,
}

impl SignedData {
    /// Reads `ContentInfo` with `SignedData` in it, and nothing after it.
    pub fn parse(bytes: &[u8]) -> der::Result<Self> {
        let outer = ContentInfo::from_der(bytes)?;
        if outer.content_type != oid::SIGNED_DATA {
            return Err(der::ErrorKind::OidUnknown { oid: outer.content_type }.into());
        }
        outer.content.unwrap_or_else(Any::null).decode_as()
    }

    /// The whole structure as bytes.
    pub fn to_bytes(&self) -> der::Result<Vec<u8>> {
        ContentInfo { content_type: oid::SIGNED_DATA, content: Some(Any::encode_from(self)?) }.to_der()
    }

    /// The octets that a signer's digest covers: those of the content without tag and length.
    pub fn content(&self) -> &[u8] {
        self.content_info.content.as_ref().map_or(&[], Any::value)
    }

    /// All certificates that it carries.
    pub fn certificates(&self) -> &[Certificate] {
        self.certificates.as_ref().map_or(&[], |set| set.as_slice())
    }
}

/// `IssuerAndSerialNumber`: names a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Sequence, ValueOrd)]
pub struct IssuerAndSerialNumber {
    /// Who issued it.
    pub issuer: Name,
    /// Its number there.
    pub serial_number: SerialNumber,
}

/// `SignerInfo`: one signature.
#[derive(Clone, Debug, PartialEq, Eq, Sequence, ValueOrd)]
pub struct SignerInfo {
    /// 1.
    pub version: u8,
    /// Whose.
    pub issuer_and_serial_number: IssuerAndSerialNumber,
    /// With which digest.
    pub digest_algorithm: AlgorithmIdentifierOwned,
    /// What the signature covers: among others the digest of the content.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub authenticated_attributes: Option<SetOfVec<Attribute>>,
    /// The kind of key.
    pub digest_encryption_algorithm: AlgorithmIdentifierOwned,
    /// The signature.
    pub encrypted_digest: OctetString,
    /// What it does not cover: time stamps and further signatures.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub unauthenticated_attributes: Option<SetOfVec<Attribute>>,
}

impl SignerInfo {
    /// The single value of a signed attribute.
    fn authenticated(&self, oid: ObjectIdentifier) -> Option<&Any> {
        let mut attributes = self.authenticated_attributes.as_ref()?.iter().filter(|a| a.oid == oid);
        match (attributes.next()?.values.as_slice(), attributes.next()) {
            ([value], None) => Some(value),
            _ => None,
        }
    }

    /// The values of an attribute that is not signed.
    fn unauthenticated(&self, oid: ObjectIdentifier) -> impl Iterator<Item = &Any> {
        let attributes = self.unauthenticated_attributes.iter().flat_map(|set| set.iter());
        attributes.filter(move |attribute| attribute.oid == oid).flat_map(|attribute| attribute.values.iter())
    }
}
