//! `cargo xtask image`: what is in a built driver, and whether Windows would take it.
//!
//! Every check is a function from an [`Image`] to lines of a [`Report`], and has a unit test in which it fails.

pub mod checksum;
mod code;
mod headers;
mod imports;
mod map;
mod panics;
pub mod parse;
pub mod report;
mod sections;
#[cfg(test)]
pub mod specimen;
mod stack;
#[cfg(test)]
mod tests;
pub mod unwind;
mod version;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::{map::Map, parse::Image, report::Report};
use crate::{
    build::{Flavour, Flavours},
    house,
};

/// Show what is in the built driver, and check that Windows would take it.
///
/// Checks the headers, the version resource, the imports against the lists in crates/xtask/data/, the protection of the
/// sections, the checksum, that no panic can happen, that every instruction is one of those which each kernel allows,
/// and the size of the stack frames. Exit code 1 and the reasons if something is wrong. Nothing is written.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask image\n  cargo xtask image target/driver/downlevel/loopcam.sys --flavour downlevel"
)]
pub struct Options {
    /// The image [default: the built driver of each flavour that is there]
    pub file: Option<PathBuf>,
    /// The Windows that it is for [default: all that are there; with a FILE: default]
    #[arg(long, value_enum)]
    pub flavour: Option<Flavours>,
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let images: Vec<(PathBuf, Flavour)> = match (&options.file, options.flavour) {
        (Some(_), Some(Flavours::X64 | Flavours::All)) => {
            bail!("one image is for one flavour: default, downlevel or arm64")
        }
        (Some(file), flavour) => {
            let flavours = flavour.unwrap_or(Flavours::Default).each();
            flavours.iter().map(|&flavour| (file.clone(), flavour)).collect()
        }
        (None, flavour) => {
            // Few need the one for ARM64, so it is only looked at where it is.
            let there = if Flavour::Arm64.image().exists() { Flavours::All } else { Flavours::X64 };
            let flavours = flavour.unwrap_or(there).each();
            flavours.iter().map(|&flavour| (flavour.image(), flavour)).collect()
        }
    };
    let mut faults = 0;
    for (file, flavour) in images {
        let report = check_file(&file, flavour)?;
        println!("{} ({} flavour)\n{report}", house::short(&file), flavour.name());
        faults += report.faults().count();
    }
    match faults {
        0 => Ok(()),
        1 => bail!("1 thing is wrong with the image, see BAD above"),
        n => bail!("{n} things are wrong with the image, see BAD above"),
    }
}

/// Reads an image, with the linker's map if it lies beside it, and checks everything.
pub fn check_file(file: &Path, flavour: Flavour) -> Result<Report> {
    let data = match fs::read(file) {
        Ok(data) => data,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("{} is not there: `cargo xtask build` makes the driver", house::short(file))
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let map = match fs::read_to_string(file.with_extension("map")) {
        Ok(text) => {
            Some(Map::parse(&text).with_context(|| format!("the map beside {}", house::short(file)))?)
        }
        Err(_) => None,
    };
    let image = Image::parse(&data, map).with_context(|| house::short(file))?;
    check(&image, flavour)
}

fn check(image: &Image, flavour: Flavour) -> Result<Report> {
    let mut report = Report::default();
    headers::check(image, flavour, &mut report)?;
    checksum::check(image, &mut report);
    version::check(image, &mut report)?;
    sections::check(image, &mut report)?;
    imports::check(image, flavour, &imports::Lists::committed()?, &mut report)?;
    panics::check(image, &mut report)?;
    code::check(image, flavour, &mut report)?;
    stack::check(image, &mut report)?;
    Ok(report)
}
