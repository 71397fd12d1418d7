//! The flags of the headers.

use object::{
    LittleEndian as LE,
    pe::{
        DllFlags, FileFlags, IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_LARGE_ADDRESS_AWARE,
        IMAGE_FILE_RELOCS_STRIPPED, IMAGE_FILE_UP_SYSTEM_ONLY,
    },
};

use super::{
    super::{Check, Findings, ImageFile, Levels, Rule, image_file::header},
    FORMAT,
};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE20",
        title: "the image is marked as executable",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            if let Some(false) = has(file, IMAGE_FILE_EXECUTABLE_IMAGE) {
                findings.add(
                    None,
                    "EXECUTABLE_IMAGE is not set",
                    "the link has failed: look at what the linker said",
                );
            }
        }),
    },
    Rule {
        code: "PE21",
        title: "the image is marked as aware of large addresses",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            if let Some(false) = has(file, IMAGE_FILE_LARGE_ADDRESS_AWARE) {
                findings.add(
                    None,
                    "LARGE_ADDRESS_AWARE is not set in a 64-bit image",
                    "leave /LARGEADDRESSAWARE:NO out",
                );
            }
        }),
    },
    Rule {
        code: "PE22",
        title: "the image may run on machines with several processors",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            if let Some(true) = has(file, IMAGE_FILE_UP_SYSTEM_ONLY) {
                findings.add(
                    None,
                    "UP_SYSTEM_ONLY is set",
                    "link with /DRIVER or /DRIVER:WDM, not with /DRIVER:UPONLY",
                );
            }
        }),
    },
    Rule {
        code: "PE23",
        title: "the relocations are there",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            if let Some(true) = has(file, IMAGE_FILE_RELOCS_STRIPPED) {
                findings.add(None, "RELOCS_STRIPPED is set: drivers are loaded anywhere", "leave /FIXED out");
            }
        }),
    },
    Rule {
        code: "PE24",
        title: "the image bears memory that is not executable",
        levels: super::INTEGRITY,
        page: super::HVCI,
        check: Check::Image(|file, findings| {
            lacks(file, findings, IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT", "link with /NXCOMPAT");
        }),
    },
    Rule {
        code: "PE25",
        title: "the image may be loaded anywhere",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            lacks(
                file,
                findings,
                IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
                "DYNAMIC_BASE",
                "link with /DYNAMICBASE",
            );
        }),
    },
    Rule {
        code: "PE26",
        title: "the image is marked as a WDM driver",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            lacks(
                file,
                findings,
                IMAGE_DLLCHARACTERISTICS_WDM_DRIVER,
                "WDM_DRIVER",
                "link with /DRIVER:WDM; a driver without AddDevice does not need it",
            );
        }),
    },
];

fn has(file: &ImageFile, flag: FileFlags) -> Option<bool> {
    Some(file.pe()?.nt_headers().file_header.characteristics.get(LE).contains(flag))
}

fn lacks(file: &ImageFile, findings: &mut Findings<'_>, flag: DllFlags, name: &str, advice: &str) {
    if file.pe().is_some_and(|pe| !header(&pe).dll_characteristics.get(LE).contains(flag)) {
        findings.add(None, format!("{name} is not set"), advice);
    }
}
