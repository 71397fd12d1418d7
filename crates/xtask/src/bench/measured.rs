//! What `ksrig bench --json` prints.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{process, rig::Rig};

/// Everything of one driver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Frames, case by case.
    pub frames: Vec<Case>,
    /// Connecting and disconnecting, driver and rig together.
    pub connect_disconnect_ns: f64,
    /// How fast the rig streams.
    pub times_real_time: f64,
    /// Calls into the driver in ten seconds with paused pins.
    pub idle_calls: u64,
    /// Pool.
    pub footprint: Vec<Step>,
}

/// The frames alone.
#[derive(Deserialize)]
struct Frames {
    frames: Vec<Case>,
}

/// Frames of one format for some readers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// What is written.
    pub format: String,
    /// Pins that read.
    pub readers: usize,
    /// Nanoseconds in the driver.
    pub driver_ns: f64,
    /// Nanoseconds of bare copies.
    pub copy_ns: f64,
    /// The second by the first, frame by frame.
    pub ratio: f64,
    /// Allocations in all frames.
    pub allocations: u64,
}

/// Pool that something takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What has been made.
    pub what: String,
    /// Bytes.
    pub bytes: usize,
}

impl Measured {
    /// Measures.
    pub fn by(rig: &Rig, more: &[String]) -> Result<Self> {
        let text = process::output(rig.command("bench").arg("--json").args(more))?;
        serde_json::from_str(&text).context("the output of ksrig bench")
    }

    /// Fifteen readers, and the same beside one that takes nothing: nanoseconds in the driver for a frame, of both in turns.
    pub fn stalled(rig: &Rig, format: &str, rounds: usize) -> Result<[f64; 2]> {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (stalled, figures) in figures.iter_mut().enumerate() {
                let mut bench = rig.command("bench");
                bench.args(["--json", "--frames-only", "--readers", "15", "--format", format]);
                let text = process::output(bench.args(["--stalled", &stalled.to_string()]))?;
                let frames: Frames = serde_json::from_str(&text).context("the output of ksrig bench")?;
                figures.extend(frames.frames.iter().map(|case| case.driver_ns));
            }
        }
        Ok(figures.map(middle))
    }

    /// Each figure's median of several rounds; what is counted is the same in each.
    pub fn median(rounds: Vec<Self>) -> Option<Self> {
        let mut result = rounds.first()?.clone();
        let middle = |of: &dyn Fn(&Self) -> f64| middle(rounds.iter().map(of).collect());
        for (index, case) in result.frames.iter_mut().enumerate() {
            case.driver_ns = middle(&|round| round.frames[index].driver_ns);
            case.copy_ns = middle(&|round| round.frames[index].copy_ns);
            case.ratio = middle(&|round| round.frames[index].ratio);
        }
        result.connect_disconnect_ns = middle(&|round| round.connect_disconnect_ns);
        result.times_real_time = middle(&|round| round.times_real_time);
        Some(result)
    }
}

/// The middle one of some figures.
fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
