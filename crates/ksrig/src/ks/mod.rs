//! AVStream: an emulated `ks.sys` on the emulated executive.
//!
//! It uses [`nt`](crate::nt) only through what ntoskrnl exports or documents, so that the image of a real
//! `ks.sys` could take its place. What it does and why is the KS contract; where the documentation
//! is silent the code says `ASSUMED:`.

// This layer is an ABI shim: it reads and writes the driver's structures all the time.
#![allow(clippy::multiple_unsafe_ops_per_block)]

pub mod object;

pub mod bag;
pub mod device;
pub mod factory;
pub mod filter;
pub mod format;
pub mod handshake;
pub mod mutex;
pub mod options;
pub mod pin;
pub mod unknown;

pub mod transport;

pub use object::{Device, Factory, Filter, Object, Pin};
pub use options::Options;
