//! The headers: for which Windows, where it starts, what it promises.

use object::{
    LittleEndian as LE, Object as _,
    pe::{
        IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, IMAGE_DIRECTORY_ENTRY_TLS,
        IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
        IMAGE_DLLCHARACTERISTICS_NX_COMPAT, IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, IMAGE_FILE_RELOCS_STRIPPED,
        IMAGE_FILE_UP_SYSTEM_ONLY, IMAGE_SUBSYSTEM_NATIVE,
    },
    read::pe::ImageOptionalHeader as _,
};

use super::{parse::Image, report::Report};
use crate::build::Flavour;

/// What a kernel driver must have.
const BITS: [(u16, &str, &str); 4] = [
    (IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE", "drivers are loaded anywhere"),
    (IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT", "data is never executed"),
    (IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, "FORCE_INTEGRITY", "the signature is checked"),
    (IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, "WDM_DRIVER", "otherwise it counts as a legacy driver"),
];

/// Checks machine, subsystem, entry and flags.
pub fn check(image: &Image, flavour: Flavour, report: &mut Report) {
    report.good("format", "PE32+ for AMD64");
    subsystem(image, flavour, report);
    entry(image, report);
    flags(image, report);
    directories(image, report);
}

fn subsystem(image: &Image, flavour: Flavour, report: &mut Report) {
    let header = image.pe.nt_headers().optional_header();
    let subsystem = header.subsystem();
    report.check(
        "subsystem",
        subsystem == IMAGE_SUBSYSTEM_NATIVE,
        "native",
        format!("{subsystem}, but a driver is native (1)"),
    );
    let needed = match flavour {
        Flavour::Default => (10, 0),
        Flavour::Downlevel => (5, 2),
    };
    let subsystem = (header.major_subsystem_version(), header.minor_subsystem_version());
    let system = (header.major_operating_system_version(), header.minor_operating_system_version());
    report.check(
        "version",
        subsystem == needed && system == needed,
        format!("for Windows NT {}.{} and later", needed.0, needed.1),
        format!(
            "subsystem {}.{} and system {}.{}, but the {} flavour is for {}.{}",
            subsystem.0,
            subsystem.1,
            system.0,
            system.1,
            flavour.name(),
            needed.0,
            needed.1
        ),
    );
}

fn entry(image: &Image, report: &mut Report) {
    let entry = image.pe.nt_headers().optional_header().address_of_entry_point();
    let exported = image.pe.exports().unwrap_or_default().into_iter().find(|export| export.name() == b"DriverEntry");
    let driver_entry = match exported {
        Some(export) => u32::try_from(export.address() - image.pe.relative_address_base()).ok(),
        None => image.map.as_ref().and_then(|map| map.find("DriverEntry")).map(|symbol| symbol.rva),
    };
    match driver_entry {
        Some(rva) if rva == entry => report.good("entry", format!("DriverEntry at {entry:#x}")),
        Some(rva) => report.bad("entry", format!("at {entry:#x}, but DriverEntry is at {rva:#x}")),
        None => report.bad("entry", format!("at {entry:#x}; DriverEntry is not known")),
    }
}

fn flags(image: &Image, report: &mut Report) {
    let headers = image.pe.nt_headers();
    let bits = headers.optional_header().dll_characteristics();
    for (bit, name, why) in BITS {
        if bits & bit == 0 {
            report.bad("flags", format!("{name} is missing: {why}"));
        }
    }
    let file = headers.file_header.characteristics.get(LE);
    if file & IMAGE_FILE_UP_SYSTEM_ONLY != 0 {
        report.bad("flags", "UP_SYSTEM_ONLY: no machine with two processors would load it");
    }
    if file & IMAGE_FILE_RELOCS_STRIPPED != 0 {
        report.bad("flags", "RELOCS_STRIPPED: it could be loaded at one address only");
    }
    let has = BITS.iter().filter(|(bit, ..)| bits & bit != 0).map(|(_, name, _)| *name);
    report.fact("flags", has.collect::<Vec<_>>().join(" "));
}

fn directories(image: &Image, report: &mut Report) {
    for (index, name) in [
        (IMAGE_DIRECTORY_ENTRY_TLS, "thread-local storage, which the kernel does not have"),
        (IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, "delay-loaded imports, which the kernel does not resolve"),
    ] {
        if image.directory(index).is_some() {
            report.bad("directories", name);
        }
    }
    let relocations = match image.directory(IMAGE_DIRECTORY_ENTRY_BASERELOC) {
        None => return report.bad("relocations", "none: it could be loaded at one address only"),
        Some(_) => match count_relocations(image) {
            Ok(count) => count,
            Err(error) => return report.bad("relocations", format!("broken: {error}")),
        },
    };
    report.check(
        "relocations",
        relocations.straddling.is_empty(),
        format!("{}", relocations.count),
        format!("over a page's end, refused with HVCI before 1703: {:#x?}", relocations.straddling),
    );
}

struct Relocations {
    count: usize,
    straddling: Vec<u32>,
}

fn count_relocations(image: &Image) -> object::read::Result<Relocations> {
    let mut relocations = Relocations { count: 0, straddling: Vec::new() };
    let directories = image.pe.data_directories();
    let Some(mut blocks) = directories.relocation_blocks(image.data, &image.pe.section_table())? else {
        return Ok(relocations);
    };
    while let Some(block) = blocks.next()? {
        for relocation in block {
            relocations.count += 1;
            if relocation.virtual_address % 0x1000 > 0x1000 - 8 {
                relocations.straddling.push(relocation.virtual_address);
            }
        }
    }
    Ok(relocations)
}
