//! An image of the package.

use object::{
    LittleEndian as LE,
    pe::{
        IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64, ImageDataDirectory, ImageOptionalHeader64,
        ImageSectionHeader,
    },
    read::pe::PeFile64,
};

use crate::image::Layout;

/// A driver's image.
pub struct ImageFile {
    /// Its path in the package.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The oldest Windows that it is for: major, minor, build.
    pub oldest: (u32, u32, u32),
}

impl ImageFile {
    /// The structures of a 64-bit image whose headers are right.
    pub fn pe(&self) -> Option<PeFile64<'_>> {
        Layout::parse(&self.bytes).ok()?;
        let pe = PeFile64::parse(self.bytes.as_slice()).ok()?;
        let machine = pe.nt_headers().file_header.machine.get(LE);
        [IMAGE_FILE_MACHINE_AMD64, IMAGE_FILE_MACHINE_ARM64].contains(&machine).then_some(pe)
    }
}

/// The header with most of what matters.
pub(super) fn header<'a>(pe: &PeFile64<'a>) -> &'a ImageOptionalHeader64 {
    &pe.nt_headers().optional_header
}

/// A directory, unless it is absent or empty.
pub(super) fn directory<'a>(pe: &PeFile64<'a>, index: usize) -> Option<&'a ImageDataDirectory> {
    let directory = pe.data_directories().get(index)?;
    (directory.virtual_address.get(LE) != 0 && directory.size.get(LE) != 0).then_some(directory)
}

/// A section's name.
pub(super) fn name(section: &ImageSectionHeader) -> String {
    String::from_utf8_lossy(section.raw_name()).into_owned()
}
