//! `SpcIndirectData`: what Authenticode signs instead of a file: its digest, and how it was made.

use der::{
    Any, Choice, Decode, Encode, Sequence,
    asn1::{BitString, BmpString, Ia5String, ObjectIdentifier, OctetString, SetOfVec},
};

use crate::{
    digest::{Digest, DigestInfo},
    oid,
};

/// `SpcIndirectDataContent`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct IndirectData {
    /// The kind of file.
    pub data: TypeAndValue,
    /// The digest.
    pub message_digest: DigestInfo,
}

/// `SpcAttributeTypeAndOptionalValue`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TypeAndValue {
    /// What it is.
    pub kind: ObjectIdentifier,
    /// More about it.
    #[asn1(optional = "true")]
    pub value: Option<Any>,
}

/// `SpcPeImageData`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct PeImageData {
    flags: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    file: Option<Link>,
}

/// `SpcLink`.
#[derive(Clone, Debug, PartialEq, Eq, Choice)]
enum Link {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Url(Ia5String),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Moniker(SerializedObject),
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", constructed = "true")]
    File(Text),
}

/// `SpcSerializedObject`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct SerializedObject {
    class: OctetString,
    data: OctetString,
}

/// `SpcString`.
#[derive(Clone, Debug, PartialEq, Eq, Choice)]
enum Text {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Unicode(BmpString),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT")]
    Ascii(Ia5String),
}

/// An entry of what a moniker of class [`PAGE_HASHES`] carries.
#[derive(Clone, Debug, PartialEq, Eq, Sequence, der::ValueOrd)]
struct SerializedAttribute {
    kind: ObjectIdentifier,
    values: SetOfVec<OctetString>,
}

/// The class of a moniker with page hashes.
const PAGE_HASHES: [u8; 16] =
    [0xa6, 0xb5, 0x86, 0xd5, 0xb4, 0xa1, 0x24, 0x66, 0xae, 0x05, 0xa2, 0x17, 0xda, 0x8e, 0x60, 0xd6];

/// How a file is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// An image: what a signature changes is left out.
    Image,
    /// Any other file, byte for byte.
    Flat,
}

impl IndirectData {
    /// What a catalog says of a file.
    pub(crate) fn new(kind: SubjectKind, digest: Digest, value: Vec<u8>) -> der::Result<Self> {
        let file = Link::File(Text::Unicode(BmpString::from_utf8("")?));
        let data = match kind {
            SubjectKind::Image => TypeAndValue {
                kind: oid::SPC_PE_IMAGE_DATA,
                // includeResources and includeImportAddressTable, as every signer writes.
                value: Some(Any::encode_from(&PeImageData {
                    flags: BitString::new(5, [0xa0])?,
                    file: Some(file),
                })?),
            },
            SubjectKind::Flat => {
                TypeAndValue { kind: oid::SPC_CAB_DATA, value: Some(Any::encode_from(&file)?) }
            }
        };
        let message_digest = DigestInfo { algorithm: digest.algorithm(), digest: OctetString::new(value)? };
        Ok(Self { data, message_digest })
    }

    /// How the file was taken, if it is one of the two ways of packages.
    pub fn kind(&self) -> Option<SubjectKind> {
        match self.data.kind {
            oid::SPC_PE_IMAGE_DATA => Some(SubjectKind::Image),
            oid::SPC_CAB_DATA => Some(SubjectKind::Flat),
            _ => None,
        }
    }

    /// The algorithm of the digest.
    pub fn digest(&self) -> Option<Digest> {
        let algorithm = &self.message_digest.algorithm;
        Digest::from_oid(algorithm.oid).filter(|digest| digest.algorithm() == *algorithm)
    }

    /// The page hashes of an image: algorithm and table.
    ///
    /// # Errors
    ///
    /// There is something in their place that is not read.
    pub fn page_hashes(&self) -> der::Result<Option<(Digest, Vec<u8>)>> {
        if self.kind() != Some(SubjectKind::Image) {
            return Ok(None);
        }
        let value = self.data.value.clone().unwrap_or_else(Any::null);
        let Some(Link::Moniker(moniker)) = PeImageData::from_der(&value.to_der()?)?.file else {
            return Ok(None);
        };
        if moniker.class.as_bytes() != PAGE_HASHES {
            return Ok(None);
        }
        for attribute in SetOfVec::<SerializedAttribute>::from_der(moniker.data.as_bytes())?.iter() {
            let digest = match attribute.kind {
                oid::SPC_PE_IMAGE_PAGE_HASHES_V1 => Digest::Sha1,
                oid::SPC_PE_IMAGE_PAGE_HASHES_V2 => Digest::Sha256,
                _ => continue,
            };
            return Ok(attribute.values.get(0).map(|table| (digest, table.as_bytes().to_vec())));
        }
        Ok(None)
    }
}
