//! Whatever `net_run_checked` and `net_load` are given, they answer with a documented error and do nothing undefined.

use crate::emitted::{Folder, SANITIZED, needs, tiny};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, WeightStorage, emit};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::small;

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for compiler in ["gcc", "clang"] {
        trials.push(trial(format!("misuse::arguments_{compiler}"), move || {
            misused(compiler, "arguments", WeightStorage::Source, ARGUMENTS)
        }));
        trials.push(trial(format!("misuse::files_of_weights_{compiler}"), move || {
            misused(compiler, "files", WeightStorage::Bin, FILES)
        }));
    }
    trials
}

/// The arena and byte offsets, each pointer null, floats at odd addresses.
const ARGUMENTS: &str = r#"#include "net.h"
#include <stdlib.h>
#include <string.h>

static float input[NET_INPUT_LEN + 1], output[NET_OUTPUT_LEN + 1];

int main(void)
{
    static net_arena zeros;
    float expected[NET_OUTPUT_LEN];
    const float *const askew = (const float *)(const void *)((const char *)input + 2);
    float *const odd = (float *)(void *)((char *)output + 1);
    if (net_run_checked(NULL, output, &zeros) != NET_ERROR_NULL) return 1;
    if (net_run_checked(input, NULL, &zeros) != NET_ERROR_NULL) return 2;
    if (net_run_checked(input, output, NULL) != NET_ERROR_NULL) return 3;
    if (net_run_checked(askew, output, &zeros) != NET_ERROR_ALIGNMENT) return 4;
    if (net_run_checked(input, odd, &zeros) != NET_ERROR_ALIGNMENT) return 5;
    if (net_self_test(NULL) != NET_ERROR_NULL) return 6;
    net_run(input, expected, &zeros);
    for (size_t i = 0; i < 80; i++) {
        unsigned char *const block = (unsigned char *)malloc(sizeof(net_arena) + i);
        net_arena *const arena = (net_arena *)(void *)(block + i);
        memset(block, 0xff, sizeof(net_arena) + i);
        if (net_run_checked(input, output, arena) != NET_OK) return 7;
        if (memcmp(output, expected, sizeof expected) != 0) return 8;
        if (net_self_test(arena) != NET_OK) return 9;
        free(block);
    }
    return 0;
}
"#;

/// Every truncation, in a block of exactly that length; another model's weights; another file; arenas full of anything.
const FILES: &str = r#"#include "net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float input[NET_INPUT_LEN], output[NET_OUTPUT_LEN];
static union { double alignment; unsigned char bytes[1 << 20]; } blob;

static size_t read(const char *name)
{
    FILE *const file = fopen(name, "rb");
    const size_t size = file ? fread(blob.bytes, 1, sizeof blob.bytes, file) : 0;
    if (file) fclose(file);
    return size;
}

static int truncated(net_arena *arena, size_t size)
{
    for (size_t n = 0; n < size; n = n < 70 ? n + 1 : n + 61) {
        unsigned char *const cut = (unsigned char *)malloc(n + !n);
        memcpy(cut, blob.bytes, n);
        if (net_load(arena, cut, n) != (n < 8 ? NET_ERROR_FORMAT : NET_ERROR_SIZE)) return 1;
        if (net_run_checked(input, output, arena) != NET_ERROR_NOT_LOADED) return 1;
        free(cut);
    }
    return 0;
}

int main(void)
{
    net_arena *arena = (net_arena *)malloc(sizeof(net_arena)), *copy = (net_arena *)malloc(sizeof(net_arena));
    size_t size = read("same_size.bin");
    for (int fill = 0; fill < 256; fill++) {
        memset(arena, fill, sizeof(net_arena));
        if (net_run_checked(input, output, arena) != NET_ERROR_NOT_LOADED) return 1;
        if (net_self_test(arena) != NET_ERROR_NOT_LOADED) return 2;
    }
    if (net_load(arena, blob.bytes, size) != NET_ERROR_HASH) return 3;
    size = read("other_size.bin");
    if (net_load(arena, blob.bytes, size) != NET_ERROR_SIZE) return 4;
    size = read("net.c");
    if (net_load(arena, blob.bytes, size) != NET_ERROR_FORMAT) return 5;
    size = read("net.bin");
    if (truncated(arena, size) != 0) return 6;
    if (net_load(arena, blob.bytes, size + 1) != NET_ERROR_SIZE) return 7;
    if (net_load(NULL, blob.bytes, size) != NET_ERROR_NULL) return 8;
    if (net_load(arena, NULL, size) != NET_ERROR_NULL) return 9;
    for (size_t i = 1; i < 4; i++) {
        memmove(blob.bytes + i, blob.bytes + i - 1, size);
        if (net_load(arena, blob.bytes + i, size) != NET_ERROR_ALIGNMENT) return 10;
    }
    memmove(blob.bytes + 4, blob.bytes + 3, size);
    if (net_run_checked(input, output, arena) != NET_ERROR_NOT_LOADED) return 11;
    if (net_load(arena, blob.bytes + 4, size) != NET_OK) return 12;
    if (net_run_checked(NULL, output, arena) != NET_ERROR_NULL) return 13;
    memcpy(copy, arena, sizeof(net_arena));
    free(arena);
    if (net_self_test(copy) != NET_OK) return 14;
    if (net_load(copy, blob.bytes + 4, size - 4) != NET_ERROR_SIZE) return 15;
    if (net_self_test(copy) != NET_ERROR_NOT_LOADED) return 16;
    free(copy);
    return 0;
}
"#;

fn misused(compiler: &str, name: &str, weights: WeightStorage, main: &str) -> Result<(), Stop> {
    needs(&[compiler])?;
    let options = || COptions { weights, ..COptions::default() };
    let folder = Folder::new(&format!("misuse-{name}-{compiler}"), &tiny()?.self_testing(options())?)?;
    if weights == WeightStorage::Bin {
        let same = Case::authored("same_size", &small::tiny_v1(2), &CostModel::default())?;
        let other = Case::authored("other_size", &small::tiny_bytes(), &CostModel::default())?;
        for case in [same, other] {
            let files = emit(&case.plan, &COptions { name: case.name.clone(), ..options() })?;
            let name = format!("{}.bin", case.name);
            let bytes = files.get(&name).ok_or(format!("no {name}"))?;
            std::fs::write(folder.0.join(&name), bytes).map_err(|e| e.to_string())?;
        }
    }
    folder.write("main.c", main)?;
    folder.build(compiler, &[&STRICT[..], &SANITIZED[..]].concat())?;
    folder.passes()
}
