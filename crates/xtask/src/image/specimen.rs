//! A driver image as small as can be, in which all is right; the tests spoil one thing each.

use super::checksum;

/// What the image is made of.
pub struct Specimen {
    /// Functions: code, and its unwind codes (in pairs of bytes) if it has unwind data.
    pub functions: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Module and functions.
    pub imports: Vec<(&'static str, Vec<&'static str>)>,
    /// Where addresses are to be adjusted.
    pub relocations: Vec<u32>,
}

/// `ret`.
pub const RETURN: u8 = 0xc3;

/// Where each section lies, in memory and in the file alike.
const TEXT: usize = 0x1000;
const RDATA: usize = 0x2000;
const PDATA: usize = 0x3000;
const RELOC: usize = 0x4000;
const END: usize = 0x5000;
/// In .rdata.
const UNWIND: usize = RDATA + 0x800;
/// In .rdata.
pub const RESOURCES: usize = RDATA + 0xa00;
const EXPORTS: usize = RDATA + 0xe00;

const SIGNATURE: usize = 0x40;
const FILE_HEADER: usize = SIGNATURE + 4;
const OPTIONAL_HEADER: usize = FILE_HEADER + 20;
/// The field in the file.
pub const CHECKSUM: usize = OPTIONAL_HEADER + 64;
/// The field in the file.
pub const CHARACTERISTICS: usize = FILE_HEADER + 18;
/// The field in the file.
pub const MACHINE: usize = FILE_HEADER;
/// The field in the file.
pub const TIME_STAMP: usize = FILE_HEADER + 4;
/// The field in the file.
pub const MAGIC: usize = OPTIONAL_HEADER;
/// The field in the file.
pub const ENTRY: usize = OPTIONAL_HEADER + 16;
/// The field in the file.
pub const SECTION_ALIGNMENT: usize = OPTIONAL_HEADER + 32;
/// The field in the file.
pub const SYSTEM_VERSION: usize = OPTIONAL_HEADER + 40;
/// The field in the file.
pub const SUBSYSTEM_VERSION: usize = OPTIONAL_HEADER + 48;
/// The field in the file.
pub const SUBSYSTEM: usize = OPTIONAL_HEADER + 68;
/// The field in the file.
pub const DLL_CHARACTERISTICS: usize = OPTIONAL_HEADER + 70;
const DIRECTORIES: usize = OPTIONAL_HEADER + 112;
const SECTIONS: usize = DIRECTORIES + 16 * 8;

/// A directory's entry in the file.
pub fn directory(index: usize) -> usize {
    DIRECTORIES + index * 8
}

/// The flags of a section in the file.
pub fn section_flags(index: usize) -> usize {
    SECTIONS + index * 40 + 36
}

impl Default for Specimen {
    /// Imports one function, calls it and returns.
    fn default() -> Self {
        // sub rsp, 28h; add rsp, 28h; ret
        let code = vec![0x48, 0x83, 0xec, 0x28, 0x48, 0x83, 0xc4, 0x28, RETURN];
        Self {
            functions: vec![(code, Some(vec![4, 0x42]))],
            imports: vec![("ks.sys", vec!["KsInitializeDriver"])],
            relocations: vec![0x2700],
        }
    }
}

impl Specimen {
    /// With one more function, without unwind data, called `second` in the map.
    pub fn with_code(code: &[u8]) -> Self {
        let mut specimen = Self::default();
        specimen.functions.push((code.to_vec(), None));
        specimen
    }

    /// The file.
    pub fn image(&self) -> Vec<u8> {
        let mut file = vec![0u8; END];
        self.headers(&mut file);
        let exceptions = self.code(&mut file);
        put32(&mut file, directory(3), &[PDATA as u32, exceptions]);
        self.import_tables(&mut file);
        export(&mut file, "DriverEntry", TEXT as u32);
        self.relocation_block(&mut file);
        version(&mut file);
        seal(&mut file);
        file
    }

    /// What the linker would write beside it.
    pub fn map(&self) -> String {
        let mut map =
            " Timestamp is 00000000 (long ago)\n Preferred load address is 0000000180000000\n".to_owned();
        let mut at = TEXT;
        for ((code, _), name) in self.functions.iter().zip(["DriverEntry", "second", "third"]) {
            map += &format!(" 0001:{:08x}       {name}  {:016x}     a.o\n", at - TEXT, 0x1_8000_0000 + at);
            at += code.len();
        }
        map
    }

