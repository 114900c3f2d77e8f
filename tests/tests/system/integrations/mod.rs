//! The files for build systems: each builds the emitted code and a program that runs its self-test.

mod arduino;
mod cmake;
mod make;
mod meson;
mod zephyr;

use crate::emitted::tiny;
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Project, WeightStorage};
use std::fs;
use std::path::{Path, PathBuf};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("integrations::cmake_subdirectory", cmake::subdirectory),
        trial("integrations::cmake_package", cmake::package),
        trial("integrations::meson_subproject", meson::subproject),
        trial("integrations::meson_alone", meson::alone),
        trial("integrations::make", make::host),
        trial("integrations::make_for_arm", make::arm),
        trial("integrations::arduino_library", arduino::library),
        trial("integrations::zephyr_module", zephyr::module),
    ]
}

/// A program in C and C++ that runs the self-test. Its argument is the file of weights, where they are in one.
const MAIN: &str = r#"#include "net.h"
#include <stdio.h>

static net_arena arena;

int main(int argc, char **argv)
{
#ifdef LOADS
    static union { double alignment; unsigned char bytes[1 << 20]; } blob;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    size_t size = file ? fread(blob.bytes, 1, sizeof blob.bytes, file) : 0;
    if (net_load(&arena, blob.bytes, size) != NET_OK) return 2;
#endif
    (void)argc, (void)argv;
    return net_self_test(&arena);
}
"#;

/// An empty folder.
fn empty(name: &str) -> Result<PathBuf, Stop> {
    let folder = scratch().join("integrations").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    Ok(folder)
}

fn write(folder: &Path, files: &[(&str, &str)]) -> Result<(), Stop> {
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

/// Writes the network into a folder.
fn emit(folder: &Path, weights: WeightStorage, project: Project) -> Result<(), Stop> {
    let options = COptions { weights, projects: vec![project], ..COptions::default() };
    tiny()?.self_testing(options)?.write_to(folder).map_err(|e| e.to_string())?;
    Ok(())
}

/// The definition that `MAIN` needs for weights in a file.
fn loads(weights: WeightStorage) -> &'static str {
    if weights == WeightStorage::Bin { "LOADS" } else { "EMBEDDED" }
}
