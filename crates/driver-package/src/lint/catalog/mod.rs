//! The rules of catalogs.

mod digests;
mod hardware_ids;
mod members;
mod platforms;
mod structure;

use super::Rule;

/// All of them.
pub const RULES: &[&[Rule]] =
    &[structure::RULES, members::RULES, digests::RULES, platforms::RULES, hardware_ids::RULES];

/// The page about catalogs.
const CATALOGS: &str = "install/catalog-files";
/// What tells how to make one.
const INF2CAT: &str = "devtest/inf2cat";
/// What always helps.
const AGAIN: &str = "make the catalog again from the files as they are, and sign it again";
