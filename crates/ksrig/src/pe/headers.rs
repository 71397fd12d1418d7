//! The headers of an image, checked.

use object::LittleEndian as LE;
use object::pe::{self, ImageDosHeader, ImageNtHeaders64};
use object::read::pe::ImageNtHeaders as _;

use super::error::{LoadError, Machine};
use super::{checksum, layout::PAGE};

/// The largest `SizeOfImage` that is believed. Real drivers stay far below it.
const MAX_IMAGE: u32 = 64 << 20;

/// One section of an image.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name, at most eight characters.
    pub name: String,
    /// Its address in the image.
    pub rva: u32,
    /// Its size in memory.
    pub size: u32,
    /// Where its bytes lie in the file.
    pub file: std::ops::Range<usize>,
    /// `IMAGE_SCN_*`.
    pub characteristics: u32,
}

impl Section {
    /// Whether code in it may run.
    pub fn executable(&self) -> bool {
        self.characteristics & pe::IMAGE_SCN_MEM_EXECUTE.0 != 0
    }

    /// Whether it may be written.
    pub fn writable(&self) -> bool {
        self.characteristics & pe::IMAGE_SCN_MEM_WRITE.0 != 0
    }

    /// Whether it may be read.
    pub fn readable(&self) -> bool {
        self.characteristics & pe::IMAGE_SCN_MEM_READ.0 != 0
    }

    /// Whether the kernel frees it when DriverEntry has returned.
    pub fn discardable(&self) -> bool {
        self.characteristics & pe::IMAGE_SCN_MEM_DISCARDABLE.0 != 0
    }

    /// Whether the kernel may page it out: by name (`PAGE…`), which is how drivers ask for it.
    pub fn pageable(&self) -> bool {
        self.name.starts_with("PAGE")
    }
}

/// What the headers say, after every check that needs no import.
#[derive(Clone, Debug)]
pub struct Headers {
    /// The address the linker assumed.
    pub preferred: u64,
    /// `SizeOfImage`, a multiple of the page size.
    pub size: u32,
    /// How many bytes of the file are headers.
    pub headers: u32,
    /// `DriverEntry`, as an address in the image.
    pub entry: u32,
    /// `TimeDateStamp`.
    pub timestamp: u32,
    /// `CheckSum`.
    pub checksum: u32,
    /// `MajorSubsystemVersion` and `MinorSubsystemVersion`: the oldest Windows that loads it.
    pub subsystem: (u16, u16),
    /// The sections, in address order.
    pub sections: Vec<Section>,
    directories: Vec<(u32, u32)>,
}

fn damaged(what: &str) -> LoadError {
    LoadError::Truncated(what.to_owned())
}

