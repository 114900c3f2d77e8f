//! Emitted C against a naive evaluation of the network.

use super::{Compiled, Compiler};
use crate::emit::c::{COptions, Target, WeightStorage, emit};
use crate::graph::{DType, Tensor, Type};
use crate::network::naive::evaluate;
use crate::network::{Layout, Network, Stage, StageKind};
use crate::plan::testing::{Random, mobilenet_v1, on_codes, random_network};
use crate::plan::{Choice, CostModel, Plan, plan, plan_as};
use crate::quant;

/// What emitted C must pass silently.
const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

fn compilers() -> Vec<Compiler> {
    ["gcc", "clang"].into_iter().filter_map(Compiler::named).collect()
}

/// Deterministic elements of the input's type, and the same as f64.
fn input(network: &Network, seed: u64) -> (Vec<u8>, Vec<f64>) {
    let len: usize = network.input.shape.iter().product();
    let mut random = Random(seed);
    let mut bytes = Vec::new();
    let mut values = Vec::new();
    for _ in 0..len {
        let n = random.next();
        match network.input.dtype {
            DType::U8 => {
                bytes.push(n as u8);
                values.push(f64::from(n as u8));
            }
            DType::I8 => {
                bytes.push(n as u8);
                values.push(f64::from(n as u8 as i8));
            }
            _ => {
                let x = (n % 4096) as f32 / 1024.0 - 2.0;
                bytes.extend(x.to_le_bytes());
                values.push(f64::from(x));
            }
        }
    }
    (bytes, values)
}

fn compare(network: &Network, compiled: &mut Compiled, what: &str) {
    for seed in 0..2 {
        let (bytes, values) = input(network, seed);
        let got = compiled.run(&bytes).unwrap();
        let images = values.chunks(values.len() / network.batch);
        let images: Vec<Vec<Vec<f64>>> = images.map(|image| evaluate(network, image)).collect();
        assert_eq!(got.len(), network.outputs.len(), "{what}");
        for (output, got) in got.iter().enumerate() {
            let expected: Vec<f64> = images.iter().flat_map(|image| image[output].clone()).collect();
            assert_eq!(got.len(), expected.len(), "{what}");
            let largest = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let apart = (f64::from(*got) - expected).abs();
                assert!(apart <= 1e-4 * largest, "{what}: element {i} of output {output} is {got}, not {expected}");
            }
        }
    }
}

/// Builds the network by one of the compilers for every instruction set of this machine.
fn check(network: Network, cost: &CostModel, turn: usize, what: &str, flags: &[&str]) {
    let Ok(plan) = plan(network, cost) else { return };
    let compilers = compilers();
    for target in [Target::Auto, Target::Generic] {
        let options = COptions { name: "net".into(), target, ..COptions::default() };
        let files = emit(&plan, &options).unwrap();
        if let Some(compiler) = compilers.get(turn % compilers.len().max(1)) {
            let levels: &[&str] = match target {
                Target::Auto if cfg!(target_arch = "x86_64") => &["avx512", "avx2", "portable"],
                _ => &["portable"],
            };
            for level in levels {
                if *level == "avx512" && !avx512() {
                    continue;
                }
                let compiler = compiler.clone().flags(STRICT.iter().chain(flags).copied()).isa("net", level);
                let mut compiled = compiler.build(&files, "net", &plan).unwrap();
                compare(&plan.network, &mut compiled, &format!("{what}, {target:?}, {level}, {}", compiler.name()));
            }
        }
    }
}

/// Whether the kernels on codes for AVX-512 run here.
fn vnni() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Reshapes the input of a network: byte elements, channels last, a batch.
fn vary(network: &mut Network, seed: u64) {
    let map = &mut network.maps[network.input_map.0 as usize];
    let (h, w, c) = (map.height, map.width, map.channels);
    map.element = [DType::F32, DType::U8, DType::I8][seed as usize % 3];
    network.input.dtype = map.element;
    if seed % 2 == 1 {
        network.input.layout = Layout::Nhwc;
        network.input.shape = vec![1, h, w, c];
    }
    network.batch = 1 + seed as usize % 2;
    network.input.shape[0] = network.batch;
    let out = network.maps[network.outputs[0].pieces[0].map.0 as usize];
    network.outputs[0].port.shape = vec![network.batch, out.channels, out.height, out.width];
    if out.height * out.width == 1 {
        network.outputs[0].port.shape.truncate(2);
    }
}

