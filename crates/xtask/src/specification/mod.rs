//! `cargo xtask specification`: the limits that SPECIFICATION.md promises, measured.

mod callgrind;
mod figures;
mod promise;

use anyhow::{Result, bail};
use clap::Args;

use self::{figures::Figures, promise::Promise};
use crate::{house, rig};

/// Measure what SPECIFICATION.md promises, and compare.
///
/// Builds the driver and the rig, counts the driver's instructions under callgrind, its allocations and its pool on
/// the rig, and looks at the image. Nothing here depends on how busy the machine is. Exit code 1 if a limit is
/// exceeded, or if the page promises something that is not measured.
#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask specification")]
pub struct Options {}

/// The command.
pub fn run(_: &Options) -> Result<()> {
    let page = house::root().join("SPECIFICATION.md");
    let promises = promise::read(&page)?;
    let figures = Figures::measure(&rig::Rig::build()?)?;
    let mut broken = 0;
    println!("  {:<4} {:>12} {:>12}  promise", "", "measured", "limit");
    for Promise { id, text, limit } in &promises {
        let Some(measured) = figures.get(id) else {
            bail!("{}: nothing measures {id}", house::short(&page));
        };
        let verdict = if measured <= *limit { "ok" } else { "BROKEN" };
        broken += usize::from(measured > *limit);
        println!("  {id:<4} {measured:>12} {limit:>12}  {text}: {verdict}");
    }
    if let Some(id) = figures.ids().find(|id| promises.iter().all(|promise| promise.id != *id)) {
        bail!("{}: {id} is measured and not promised", house::short(&page));
    }
    if broken > 0 {
        bail!("{broken} of {} promises are broken", promises.len());
    }
    println!("{} promises are kept", promises.len());
    Ok(())
}
