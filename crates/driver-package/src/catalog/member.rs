//! A file in a catalog.

use der::{
    Any, Decode, Encode, Sequence,
    asn1::{BmpString, OctetString, SetOfVec},
};
use x509_cert::attr::Attribute;

use super::{NameValue, Version, trust_list::Subject};
use crate::{
    oid,
    spc::{IndirectData, SubjectKind},
};

/// What a catalog says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// How it is named in the list: text of the digest, or the digest.
    pub identifier: Vec<u8>,
    /// Its digest; nothing if the member has none or more than one.
    pub digest: Option<IndirectData>,
    /// For which way to take a file the member is meant, by its member information.
    pub kind: Option<SubjectKind>,
    /// "File" and others.
    pub names: Vec<NameValue>,
}

/// `CatalogMemberInfo`.
#[derive(Sequence)]
struct MemberInfo {
    subject: BmpString,
    certificate_version: u32,
}

/// The classes of the interfaces that take a file's digest.
const IMAGE_SUBJECT: &str = "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}";
const FLAT_SUBJECT: &str = "{DE351A42-8E59-11D0-8C47-00C04FC295EE}";

impl Member {
    /// A value by its name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.names.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }

    /// What the member says its digest is.
    pub fn digest_value(&self) -> Option<&[u8]> {
        Some(self.digest.as_ref()?.message_digest.digest.as_bytes())
    }

    /// A member as it stands in the list.
    pub(super) fn subject(
        version: Version,
        kind: SubjectKind,
        digest: &[u8],
        names: &[NameValue],
    ) -> der::Result<Subject> {
        let indirect = IndirectData::new(kind, version.digest(), digest.to_vec())?;
        let mut attributes = vec![
            Attribute {
                oid: oid::SPC_INDIRECT_DATA,
                values: SetOfVec::try_from([Any::encode_from(&indirect)?])?,
            },
            member_info(version, kind)?,
        ];
        for name in names {
            attributes.push(name.attribute()?);
        }
        Ok(Subject {
            identifier: OctetString::new(version.identifier(digest))?,
            attributes: SetOfVec::try_from(attributes)?,
        })
    }

    /// Reads a member; attributes that nobody knows are passed over.
    pub(super) fn read(subject: &Subject) -> der::Result<Self> {
        let mut digests = Vec::new();
        let mut kinds = Vec::new();
        let mut names = Vec::new();
        for attribute in subject.attributes.iter() {
            for value in attribute.values.iter() {
                let bytes = value.to_der()?;
                match attribute.oid {
                    oid::SPC_INDIRECT_DATA => digests.push(IndirectData::from_der(&bytes)?),
                    oid::CAT_MEMBERINFO => kinds.push(kind_of_class(&MemberInfo::from_der(&bytes)?)),
                    oid::CAT_MEMBERINFO2 => kinds.push(kind_of_choice(&bytes)),
                    oid::CAT_NAMEVALUE => names.push(NameValue::parse(&bytes)?),
                    _ => {}
                }
            }
        }
        let single = |mut list: Vec<IndirectData>| if list.len() == 1 { list.pop() } else { None };
        Ok(Self {
            identifier: subject.identifier.as_bytes().to_vec(),
            digest: single(digests),
            kind: if let [kind] = kinds[..] { kind } else { None },
            names,
        })
    }
}

fn member_info(version: Version, kind: SubjectKind) -> der::Result<Attribute> {
    let (oid, value) = match version {
        Version::V1 => {
            let subject = match kind {
                SubjectKind::Image => IMAGE_SUBJECT,
                SubjectKind::Flat => FLAT_SUBJECT,
            };
            let info = MemberInfo { subject: BmpString::from_utf8(subject)?, certificate_version: 0x200 };
            (oid::CAT_MEMBERINFO, Any::encode_from(&info)?)
        }
        // [0] for images, [2] for other files, both empty.
        Version::V2 => (oid::CAT_MEMBERINFO2, Any::from_der(&choice(kind))?),
    };
    Ok(Attribute { oid, values: SetOfVec::try_from([value])? })
}

fn choice(kind: SubjectKind) -> [u8; 2] {
    match kind {
        SubjectKind::Image => [0x80, 0],
        SubjectKind::Flat => [0x82, 0],
    }
}

fn kind_of_choice(bytes: &[u8]) -> Option<SubjectKind> {
    [SubjectKind::Image, SubjectKind::Flat].into_iter().find(|kind| bytes == choice(*kind))
}

fn kind_of_class(info: &MemberInfo) -> Option<SubjectKind> {
    match info.subject.to_string().to_uppercase().as_str() {
        IMAGE_SUBJECT => Some(SubjectKind::Image),
        FLAT_SUBJECT => Some(SubjectKind::Flat),
        _ => None,
    }
}
