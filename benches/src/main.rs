//! This project's Rust and C paths beside the peers, interleaved in one run.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- peers`

mod contenders;
mod fma;
mod models;
mod ours;
mod peers;
mod place;
mod table;
mod worker;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every reachable peer and this project on the benchmark networks and prints one table per network.
    Peers(peers::Arguments),
    /// One in-process Rust peer (started by `peers`).
    #[command(hide = true)]
    Worker(worker::Arguments),
    /// Writes a benchmark network as ONNX.
    Model {
        /// For example `1.0-224`, `0.25-96-2` (two classes), `v2-1.0-224` or `v3-1.0-224` (V3 large).
        name: models::Spec,
        /// The file to write.
        path: PathBuf,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Peers(arguments) => peers::run(&arguments),
        Command::Worker(arguments) => worker::serve(&arguments),
        Command::Model { name, path } => Ok(std::fs::write(path, name.onnx()?)?),
    }
}
