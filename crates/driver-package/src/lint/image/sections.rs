//! The sections and their protection.

use object::{
    LittleEndian as LE,
    pe::{
        IMAGE_DIRECTORY_ENTRY_IAT, IMAGE_DIRECTORY_ENTRY_IMPORT, IMAGE_SCN_MEM_DISCARDABLE,
        IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE, ImageSectionHeader, SectionFlags,
    },
};

use super::{
    super::{
        Check, Findings, ImageFile, Levels, Rule,
        image_file::{directory, header, name},
    },
    FORMAT, INTEGRITY, VERIFIER,
};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE30",
        title: "no section is both writable and executable",
        levels: INTEGRITY,
        page: VERIFIER,
        check: Check::Image(writable_code),
    },
    Rule {
        code: "PE31",
        title: "the import address table lies in data",
        levels: INTEGRITY,
        page: VERIFIER,
        check: Check::Image(address_table),
    },
    Rule {
        code: "PE32",
        title: "sections follow each other and fit the size of the image",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(order),
    },
    Rule {
        code: "PE33",
        title: "code for the start only is discardable",
        levels: Levels::WARNING,
        page: "kernel/making-drivers-pageable",
        check: Check::Image(init),
    },
];

fn is(section: &ImageSectionHeader, flag: SectionFlags) -> bool {
    section.characteristics.get(LE).contains(flag)
}

fn writable_code(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    for section in pe.section_table().iter() {
        if is(section, IMAGE_SCN_MEM_WRITE) && is(section, IMAGE_SCN_MEM_EXECUTE) {
            findings.add(
                None,
                format!("section {} is writable and executable (0x2003)", name(section)),
                "keep data and code in sections of their own; link without /SECTION:…,ERW and /MERGE of both",
            );
        }
    }
}

fn address_table(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    for (index, what) in
        [(IMAGE_DIRECTORY_ENTRY_IMPORT, "import table"), (IMAGE_DIRECTORY_ENTRY_IAT, "import address table")]
    {
        let Some(directory) = directory(&pe, index) else { continue };
        let address = directory.virtual_address.get(LE);
        let section = pe.section_table().iter().find(|section| section.contains_rva(address));
        if let Some(section) = section.filter(|section| is(section, IMAGE_SCN_MEM_EXECUTE)) {
            findings.add(
                None,
                format!("the {what} lies in the executable section {} (0x2005)", name(section)),
                "link without /MERGE:.rdata=.text",
            );
        }
    }
}

fn order(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let alignment = u64::from(header(&pe).section_alignment.get(LE).max(1));
    let mut end = u64::from(header(&pe).size_of_headers.get(LE)).next_multiple_of(alignment);
    for section in pe.section_table().iter() {
        let begin = u64::from(section.virtual_address.get(LE));
        if begin != end {
            findings.add(
                None,
                format!("section {} is at {begin:#x}, should be at {end:#x}", name(section)),
                "build it again: no linker writes this",
            );
            return;
        }
        let size = section.virtual_size.get(LE).max(section.size_of_raw_data.get(LE).min(1));
        end = (begin + u64::from(size)).next_multiple_of(alignment);
    }
    let size = u64::from(header(&pe).size_of_image.get(LE));
    if size != end {
        findings.add(
            None,
            format!("the size of the image is {size:#x}, but its sections end at {end:#x}"),
            "build it again: no linker writes this",
        );
    }
}

fn init(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    for section in pe.section_table().iter() {
        if section.raw_name() == b"INIT" && !is(section, IMAGE_SCN_MEM_DISCARDABLE) {
            findings.add(
                None,
                "section INIT is not discardable: it stays in memory",
                "link with /SECTION:INIT,ERD",
            );
        }
    }
}