#[test]
fn random_networks_compute_what_they_say() {
    for seed in 0..4 {
        let mut network = random_network(seed);
        vary(&mut network, seed);
        let separable = [Choice::Auto, Choice::Always, Choice::Never][seed as usize % 3];
        let cost = CostModel { separable, ..CostModel::default() };
        check(network, &cost, seed as usize, &format!("seed {seed}"), &["-O1"]);
    }
}

/// Convolutions, pools, sums, products, tables, weights of 9 bits: by the rules, in each form that this machine runs.
#[test]
fn random_networks_on_codes_are_exact() {
    let compilers = compilers();
    for seed in 0..6 {
        let network = on_codes(&random_network(seed), seed);
        for target in [Target::Auto, Target::X86_64V3, Target::Generic] {
            let Some(compiler) = compilers.get(seed as usize % compilers.len().max(1)) else { return };
            let here = cfg!(target_arch = "x86_64");
            if target == Target::X86_64V3 && !here {
                continue;
            }
            let plan = plan(network.clone(), &target.cost()).unwrap();
            let files = emit(&plan, &COptions { name: "net".into(), target, ..COptions::default() }).unwrap();
            let mut levels = vec!["portable"];
            if target == Target::Auto && here {
                levels.push("avx2");
                if vnni() {
                    levels.push("avx512");
                }
            }
            for level in levels {
                let compiler = compiler.clone().flags(STRICT.iter().chain(&["-O2"]).copied()).isa("net", level);
                let mut compiled = compiler.build(&files, "net", &plan).unwrap();
                let (bytes, values) = input(&network, seed);
                let ty = Type::new(network.input.dtype, network.input.shape.clone());
                let expected = quant::run(&network, &Tensor::from_f64(&ty, values)).unwrap();
                let found = compiled.run(&bytes).unwrap();
                for (port, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let what = format!("seed {seed}, {target:?}, {level}, {}, output {port}", compiler.name());
                    exact(&network, port, found, &expected.to_f64(), &what);
                }
            }
        }
    }
}

/// To the bit, but for what a softmax or a norm makes of numbers.
fn exact(network: &Network, port: usize, found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let floats = |stage: &Stage| matches!(stage.kind, StageKind::Softmax { .. } | StageKind::LpNormalize { .. });
    let rounded = !network.outputs[port].finish.is_empty() || network.stages.iter().any(floats);
    let allowed = if rounded { 1e-5 } else { 0.0 };
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let apart = (f64::from(found) - expected).abs();
        assert!(apart <= allowed, "{what}: element {i} is {found}, not {expected}");
    }
}

#[test]
fn mobilenets_compute_what_they_say() {
    for (turn, (alpha, stream)) in [(0.25, Choice::Always), (0.75, Choice::Never)].into_iter().enumerate() {
        let cost = CostModel { stream, ..CostModel::default() };
        check(mobilenet_v1(alpha, 32, 10), &cost, turn, &format!("alpha {alpha}, streams {stream:?}"), &["-O2"]);
    }
}

#[test]
fn whatever_is_decided_computes_the_same() {
    let Some(compiler) = compilers().into_iter().next() else { return };
    let network = mobilenet_v1(0.25, 64, 10);
    let (bytes, _) = input(&network, 1);
    let compiler = compiler.flags(["-O1"]);
    let bits = |plan: &Plan| -> Vec<u32> {
        compiler.compile(plan).unwrap().run(&bytes).unwrap().concat().iter().map(|x| x.to_bits()).collect()
    };
    let chosen = plan(network.clone(), &CostModel::default()).unwrap();
    let expected = bits(&chosen);
    for (name, decisions) in chosen.decisions.alternatives() {
        let plan = plan_as(network.clone(), &CostModel::default(), &decisions).unwrap();
        assert_eq!(bits(&plan), expected, "{name}");
    }
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let plan = plan(random_network(3), &CostModel::default()).unwrap();
    for weights in [WeightStorage::Source, WeightStorage::Bin, WeightStorage::Incbin] {
        let options = COptions { name: "net".into(), weights, ..COptions::default() };
        assert_eq!(emit(&plan, &options).unwrap(), emit(&plan.clone(), &options).unwrap());
    }
}
