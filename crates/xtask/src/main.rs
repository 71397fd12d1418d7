//! `cargo xtask`: builds the driver on Linux, checks the image, shows it at work and tests everything.
//!
//! One file per noun: [`house`] knows the places of the workspace, [`toolchain`] the compilers, [`wdk_tree`] makes
//! what stands in for a WDK, [`rustc_wrapper`] lets the WDK crates compile on Linux; the rest are the commands.

mod bench;
mod build;
mod c_driver;
mod coverage;
mod endurance;
mod fidelity;
mod fuzz;
mod house;
mod image;
mod import_library;
mod linked;
mod lint_package;
mod mutants;
mod package;
mod process;
mod program;
mod reproduce;
mod rig;
mod rustc_wrapper;
mod setup;
mod specification;
mod test;
mod toolchain;
mod wdk_tree;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds the loopcam driver on Linux, checks it, shows it at work and tests it.
///
/// Start with `cargo xtask demo`. Whatever is missing on this machine is installed first (see `setup`). Everything
/// that is made lies under target/.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Options),
    Build(build::Options),
    Image(image::Options),
    Program(program::Options),
    Package(package::Options),
    LintPackage(lint_package::Options),
    Reproduce(reproduce::Options),
    Demo(rig::DemoOptions),
    Test(test::Options),
    Bench(bench::Options),
    Endurance(endurance::Options),
    Mutants(mutants::Options),
    Fidelity(fidelity::Options),
    Specification(specification::Options),
    Coverage(coverage::Options),
    Fuzz(fuzz::Options),
    Cargo(build::CargoOptions),
}

fn main() -> ExitCode {
    if rustc_wrapper::is_called() {
        return rustc_wrapper::main();
    }
    let result = match Arguments::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Image(options) => image::run(&options),
        Command::Program(options) => program::run(&options),
        Command::Package(options) => package::run(&options),
        Command::LintPackage(options) => lint_package::run(&options),
        Command::Reproduce(options) => reproduce::run(&options),
        Command::Demo(options) => rig::demo(&options),
        Command::Test(options) => test::run(&options),
        Command::Fidelity(options) => fidelity::run(&options),
        Command::Specification(options) => specification::run(&options),
        Command::Coverage(options) => coverage::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Endurance(options) => endurance::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Cargo(options) => build::run_cargo(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
