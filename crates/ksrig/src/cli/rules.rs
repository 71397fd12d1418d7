//! `ksrig rules`

use crate::verifier::RULES;

/// Arguments of `ksrig rules`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The numbers are the first parameter of bug check 0xC4; rules without one are the rig's own.")]
pub struct Args {
    /// Only rules whose name contains this
    name: Option<String>,
}

/// Prints the table.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let wanted = args.name.as_deref().unwrap_or_default().to_lowercase();
    let found = RULES.iter().filter(|rule| rule.name.to_lowercase().contains(&wanted));
    let mut count = 0;
    for rule in found {
        let code = rule.code.map_or_else(String::new, |code| format!("{code:#x}"));
        println!("{:<30} {code:>8}  {}\n{:>40}  {}", rule.name, rule.title, "", rule.page);
        count += 1;
    }
    anyhow::ensure!(count > 0, "no rule's name contains {wanted:?}; `ksrig rules` lists them all");
    Ok(true)
}
