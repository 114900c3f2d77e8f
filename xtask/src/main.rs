//! Chores of the repository.

mod targets;

use clap::{Parser, Subcommand};
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
}

fn main() -> ExitCode {
    let Command::Targets(arguments) = Cli::parse().command;
    match targets::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
