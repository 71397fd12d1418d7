//! `ksrig coverage`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};

use crate::nt::coverage::recorded;
use crate::pe::{Image, Import, blocks::find, lines::lines};
use crate::verifier::coverage::Coverage;

/// Arguments of `ksrig coverage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Programs that use the rig, and ksrig itself, record what runs when KSRIG_COVERAGE names a folder. The driver is the one that
is shipped: nothing is compiled for this. A line counts if it has code in the image, and is covered if some of it has run.

Examples:
  KSRIG_COVERAGE=/tmp/run ksrig compliance loopcam.sys
  ksrig coverage loopcam.sys /tmp/run --source src --source crates/avstream/src --missing")]
pub struct Args {
    /// The driver's image, its program database (.pdb) beside it
    #[arg(value_name = "DRIVER.sys")]
    driver: PathBuf,
    /// The folder of the records
    #[arg(value_name = "FOLDER")]
    records: PathBuf,
    /// Counts only files in this folder; may be repeated
    #[arg(long, value_name = "FOLDER")]
    source: Vec<PathBuf>,
    /// Lists the lines that did not run
    #[arg(long)]
    missing: bool,
    /// Writes what ran in the format of lcov, which editors and genhtml show
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Fails when fewer lines ran
    #[arg(long, value_name = "PERCENT")]
    at_least: Option<f64>,
}

/// Compares the records with the image.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    // Nothing of it runs here.
    let image = Image::open(&args.driver, &mut |_, _| Some(Import::Data(0)))?;
    let pdb = image.pdb().context("the driver has no program database (.pdb) beside it")?;
    let lines = lines(pdb).map_err(|error| anyhow!("{}: {error}", pdb.display()))?;
    let run =
        recorded(&args.records, &image).with_context(|| format!("cannot read {}", args.records.display()))?;
    ensure!(
        !run.is_empty(),
        "{} has no records of this image: run something with KSRIG_COVERAGE set to it",
        args.records.display()
    );
    let here = std::env::current_dir().context("the current folder")?;
    let sources: Vec<PathBuf> = args.source.iter().map(|source| here.join(source)).collect();
    let name = |file| {
        let counts = sources.is_empty() || sources.iter().any(|source| Path::new(file).starts_with(source));
        // As it is seen from here, if it is.
        counts.then(|| Path::new(file).strip_prefix(&here).ok().and_then(Path::to_str).unwrap_or(file))
    };
    let blocks = find(&image, run.iter().copied()).blocks;
    let coverage = Coverage::new(&lines, &blocks, &run, name);
    if args.missing {
        print!("{}", coverage.missing());
    }
    print!("{coverage}");
    println!("{:>6} of {:>6} basic blocks", run.len(), blocks.len());
    if let Some(file) = &args.lcov {
        fs::write(file, coverage.lcov()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let wanted = args.at_least.unwrap_or_default();
    let enough = coverage.percent() >= wanted;
    if !enough {
        eprintln!("ksrig: fewer than {wanted} % of the lines ran; --missing lists the others");
    }
    Ok(enough)
}
