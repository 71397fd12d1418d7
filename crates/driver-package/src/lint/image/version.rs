//! The version resource.

use super::super::{Check, Findings, ImageFile, Levels, Rule};
use crate::{
    image::{self, VersionInfo},
    inf::DriverVer,
};

const VERSIONINFO: &str = "win32/menurc/versioninfo-resource";

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE60",
        title: "the image has a version resource",
        levels: Levels::WARNING,
        page: VERSIONINFO,
        check: Check::Image(|file, findings| {
            if file.pe().is_some() && image::version_info(&file.bytes).is_none() {
                findings.add(
                    None,
                    "there is no version resource that can be read",
                    "link one: Windows shows it, and error reports name the version by it",
                );
            }
        }),
    },
    Rule {
        code: "PE61",
        title: "the version resource says driver",
        levels: Levels::WARNING,
        page: VERSIONINFO,
        check: Check::Image(kind),
    },
    Rule {
        code: "PE62",
        title: "the version resource says Windows NT",
        levels: Levels::WARNING,
        page: VERSIONINFO,
        check: Check::Image(os),
    },
    Rule {
        code: "PE63",
        title: "the version of the file is that of the package",
        levels: Levels::WARNING,
        page: "install/inf-driverver-directive",
        check: Check::Image(driver_ver),
    },
];

const VFT_DRV: u32 = 3;
const VOS_NT: u32 = 0x4_0000;

fn version_info(file: &ImageFile) -> Option<VersionInfo> {
    file.pe().and_then(|_| image::version_info(&file.bytes))
}

fn kind(file: &ImageFile, findings: &mut Findings<'_>) {
    if let Some(VersionInfo { kind, .. }) = version_info(file).filter(|info| info.kind != VFT_DRV) {
        findings.add(
            None,
            format!("FILETYPE is {kind}"),
            "write FILETYPE VFT_DRV (3) into the version resource",
        );
    }
}

fn os(file: &ImageFile, findings: &mut Findings<'_>) {
    if let Some(VersionInfo { os, .. }) = version_info(file).filter(|info| info.os & 0xffff_0000 != VOS_NT) {
        findings.add(
            None,
            format!("FILEOS is {os:#x}"),
            "write FILEOS VOS_NT_WINDOWS32 (0x40004) into the version resource",
        );
    }
}

fn driver_ver(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(info) = version_info(file) else { return };
    for inf in &findings.package().infs {
        let copies = |path: &str| path.eq_ignore_ascii_case(&file.name);
        if !inf.inf.sources().iter().any(|source| copies(&source.path)) {
            continue;
        }
        let Ok(DriverVer { version, .. }) = inf.inf.driver_ver().parse() else { continue };
        if info.file != version {
            findings.add(
                None,
                format!("the file's version is {}, but {} has {version}", info.file, inf.name),
                "build with the package's version, or stamp the INF with the file's",
            );
        }
    }
}
