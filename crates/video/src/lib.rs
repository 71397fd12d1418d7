//! Pixels and nothing else: what loopcam's pictures look like in memory, the pictures that it
//! draws itself, and the way from one pixel format to another.
//!
//! The crate runs inside a kernel driver. It allocates nothing, has no `unsafe`, uses no floating
//! point, keeps less than two kilobytes on the stack and has no branch that panics: whatever cannot be
//! done is answered by `false` or `None`, and what does not fit is refused before the first byte.
//!
//! A picture lies in memory that a user process may change at any time, so it is never seen as a
//! `&[u8]`. It is a [`Source`] that bytes are copied from or a [`Sink`] that they are copied to, in
//! rows or pieces of rows. A [`Conversion`] holds a few of them in scratch memory, which the caller
//! gives; no whole picture is ever held in between. Every pixel of a sink is written once, and what
//! lies between rows is left alone.
//!
//! # Units
//!
//! Positions and sizes are pixels, from the upper left corner; rows are counted from the top,
//! whatever their [order](Order) in memory. Offsets, strides and image sizes are bytes. Samples are
//! eight bits; what luma and chroma mean is the [`Encoding`] of a format, BT.601 in limited range if
//! nothing is said. Red, green and blue are 0 to 255.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | luma, Y | the brightness of one pixel |
//! | chroma, Cb and Cr | the colour, shared by two (YUY2) or four (NV12) pixels |
//! | pair | two neighbouring pixels of a row that share their chroma |
//! | plane | rows of one kind of samples, one after the other |
//! | semi-planar | a plane of luma, then a plane of alternating Cb and Cr: NV12 |
//! | packed | one plane in which luma and chroma alternate: YUY2 |
//! | encoding | what luma and chroma mean: the matrix, BT.601 or BT.709, and the range |
//! | stride | the bytes from one row to the next |
//! | span | a piece of a row that is handled at once |
//! | stamp | the frame number in machine-readable form, in the first and the last row |
//! | cell | the pixels of a stamp that carry one bit |

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

mod axis;
mod canvas;
mod check;
mod chroma;
mod circle;
mod copy;
mod cutter;
mod emit;
mod fetch;
mod font;
mod letterbox;
mod mark;
mod memory;
mod packed;
mod recode;
mod rgb;
mod runs;
mod scale;
mod span;

pub mod adjust;
pub mod bars;
pub mod colour;
pub mod convert;
pub mod encoding;
pub mod fit;
pub mod format;
pub mod placeholder;
pub mod stamp;

pub use adjust::Adjust;
pub use colour::Colour;
pub use convert::{Conversion, convert};
pub use encoding::{Encoding, Matrix, Range};
pub use fit::fit;
pub use format::{Format, Geometry, Order, PixelFormat};
pub use memory::{Sink, Source};
pub use stamp::Stamp;
