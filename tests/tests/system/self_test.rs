//! `net_self_test` fails whatever is wrong with the weights or the kernels.

use crate::emitted::{FORMS, Folder, fashion, needs, tiny};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, SelfTest, Target, WeightStorage, emit};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::small;
use mobilenet_tests::weights::Noise;
use std::fs;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = FORMS
        .into_iter()
        .map(|(name, form)| trial(format!("self_test::sees_every_byte_of_weights_in_{name}"), move || every_byte(form)))
        .collect();
    trials.extend([
        trial("self_test::sees_damage_in_the_binary", damaged_binary),
        trial("self_test::sees_miscompiled_kernels", miscompiled),
        trial("self_test::passes_with_fast_math", fast_math),
        trial("self_test::refuses_what_it_cannot_compare", not_finite),
    ]);
    trials
}

const NET_ERROR_HASH: i32 = 6;
const NET_ERROR_OUTPUT: i32 = 64;

/// Flips a bit of each byte of weights that lie in writable memory.
const FLIP: &str = r#"#include "net.h"

extern unsigned char WEIGHTS[];

int main(void)
{
    static net_arena arena;
    for (long i = 0; i < NET_WEIGHT_BYTES; i++) {
        WEIGHTS[i] ^= (unsigned char)(1 << i % 8);
        if (net_self_test(&arena) != NET_ERROR_HASH) return 1;
        WEIGHTS[i] ^= (unsigned char)(1 << i % 8);
    }
    return net_self_test(&arena);
}
"#;

/// The same with a file, the header included: before it is loaded, and behind its back.
const FLIP_LOADED: &str = r#"#include "net.h"
#include <stdio.h>

static union { float alignment; unsigned char bytes[NET_WEIGHT_BYTES + 65]; } blob;

int main(void)
{
    static net_arena arena;
    FILE *file = fopen("net.bin", "rb");
    const size_t size = file ? fread(blob.bytes, 1, sizeof blob.bytes, file) : 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned char bit = (unsigned char)(1 << i % 8);
        blob.bytes[i] ^= bit;
        if (net_load(&arena, blob.bytes, size) == NET_OK) return 1;
        if (net_self_test(&arena) != NET_ERROR_NOT_LOADED) return 2;
        blob.bytes[i] ^= bit;
        if (net_load(&arena, blob.bytes, size) != NET_OK) return 3;
        blob.bytes[i] ^= bit;
        if (i >= 64 && net_self_test(&arena) != NET_ERROR_HASH) return 4;
        blob.bytes[i] ^= bit;
    }
    return net_self_test(&arena);
}
"#;

fn every_byte(weights: WeightStorage) -> Result<(), Stop> {
    needs(&["gcc"])?;
    let folder =
        Folder::new(&format!("flip-{weights:?}"), &tiny()?.self_testing(COptions { weights, ..COptions::default() })?)?;
    folder.write("main.c", if weights == WeightStorage::Bin { FLIP_LOADED } else { FLIP })?;
    let symbol = format!("-DWEIGHTS={}", folder.weights()?);
    folder.build("gcc", &["-O2", "-DNET_WEIGHTS_STORAGE=", "-DNET_WEIGHTS_ASM_SECTION=.data", &symbol])?;
    folder.passes()
}

/// Bytes of the weights of a trained model, flipped in the program's file.
fn damaged_binary() -> Result<(), Stop> {
    needs(&["gcc"])?;
    let case = fashion()?;
    let weights = &case.plan.weights;
    for (name, form) in [("source", WeightStorage::Source), ("incbin", WeightStorage::Incbin)] {
        let folder = Folder::new(
            &format!("damage-{name}"),
            &case.self_testing(COptions { weights: form, ..COptions::default() })?,
        )?;
        folder.build("gcc", &["-O2", "-DNET_TEST_MAIN"])?;
        folder.passes()?;
        let path = folder.0.join("program");
        let mut program = fs::read(&path).map_err(|e| e.to_string())?;
        let at = program.windows(256).position(|bytes| bytes == &weights[..256]).ok_or("no weights".to_owned())?;
        let mut noise = Noise::new(11);
        for _ in 0..32 {
            let position = at + noise.bits() as usize % weights.len();
            let bit = 1 << (noise.bits() % 8);
            program[position] ^= bit;
            fs::write(&path, &program).map_err(|e| e.to_string())?;
            let status = folder.status()?;
            if status != NET_ERROR_HASH {
                return Err(Stop::Failed(format!("{name}: byte {} is wrong, the result {status}", position - at)));
            }
            program[position] ^= bit;
        }
    }
    Ok(())
}

