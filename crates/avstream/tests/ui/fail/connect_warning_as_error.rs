//! A warning is no failure.

use avstream::{Error, ffi::STATUS_BUFFER_OVERFLOW};

const WARNING: Error = Error::new(STATUS_BUFFER_OVERFLOW).unwrap();

fn main() {}