    fn headers(&self, file: &mut [u8]) {
        file[..2].copy_from_slice(b"MZ");
        put32(file, 0x3c, &[SIGNATURE as u32]);
        file[SIGNATURE..SIGNATURE + 4].copy_from_slice(b"PE\0\0");
        put16(file, MACHINE, &[0x8664, 4]);
        // Size of the optional header; executable, large addresses, DLL.
        put16(file, FILE_HEADER + 16, &[240, 0x2022]);
        put16(file, MAGIC, &[0x20b]);
        put32(file, ENTRY, &[TEXT as u32]);
        file[OPTIONAL_HEADER + 24..OPTIONAL_HEADER + 32].copy_from_slice(&0x1_8000_0000u64.to_le_bytes());
        put32(file, SECTION_ALIGNMENT, &[0x1000, 0x1000]);
        put16(file, SYSTEM_VERSION, &[10, 0]);
        put16(file, SUBSYSTEM_VERSION, &[10, 0]);
        put32(file, OPTIONAL_HEADER + 56, &[END as u32, 0x1000]);
        put16(file, SUBSYSTEM, &[1, 0x21e0]);
        put32(file, OPTIONAL_HEADER + 108, &[16]);
        let sections: [(&[u8], usize, u32); 4] = [
            (b".text", TEXT, 0x6000_0020),
            (b".rdata", RDATA, 0x4000_0040),
            (b".pdata", PDATA, 0x4000_0040),
            (b".reloc", RELOC, 0x4200_0040),
        ];
        for (index, (name, at, flags)) in sections.into_iter().enumerate() {
            let header = SECTIONS + index * 40;
            file[header..header + name.len()].copy_from_slice(name);
            put32(file, header + 8, &[0x1000, at as u32, 0x1000, at as u32]);
            put32(file, section_flags(index), &[flags]);
        }
    }

    /// .text and .pdata; gives the size of the latter.
    fn code(&self, file: &mut [u8]) -> u32 {
        // What lies between functions.
        file[TEXT..RDATA].fill(0xcc);
        let (mut at, mut pdata, mut unwind) = (TEXT, PDATA, UNWIND);
        for (code, codes) in &self.functions {
            file[at..at + code.len()].copy_from_slice(code);
            if let Some(codes) = codes {
                put32(file, pdata, &[at as u32, (at + code.len()) as u32, unwind as u32]);
                pdata += 12;
                file[unwind..unwind + 4].copy_from_slice(&[1, 0, (codes.len() / 2) as u8, 0]);
                file[unwind + 4..unwind + 4 + codes.len()].copy_from_slice(codes);
                unwind += 4 + codes.len().next_multiple_of(4);
            }
            at += code.len();
        }
        (pdata - PDATA) as u32
    }

    fn import_tables(&self, file: &mut [u8]) {
        let mut descriptor = RDATA;
        let mut thunk = RDATA + 20 * (self.imports.len() + 1);
        let mut text = RDATA + 0x400;
        put32(file, directory(1), &[RDATA as u32, (thunk - RDATA) as u32]);
        for (module, functions) in &self.imports {
            let name = put_text(file, &mut text, module);
            put32(file, descriptor, &[thunk as u32, 0, 0, name, thunk as u32]);
            descriptor += 20;
            for function in functions {
                // Two bytes of hint come before the name.
                text += 2;
                let name = put_text(file, &mut text, function) - 2;
                put32(file, thunk, &[name]);
                thunk += 8;
            }
            thunk += 8;
        }
    }

    fn relocation_block(&self, file: &mut [u8]) {
        if self.relocations.is_empty() {
            return;
        }
        let page = self.relocations[0] & !0xfff;
        let size = 8 + self.relocations.len().next_multiple_of(2) * 2;
        put32(file, RELOC, &[page, size as u32]);
        for (index, rva) in self.relocations.iter().enumerate() {
            put16(file, RELOC + 8 + index * 2, &[0xa000 | (rva - page) as u16]);
        }
        put32(file, directory(5), &[RELOC as u32, size as u32]);
    }
}

/// Where the version resource begins, behind a tree of one branch.
pub const VERSION: usize = RESOURCES + 3 * 24 + 16;

fn version(file: &mut [u8]) {
    let version = version_resource::of_package(env!("CARGO_PKG_VERSION")).unwrap();
    let resource = version_resource::VersionInfo { version, strings: &[] }.to_res().unwrap();
    // Behind two headers.
    let data = &resource[64..];
    file[VERSION..VERSION + data.len()].copy_from_slice(data);
    for (level, id) in [16, 1, 0x409].into_iter().enumerate() {
        let table = RESOURCES + level * 24;
        let next = (level as u32 + 1) * 24;
        put16(file, table + 14, &[1]);
        put32(file, table + 16, &[id, if level < 2 { 0x8000_0000 | next } else { next }]);
    }
    put32(file, RESOURCES + 72, &[VERSION as u32, data.len() as u32]);
    put32(file, directory(2), &[RESOURCES as u32, (EXPORTS - RESOURCES) as u32]);
}

/// Makes the checksum right again.
pub fn seal(file: &mut [u8]) {
    put32(file, CHECKSUM, &[0]);
    let sum = checksum::checksum(file, CHECKSUM);
    put32(file, CHECKSUM, &[sum]);
}

fn export(file: &mut [u8], name: &str, rva: u32) {
    let tables = EXPORTS + 40;
    let mut text = tables + 12;
    let module = put_text(file, &mut text, "specimen.sys");
    let name = put_text(file, &mut text, name);
    // Module, first ordinal, one address and one name; then the three tables.
    put32(file, EXPORTS + 12, &[module, 1, 1, 1, tables as u32, tables as u32 + 4, tables as u32 + 8]);
    put32(file, tables, &[rva, name, 0]);
    put32(file, directory(0), &[EXPORTS as u32, (text - EXPORTS) as u32]);
}

fn put_text(file: &mut [u8], at: &mut usize, text: &str) -> u32 {
    let place = *at;
    file[place..place + text.len()].copy_from_slice(text.as_bytes());
    *at += text.len() + 1;
    place as u32
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
