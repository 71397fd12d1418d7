//! The version resource of an image.

use object::{
    LittleEndian as LE,
    pe::RT_VERSION,
    read::pe::{ImageNtHeaders, PeFile, PeFile32, PeFile64, ResourceDirectoryEntryData},
};

use super::layout::read;
use crate::version::Version;

/// `VS_FIXEDFILEINFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// Of the file.
    pub file: Version,
    /// Of the product.
    pub product: Version,
    /// `VOS_…`.
    pub os: u32,
    /// `VFT_…`.
    pub kind: u32,
    /// `VFT2_…`.
    pub subtype: u32,
}

const VS_FFI_SIGNATURE: u32 = 0xfeef_04bd;

/// The version resource, if the image has one that can be read.
pub fn version_info(data: &[u8]) -> Option<VersionInfo> {
    let resource = match PeFile64::parse(data) {
        Ok(image) => resource(&image)?,
        Err(_) => resource(&PeFile32::parse(data).ok()?)?,
    };
    // Length, length of the value, type, the key in UTF-16 with its NUL, filled up to four bytes: then the value.
    let key: Vec<u8> = "VS_VERSION_INFO\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if !resource.get(6..)?.starts_with(&key) {
        return None;
    }
    let value = (6 + key.len()).next_multiple_of(4);
    let field = |index: usize| read(resource, value + index * 4).map(u32::from_le_bytes);
    if field(0)? != VS_FFI_SIGNATURE {
        return None;
    }
    let version = |high: u32, low: u32| {
        Version([high >> 16, high & 0xffff, low >> 16, low & 0xffff].map(|part| part as u16))
    };
    Some(VersionInfo {
        file: version(field(2)?, field(3)?),
        product: version(field(4)?, field(5)?),
        os: field(8)?,
        kind: field(9)?,
        subtype: field(10)?,
    })
}

/// The bytes of the first resource of type `RT_VERSION`.
fn resource<'data, Pe: ImageNtHeaders>(image: &PeFile<'data, Pe>) -> Option<&'data [u8]> {
    let directory =
        image.data_directories().resource_directory(image.data(), &image.section_table()).ok()??;
    let types = directory.root().ok()?;
    let versions = types.entries.iter().find(|entry| entry.name_or_id().id() == Some(RT_VERSION))?;
    let names = versions.data(directory).ok()?.table()?;
    let languages = names.entries.first()?.data(directory).ok()?.table()?;
    let ResourceDirectoryEntryData::Data(entry) = languages.entries.first()?.data(directory).ok()? else {
        return None;
    };
    let bytes = image.section_table().pe_data_at(image.data(), entry.offset_to_data.get(LE))?;
    bytes.get(..entry.size.get(LE) as usize)
}
