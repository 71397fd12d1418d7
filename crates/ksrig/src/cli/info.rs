//! `ksrig info`

use super::{args, show};

/// Arguments of `ksrig info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The numbers and names it shows are those that other commands take as FILTER/PIN.

Example: ksrig info target/driver/default/loopcam.sys --inf inf/loopcam.inx")]
pub struct Args {
    #[command(flatten)]
    machine: args::Machine,
}

/// Loads, shows, unloads.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    let rig = args.machine.rig()?.build();
    let driver = args.machine.load(&rig)?;
    show::driver(&rig, &driver)?;
    drop(driver);
    let violations = rig.violations();
    if !violations.is_empty() {
        show::headline("Broken rules");
        show::violations(&violations);
    }
    Ok(violations.is_empty())
}
