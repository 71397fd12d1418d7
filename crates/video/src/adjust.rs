//! Brightness, contrast, saturation and hue, as PROPSETID_VIDCAP_VIDEOPROCAMP has them.
//!
//! They change luma and chroma of a picture on its way ([`Conversion`](crate::Conversion)); neutral ones cost nothing
//! and change nothing.

use crate::circle::sine_of;

/// What a control can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// The least value.
    pub min: i32,
    /// The greatest value.
    pub max: i32,
    /// Values are `min` and what is a multiple of this above it.
    pub step: i32,
    /// The value that changes nothing.
    pub default: i32,
}

impl Control {
    /// Whether it can be set to this value.
    #[must_use]
    pub const fn has(&self, value: i32) -> bool {
        value >= self.min
            && value <= self.max
            && matches!(value.wrapping_sub(self.min).checked_rem(self.step), Some(0))
    }
}

/// Where the controls of a picture stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjust {
    brightness: i32,
    contrast: i32,
    saturation: i32,
    hue: i32,
}

impl Adjust {
    /// KSPROPERTY_VIDEOPROCAMP_BRIGHTNESS: shifts luma; 10000 is from black to white. The page requires the range and the
    /// default of 750, so this is where nothing is shifted.
    pub const BRIGHTNESS: Control = Control { min: -10_000, max: 10_000, step: 25, default: 750 };
    /// KSPROPERTY_VIDEOPROCAMP_CONTRAST: the gain of luma, in hundredths. Range and default are the page's.
    pub const CONTRAST: Control = Control { min: 0, max: 10_000, step: 1, default: 100 };
    /// KSPROPERTY_VIDEOPROCAMP_SATURATION: the gain of chroma, in hundredths. Range and default are the page's.
    pub const SATURATION: Control = Control { min: 0, max: 10_000, step: 1, default: 100 };
    /// KSPROPERTY_VIDEOPROCAMP_HUE: turns chroma, in hundredths of a degree. Range and default are the page's.
    pub const HUE: Control = Control { min: -18_000, max: 18_000, step: 100, default: 0 };

    /// Changes nothing.
    pub const NEUTRAL: Self = Self {
        brightness: Self::BRIGHTNESS.default,
        contrast: Self::CONTRAST.default,
        saturation: Self::SATURATION.default,
        hue: Self::HUE.default,
    };

    /// The controls at these values; `None` if one of them cannot be set so.
    ///
    /// Luma becomes black + (luma - black) × contrast + brightness; Cb becomes (Cb cos hue + Cr sin hue) × saturation,
    /// and Cr (Cr cos hue - Cb sin hue) × saturation. What goes beyond 0 or 255 stays there.
    // ASSUMED: contrast is about black and hue turns blue towards red, as in DirectX Video Acceleration; the pages say
    // neither.
    #[must_use]
    pub const fn new(brightness: i32, contrast: i32, saturation: i32, hue: i32) -> Option<Self> {
        if Self::BRIGHTNESS.has(brightness)
            && Self::CONTRAST.has(contrast)
            && Self::SATURATION.has(saturation)
            && Self::HUE.has(hue)
        {
            Some(Self { brightness, contrast, saturation, hue })
        } else {
            None
        }
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        *self == Self::NEUTRAL
    }

    /// The value of the control.
    #[must_use]
    pub const fn brightness(&self) -> i32 {
        self.brightness
    }

    /// The value of the control.
    #[must_use]
    pub const fn contrast(&self) -> i32 {
        self.contrast
    }

    /// The value of the control.
    #[must_use]
    pub const fn saturation(&self) -> i32 {
        self.saturation
    }

    /// The value of the control.
    #[must_use]
    pub const fn hue(&self) -> i32 {
        self.hue
    }

    /// Cosine and sine of the hue, in 16384ths.
    pub(crate) fn turn(&self) -> (i64, i64) {
        let half = |sine: i32| i64::from((sine + 1) >> 1);
        // The cosine is the sine of what is missing to a right angle.
        (half(sine_of(9_000 - self.hue.abs())), half(sine_of(self.hue)))
    }
}
