//! Makes a catalog.

use std::collections::BTreeMap;

use der::{
    Any, Encode,
    asn1::{OctetString, SetOfVec, UtcTime},
};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{
    Member, NameValue, Version,
    trust_list::{Subject, TrustList},
};
use crate::{
    date::Date,
    digest::Digest,
    image::{self, NotAnImage},
    oid,
    pkcs7::{ContentInfo, SignedData},
    spc::SubjectKind,
};

/// Why a catalog cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A file with an image's name is none.
    #[error("{name}: {source}")]
    Image {
        /// The file.
        name: String,
        /// Why.
        source: NotAnImage,
    },
    /// No day between 1970 and 2049.
    #[error("{:04}-{:02}-{:02} is no day between 1970 and 2049", .0.year, .0.month, .0.day)]
    Date(Date),
    /// A name or a value that a catalog cannot hold.
    #[error("something is too long or has characters that a catalog cannot hold: {0}")]
    Encoding(#[from] der::Error),
}

/// Collects what goes into a catalog. The order of the calls does not matter, and the same content gives the same
/// bytes.
#[derive(Clone, Debug)]
pub struct Builder {
    version: Version,
    date: Date,
    os_attribute: String,
    os: String,
    hardware_ids: Vec<String>,
    /// By name in the list, which is how the list is sorted.
    members: BTreeMap<Vec<u8>, (SubjectKind, Vec<u8>, String)>,
}

impl Builder {
    /// An empty catalog of a day.
    pub fn new(version: Version, date: Date) -> Self {
        Self {
            version,
            date,
            os_attribute: String::new(),
            os: String::new(),
            hardware_ids: Vec::new(),
            members: BTreeMap::new(),
        }
    }

    /// For which versions of Windows the members are: `2:5.2,2:6.0`, 2 for NT. It stands with every member.
    #[must_use]
    pub fn os_attribute(mut self, value: &str) -> Self {
        value.clone_into(&mut self.os_attribute);
        self
    }

    /// The same as Inf2Cat's names, for the whole catalog: `7X64,8X64`.
    #[must_use]
    pub fn os(mut self, names: &str) -> Self {
        names.clone_into(&mut self.os);
        self
    }

    /// A hardware id of the package; case does not count.
    #[must_use]
    pub fn hardware_id(mut self, id: &str) -> Self {
        self.hardware_ids.push(id.to_lowercase());
        self
    }

    /// Adds a file; images are known by their content.
    ///
    /// # Errors
    ///
    /// The file begins like an image, but is none.
    pub fn member(mut self, name: &str, content: &[u8]) -> Result<Self, Error> {
        let (kind, digest) = digest(self.version.digest(), content)
            .map_err(|source| Error::Image { name: name.to_owned(), source })?;
        self.members.insert(self.version.identifier(&digest), (kind, digest, name.to_owned()));
        Ok(self)
    }

    /// The catalog, not signed.
    ///
    /// # Errors
    ///
    /// The day or a text cannot be put into a catalog.
    pub fn build(mut self) -> Result<Vec<u8>, Error> {
        self.hardware_ids.sort();
        self.hardware_ids.dedup();
        let mut extensions = Vec::new();
        if !self.os.is_empty() {
            extensions.push(NameValue::text("OS", self.os.as_str()).extension()?);
        }
        for (index, id) in self.hardware_ids.iter().enumerate() {
            extensions.push(NameValue::text(format!("HWID{}", index + 1), id.as_str()).extension()?);
        }
        let mut list = TrustList {
            usage: vec![oid::CATALOG_LIST],
            identifier: OctetString::new([0; 16])?,
            this_update: UtcTime::from_date_time(self.date.midnight().ok_or(Error::Date(self.date))?)?,
            algorithm: AlgorithmIdentifierOwned { oid: self.version.oid(), parameters: Some(Any::null()) },
            subjects: self.subjects()?,
            extensions: (!extensions.is_empty()).then_some(extensions),
        };
        // Anything that is not the same for two lists: a digest of the list itself.
        let digest = Digest::Sha256.of([list.to_der()?.as_slice()]);
        list.identifier = OctetString::new(&digest[..16])?;
        let signed = SignedData {
            version: 1,
            digest_algorithms: SetOfVec::new(),
            content_info: ContentInfo { content_type: oid::CTL, content: Some(Any::encode_from(&list)?) },
            certificates: None,
            revocation_lists: None,
            signer_infos: SetOfVec::new(),
        };
        Ok(signed.to_bytes()?)
    }

    fn subjects(&self) -> der::Result<Vec<Subject>> {
        let subject = |(kind, digest, name): &(SubjectKind, Vec<u8>, String)| {
            let mut names = vec![NameValue::text("File", name.as_str())];
            if !self.os_attribute.is_empty() {
                names.push(NameValue::text("OSAttr", self.os_attribute.as_str()));
            }
            Member::subject(self.version, *kind, digest, &names)
        };
        self.members.values().map(subject).collect()
    }
}

/// How a file is taken, and its digest: an image's is Authenticode's, any other file's that of all bytes.
pub(crate) fn digest(digest: Digest, content: &[u8]) -> Result<(SubjectKind, Vec<u8>), NotAnImage> {
    if content.starts_with(b"MZ") {
        Ok((SubjectKind::Image, image::authenticode(content, digest)?))
    } else {
        Ok((SubjectKind::Flat, digest.of([content])))
    }
}
