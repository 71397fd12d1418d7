//! A PE image, parsed as far as all checks need it.

use anyhow::{Context, Result, bail};
use object::{
    FileKind, LittleEndian as LE,
    pe::{self, ImageDataDirectory, ImageNtHeaders64, ImageOptionalHeader64, ImageSectionHeader},
    read::pe::{ExportTarget, Import, PeFile64},
};

use super::map::Map;

/// An image for 64-bit Windows.
pub struct Image<'data> {
    /// The file.
    pub data: &'data [u8],
    /// Its structures.
    pub pe: PeFile64<'data>,
    /// The linker's map, if there is one.
    pub map: Option<Map>,
}

impl<'data> Image<'data> {
    /// Everything that is not PE32+ for AMD64 or ARM64 is refused here.
    pub fn parse(data: &'data [u8], map: Option<Map>) -> Result<Self> {
        match FileKind::parse(data) {
            Ok(FileKind::Pe64) => {}
            Ok(FileKind::Pe32) => bail!("a 32-bit image (PE32); PE32+ is needed"),
            _ => bail!("not a PE image"),
        }
        let pe = PeFile64::parse(data).context("the PE headers are broken")?;
        let image = Self { data, pe, map };
        let machine = image.machine();
        if ![pe::IMAGE_FILE_MACHINE_AMD64, pe::IMAGE_FILE_MACHINE_ARM64].contains(&machine) {
            bail!("for machine {machine:#06x}, not for AMD64 (0x8664) or ARM64 (0xaa64)");
        }
        Ok(image)
    }

    /// The processor that it is for.
    pub fn machine(&self) -> pe::Machine {
        self.pe.nt_headers().file_header.machine.get(LE)
    }

    /// The header with most of what matters.
    pub fn header(&self) -> &'data ImageOptionalHeader64 {
        &self.pe.nt_headers().optional_header
    }

    /// What the image exports: name and address.
    pub fn exports(&self) -> Result<Vec<(String, u32)>> {
        let mut exports = Vec::new();
        if let Some(table) = self.pe.export_table()? {
            for export in table.exports()? {
                if let (Some(name), ExportTarget::Address(rva)) = (export.name, export.target) {
                    exports.push((String::from_utf8_lossy(name).into_owned(), rva));
                }
            }
        }
        Ok(exports)
    }

    /// What the image imports, module by module; an import by number as `#number`.
    pub fn imports(&self) -> Result<Vec<Module>> {
        let mut modules = Vec::new();
        let Some(table) = self.pe.import_table()? else { return Ok(modules) };
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let name = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
            let address_table = descriptor.first_thunk.get(LE);
            // The name table; a linker may leave it out, then the address table has the names.
            let name_table = descriptor.original_first_thunk.get(LE);
            let mut thunks = table.thunks(if name_table == 0 { address_table } else { name_table })?;
            let mut functions = Vec::new();
            while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
                functions.push(match table.import::<ImageNtHeaders64>(thunk)? {
                    Import::Ordinal(number) => format!("#{number}"),
                    Import::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
                });
            }
            modules.push(Module { name, functions, address_table });
        }
        Ok(modules)
    }

    /// Every section's header.
    pub fn sections(&self) -> impl Iterator<Item = &'data ImageSectionHeader> {
        self.pe.section_table().iter()
    }

    /// The section that holds an address.
    pub fn section_at(&self, rva: u32) -> Option<&'data ImageSectionHeader> {
        self.sections().find(|section| section.contains_rva(rva))
    }

    /// A directory, unless it is absent or empty.
    pub fn directory(&self, index: usize) -> Option<&'data ImageDataDirectory> {
        let directory = self.pe.data_directories().get(index)?;
        (directory.virtual_address.get(LE) != 0 && directory.size.get(LE) != 0).then_some(directory)
    }

    /// The bytes at an address, to the end of what the file has of the section.
    pub fn bytes_at(&self, rva: u32) -> Result<&'data [u8]> {
        self.pe
            .section_table()
            .pe_data_at(self.data, rva)
            .with_context(|| format!("address {rva:#x} lies in no section"))
    }

    /// A number of bytes at an address.
    pub fn bytes(&self, rva: u32, length: usize) -> Result<&'data [u8]> {
        let bytes = self.bytes_at(rva)?;
        bytes.get(..length).with_context(|| format!("{length} bytes at {rva:#x} run over the section's end"))
    }

    /// A place as a person looks it up: the function's name if the map knows it.
    pub fn place(&self, rva: u32) -> String {
        match self.map.as_ref().and_then(|map| map.symbol_before(rva)) {
            Some(symbol) if symbol.rva == rva => symbol.readable(),
            Some(symbol) => format!("{}+{:#x}", symbol.readable(), rva - symbol.rva),
            None => format!("{rva:#x}"),
        }
    }
}

/// What is imported from one module.
pub struct Module {
    /// As the import table names it.
    pub name: String,
    /// What is imported.
    pub functions: Vec<String>,
    /// Where the loader writes the addresses.
    pub address_table: u32,
}

/// Whether the processor may run what is in a section.
pub fn is_executable(section: &ImageSectionHeader) -> bool {
    section.characteristics.get(LE).contains(pe::IMAGE_SCN_MEM_EXECUTE)
}

/// A section's name.
pub fn name(section: &ImageSectionHeader) -> String {
    String::from_utf8_lossy(section.raw_name()).into_owned()
}
