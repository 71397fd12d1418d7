//! What is fuzzed: one function for each target. It takes any bytes and panics when something is wrong.
//!
//! `cargo xtask fuzz TARGET` gives it to libFuzzer; the tests play what is in `corpus/`.

#[cfg(feature = "files")]
mod files;
mod requests;

#[cfg(feature = "files")]
pub use files::{catalog, formats, image, inf, y4m};
pub use requests::{end, requests};
