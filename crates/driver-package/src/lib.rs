//! Driver packages without Windows: reads and stamps INF files and checks a package as InfVerif and Windows would.
//!
//! * [`inf`] reads INF files and makes them from `.inx` sources;
//! * [`lint`] checks a package: `lint::lint_package`.
//!
//! Works on any driver package. Windows is not asked: every rule rests on a page of the documentation, which it names.

#![forbid(unsafe_code)]

pub mod inf;
pub mod lint;
