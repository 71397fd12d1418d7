//! A driver image as small as can be, in which all is right; the tests spoil one thing each.

/// Offsets of fields in the file.
pub mod field {
    const SIGNATURE: usize = 0x80;
    const FILE_HEADER: usize = SIGNATURE + 4;
    const OPTIONAL_HEADER: usize = FILE_HEADER + 20;
    pub const MACHINE: usize = FILE_HEADER;
    pub const OPTIONAL_SIZE: usize = FILE_HEADER + 16;
    pub const CHARACTERISTICS: usize = FILE_HEADER + 18;
    pub const MAGIC: usize = OPTIONAL_HEADER;
    pub const ENTRY: usize = OPTIONAL_HEADER + 16;
    pub const IMAGE_BASE: usize = OPTIONAL_HEADER + 24;
    pub const SECTION_ALIGNMENT: usize = OPTIONAL_HEADER + 32;
    pub const FILE_ALIGNMENT: usize = OPTIONAL_HEADER + 36;
    pub const OS_VERSION: usize = OPTIONAL_HEADER + 40;
    pub const SUBSYSTEM_VERSION: usize = OPTIONAL_HEADER + 48;
    pub const SIZE_OF_IMAGE: usize = OPTIONAL_HEADER + 56;
    pub const CHECKSUM: usize = OPTIONAL_HEADER + 64;
    pub const SUBSYSTEM: usize = OPTIONAL_HEADER + 68;
    pub const DLL_CHARACTERISTICS: usize = OPTIONAL_HEADER + 70;
    pub const DIRECTORY_COUNT: usize = OPTIONAL_HEADER + 108;
    const DIRECTORIES: usize = OPTIONAL_HEADER + 112;
    const SECTION_TABLE: usize = DIRECTORIES + 16 * 8;

    /// The entry of a directory: address and size.
    pub fn directory(index: usize) -> usize {
        DIRECTORIES + index * 8
    }

    /// A section's header.
    pub fn section(index: usize) -> usize {
        SECTION_TABLE + index * 40
    }
}

/// The sections: name, address, offset in the file, size there, flags.
const SECTIONS: [(&str, u32, usize, usize, u32); 6] = [
    (".text", 0x1000, 0x400, 0x200, 0x6000_0020),
    (".rdata", 0x2000, 0x600, 0x400, 0x4000_0040),
    (".pdata", 0x3000, 0xa00, 0x200, 0x4000_0040),
    ("INIT", 0x4000, 0xc00, 0x200, 0x6200_0020),
    (".rsrc", 0x5000, 0xe00, 0x200, 0x4200_0040),
    (".reloc", 0x6000, 0x1000, 0x200, 0x4200_0040),
];
const END: usize = 0x1200;
pub const RDATA: usize = 0x600;
pub const PDATA: usize = 0xa00;
pub const RSRC: usize = 0xe00;
pub const RELOC: usize = 0x1000;
/// Of the version resource: `VS_FIXEDFILEINFO`.
pub const FIXED_FILE_INFO: usize = RSRC + 0x58 + 6 + 34;

/// What can be chosen.
pub struct Image {
    pub machine: u16,
    /// Of the subsystem and the system.
    pub windows: [u16; 2],
    pub version: [u16; 4],
    /// Module and functions.
    pub imports: Vec<(&'static str, Vec<&'static str>)>,
}

impl Default for Image {
    /// For Windows XP x64 and later.
    fn default() -> Self {
        Self {
            machine: 0x8664,
            windows: [5, 2],
            version: [1, 2, 3, 4],
            imports: vec![("ntoskrnl.exe", vec!["ExFreePool"]), ("ks.sys", vec!["KsInitializeDriver"])],
        }
    }
}

impl Image {
    /// For Windows 10 and later.
    pub fn modern() -> Self {
        Self { windows: [10, 0], ..Self::default() }
    }

    /// The file.
    pub fn file(&self) -> Vec<u8> {
        let mut file = vec![0u8; END];
        self.headers(&mut file);
        // sub rsp, 28h; add rsp, 28h; ret
        file[0x400..0x600].fill(0xcc);
        file[0x400..0x409].copy_from_slice(&[0x48, 0x83, 0xec, 0x28, 0x48, 0x83, 0xc4, 0x28, 0xc3]);
        file[0xc00] = 0xc3;
        self.import_tables(&mut file);
        // Two functions with their unwind data: sub rsp, 28h, and nothing.
        let pdata = [[0x1000, 0x1009, 0x2300], [0x4000, 0x4001, 0x2308]].concat();
        put32(&mut file, PDATA, &pdata);
        put32(&mut file, field::directory(3), &[0x3000, 24]);
        file[RDATA + 0x300..RDATA + 0x306].copy_from_slice(&[1, 4, 1, 0, 4, 0x42]);
        file[RDATA + 0x308] = 1;
        self.version_resource(&mut file);
        // One address to adjust, in .rdata.
        put32(&mut file, RELOC, &[0x2000, 12]);
        put16(&mut file, RELOC + 8, &[0xa380, 0]);
        put32(&mut file, field::directory(5), &[0x6000, 12]);
        seal(&mut file);
        file
    }

