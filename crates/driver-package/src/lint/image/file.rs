//! The file as a whole.

use super::{
    super::{Check, Findings, ImageFile, Levels, Rule},
    FORMAT,
};
use crate::image::{self, Layout};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE01",
        title: "a .sys file is an image",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(is_image),
    },
    Rule {
        code: "PE02",
        title: "the image is for x64 or ARM64",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(machine),
    },
    Rule {
        code: "PE03",
        title: "the checksum in the header is that of the file",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(checksum),
    },
    Rule {
        code: "PE04",
        title: "nothing but a signature follows the sections",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(overlay),
    },
];

fn is_image(file: &ImageFile, findings: &mut Findings<'_>) {
    if let Err(error) = Layout::parse(&file.bytes) {
        findings.add(
            None,
            error.to_string(),
            "build it again; if it is no driver, give it another extension",
        );
    }
}

fn machine(file: &ImageFile, findings: &mut Findings<'_>) {
    if Layout::parse(&file.bytes).is_ok() && file.pe().is_none() {
        findings.add(
            None,
            "the image is neither for x64 nor for ARM64; only its checksum and signature are checked",
            "leave it out if the package has no models section for its processor",
        );
    }
}

fn checksum(file: &ImageFile, findings: &mut Findings<'_>) {
    let Ok(checksum) = image::checksum(&file.bytes) else { return };
    if checksum.stated != checksum.right {
        findings.add(
            None,
            format!("the checksum is {:#x}, should be {:#x}: Windows does not load it", checksum.stated, checksum.right),
            "link with /RELEASE, and sign with a tool that sets it; if nobody changed the file on purpose, build it again",
        );
    }
}

fn overlay(file: &ImageFile, findings: &mut Findings<'_>) {
    let (Some(_), Ok(layout)) = (file.pe(), Layout::parse(&file.bytes)) else { return };
    let sections = layout.sections.iter().map(|section| section.end).max().unwrap_or(layout.headers);
    let end = layout.certificates.map_or(file.bytes.len(), |table| table.start);
    // A signer fills up to a multiple of eight.
    if end > sections.next_multiple_of(8) {
        findings.add(
            None,
            format!("{} bytes lie between the sections and the end", end - sections),
            "leave them out: no loader looks at them, and they are signed with the rest",
        );
    }
}
