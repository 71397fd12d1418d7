//! `CertificateTrustList`: the content of a catalog.

use der::{
    Sequence,
    asn1::{ObjectIdentifier, OctetString, SetOfVec, UtcTime},
};
use x509_cert::{attr::Attribute, ext::Extension, spki::AlgorithmIdentifierOwned};

use super::Version;
use crate::oid;

/// The list.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct TrustList {
    /// What it is for: `szOID_CATALOG_LIST`.
    pub usage: Vec<ObjectIdentifier>,
    /// Any 16 bytes.
    pub identifier: OctetString,
    /// When it was made.
    pub this_update: UtcTime,
    /// How subjects are named.
    pub algorithm: AlgorithmIdentifierOwned,
    /// The files.
    pub subjects: Vec<Subject>,
    /// What is said of the whole.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub extensions: Option<Vec<Extension>>,
}

/// `TrustedSubject`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct Subject {
    /// Its name.
    pub identifier: OctetString,
    /// What is said of it.
    pub attributes: SetOfVec<Attribute>,
}

impl Version {
    /// How a trust list says which version it is.
    pub(super) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::V1 => oid::CATALOG_LIST_MEMBER,
            Self::V2 => oid::CATALOG_LIST_MEMBER2,
        }
    }

    /// The name of a file with this digest.
    pub(super) fn identifier(self, digest: &[u8]) -> Vec<u8> {
        match self {
            // As text, with a NUL.
            Self::V1 => {
                let text = crate::digest::hexadecimal(digest).to_uppercase() + "\0";
                text.encode_utf16().flat_map(u16::to_le_bytes).collect()
            }
            Self::V2 => digest.to_vec(),
        }
    }
}
