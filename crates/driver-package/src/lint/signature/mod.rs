//! The rules of signatures.

mod certificate;
mod embedded;
mod presence;
mod validity;

use super::Rule;

/// All of them.
pub const RULES: &[&[Rule]] = &[presence::RULES, validity::RULES, embedded::RULES, certificate::RULES];

/// What Windows demands before it loads a driver.
const POLICY: &str = "install/kernel-mode-code-signing-policy--windows-vista-and-later-";
/// What always helps.
const AGAIN: &str = "sign it again";
