//! Descriptions of filters, pins and formats, checked when the driver is compiled.
//!
//! A description that contradicts itself does not compile: what the class driver would do with it is
//! documented nowhere.

mod filter;
mod flags;
mod framing;
mod pin;
mod range;

pub use filter::FilterDescriptor;
pub use flags::{FilterFlags, PinFlags};
pub use framing::Framing;
pub use pin::{ANY_NUMBER, Communication, DataFlow, PinDescriptor};
pub use range::{DataRangeRef, VideoRange, VideoRange2};
