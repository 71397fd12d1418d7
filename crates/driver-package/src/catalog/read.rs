//! Reads a catalog.

use std::time::SystemTime;

use super::{Member, NameValue, Version, trust_list::TrustList};
use crate::{oid, pkcs7::SignedData};

/// A catalog, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// Which of the two it says it is.
    pub version: Version,
    /// Whether its only usage is that of catalogs.
    pub is_catalog_list: bool,
    /// Any 16 bytes.
    pub identifier: Vec<u8>,
    /// When it was made.
    pub this_update: SystemTime,
    /// The files, in the order of the list.
    pub members: Vec<Member>,
    /// What is said of the whole: "OS", "HWID1" and so on.
    pub names: Vec<NameValue>,
    /// The structure around it, with the signature.
    pub signed: SignedData,
}

/// Why a file is no catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACatalog {
    /// Not the expected structure.
    #[error("not a catalog: {0}")]
    Structure(#[from] der::Error),
    /// A signed structure about something else.
    #[error("not a catalog: a signed structure, but not a trust list")]
    Content,
    /// A trust list with another way to name subjects.
    #[error("not a catalog: a trust list, but its subjects are not named as those of catalogs")]
    Algorithm,
}

impl Catalog {
    /// Reads a catalog. Strictness is the matter of [`crate::asn1::faults`].
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotACatalog> {
        let signed = SignedData::parse(bytes)?;
        if signed.content_info.content_type != oid::CTL {
            return Err(NotACatalog::Content);
        }
        let content = signed.content_info.content.as_ref().ok_or(NotACatalog::Content)?;
        let list: TrustList = content.decode_as()?;
        let version = [Version::V1, Version::V2].into_iter().find(|version| {
            list.algorithm.oid == version.oid()
                && list.algorithm.parameters.as_ref().is_none_or(|p| p.is_null())
        });
        let extensions = list.extensions.as_deref().unwrap_or_default();
        let names = extensions.iter().filter(|extension| extension.extn_id == oid::CAT_NAMEVALUE);
        Ok(Self {
            version: version.ok_or(NotACatalog::Algorithm)?,
            is_catalog_list: list.usage == [oid::CATALOG_LIST],
            identifier: list.identifier.as_bytes().to_vec(),
            this_update: SystemTime::UNIX_EPOCH + list.this_update.to_unix_duration(),
            members: list.subjects.iter().map(Member::read).collect::<der::Result<_>>()?,
            names: names
                .map(|extension| NameValue::parse(extension.extn_value.as_bytes()))
                .collect::<der::Result<_>>()?,
            signed,
        })
    }

    /// A value of the whole by its name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.names.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }

    /// The hardware ids, in the order of their numbers.
    pub fn hardware_ids(&self) -> impl Iterator<Item = &str> {
        (1..).map_while(|number| self.value(&format!("HWID{number}")))
    }

    /// The name of a file with this digest in this catalog's list.
    pub fn identifier_of(&self, digest: &[u8]) -> Vec<u8> {
        self.version.identifier(digest)
    }

    /// The member with this digest.
    pub fn find(&self, digest: &[u8]) -> Option<&Member> {
        let identifier = self.identifier_of(digest);
        self.members.iter().find(|member| member.identifier == identifier)
    }
}
