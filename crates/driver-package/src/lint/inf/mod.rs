//! The rules of INF files.

mod file;

use super::Rule;

/// All of them, by section of the file.
pub const RULES: &[&[Rule]] = &[file::RULES];

/// The page that lists InfVerif's codes.
const INFVERIF: &str = "devtest/inf-validation-errors-and-warnings";
