//! The `ksrig` command.

fn main() {}
