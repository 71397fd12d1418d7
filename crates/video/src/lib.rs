//! Pixels and nothing else: what loopcam's pictures look like in memory, the pictures that it
//! draws itself, and the way from one pixel format to another.
//!
//! The crate runs inside a kernel driver. It allocates nothing, has no `unsafe`, uses no floating
//! point, keeps less than a kilobyte on the stack and has no branch that panics: whatever cannot be
//! done is answered by `false` or `None`, and what does not fit is refused before the first byte.
//!
//! A picture lies in memory that a user process may change at any time, so it is never seen as a
//! `&[u8]`. It is a [`Source`] that bytes are copied from or a [`Sink`] that they are copied to, in
//! pieces that fit on the stack; no whole picture is ever held in between. Every byte of a sink is
//! written once, and every byte of a source that is converted is read once.
//!
//! # Units
//!
//! Positions and sizes are pixels, from the upper left corner; rows are counted from the top.
//! Offsets, strides and image sizes are bytes. Rows lie directly one after the other, without
//! padding. Samples are eight bits, ITU-R BT.601, limited range: luma 16 to 235, chroma 16 to 240
//! with 128 for grey.
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
//! | stride | the bytes from one row to the next |
//! | span | a piece of a row that is handled at once |
//! | stamp | the frame number in machine-readable form, in the first and the last row |
//! | cell | the pixels of a stamp that carry one bit |

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

mod check;
mod circle;
mod font;
mod mark;
mod memory;
mod packed;
mod span;

pub mod bars;
pub mod colour;
pub mod convert;
pub mod format;
pub mod placeholder;
pub mod stamp;

pub use colour::Colour;
pub use convert::convert;
pub use format::{Format, Geometry, PixelFormat};
pub use memory::{Sink, Source};
pub use stamp::Stamp;
