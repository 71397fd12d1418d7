//! STATUS_PENDING is no failure.

use avstream::{Error, ffi::STATUS_PENDING};

const PENDING: Error = Error::new(STATUS_PENDING).unwrap();

fn main() {}
