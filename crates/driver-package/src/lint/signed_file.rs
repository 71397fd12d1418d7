//! A signature in the package.

use super::{CatalogFile, ImageFile};
use crate::{
    image,
    pkcs7::{Signature, SignedData},
};

/// A file with a signature.
pub struct SignedFile {
    /// Its path in the package.
    pub name: String,
    /// The signature's structure as it stands in the file.
    pub bytes: Vec<u8>,
    /// Read, if that can be done.
    pub data: der::Result<SignedData>,
    /// Whether it is embedded in an image.
    pub embedded: bool,
}

impl SignedFile {
    /// The signatures of an image.
    pub(super) fn of_image(file: &ImageFile) -> Vec<Self> {
        let table = image::certificates(&file.bytes).unwrap_or_default();
        let signed = |bytes: &[u8]| Self {
            name: file.name.clone(),
            bytes: bytes.to_vec(),
            data: SignedData::parse(bytes),
            embedded: true,
        };
        table.signatures.into_iter().map(signed).collect()
    }

    /// The structure of a catalog, if anybody has signed it.
    pub(super) fn of_catalog(file: &CatalogFile) -> Option<Self> {
        let data = file.catalog.as_ref().ok()?.signed.clone();
        let signed =
            Self { name: file.name.clone(), bytes: file.bytes.clone(), data: Ok(data), embedded: false };
        (!signed.data.as_ref().is_ok_and(|data| data.signer_infos.is_empty())).then_some(signed)
    }

    /// The signature, if there is exactly one.
    pub fn signature(&self) -> Option<Signature<'_>> {
        Signature::of(self.data.as_ref().ok()?)
    }
}
