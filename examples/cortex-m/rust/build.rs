//! Links with the memory map of the board.

use std::env;
use std::path::PathBuf;

fn main() {
    let scripts = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../c");
    println!("cargo::rustc-link-search={}", scripts.display());
    println!("cargo::rustc-link-arg-bins=-Tmps2-an386.ld");
    println!("cargo::rerun-if-changed=../c/mps2-an386.ld");
    println!("cargo::rerun-if-changed=../c/sections.ld");
}
