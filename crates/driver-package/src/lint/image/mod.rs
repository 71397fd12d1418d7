//! The rules of images.

mod directories;
mod file;
mod flags;
mod headers;
mod imports;
mod sections;
mod version;

use super::{Levels, Rule, Severity::*};

/// All of them.
pub const RULES: &[&[Rule]] = &[
    file::RULES,
    headers::RULES,
    flags::RULES,
    sections::RULES,
    directories::RULES,
    imports::RULES,
    version::RULES,
];

/// The page about the format.
const FORMAT: &str = "win32/debug/pe-format";
/// What memory integrity asks for.
const HVCI: &str = "driversecurity/implement-hvci-compatible-code";
/// What Driver Verifier finds in images (0x2003 to 0x2005).
const VERIFIER: &str = "debugger/bug-check-0xc4--driver-verifier-detected-violation";

/// What memory integrity refuses, and what Windows 10 may be set to refuse.
const INTEGRITY: Levels = Levels::each([Some(Warning), Some(Warning), Some(Error), Some(Error)]);
