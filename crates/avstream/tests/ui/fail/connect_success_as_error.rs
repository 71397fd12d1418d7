//! Success is no failure.

use avstream::{Error, ffi::STATUS_SUCCESS};

const SUCCESS: Error = Error::new(STATUS_SUCCESS).unwrap();

fn main() {}
