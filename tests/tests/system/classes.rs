//! Names and ranking of classes in emitted C.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::Options;
use mobilenet_compiler::emit::c::{COptions, Kernels, emit};
use mobilenet_compiler::options::Labels;
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::{STRICT, installed};
use mobilenet_tests::program::check;
use mobilenet_tests::small;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = ["gcc", "clang"]
        .into_iter()
        .map(|compiler| trial(format!("classes::{compiler}"), move || ranks(compiler)))
        .collect();
    trials.push(trial("classes::cxx", cxx));
    trials.push(trial("classes::kernels_of_the_runtime", || {
        let folder = written("classes-runtime", Kernels::Runtime)?;
        let source = fs::read_to_string(folder.join("tiny.c")).map_err(|e| e.to_string())?;
        match source.contains("tiny_label(int i)") && source.contains("void tiny_top_k(") {
            true => Ok(()),
            false => Err(Stop::Failed("no tiny_label or tiny_top_k".into())),
        }
    }));
    trials
}

const NAMES: &str = "\u{feff}plain\r\n\n\"quoted\" \\ ??/\ncaf\u{e9} @@BATCH 100 %s\nn4\nn5\nn6\nn7\nn8\nlast\n";

const MAIN: &str = r#"#include "tiny.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int expect(const float *scores, int a, int b, int c)
{
    int classes[TINY_TOP_K + 1];
    classes[TINY_TOP_K] = -7;
    tiny_top_k(scores, classes);
    return classes[0] != a || classes[1] != b || classes[2] != c || classes[TINY_TOP_K] != -7;
}

int main(void)
{
    const float rising[TINY_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const float equal[TINY_CLASSES] = {0, 2, 1, 2, 0, 2, 1, 2, 0, 2};
    const float numbers[TINY_CLASSES] = {NAN, NAN, -INFINITY, NAN, 1, NAN, NAN, NAN, NAN, NAN};
    const float none[TINY_CLASSES] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (tiny_label(-1) != NULL || tiny_label(TINY_CLASSES) != NULL) return 1;
    if (strcmp(tiny_label(0), "plain") != 0) return 2;
    if (strcmp(tiny_label(1), "") != 0) return 3;
    if (strcmp(tiny_label(2), "\"quoted\" \\ ?" "?/") != 0) return 4;
    if (strcmp(tiny_label(3), "caf\303\251 @@BATCH 100 %s") != 0) return 5;
    if (strcmp(tiny_label(9), "last") != 0) return 6;
    if (expect(rising, 9, 8, 7)) return 7;
    if (expect(equal, 1, 3, 5)) return 8;
    if (expect(numbers, 4, 2, 0)) return 9;
    if (expect(none, 0, 1, 2)) return 10;
    puts("ranked");
    return 0;
}
"#;

fn written(name: &str, kernels: Kernels) -> Result<PathBuf, Stop> {
    let case = Case::authored("tiny", &small::tiny_v1(1), &CostModel::default())?;
    let labels = Labels::parse("labels.txt".into(), NAMES.as_bytes()).map_err(|e| e.to_string())?;
    let options = Options { labels: Some(labels), top_k: Some(3), ..Options::default() };
    let plan = case.plan.with_classes(&options)?;
    let folder = scratch().join(name);
    let _ = fs::remove_dir_all(&folder);
    let files = emit(&plan, &COptions { name: "tiny".into(), kernels, ..COptions::default() })?;
    files.write_to(&folder).map_err(|e| e.to_string())?;
    fs::write(folder.join("main.c"), MAIN).map_err(|e| e.to_string())?;
    Ok(folder)
}

fn ranks(compiler: &str) -> Result<(), Stop> {
    installed(compiler).map_err(Stop::Absent)?;
    let folder = written(&format!("classes-{compiler}"), Kernels::Inline)?;
    let mut build = Command::new(compiler);
    build.args(STRICT).args(["-O1", "-o", "program", "main.c", "tiny.c", "tiny_weights.c", "-lm"]);
    check(build.current_dir(&folder))?;
    check(Command::new(folder.join("program")).current_dir(&folder))?;
    Ok(())
}

/// The code is C++ as well, and C++ can call it.
fn cxx() -> Result<(), Stop> {
    ["gcc", "g++"].into_iter().try_for_each(installed).map_err(Stop::Absent)?;
    let folder = written("classes-cxx", Kernels::Inline)?;
    let strict = || STRICT.iter().filter(|flag| !flag.starts_with("-std"));
    let run = |command: &str, args: &[&str]| {
        let mut build = Command::new(command);
        build.args(strict()).args(args).current_dir(&folder);
        check(&mut build).map(drop)
    };
    run("g++", &["-std=c++17", "-fsyntax-only", "-x", "c++", "tiny.c"])?;
    run("g++", &["-std=c++17", "-x", "c++", "-c", "main.c"])?;
    run("gcc", &["-std=c99", "-O1", "-c", "tiny.c", "tiny_weights.c"])?;
    run("g++", &["-o", "program", "main.o", "tiny.o", "tiny_weights.o"])?;
    check(Command::new(folder.join("program")).current_dir(&folder))?;
    Ok(())
}
