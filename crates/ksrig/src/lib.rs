//! The rig: a test stand that loads the built `.sys` of an AVStream minidriver on Linux, plays
//! `ks.sys` and the part of the NT kernel under it, connects pins as KsStudio does and watches the
//! driver as Driver Verifier does.
//!
//! Layers, each importing only what is below it: [`pe`], [`nt`], [`ks`], [`verifier`], [`client`], [`report`],
//! [`cli`].

pub mod cli;
pub mod client;
pub mod ks;
pub mod nt;
pub mod pe;
pub mod report;
pub mod verifier;
