//! The sections and their protection.

use anyhow::Result;
use object::{
    LittleEndian as LE,
    pe::{
        IMAGE_DIRECTORY_ENTRY_IAT, IMAGE_DIRECTORY_ENTRY_IMPORT, IMAGE_SCN_MEM_DISCARDABLE,
        IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ, IMAGE_SCN_MEM_WRITE, ImageSectionHeader,
    },
};

use super::{
    parse::{Image, is_executable, name},
    report::Report,
};

/// Checks alignment and protection, and lists sizes.
pub fn check(image: &Image, report: &mut Report) -> Result<()> {
    let alignment = image.header().section_alignment.get(LE);
    if alignment == 0 || !alignment.is_multiple_of(0x1000) {
        report.bad("alignment", format!("sections at multiples of {alignment:#x}; HVCI demands whole pages"));
    }
    let writable: Vec<String> =
        image.sections().filter(|section| is_executable(section) && is_writable(section)).map(name).collect();
    report.check(
        "protection",
        writable.is_empty(),
        "no section is both writable and executable",
        format!("writable and executable: {}", writable.join(", ")),
    );
    imports_are_data(image, report)?;
    for section in image.sections() {
        report.fact("section", describe(section));
    }
    report.fact("size", format!("{} bytes", image.data.len()));
    Ok(())
}

/// The loader writes the addresses, so their pages must not be code (Driver Verifier's rule 0x2005).
fn imports_are_data(image: &Image, report: &mut Report) -> Result<()> {
    let mut tables = Vec::new();
    for (index, what) in
        [(IMAGE_DIRECTORY_ENTRY_IMPORT, "import table"), (IMAGE_DIRECTORY_ENTRY_IAT, "import address table")]
    {
        tables.extend(image.directory(index).map(|directory| (directory.virtual_address.get(LE), what)));
    }
    for module in image.imports()? {
        tables.push((module.address_table, "import address table"));
    }
    let in_code = tables.iter().find(|(rva, _)| image.section_at(*rva).is_some_and(is_executable));
    match in_code {
        None => report.good("import table", "in data"),
        Some((rva, what)) => {
            report.bad("import table", format!("the {what} at {rva:#x} is in an executable section"))
        }
    }
    Ok(())
}

fn is_writable(section: &ImageSectionHeader) -> bool {
    section.characteristics.get(LE).contains(IMAGE_SCN_MEM_WRITE)
}

fn describe(section: &ImageSectionHeader) -> String {
    let flags = section.characteristics.get(LE);
    let letters: String = [
        (IMAGE_SCN_MEM_READ, 'R'),
        (IMAGE_SCN_MEM_WRITE, 'W'),
        (IMAGE_SCN_MEM_EXECUTE, 'X'),
        (IMAGE_SCN_MEM_DISCARDABLE, 'D'),
    ]
    .iter()
    .map(|&(bit, letter)| if flags.contains(bit) { letter } else { '-' })
    .collect();
    format!(
        "{:<8} {letters} at {:#x}, {} bytes",
        name(section),
        section.virtual_address.get(LE),
        section.virtual_size.get(LE)
    )
}