    fn headers(&self, file: &mut [u8]) {
        file[..2].copy_from_slice(b"MZ");
        put32(file, 0x3c, &[0x80]);
        file[0x80..0x84].copy_from_slice(b"PE\0\0");
        put16(file, field::MACHINE, &[self.machine, SECTIONS.len() as u16]);
        // Size of the optional header; executable, large addresses, DLL as from a linker for a cdylib.
        put16(file, field::OPTIONAL_SIZE, &[240, 0x2022]);
        put16(file, field::MAGIC, &[0x20b]);
        put32(file, field::ENTRY, &[0x1000]);
        put32(file, field::IMAGE_BASE, &[0x8000_0000, 1]);
        put32(file, field::SECTION_ALIGNMENT, &[0x1000, 0x200]);
        put16(file, field::OS_VERSION, &self.windows);
        put16(file, field::SUBSYSTEM_VERSION, &self.windows);
        put32(file, field::SIZE_OF_IMAGE, &[0x7000, 0x400]);
        // DYNAMIC_BASE, NX_COMPAT, HIGH_ENTROPY_VA, WDM_DRIVER.
        put16(file, field::SUBSYSTEM, &[1, 0x2160]);
        put32(file, field::DIRECTORY_COUNT, &[16]);
        for (index, (name, address, offset, size, flags)) in SECTIONS.into_iter().enumerate() {
            let header = field::section(index);
            file[header..header + name.len()].copy_from_slice(name.as_bytes());
            put32(file, header + 8, &[size as u32, address, size as u32, offset as u32]);
            put32(file, header + 36, &[flags]);
        }
    }

    fn import_tables(&self, file: &mut [u8]) {
        let address = |offset: usize| (offset - RDATA + 0x2000) as u32;
        let mut descriptor = RDATA;
        let mut thunk = RDATA + 20 * (self.imports.len() + 1);
        let mut text = RDATA + 0x140;
        put32(file, field::directory(1), &[0x2000, (thunk - RDATA) as u32]);
        for (module, functions) in &self.imports {
            let name = put_text(file, &mut text, module);
            put32(file, descriptor, &[address(thunk), 0, 0, address(name), address(thunk)]);
            descriptor += 20;
            for function in functions {
                if let Some(number) = function.strip_prefix('#') {
                    put32(file, thunk, &[number.parse().unwrap(), 0x8000_0000]);
                } else {
                    // Two bytes of hint come before the name.
                    text += 2;
                    let name = put_text(file, &mut text, function) - 2;
                    put32(file, thunk, &[address(name)]);
                }
                thunk += 8;
            }
            thunk += 8;
        }
    }

    fn version_resource(&self, file: &mut [u8]) {
        // Three directories of one entry each: type 16, name 1, language 0x409; then the data's entry.
        for (level, (id, next)) in
            [(16, 0x8000_0018), (1, 0x8000_0030), (0x409, 0x48)].into_iter().enumerate()
        {
            let at = RSRC + level * 0x18;
            put16(file, at + 14, &[1]);
            put32(file, at + 16, &[id, next]);
        }
        let length = 6 + 34 + 52;
        put32(file, RSRC + 0x48, &[0x5058, length]);
        put16(file, RSRC + 0x58, &[length as u16, 52, 0]);
        let key: Vec<u16> = "VS_VERSION_INFO\0".encode_utf16().collect();
        put16(file, RSRC + 0x58 + 6, &key);
        let [a, b, c, d] = self.version.map(u32::from);
        let version = [a << 16 | b, c << 16 | d];
        put32(file, FIXED_FILE_INFO, &[0xfeef_04bd, 0x1_0000]);
        put32(file, FIXED_FILE_INFO + 8, &[version, version].concat());
        // Mask of flags, flags, NT, driver, system driver.
        put32(file, FIXED_FILE_INFO + 24, &[0x3f, 0, 0x4_0004, 3, 7]);
        put32(file, field::directory(2), &[0x5000, 0x200]);
    }
}

/// Makes the checksum right again.
pub fn seal(file: &mut [u8]) {
    if let Ok(checksum) = driver_package::image::checksum(file) {
        put32(file, field::CHECKSUM, &[checksum.right]);
    }
}

fn put_text(file: &mut [u8], at: &mut usize, text: &str) -> usize {
    let place = *at;
    file[place..place + text.len()].copy_from_slice(text.as_bytes());
    *at += text.len() + 1;
    place
}

/// Writes 16-bit values one after the other.
pub fn put16(file: &mut [u8], at: usize, values: &[u16]) {
    for (index, value) in values.iter().enumerate() {
        file[at + index * 2..at + index * 2 + 2].copy_from_slice(&value.to_le_bytes());
    }
}

/// Writes 32-bit values one after the other.
pub fn put32(file: &mut [u8], at: usize, values: &[u32]) {
    for (index, value) in values.iter().enumerate() {
        file[at + index * 4..at + index * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
}
