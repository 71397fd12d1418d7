//! The `ksrig` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ksrig::cli::main()
}
