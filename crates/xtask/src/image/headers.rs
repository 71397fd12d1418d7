//! The headers: for which Windows, where it starts, what it promises.

use anyhow::Result;
use object::{
    LittleEndian as LE,
    pe::{
        self, DllFlags, IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT,
        IMAGE_DIRECTORY_ENTRY_TLS, IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, IMAGE_FILE_RELOCS_STRIPPED, IMAGE_FILE_UP_SYSTEM_ONLY,
        IMAGE_SUBSYSTEM_NATIVE,
    },
};

use super::{parse::Image, report::Report};
use crate::build::Flavour;

/// What a kernel driver must have.
const BITS: [(DllFlags, &str, &str); 4] = [
    (IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE", "drivers are loaded anywhere"),
    (IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT", "data is never executed"),
    (IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, "FORCE_INTEGRITY", "the signature is checked"),
    (IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, "WDM_DRIVER", "otherwise it counts as a legacy driver"),
];

/// Checks machine, subsystem, entry and flags.
pub fn check(image: &Image, flavour: Flavour, report: &mut Report) -> Result<()> {
    let (machine, name) = match flavour {
        Flavour::Default | Flavour::Downlevel => (pe::IMAGE_FILE_MACHINE_AMD64, "AMD64"),
        Flavour::Arm64 => (pe::IMAGE_FILE_MACHINE_ARM64, "ARM64"),
    };
    report.check(
        "format",
        image.machine() == machine,
        format!("PE32+ for {name}"),
        format!("for machine {:#06x}, but the {} flavour is for {name}", image.machine(), flavour.name()),
    );
    subsystem(image, flavour, report);
    entry(image, report)?;
    flags(image, report);
    directories(image, report);
    Ok(())
}

fn subsystem(image: &Image, flavour: Flavour, report: &mut Report) {
    let header = image.header();
    let subsystem = header.subsystem.get(LE);
    report.check(
        "subsystem",
        subsystem == IMAGE_SUBSYSTEM_NATIVE,
        "native",
        format!("{subsystem}, but a driver is native (1)"),
    );
    let needed = match flavour {
        Flavour::Default | Flavour::Arm64 => (10, 0),
        Flavour::Downlevel => (5, 2),
    };
    let subsystem = (header.major_subsystem_version.get(LE), header.minor_subsystem_version.get(LE));
    let system =
        (header.major_operating_system_version.get(LE), header.minor_operating_system_version.get(LE));
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

fn entry(image: &Image, report: &mut Report) -> Result<()> {
    let entry = image.header().address_of_entry_point.get(LE);
    let exported = image.exports()?.into_iter().find(|(name, _)| name == "DriverEntry").map(|(_, rva)| rva);
    let mapped = || image.map.as_ref()?.find("DriverEntry").map(|symbol| symbol.rva);
    let driver_entry = exported.or_else(mapped);
    match driver_entry {
        Some(rva) if rva == entry => report.good("entry", format!("DriverEntry at {entry:#x}")),
        Some(rva) => report.bad("entry", format!("at {entry:#x}, but DriverEntry is at {rva:#x}")),
        None => report.bad("entry", format!("at {entry:#x}; DriverEntry is not known")),
    }
    Ok(())
}

fn flags(image: &Image, report: &mut Report) {
    let bits = image.header().dll_characteristics.get(LE);
    for (bit, name, why) in BITS {
        if !bits.contains(bit) {
            report.bad("flags", format!("{name} is missing: {why}"));
        }
    }
    let file = image.pe.nt_headers().file_header.characteristics.get(LE);
    if file.contains(IMAGE_FILE_UP_SYSTEM_ONLY) {
        report.bad("flags", "UP_SYSTEM_ONLY: no machine with two processors would load it");
    }
    if file.contains(IMAGE_FILE_RELOCS_STRIPPED) {
        report.bad("flags", "RELOCS_STRIPPED: it could be loaded at one address only");
    }
    let has = BITS.iter().filter(|(bit, ..)| bits.contains(*bit)).map(|(_, name, _)| *name);
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
