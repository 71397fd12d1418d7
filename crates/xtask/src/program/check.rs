//! Whether Windows 7 and everything after it would start the program.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use object::{
    LittleEndian as LE,
    pe::{
        self, DllFlags, IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, IMAGE_DLLCHARACTERISTICS_NX_COMPAT, IMAGE_SCN_MEM_EXECUTE,
        IMAGE_SCN_MEM_WRITE, IMAGE_SUBSYSTEM_WINDOWS_CUI,
    },
};

use crate::image::parse::{self, Image};
pub use crate::image::report::Report;

/// The version of NT that Windows 7 is.
const WINDOWS_7: (u16, u16) = (6, 1);

/// What a program should have that is read by nobody but faulty drivers and attackers.
const BITS: [(DllFlags, &str); 3] = [
    (IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE"),
    (IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "HIGH_ENTROPY_VA"),
    (IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT"),
];

/// Checks the program against the list of this repository.
pub fn check(file: &[u8]) -> Result<Report> {
    let image = Image::parse(file, None)?;
    let mut report = Report::default();
    headers(&image, &mut report);
    imports(&image, &parse_list(include_str!("../../data/program-imports.txt"))?, &mut report)?;
    report.fact("size", format!("{} bytes", file.len()));
    Ok(report)
}

fn headers(image: &Image, report: &mut Report) {
    let header = image.header();
    let right = image.machine() == pe::IMAGE_FILE_MACHINE_AMD64;
    report.check("format", right, "PE32+ for AMD64", format!("for machine {:#06x}", image.machine()));
    let subsystem = header.subsystem.get(LE);
    report.check(
        "subsystem",
        subsystem == IMAGE_SUBSYSTEM_WINDOWS_CUI,
        "console",
        format!("{subsystem}, but a program for a command prompt has 3"),
    );
    let subsystem = (header.major_subsystem_version.get(LE), header.minor_subsystem_version.get(LE));
    let system =
        (header.major_operating_system_version.get(LE), header.minor_operating_system_version.get(LE));
    report.check(
        "version",
        subsystem == WINDOWS_7 && system == WINDOWS_7,
        "for Windows NT 6.1 (Windows 7) and later",
        format!("subsystem {subsystem:?} and system {system:?}, but it is for {WINDOWS_7:?}"),
    );
    let bits = header.dll_characteristics.get(LE);
    for (bit, name) in BITS {
        report.check("flags", bits.contains(bit), name, format!("{name} is missing"));
    }
    let relocations = image.directory(IMAGE_DIRECTORY_ENTRY_BASERELOC).is_some();
    report.check("relocations", relocations, "there", "none: it could be loaded at one address only");
    let both: Vec<String> = image
        .sections()
        .filter(|section| {
            section.characteristics.get(LE).contains(IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_WRITE)
        })
        .map(parse::name)
        .collect();
    report.check(
        "protection",
        both.is_empty(),
        "no section is both writable and executable",
        format!("writable and executable: {}", both.join(", ")),
    );
}

/// The first NT that has a function, by module (in lower case) and name.
type Since = BTreeMap<(String, String), (u16, u16)>;

fn parse_list(text: &str) -> Result<Since> {
    let mut list = Since::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let [module, name, version] = words[..] else {
            if words.is_empty() {
                continue;
            }
            bail!("program-imports.txt: cannot understand `{line}`")
        };
        let numbers = version.split_once('.').context("a version has two numbers")?;
        let version = (numbers.0.parse()?, numbers.1.parse()?);
        list.insert((module.to_ascii_lowercase(), name.to_owned()), version);
    }
    Ok(list)
}

fn imports(image: &Image, since: &Since, report: &mut Report) -> Result<()> {
    for module in image.imports()? {
        for name in &module.functions {
            match since.get(&(module.name.to_ascii_lowercase(), name.clone())) {
                Some(version) if *version <= WINDOWS_7 => {}
                Some((major, minor)) => report.bad(
                    "imports",
                    format!("{}!{name} is there from Windows NT {major}.{minor} on", module.name),
                ),
                None => report.bad(
                    "imports",
                    format!(
                        "{}!{name} is not in crates/xtask/data/program-imports.txt: add it, if Windows 7 has it",
                        module.name
                    ),
                ),
            }
        }
        report.fact("imports", format!("{} ({})", module.name, module.functions.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::specimen::{self, Specimen, put16};

    /// A program that is as it should be but for a change: what is said against it.
    fn faults(import: (&'static str, &'static str), change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
        let specimen = Specimen { imports: vec![(import.0, vec![import.1])], ..Specimen::default() };
        let mut file = specimen.image();
        put16(&mut file, specimen::SYSTEM_VERSION, &[6, 1]);
        put16(&mut file, specimen::SUBSYSTEM_VERSION, &[6, 1]);
        put16(&mut file, specimen::SUBSYSTEM, &[3, 0x0160]);
        change(&mut file);
        let image = Image::parse(&file, None).unwrap();
        let mut report = Report::default();
        headers(&image, &mut report);
        let list = "kernel32.dll Sleep 5.0 # ever\nKERNEL32.dll WaitOnAddress 6.2\n";
        imports(&image, &parse_list(list).unwrap(), &mut report).unwrap();
        report.faults().map(|(subject, text)| format!("{subject}: {text}")).collect()
    }

    #[track_caller]
    fn one(faults: Vec<String>, word: &str) {
        assert!(matches!(&faults[..], [fault] if fault.contains(word)), "{faults:#?}");
    }

    /// Windows 7 starts it.
    #[test]
    fn a_program_as_it_should_be() {
        assert_eq!(faults(("KERNEL32.dll", "Sleep"), |_| {}), [""; 0]);
    }

    /// An import that Windows 7 lacks, or that nobody has looked up, is told.
    #[test]
    fn imports_of_a_later_windows() {
        one(faults(("KERNEL32.dll", "WaitOnAddress"), |_| {}), "from Windows NT 6.2");
        one(faults(("bcryptprimitives.dll", "ProcessPrng"), |_| {}), "is not in");
        one(faults(("ntdll.dll", "Sleep"), |_| {}), "ntdll.dll!Sleep");
    }

    #[test]
    fn wrong_headers() {
        let fault = |change: fn(&mut Vec<u8>)| faults(("kernel32.dll", "Sleep"), change);
        one(fault(|file| put16(file, specimen::SUBSYSTEM, &[2])), "subsystem: 2");
        one(fault(|file| put16(file, specimen::SUBSYSTEM_VERSION, &[5, 2])), "(5, 2)");
        one(fault(|file| put16(file, specimen::DLL_CHARACTERISTICS, &[0x0060])), "NX_COMPAT");
        one(fault(|file| put16(file, specimen::MACHINE, &[0xaa64])), "0xaa64");
        one(fault(|file| file[specimen::section_flags(0) + 3] |= 0x80), ".text");
        one(fault(|file| file[specimen::directory(5)..][..8].fill(0)), "one address");
    }

    #[test]
    fn a_spoilt_list_is_told() {
        assert!(parse_list("kernel32.dll Sleep").is_err());
        assert!(parse_list("kernel32.dll Sleep old").is_err());
    }
}