impl Headers {
    /// Reads and checks the headers of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let dos = ImageDosHeader::parse(bytes).map_err(|_| LoadError::NotPe("no MZ header"))?;
        let nt = dos.nt_headers_offset() as usize;
        let file = |at: usize, len: usize| {
            let end = at.checked_add(len)?;
            bytes.get(at..end)
        };
        let word = |at: usize| file(at, 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        match file(nt, 4) {
            None => return Err(damaged("the PE header lies behind the end of the file")),
            Some(b"PE\0\0") => {}
            Some(_) => return Err(LoadError::NotPe("no PE signature")),
        }
        // The machine first: on another machine the optional header may have another shape.
        match word(nt + 4).ok_or_else(|| damaged("the file header is cut off"))? {
            0x8664 => {}
            0x014c => return Err(LoadError::WrongMachine(Machine::X86)),
            0xaa64 => return Err(LoadError::WrongMachine(Machine::Arm64)),
            0x01c0 | 0x01c4 => return Err(LoadError::WrongMachine(Machine::Arm)),
            other => return Err(LoadError::WrongMachine(Machine::Other(other))),
        }
        if word(nt + 24).ok_or_else(|| damaged("the optional header is cut off"))? != 0x20b {
            return Err(LoadError::NotPe("the optional header is not PE32+"));
        }
        let mut offset = nt as u64;
        let (header, directories) =
            ImageNtHeaders64::parse(bytes, &mut offset).map_err(|error| damaged(&error.to_string()))?;
        let sections = header.sections(bytes, offset).map_err(|error| damaged(&error.to_string()))?;
        let optional = &header.optional_header;

        let subsystem = optional.subsystem.get(LE).0;
        if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE.0 {
            return Err(LoadError::NotNative(subsystem));
        }
        let stored = optional.check_sum.get(LE);
        let computed = checksum::compute(bytes, nt + 24 + 64);
        if stored != computed {
            return Err(LoadError::BadChecksum { stored, computed });
        }
        let (size, headers) = (optional.size_of_image.get(LE), optional.size_of_headers.get(LE));
        let align = optional.section_alignment.get(LE);
        if !align.is_power_of_two() {
            return Err(damaged("SectionAlignment is no power of two"));
        }
        if size == 0 || size > MAX_IMAGE || !size.is_multiple_of(PAGE as u32) {
            return Err(damaged("SizeOfImage is impossible"));
        }
        if headers > size || headers as usize > bytes.len() {
            return Err(damaged("SizeOfHeaders is larger than the file"));
        }
        let relocations = directories.get(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC);
        let stripped = header.file_header.characteristics.get(LE).0 & pe::IMAGE_FILE_RELOCS_STRIPPED.0 != 0;
        if stripped && relocations.is_none_or(|directory| directory.size.get(LE) == 0) {
            return Err(LoadError::NoRelocations);
        }
        let sections = sections
            .iter()
            .map(|section| Section {
                name: String::from_utf8_lossy(section.raw_name()).into_owned(),
                rva: section.virtual_address.get(LE),
                size: section.virtual_size.get(LE).max(1),
                file: section.pointer_to_raw_data.get(LE) as usize
                    ..section.pointer_to_raw_data.get(LE) as usize
                        + section.size_of_raw_data.get(LE).min(section.virtual_size.get(LE)) as usize,
                characteristics: section.characteristics.get(LE).0,
            })
            .collect::<Vec<_>>();
        check_sections(&sections, align, headers, size, bytes.len())?;
        let directories =
            directories.iter().map(|d| (d.virtual_address.get(LE), d.size.get(LE))).collect::<Vec<_>>();
        check_directories(&directories, size)?;
        let entry = optional.address_of_entry_point.get(LE);
        if !sections.iter().any(|s| s.executable() && (s.rva..s.rva + s.size).contains(&entry)) {
            return Err(damaged("the entry point is not in an executable section"));
        }
        Ok(Self {
            preferred: optional.image_base.get(LE),
            size,
            headers,
            entry,
            timestamp: header.file_header.time_date_stamp.get(LE),
            checksum: stored,
            subsystem: (optional.major_subsystem_version.get(LE), optional.minor_subsystem_version.get(LE)),
            sections,
            directories,
        })
    }

    /// A data directory's address and size, where the image has it.
    pub(super) fn directory(&self, index: usize) -> Option<(u32, u32)> {
        self.directories.get(index).copied().filter(|(rva, size)| *rva != 0 && *size != 0)
    }

    /// The section an address of the image lies in.
    pub fn section_of(&self, rva: u32) -> Option<&Section> {
        self.sections.iter().find(|section| (section.rva..section.rva + section.size).contains(&rva))
    }
}

/// Sections have pages of their own, lie behind the headers, ascend, do not overlap, stay in image and file, and are never
/// W+X.
fn check_sections(
    sections: &[Section],
    align: u32,
    headers: u32,
    size: u32,
    file: usize,
) -> Result<(), LoadError> {
    let mut end = u64::from(headers).next_multiple_of(PAGE as u64);
    for section in sections {
        let name = &section.name;
        let range = u64::from(section.rva)..u64::from(section.rva) + u64::from(section.size);
        if align < PAGE as u32 || !section.rva.is_multiple_of(PAGE as u32) {
            return Err(LoadError::Unaligned(name.clone()));
        }
        if range.start < end || range.end > u64::from(size) {
            return Err(damaged(&format!("section {name} lies outside the image or overlaps another")));
        }
        if section.file.end > file {
            return Err(damaged(&format!("section {name} ends behind the end of the file")));
        }
        if section.writable() && section.executable() {
            return Err(LoadError::WriteExecute(name.clone()));
        }
        end = range.end.next_multiple_of(PAGE as u64);
    }
    Ok(())
}

/// Every table lies in the image, but for the certificates, which are addressed by file offset.
fn check_directories(directories: &[(u32, u32)], size: u32) -> Result<(), LoadError> {
    for (index, (rva, len)) in directories.iter().enumerate() {
        if index != pe::IMAGE_DIRECTORY_ENTRY_SECURITY && u64::from(*rva) + u64::from(*len) > u64::from(size)
        {
            return Err(damaged(&format!("data directory {index} lies outside the image")));
        }
    }
    Ok(())
}
