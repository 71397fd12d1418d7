//! `ksrig rules`

use crate::verifier::{RULES, Rule};

/// Arguments of `ksrig rules`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The numbers are the bug check that Windows stops with and its first parameter, where that says which rule it is; rules
without numbers are the rig's own.")]
pub struct Args {
    /// Only rules whose name contains this
    name: Option<String>,
}

/// "0xc4/0x81001".
fn numbers(rule: &Rule) -> String {
    match (rule.bug_check, rule.code) {
        (0, _) => String::new(),
        (bug_check, None) => format!("{bug_check:#x}"),
        (bug_check, Some(code)) => format!("{bug_check:#x}/{code:#x}"),
    }
}

/// Prints the table.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let wanted = args.name.as_deref().unwrap_or_default().to_lowercase();
    let found = RULES.iter().filter(|rule| rule.name.to_lowercase().contains(&wanted));
    let mut count = 0;
    for rule in found {
        println!("{:<30} {:>12}  {}\n{:>43}  {}", rule.name, numbers(rule), rule.title, "", rule.page);
        count += 1;
    }
    anyhow::ensure!(count > 0, "no rule's name contains {wanted:?}; `ksrig rules` lists them all");
    Ok(true)
}
