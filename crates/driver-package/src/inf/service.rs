//! The services that a file installs.

use super::{Entry, Inf, decoration::parse_number};

/// An `AddService` line.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// The section with the line, `….Services`.
    pub from: &'a str,
    /// The line.
    pub entry: &'a Entry,
}

impl<'a> Service<'a> {
    /// Its name; empty for a device without a driver of its own.
    pub fn name(&self) -> &'a str {
        self.entry.value(0)
    }

    /// The section with the rest.
    pub fn section(&self) -> &'a str {
        self.entry.value(2)
    }

    /// Whether it is the function driver: SPSVCINST_ASSOCSERVICE.
    pub fn is_function_driver(&self) -> bool {
        parse_number(self.entry.value(1)).is_some_and(|flags| flags & 2 != 0)
    }
}

impl Inf {
    /// Every `AddService` line of an installation.
    pub fn services(&self) -> Vec<Service<'_>> {
        self.directives("AddService").into_iter().map(|(from, entry)| Service { from, entry }).collect()
    }
}
