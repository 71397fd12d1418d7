//! The headers: for which Windows, where it starts.

use object::{
    LittleEndian as LE,
    pe::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SUBSYSTEM_NATIVE},
};

use super::{
    super::{Check, Findings, ImageFile, Levels, Rule, image_file::header},
    FORMAT,
};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE10",
        title: "the subsystem is native",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(subsystem),
    },
    Rule {
        code: "PE11",
        title: "the subsystem's version is not newer than the oldest Windows",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(subsystem_version),
    },
    Rule {
        code: "PE12",
        title: "the operating system's version is not newer than the oldest Windows",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(system_version),
    },
    Rule {
        code: "PE13",
        title: "the entry point lies in code",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(entry),
    },
    Rule {
        code: "PE14",
        title: "sections are aligned to whole pages",
        levels: super::INTEGRITY,
        page: super::HVCI,
        check: Check::Image(section_alignment),
    },
    Rule {
        code: "PE15",
        title: "the file's alignment is a power of two from 512 to 64K",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(file_alignment),
    },
];

fn subsystem(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let subsystem = header(&pe).subsystem.get(LE);
    if subsystem != IMAGE_SUBSYSTEM_NATIVE {
        findings.add(None, format!("the subsystem is {subsystem}"), "link a driver with /SUBSYSTEM:NATIVE");
    }
}

fn compare(file: &ImageFile, what: &str, version: (u16, u16), findings: &mut Findings<'_>) {
    let oldest = (file.oldest.0, file.oldest.1);
    if (u32::from(version.0), u32::from(version.1)) > oldest {
        findings.add(
            None,
            format!(
                "the {what} is {}.{}, but the package is for {}.{} too",
                version.0, version.1, oldest.0, oldest.1
            ),
            format!("link with /SUBSYSTEM:NATIVE,{}.{:02}", oldest.0, oldest.1),
        );
    }
}

fn subsystem_version(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let header = header(&pe);
    let version = (header.major_subsystem_version.get(LE), header.minor_subsystem_version.get(LE));
    compare(file, "subsystem's version", version, findings);
}

fn system_version(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let header = header(&pe);
    let version =
        (header.major_operating_system_version.get(LE), header.minor_operating_system_version.get(LE));
    compare(file, "operating system's version", version, findings);
}

fn entry(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let entry = header(&pe).address_of_entry_point.get(LE);
    let section = pe.section_table().iter().find(|section| section.contains_rva(entry));
    if !section.is_some_and(|section| section.characteristics.get(LE).contains(IMAGE_SCN_MEM_EXECUTE)) {
        findings.add(
            None,
            format!("the entry point is {entry:#x}, where no code is"),
            "link with /ENTRY:DriverEntry",
        );
    }
}

fn section_alignment(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let alignment = header(&pe).section_alignment.get(LE);
    if alignment == 0 || !alignment.is_multiple_of(0x1000) {
        findings.add(
            None,
            format!("sections are aligned to {alignment:#x}"),
            "leave /ALIGN out: the linker takes 0x1000",
        );
    }
}

fn file_alignment(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let alignment = header(&pe).file_alignment.get(LE);
    if !alignment.is_power_of_two() || !(512..=0x1_0000).contains(&alignment) {
        findings.add(
            None,
            format!("the file's alignment is {alignment:#x}"),
            "leave /FILEALIGN out: the linker takes 0x200",
        );
    }
}
