//! Arguments that several commands share.

use std::{ops::Deref, path::PathBuf};

use anyhow::Context as _;

use crate::client::{Builder, Driver, Rig, inf::Inf};
use crate::{
    ks::{
        self,
        options::{SWITCHES, Switch},
    },
    nt::violation::Violation,
};

/// The driver and how its machine behaves.
#[derive(Debug, clap::Args)]
pub struct Machine {
    /// The driver's image
    #[arg(value_name = "DRIVER.sys")]
    pub driver: PathBuf,
    /// Another driver that is loaded as well: its filters come after the first one's; may be given several times
    #[arg(long, value_name = "DRIVER.sys")]
    pub also: Vec<PathBuf>,
    /// The driver's INF or INX file: gives the filters the names that users see
    #[arg(long, value_name = "FILE")]
    pub inf: Option<PathBuf>,
    /// The image of a ks.sys that the driver imports from, in place of the rig's own
    #[arg(long, value_name = "FILE")]
    pub ks: Option<PathBuf>,
    /// The same seed gives the same run, bit for bit
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// A point that the documentation leaves open, set the other way than by default: 10.1, 10.1b, 10.2, 10.5, 10.7,
    /// 10.11, 10.14, 10.21, 10.33, R1.15, R1.16 (docs/fidelity.md); may be repeated
    #[arg(long, value_name = "POINT", value_parser = switch)]
    pub flip: Vec<Switch>,
}

fn switch(point: &str) -> Result<Switch, String> {
    Switch::of(point).copied().ok_or_else(|| {
        let known: Vec<_> = SWITCHES.iter().map(|switch| switch.point).collect();
        format!("no open point with a switch; those are {}", known.join(", "))
    })
}

impl Machine {
    /// A rig as the arguments say.
    pub fn rig(&self) -> anyhow::Result<Builder> {
        let mut options = ks::Options::default();
        self.flip.iter().for_each(|switch| switch.flip(&mut options));
        let mut rig = Rig::builder().seed(self.seed).options(options);
        if let Some(path) = &self.inf {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            rig = rig.inf(&Inf::parse(&text(&bytes)));
        }
        if let Some(path) = &self.ks {
            rig = rig.ks_image(path);
        }
        Ok(rig)
    }

    /// The drivers, loaded and started.
    pub fn load(&self, rig: &Rig) -> anyhow::Result<Loaded> {
        let driver = rig.load(&self.driver);
        for name in rig.unplayed_imports_of_ks() {
            eprintln!(
                "ksrig: {name}, which the image of ks.sys imports, is not emulated: a call of it ends the run"
            );
        }
        let driver = driver?;
        let also = self.also.iter().map(|path| rig.load_also(path)).collect::<Result<_, _>>()?;
        Ok(Loaded { also, driver })
    }

    /// The driver's file name.
    pub fn driver_name(&self) -> String {
        self.driver.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The drivers of a run; the first one is unloaded last.
pub struct Loaded {
    also: Vec<Driver>,
    driver: Driver,
}

impl Loaded {
    /// Removes the devices and unloads the drivers; what broke a rule on the way comes back.
    pub fn unload(self) -> Vec<Violation> {
        let mut violations: Vec<_> = self.also.into_iter().flat_map(Driver::unload).collect();
        violations.extend(self.driver.unload());
        violations
    }
}

impl Deref for Loaded {
    type Target = Driver;

    /// The first.
    fn deref(&self) -> &Driver {
        &self.driver
    }
}

/// INF files are ASCII, UTF-8 or UTF-16 with a byte order mark.
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> =
                rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
