//! The 8-bit models of `../shared` as self-contained C: bit for bit what the rules of `docs/quantization.md` give.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::graph::{DType, Tensor, Type};
use mobilenet_compiler::{network, quant};
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::Toolchain;
use mobilenet_tests::program::{Request, board};
use mobilenet_tests::shared::shared;
use mobilenet_tests::weights::Noise;
use std::path::{Path, PathBuf};

/// Ports of all kinds, residuals, gates, tables, weights of 9 bits; small enough for the rules' own interpreter.
const MODELS: [&str; 7] = [
    "family/random/q_v1_ort_qop_u8s8",
    "family/random/q_v1_ports_s8",
    "family/random/q_v2_ort_qdq_u8s8",
    "family/random/q_v3_se_qdq",
    "family/random/k_tflite_v2_int8",
    "models/mnv1_a025_96_vww_tfliteqdq",
    PERSON,
];
const PERSON: &str = "models/mnv1_a025_96_vww_ortqdq_s8s8";

pub fn trials() -> Vec<Trial> {
    let host = |compiler, level| Toolchain { level, ..Toolchain::host(compiler) };
    let linux = |architecture: &str| match architecture {
        "aarch64" => Toolchain::linux("aarch64-linux-gnu-gcc", "aarch64-unknown-linux-gnu", "qemu-aarch64"),
        _ => Toolchain::linux("riscv64-linux-gnu-gcc", "riscv64gc-unknown-linux-gnu", "qemu-riscv64"),
    };
    let mut trials = Vec::new();
    let mut add = |name: &str, target: Target, toolchain: Toolchain, models: &'static [&'static str]| {
        let name = format!("c_codes::{name}");
        trials.push(trial(name.clone(), move || run(&name, target, &toolchain, models)));
    };
    add("gcc", Target::Auto, host("gcc", "2"), &MODELS);
    add("clang", Target::Auto, host("clang", "2"), &MODELS);
    add("generic_gcc", Target::Generic, host("gcc", "2"), &MODELS);
    add("generic_clang", Target::Generic, host("clang", "3"), &MODELS);
    add("x86_64_v3", Target::X86_64V3, host("gcc", "3"), &MODELS);
    add("aarch64", Target::Aarch64, linux("aarch64"), &[PERSON, "family/random/q_v3_se_qdq"]);
    add("riscv64", Target::Riscv64, linux("riscv64"), &[PERSON]);
    add("m4", Target::CortexM4, Toolchain::board(board::M4), &[PERSON]);
    add("m7", Target::CortexM7, Toolchain::board(board::M7), &[PERSON]);
    add("m55", Target::CortexM55, Toolchain::board(board::M55), &[PERSON]);
    trials
}

fn run(name: &str, target: Target, toolchain: &Toolchain, models: &[&str]) -> Result<(), Stop> {
    toolchain.present().map_err(Stop::Absent)?;
    let folder = shared().map_err(Stop::Absent)?;
    let paths: Vec<PathBuf> = models.iter().map(|model| folder.join(format!("{model}.onnx"))).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).filter(|path| path.is_file()).collect();
    let cost = target.cost();
    let cases = paths.iter().enumerate().map(|(at, path)| Case::read_with(&format!("model{at}"), path, &cost));
    let cases = cases.collect::<Result<Vec<_>, _>>()?;
    let modules = cases.iter().map(|case| case.c_for(target)).collect::<Result<Vec<_>, _>>()?;
    let program = toolchain.build(&scratch().join(name.replace("::", "-")), &modules)?;
    for (index, (case, path)) in cases.iter().zip(&paths).enumerate() {
        let (input, expected) = expected(case)?;
        let request = Request { index, inputs: &[input], output_len: expected.len() };
        let found = program.run(&[request], None)?.concat().concat();
        let wrong = (0..expected.len()).find(|&at| !same(found[at], expected[at], case));
        if let Some(at) = wrong {
            let (found, expected, model) = (found[at], expected[at], path.display());
            return Err(Stop::Failed(format!("{model}: {found} instead of {expected} at {at}")));
        }
    }
    Ok(())
}

/// Codes and what they stand for are exact; what a softmax makes of them is not.
fn same(found: f64, expected: f64, case: &Case) -> bool {
    let finished = case.plan.network.outputs.iter().any(|output| !output.finish.is_empty());
    if finished { (found - expected).abs() <= 1e-6 } else { found == expected }
}

/// Noise, and the outputs by the rules.
fn expected(case: &Case) -> Result<(Vec<u8>, Vec<f64>), Stop> {
    let network = network::recognise(&case.canonical)?;
    let ty = Type::new(network.input.dtype, network.input.shape.clone());
    let noise = Noise::new(7).vector(ty.len(), -1.0, 1.0).into_iter();
    let values: Vec<f64> = match ty.dtype {
        DType::U8 => noise.map(|x| ((x + 1.0) * 127.5).floor().into()).collect(),
        DType::I8 => noise.map(|x| (x * 127.5).floor().into()).collect(),
        _ => noise.map(f64::from).collect(),
    };
    let bytes = match ty.dtype {
        DType::U8 => values.iter().map(|&x| x as u8).collect(),
        DType::I8 => values.iter().map(|&x| (x as i8).cast_unsigned()).collect(),
        _ => values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
    };
    let outputs = quant::run(&network, &Tensor::from_f64(&ty, values))?;
    Ok((bytes, outputs.iter().flat_map(Tensor::to_f64).collect()))
}
