//! The forms that emitted C comes in: weights as C, by the assembler, loaded at run time; called from C++.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::{COptions, SelfTest, WeightStorage, emit};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::{STRICT, installed};
use mobilenet_tests::program::check;
use mobilenet_tests::small;
use mobilenet_tests::weights::Noise;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("c_forms::weights_as_c_pass_their_self_test", || {
            let folder = written("form-c", WeightStorage::Source)?;
            passes(&folder, "gcc", &["tiny.c", "tiny_weights.c", "tiny_test.c"], &["-DTINY_TEST_MAIN"])
        }),
        trial("c_forms::assembled_weights_pass_their_self_test", || {
            let folder = written("form-incbin", WeightStorage::Incbin)?;
            passes(&folder, "gcc", &["tiny.c", "tiny_weights.S", "tiny_test.c"], &["-DTINY_TEST_MAIN"])
        }),
        trial("c_forms::loaded_weights_pass_their_self_test", || {
            let folder = written("form-bin", WeightStorage::Bin)?;
            fs::write(folder.join("main.c"), LOADER).map_err(|e| e.to_string())?;
            passes(&folder, "gcc", &["tiny.c", "tiny_test.c", "main.c"], &[])
        }),
        trial("c_forms::cxx_can_call_it", cxx),
    ]
}

/// Damaged, cut and missing weights are refused; the right ones run.
const LOADER: &str = r#"#include "tiny.h"
#include <stdio.h>

static tiny_arena arena;
static union { double alignment; unsigned char bytes[1 << 20]; } blob;
static float input[TINY_INPUT_LEN], output[TINY_OUTPUT_LEN];

int main(void)
{
    FILE *file = fopen("tiny.bin", "rb");
    size_t size = file ? fread(blob.bytes, 1, sizeof blob.bytes, file) : 0;
    if (tiny_run_checked(input, output, &arena) != TINY_ERROR_NOT_LOADED) return 1;
    if (tiny_load(&arena, blob.bytes, size - 4) != TINY_ERROR_SIZE) return 2;
    blob.bytes[size - 1] ^= 1;
    if (tiny_load(&arena, blob.bytes, size) != TINY_ERROR_HASH) return 3;
    blob.bytes[size - 1] ^= 1;
    if (tiny_load(&arena, blob.bytes, size) != TINY_OK) return 4;
    return tiny_self_test(&arena);
}
"#;

const CXX: &str = r#"#include "tiny.h"

static tiny_arena arena;

int main() { return tiny_self_test(&arena); }
"#;

fn files(weights: WeightStorage) -> Result<Files, Stop> {
    let case = Case::authored("tiny", &small::tiny_v1(1), &CostModel::default())?;
    let values = Noise::new(3).vector(case.plan.lengths().0, -1.0, 1.0);
    let input: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let expected = case.reference(&input)?.iter().map(|&x| x as f32).collect();
    let self_test = Some(SelfTest { input, expected });
    Ok(emit(&case.plan, &COptions { name: "tiny".into(), weights, self_test, ..COptions::default() })?)
}

fn written(name: &str, weights: WeightStorage) -> Result<PathBuf, Stop> {
    let folder = scratch().join(name);
    let _ = fs::remove_dir_all(&folder);
    files(weights)?.write_to(&folder).map_err(|e| e.to_string())?;
    Ok(folder)
}

fn passes(folder: &Path, compiler: &str, sources: &[&str], flags: &[&str]) -> Result<(), Stop> {
    installed(compiler).map_err(Stop::Absent)?;
    let mut build = Command::new(compiler);
    check(build.args(STRICT).args(["-O1", "-o", "program"]).args(flags).args(sources).current_dir(folder))?;
    check(Command::new(folder.join("program")).current_dir(folder))?;
    Ok(())
}

fn cxx() -> Result<(), Stop> {
    ["gcc", "g++"].into_iter().try_for_each(installed).map_err(Stop::Absent)?;
    let folder = written("form-cxx", WeightStorage::Source)?;
    fs::write(folder.join("main.cpp"), CXX).map_err(|e| e.to_string())?;
    let sources = ["tiny.c", "tiny_weights.c", "tiny_test.c"];
    check(Command::new("gcc").args(STRICT).args(["-O1", "-c"]).args(sources).current_dir(&folder))?;
    let mut link = Command::new("g++");
    link.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "program", "main.cpp"]);
    check(link.args(["tiny.o", "tiny_weights.o", "tiny_test.o"]).current_dir(&folder))?;
    check(Command::new(folder.join("program")).current_dir(&folder))?;
    Ok(())
}