/// What a compiler or a careless edit could do to the kernels.
const WRONG: [(&str, &str); 13] = [
    ("#define net_f1_fma(a, b, c) ((a) * (b) + (c))", "#define net_f1_fma(a, b, c) ((a) * (b) * 1.001f + (c))"),
    ("#define net_f1_fma(a, b, c) ((a) * (b) + (c))", "#define net_f1_fma(a, b, c) ((a) * (b) - (c))"),
    ("(x) < (lo) ? (lo)", "(x) < (lo) ? (x)"),
    ("1.0f / (float)(m->height * m->width)", "1.0f / (float)(m->height * m->width + 1)"),
    ("s0 = net_f1_add(net_f1_add(s0, s1), net_f1_add(s2, s3));", "s0 = net_f1_add(net_f1_add(s0, s1), s2);"),
    ("left ? net_zeros : p - 16", "left ? p : p - 16"),
    ("right ? net_zeros : p + 64", "right ? p : p + 64"),
    ("const int inside = y >= 1 && y - 1 < 16;", "const int inside = y >= 1 && y - 1 < 15;"),
    ("lines[i] = scratch + (top + i * 1) % 3 * 64;", "lines[i] = scratch + (top + 2 - i) % 3 * 64;"),
    ("d.weights += w->kernel[1] * block;", ""),
    ("k -= 8, a += 8, b += 128) {", "k -= 8, a += 8, b += 112) {"),
    ("g.pixels = pixels;", "g.pixels = pixels / 2;"),
    ("d.bias = panel;", "d.bias = panel + 1;"),
];

fn miscompiled() -> Result<(), Stop> {
    needs(&["gcc"])?;
    let options = COptions { target: Target::Generic, ..COptions::default() };
    let folder = Folder::new("miscompiled", &tiny()?.self_testing(options)?)?;
    let kernels = fs::read_to_string(folder.0.join("net.c")).map_err(|e| e.to_string())?;
    let flags = ["-O1", "-DNET_TEST_MAIN"];
    folder.build("gcc", &flags)?;
    folder.passes()?;
    for (right, wrong) in WRONG {
        let damaged = kernels.replace(right, wrong);
        if damaged == kernels {
            return Err(Stop::Failed(format!("net.c does not say {right:?}")));
        }
        folder.write("net.c", &damaged)?;
        folder.build("gcc", &flags)?;
        let status = folder.status()?;
        if status < NET_ERROR_OUTPUT {
            return Err(Stop::Failed(format!("{wrong:?} in place of {right:?} gives {status}")));
        }
    }
    Ok(())
}

/// Probabilities too, whose exponential depends on how a compiler rounds.
fn fast_math() -> Result<(), Stop> {
    needs(&["gcc"])?;
    let case = Case::authored("net", &small::tiny_bytes(), &CostModel::default())?;
    let options = COptions { target: Target::Generic, ..COptions::default() };
    let folder = Folder::new("fast-math", &case.self_testing(options)?)?;
    folder.build("gcc", &["-O3", "-ffast-math", "-DNET_TEST_MAIN"])?;
    folder.passes()
}

fn not_finite() -> Result<(), Stop> {
    let case = tiny()?;
    let (input, output) = case.plan.lengths();
    let self_test = Some(SelfTest { input: vec![0; input * 4], expected: vec![f32::NAN; output] });
    match emit(&case.plan, &COptions { name: "net".into(), self_test, ..COptions::default() }) {
        Err(error) if error.to_string().contains("NaN") => Ok(()),
        other => Err(Stop::Failed(format!("{other:?}"))),
    }
}
