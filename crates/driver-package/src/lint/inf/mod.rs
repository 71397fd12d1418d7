//! The rules of INF files.

mod file;
mod files;
mod interfaces;
mod legacy;
mod needs;
mod package;
mod registry;
mod sections;
mod services;
mod setup_class;
mod strings;
mod targets;
mod version;

use super::{Check, Findings, InfFile, Levels, Rule, Severity};

/// All of them, by section of the file.
pub const RULES: &[&[Rule]] = &[
    file::RULES,
    sections::RULES,
    strings::RULES,
    version::RULES,
    targets::RULES,
    needs::RULES,
    files::RULES,
    registry::RULES,
    services::RULES,
    interfaces::RULES,
    legacy::RULES,
    package::RULES,
];

/// The page that lists InfVerif's codes.
const INFVERIF: &str = "devtest/inf-validation-errors-and-warnings";

const ERROR: Option<Severity> = Some(Severity::Error);
const WARNING: Option<Severity> = Some(Severity::Warning);

/// For isolated packages only.
const ISOLATED: Levels = Levels::infverif(None, None, ERROR);
/// Tolerated in packages for old systems.
const UNIVERSAL: Levels = Levels::infverif(WARNING, ERROR, ERROR);

/// A rule about each INF file.
const fn rule(
    code: &'static str,
    title: &'static str,
    levels: Levels,
    page: &'static str,
    check: fn(&InfFile, &mut Findings<'_>),
) -> Rule {
    Rule { code, title, levels, page, check: Check::Inf(check) }
}

/// Whether a text is a GUID in braces.
fn is_guid(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inner.is_some_and(|inner| {
        let parts = inner.split('-').collect::<Vec<_>>();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}
