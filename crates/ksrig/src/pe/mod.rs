//! The loader: maps a kernel image into this process as the kernel's own loader maps it.
//!
//! Sections get their own protection (never writable and executable), relocations are applied, imports are
//! resolved by name; an import nobody provides refuses the image by name before anything runs. Every import
//! goes through a [`stub`] that notes where the driver was, so that [`unwind`] can show the driver's stack.
//!
//! The format: <https://learn.microsoft.com/windows/win32/debug/pe-format>.

// A loader lives on raw memory; each group of operations states the fact that makes it sound.
#![allow(clippy::multiple_unsafe_ops_per_block)]

pub mod blocks;
pub mod checksum;
mod error;
mod export;
mod headers;
mod image;
mod import;
mod layout;
pub mod lines;
mod memory;
mod relocation;
#[cfg(test)]
pub(crate) mod specimen;
pub mod stub;
mod symbols;
#[cfg(test)]
mod tests;
pub mod unwind;

pub use error::{LoadError, Machine, Missing};
pub use headers::{Headers, Section};
pub use image::{Image, Import};
pub use memory::{set_stack, try_read};
