//! The page of `examples/browser`, built by its script and used in headless Chromium.

use crate::emitted::needs;
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::program::{check, rust};
use mobilenet_tests::shared::workspace;
use std::process::Command;

pub fn trials() -> Vec<Trial> {
    vec![trial("browser::page", page)]
}

/// Every picture gets its class from C and from Rust, with SIMD and without, from files and the webcam, offline.
fn page() -> Result<(), Stop> {
    needs(&["bash", "clang", "wasm-ld", "node", "chromium"])?;
    rust::can_cross().map_err(Stop::Absent)?;
    let (example, folder) = (workspace().join("examples/browser"), scratch().join("browser"));
    check(Command::new("bash").arg(example.join("build.sh")).arg(&folder))?;
    let seen = check(Command::new("node").arg(example.join("check.mjs")).arg(&folder))?;
    println!("\n{seen}");
    Ok(())
}
