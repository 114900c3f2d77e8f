//! Chores of the repository.

mod memory;
mod pictures;
mod targets;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Chores of the repository.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo run -p xtask --")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build models for every target of emitted C, run them there, and print what they cost
    Targets(targets::Arguments),
    /// Print what networks need of a microcontroller's memory, for each preference, beside a lower bound
    Memory(memory::Arguments),
    /// Write the pictures that examples/cortex-m and examples/c-cmake classify
    Pictures,
    /// Print the tables of the MobileNets paper, computed: docs/paper.md
    Paper,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Targets(arguments) => targets::run(&arguments),
        Command::Memory(arguments) => memory::run(&arguments),
        Command::Pictures => pictures::run(),
        Command::Paper => paper(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn paper() -> Result<(), String> {
    let page = mobilenet_compiler::arch::paper::page().map_err(|error| error.to_string())?;
    std::io::stdout().write_all(page.as_bytes()).map_err(|error| error.to_string())
}
