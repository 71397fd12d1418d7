//! What is measured.

use std::{fs, process::Command, thread};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::callgrind;
use crate::{
    build::{Flavour, Profile, Workshop},
    image::{parse::Image, unwind},
    process,
    rig::Rig,
};

/// Each figure under the id of its promise.
pub struct Figures(Vec<(&'static str, u64)>);

/// What is read and written where the smallest picture shows what is not the copy.
const TINY: &str = "nv12:16x16@30";
const FULL: &str = "nv12:1920x1080@30";

impl Figures {
    /// Measures everything.
    pub fn measure(rig: &Rig) -> Result<Self> {
        let mut figures = Vec::new();
        instructions(rig, &mut figures)?;
        bench(rig, &mut figures)?;
        let workshop = Workshop::open()?;
        let built = |flavour| Ok::<_, anyhow::Error>(fs::read(workshop.driver(flavour, Profile::Release)?)?);
        let (image, old) = (built(Flavour::Default)?, built(Flavour::Downlevel)?);
        figures.push(("S14", image.len() as u64));
        figures.push(("S15", old.len() as u64));
        let image = Image::parse(&image, None)?;
        let imports: usize = image.imports()?.iter().map(|module| module.functions.len()).sum();
        figures.push(("S16", imports as u64));
        let frames = unwind::functions(&image)?.into_iter().map(|function| function.frame(&image));
        figures.push(("S17", frames.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(0).into()));
        Ok(Self(figures))
    }

    /// The figure of a promise.
    pub fn get(&self, id: &str) -> Option<u64> {
        self.0.iter().find(|(name, _)| *name == id).map(|(_, figure)| *figure)
    }

    /// What is measured.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(id, _)| *id)
    }
}

/// What callgrind counts: each figure is the difference of two runs, so that beginning and end do not matter.
fn instructions(rig: &Rig, figures: &mut Vec<(&'static str, u64)>) -> Result<()> {
    let frames_beside = |stalled: &str, written: &str, read: &str, readers: &str| {
        // The rig warms up with four frames and a tenth of the number.
        per(10 + 1, |more| {
            let frames = (10 * (1 + more)).to_string();
            let mut command = rig.command("bench");
            command.args(["--frames-only", "--json", "--frames", &frames, "--readers", readers]);
            command.args(["--format", written, "--read-format", read, "--stalled", stalled]);
            command
        })
    };
    let frames = |written: &str, read: &str, readers: &str| frames_beside("0", written, read, readers);
    let connections = per(100, |more| {
        let mut command = rig.command("bench");
        let connections = (10 + 100 * more).to_string();
        command.args(["--json", "--frames", "1", "--readers", "1", "--format", TINY]);
        command.args(["--connections", &connections]);
        command
    });
    figures.push(("S1", frames(FULL, FULL, "1")?));
    figures.push(("S2", frames(TINY, TINY, "1")?));
    figures.push(("S3", frames(TINY, TINY, "16")?));
    let alone = frames(TINY, TINY, "15")?;
    figures.push(("S20", frames_beside("1", TINY, TINY, "15")?.saturating_sub(alone)));
    figures.push(("S4", frames(FULL, "yuy2:1920x1080@30", "1")?));
    figures.push(("S5", frames("yuy2:1920x1080@30", FULL, "1")?));
    figures.push(("S18", frames("rgb32:1920x1080@30", FULL, "1")?));
    figures.push(("S19", frames("nv12:1280x720@30", FULL, "1")?));
    figures.push(("S6", connections?));
    Ok(())
}

/// The instructions of one of `count` things: those that a run with so many more has more.
fn per(count: u64, run: impl Fn(u64) -> Command + Sync) -> Result<u64> {
    // Both at once: what is counted does not depend on how busy the machine is.
    let (less, more) = thread::scope(|scope| {
        let less = scope.spawn(|| callgrind::instructions(&mut run(0)));
        let more = callgrind::instructions(&mut run(1));
        (less.join(), more)
    });
    let less = less.map_err(|_| anyhow!("a run was not counted"))??;
    Ok(more?.saturating_sub(less).div_ceil(count))
}

/// What the rig counts.
fn bench(rig: &Rig, figures: &mut Vec<(&'static str, u64)>) -> Result<()> {
    let arguments = ["--json", "--frames", "1000", "--readers", "16", "--connections", "1", "--format", TINY];
    let text = process::output(rig.command("bench").args(arguments))?;
    let json: Value = serde_json::from_str(&text).context("the output of ksrig bench")?;
    let number = |path: &str| json.pointer(path).and_then(Value::as_f64).with_context(|| path.to_owned());
    figures.push(("S7", number("/frames/0/allocations")? as u64));
    figures.push(("S8", number("/idle_calls")? as u64));
    let steps = ["driver and device", "two filter handles", "sink pin", "reading pin"];
    for (index, (step, id)) in steps.into_iter().zip(["S9", "S10", "S11", "S12"]).enumerate() {
        let what = json.pointer(&format!("/footprint/{index}/what")).and_then(Value::as_str);
        ensure!(what == Some(step), "ksrig bench measures {what:?} where {step:?} was");
        figures.push((id, number(&format!("/footprint/{index}/bytes"))? as u64));
    }
    figures.push((
        "S13",
        (4..6).map(|index| number(&format!("/footprint/{index}/bytes"))).sum::<Result<f64>>()? as u64,
    ));
    Ok(())
}
