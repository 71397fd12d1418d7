//! The knobs of the camera: brightness and its kin. All clients turn the same ones, as on any camera.

use core::sync::atomic::{AtomicI32, Ordering};

use avstream::{Error, Result};
use video::{Adjust, adjust::Control};

/// One of the knobs.
#[derive(Clone, Copy)]
pub enum Knob {
    /// How much light is added.
    Brightness,
    /// How far light and dark are apart.
    Contrast,
    /// How strong colours are.
    Saturation,
    /// Which colours they are.
    Hue,
}

impl Knob {
    /// How far it can be turned.
    pub const fn control(self) -> Control {
        match self {
            Self::Brightness => Adjust::BRIGHTNESS,
            Self::Contrast => Adjust::CONTRAST,
            Self::Saturation => Adjust::SATURATION,
            Self::Hue => Adjust::HUE,
        }
    }
}

/// Where the knobs stand.
pub struct Controls {
    brightness: AtomicI32,
    contrast: AtomicI32,
    saturation: AtomicI32,
    hue: AtomicI32,
}

impl Controls {
    /// All in the place where they change nothing.
    pub const fn new() -> Self {
        Self {
            brightness: AtomicI32::new(Adjust::BRIGHTNESS.default),
            contrast: AtomicI32::new(Adjust::CONTRAST.default),
            saturation: AtomicI32::new(Adjust::SATURATION.default),
            hue: AtomicI32::new(Adjust::HUE.default),
        }
    }

    const fn place(&self, knob: Knob) -> &AtomicI32 {
        match knob {
            Knob::Brightness => &self.brightness,
            Knob::Contrast => &self.contrast,
            Knob::Saturation => &self.saturation,
            Knob::Hue => &self.hue,
        }
    }

    /// Where a knob stands.
    pub fn get(&self, knob: Knob) -> i32 {
        self.place(knob).load(Ordering::Relaxed)
    }

    /// Turns a knob.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`]: it cannot be turned there, and stays where it is.
    pub fn set(&self, knob: Knob, value: i32) -> Result {
        if !knob.control().has(value) {
            return Err(Error::INVALID_PARAMETER);
        }
        self.place(knob).store(value, Ordering::Relaxed);
        Ok(())
    }

    /// What they do to a picture.
    pub fn adjust(&self) -> Adjust {
        const KNOBS: [Knob; 4] = [Knob::Brightness, Knob::Contrast, Knob::Saturation, Knob::Hue];
        let [brightness, contrast, saturation, hue] = KNOBS.map(|knob| self.get(knob));
        // For each picture, and mostly so.
        if KNOBS.map(|knob| knob.control().default) == [brightness, contrast, saturation, hue] {
            return Adjust::NEUTRAL;
        }
        Adjust::new(brightness, contrast, saturation, hue).unwrap_or(Adjust::NEUTRAL)
    }
}
