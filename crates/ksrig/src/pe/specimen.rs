//! Small images for tests: a driver that calls one import and returns what it answers.

use object::pe;
use object::write::pe::{NtHeaders, Writer};

use super::checksum;

/// What differs from a good driver.
pub struct Specimen {
    pub machine: pe::Machine,
    pub subsystem: pe::Subsystem,
    /// The oldest Windows that loads it.
    pub windows: (u16, u16),
    pub characteristics: pe::FileFlags,
    pub text: pe::SectionFlags,
    pub import: &'static str,
    /// The entry point, which begins with `sub rsp, 28h`; its imports' slot is at [`SLOT`].
    pub code: Vec<u8>,
    pub relocations: bool,
    pub checksum: bool,
    /// The name of the section with the data.
    pub rdata: [u8; 8],
    /// What may be done with that section, beside being read.
    pub data: pe::SectionFlags,
}

impl Default for Specimen {
    fn default() -> Self {
        Self {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
            windows: (10, 0),
            characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE,
            text: pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_MEM_EXECUTE | pe::IMAGE_SCN_MEM_READ,
            import: "KeGetAnswer",
            code: code(),
            relocations: true,
            checksum: true,
            rdata: *b".rdata\0\0",
            data: pe::IMAGE_SCN_CNT_INITIALIZED_DATA,
        }
    }
}

/// Where the entry point lies in the image.
pub const ENTRY: u32 = 0x1000;
/// The offset of the entry's return address while it calls the import.
pub const AFTER_CALL: u32 = ENTRY + 10;
/// A slot of the image that holds its own address.
pub const SELF: u32 = 0x20f0;

const BASE: u64 = 0x1_4000_0000;
const RDATA: u32 = 0x2000;
/// The slot of the import.
pub const SLOT: u32 = RDATA + 0x50;

impl Specimen {
    /// The image's file.
    pub fn build(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(true, 0x1000, 0x200, &mut file);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(2 + u16::from(self.relocations));
        let code = &self.code;
        let text = writer.reserve_section(*b".text\0\0\0", self.text, code.len() as u32, code.len() as u32);
        let rdata = self.rdata();
        let flags = self.data | pe::IMAGE_SCN_MEM_READ;
        let len = rdata.len() as u32;
        let rdata_range = writer.reserve_section(self.rdata, flags, len, len);
        assert_eq!((text.virtual_address, rdata_range.virtual_address), (ENTRY, RDATA));
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT, RDATA, 40);
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION, RDATA + 0xd0, 12);
        if self.relocations {
            writer.add_reloc(SELF, pe::IMAGE_REL_BASED_DIR64);
            writer.reserve_reloc_section();
        }
        writer.write_empty_dos_header().unwrap();
        writer.write_nt_headers(NtHeaders {
            machine: self.machine,
            time_date_stamp: 0,
            characteristics: self.characteristics,
            major_linker_version: 14,
            minor_linker_version: 0,
            address_of_entry_point: ENTRY,
            image_base: BASE,
            major_operating_system_version: 10,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: self.windows.0,
            minor_subsystem_version: self.windows.1,
            subsystem: self.subsystem,
            dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
            size_of_stack_reserve: 0,
            size_of_stack_commit: 0,
            size_of_heap_reserve: 0,
            size_of_heap_commit: 0,
        });
        writer.write_section_headers();
        writer.write_section(text.file_offset, code);
        writer.write_section(rdata_range.file_offset, &rdata);
        if self.relocations {
            writer.write_reloc_section();
        }
        if self.checksum {
            set_checksum(&mut file);
        }
        file
    }

    /// Imports at 0, names behind them, unwind tables at 0xc0, a pointer to itself at 0xf0.
    fn rdata(&self) -> Vec<u8> {
        let mut bytes = vec![0; 0x100];
        let mut put = |at: u32, data: &[u8]| bytes[at as usize..][..data.len()].copy_from_slice(data);
        for (field, value) in [(0, RDATA + 0x40), (12, RDATA + 0x60), (16, RDATA + 0x50)] {
            put(field, &value.to_le_bytes());
        }
        put(0x40, &u64::from(RDATA + 0x80).to_le_bytes());
        put(0x50, &u64::from(RDATA + 0x80).to_le_bytes());
        put(0x60, b"ntoskrnl.exe\0");
        put(0x82, self.import.as_bytes());
        put(0xc0, &[1, 4, 1, 0, 4, 0x42]); // sub rsp, 28h ends at 4: UWOP_ALLOC_SMALL of 5 slots
        for (field, value) in [(0, ENTRY), (4, ENTRY + self.code.len() as u32), (8, RDATA + 0xc0)] {
            put(0xd0 + field, &value.to_le_bytes());
        }
        put(SELF - RDATA, &(BASE + u64::from(SELF)).to_le_bytes());
        bytes
    }
}

/// `sub rsp, 28h; call [KeGetAnswer]; add rsp, 28h; ret`
fn code() -> Vec<u8> {
    let mut code = vec![0x48, 0x83, 0xec, 0x28, 0xff, 0x15];
    code.extend((SLOT - AFTER_CALL).to_le_bytes());
    code.extend([0x48, 0x83, 0xc4, 0x28, 0xc3]);
    code
}

/// Makes the checksum of a changed file right again.
pub fn set_checksum(file: &mut [u8]) {
    let nt = u32::from_le_bytes(file[0x3c..0x40].try_into().unwrap()) as usize;
    let field = nt + 24 + 64;
    let sum = checksum::compute(file, field);
    file[field..field + 4].copy_from_slice(&sum.to_le_bytes());
}
