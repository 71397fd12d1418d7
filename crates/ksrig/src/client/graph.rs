//! Finding pins and formats by name, and connecting them: what every face of the rig does.

use std::fmt;
use std::str::FromStr;

use super::Pixels;
use super::Range;
use super::error::Error;
use super::filter::{Filter, Interface, PinInfo};
use super::pin::Pin;
use super::rig::{Rig, list};
use super::{Format, Video};

/// A pin as a person names it: `FILTER/PIN`, each by number or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinName {
    /// The filter's number, name or reference string.
    pub filter: String,
    /// The pin's number or name.
    pub pin: String,
}

impl FromStr for PinName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('/') {
            Some((filter, pin)) if !filter.is_empty() && !pin.is_empty() => {
                Ok(Self { filter: filter.trim().to_owned(), pin: pin.trim().to_owned() })
            }
            _ => Err(format!("{text:?} names no pin: write FILTER/PIN, such as 0/1 or Camera/Input")),
        }
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.filter, self.pin)
    }
}

/// A pin type that was found, with its filter open.
#[derive(Debug)]
pub struct Place {
    /// The filter's interface.
    pub interface: Interface,
    /// The client's own instance of the filter.
    pub filter: Filter,
    /// What the pin type says of itself.
    pub pin: PinInfo,
}

impl Rig {
    /// Opens the filter of a pin and looks the pin up.
    pub fn place(&self, name: &PinName) -> Result<Place, Error> {
        let interface = self.filter(&name.filter)?;
        let filter = self.open_filter(&interface)?;
        let pins = filter.pins().map_err(Error::status(format!("asking {} for its pins", interface.name)))?;
        let same =
            |pin: &&PinInfo| pin.id.to_string() == name.pin || pin.label().eq_ignore_ascii_case(&name.pin);
        match pins.iter().find(same).cloned() {
            Some(pin) => Ok(Place { interface, filter, pin }),
            None => Err(Error::NoPin {
                filter: interface.name,
                wanted: name.pin.clone(),
                known: list(pins.iter().map(|pin| format!("{} ({})", pin.id, pin.label()))),
            }),
        }
    }
}

impl Place {
    /// The pin's name for people.
    pub fn name(&self) -> String {
        format!("{}/{}", self.interface.name, self.pin.label())
    }

    /// The format of the pin for a wish: the driver is asked for the intersection with the first of its
    /// ranges that holds it, and the answer has to be what was wished.
    pub fn format(&self, wish: &Video) -> Result<Format, Error> {
        for range in self.pin.ranges.iter().filter(|range| range.contains(wish)) {
            let answer = self.filter.intersect(self.pin.id, &range.narrowed(wish));
            if let Ok(format) = answer
                && format.video().is_some_and(|video| is_granted(&video, wish))
            {
                return Ok(format);
            }
        }
        Err(Error::NoFormat { pin: self.name(), format: wish.to_string(), known: self.known() })
    }

    /// The first format the pin offers, or the first of these pixels.
    pub fn default_format(&self, pixels: Option<Pixels>) -> Result<Video, Error> {
        let formats = self.pin.ranges.iter().filter_map(Range::default_format);
        let mut formats = formats.filter(|format| pixels.is_none_or(|pixels| pixels == format.pixels));
        formats.next().ok_or_else(|| Error::NoFormat {
            pin: self.name(),
            format: pixels.map_or_else(|| "a video format".to_owned(), |pixels| pixels.to_string()),
            known: self.known(),
        })
    }

    fn known(&self) -> String {
        list(self.pin.ranges.iter().map(Range::to_string))
    }

    /// Makes a pin that receives requests.
    pub fn create(&self, format: &Format) -> Result<Pin, Error> {
        let made = self.filter.create_pin(self.pin.id, format);
        made.map_err(Error::status(format!("creating {} with {format}", self.name())))
    }

    /// Makes a pin that is connected to a sink pin.
    pub fn connect(&self, format: &Format, sink: &Pin) -> Result<Pin, Error> {
        let made = self.filter.connect(self.pin.id, format, sink);
        made.map_err(Error::status(format!("connecting {} with {format}", self.name())))
    }
}

/// A driver may round the rate, by no more than a hundredth; the rest has to be what was wished.
fn is_granted(answer: &Video, wish: &Video) -> bool {
    let same = |video: &Video| (video.pixels, video.width, video.height);
    same(answer) == same(wish) && answer.interval.abs_diff(wish.interval) <= wish.interval / 100
}
