//! Random separable networks through the reference, emitted Rust and emitted C: all must agree, those on codes bit for bit.
//!
//! `MOBILENET_SEED` sets the first of the seeds, `MOBILENET_SEEDS` how many there are.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::network::{Stage, StageKind};
use mobilenet_compiler::plan::{Choice, CostModel};
use mobilenet_tests::case::Case;
use mobilenet_tests::compare::within;
use mobilenet_tests::draft;
use mobilenet_tests::program::board;
use mobilenet_tests::program::c::{Toolchain, World};
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Program, Request, isas, isas_of_codes};
use mobilenet_tests::random::{Head, Spec, draw, draw_quantised};
use std::sync::LazyLock;

/// Inferences per network.
const INPUTS: u64 = 2;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = isas()
        .into_iter()
        .map(|isa| {
            trial(format!("differential::rust_{isa}"), move || {
                agrees(RUST.as_ref().map_err(|message| failed(message))?, Some(isa))
            })
        })
        .collect();
    for isa in isas_of_codes() {
        trials.push(trial(format!("differential::codes_rust_{isa}"), move || {
            let program = CODES_RUST.as_ref().map_err(|message| failed(message))?;
            let all = all_of(&CODES)?;
            compare(all, &run(program, Some(isa), all)?)
        }));
    }
    trials.push(trial("differential::rust_release", || agrees(&crate_of_all(Profile::Release)?, None)));
    trials.push(trial("differential::rust_plain_debug", plain));
    trials.push(trial("differential::rust_aarch64", rust_aarch64));
    for (turn, compiler) in ["gcc", "clang"].into_iter().enumerate() {
        for target in [Target::Auto, Target::Generic] {
            let name = format!("differential::c_{}_{compiler}", target.name());
            let turns = (target == Target::Auto).then_some(turn);
            trials.push(trial(name, move || by(&Toolchain { turns, ..Toolchain::host(compiler) }, target, &ALL)));
        }
    }
    for (name, compiler, target) in [("gcc", "gcc", Target::Auto), ("clang", "clang", Target::Generic)] {
        let name = format!("differential::codes_c_{name}");
        let turns = (target == Target::Auto).then_some(0);
        trials.push(trial(name, move || by(&Toolchain { turns, ..Toolchain::host(compiler) }, target, &CODES)));
    }
    let small = |board| Toolchain { level: "s", ..Toolchain::board(board) };
    let linux = Toolchain::linux;
    for (target, toolchain) in [
        (Target::Aarch64, linux("aarch64-linux-gnu-gcc", "aarch64-unknown-linux-gnu", "qemu-aarch64")),
        (Target::Riscv64, linux("riscv64-linux-gnu-gcc", "riscv64gc-unknown-linux-gnu", "qemu-riscv64")),
        (Target::CortexM4, small(board::M4)),
        (Target::CortexM55, small(board::M55)),
        (Target::Wasm32, Toolchain::wasm(true)),
    ] {
        if !matches!(target, Target::Riscv64 | Target::Wasm32) {
            let codes = toolchain.clone();
            trials.push(trial(format!("differential::codes_c_{}", target.name()), move || by(&codes, target, &CODES)));
        }
        trials.push(trial(format!("differential::c_{}", target.name()), move || by(&toolchain, target, &ALL)));
    }
    trials
}

/// A drawn network, compiled, and what it must give.
pub struct Drawn {
    seed: u64,
    spec: Spec,
    /// The network.
    pub case: Case,
    inputs: Vec<Vec<u8>>,
    expected: Vec<Vec<f64>>,
}

/// Networks that are compiled when they are first asked for.
type Networks = LazyLock<Result<Vec<Drawn>, String>>;

pub static ALL: Networks = LazyLock::new(|| {
    let (first, count) = seeds();
    eprintln!("seeds {first} to {}", first + count.saturating_sub(1));
    (first..first + count).map(|seed| compile(seed, draw(seed))).collect()
});

/// As many on codes.
static CODES: Networks = LazyLock::new(|| {
    let (first, count) = seeds();
    (first..first + count).map(|seed| compile(seed, draw_quantised(seed))).collect()
});

static CODES_RUST: LazyLock<Result<Program, String>> = LazyLock::new(|| {
    let built = || -> Result<Program, Stop> {
        let modules = all_of(&CODES)?.iter().map(|drawn| drawn.case.rust()).collect::<Result<Vec<_>, _>>()?;
        let (folder, target) = (scratch().join("differential-codes"), scratch().join("target"));
        Ok(rust::build(&folder, &target, &modules, Profile::Debug)?)
    };
    built().map_err(Stop::message)
});

fn all_of(all: &'static Networks) -> Result<&'static [Drawn], Stop> {
    all.as_ref().map(|all| &all[..]).map_err(|message| failed(message))
}

fn seeds() -> (u64, u64) {
    let number = |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    (number("MOBILENET_SEED", 1), number("MOBILENET_SEEDS", 64))
}

pub static RUST: LazyLock<Result<Program, String>> =
    LazyLock::new(|| crate_of_all(Profile::Debug).map_err(|stop| stop.message()));

fn compile(seed: u64, spec: Spec) -> Result<Drawn, String> {
    let choice = |n| [Choice::Auto, Choice::Always, Choice::Never][(n % 3) as usize];
    let cost = CostModel { stream: choice(seed), separable: choice(seed / 3), ..CostModel::default() };
    let said = |e: mobilenet_compiler::Error| format!("seed {seed}: {e}\n{spec:?}");
    let case = Case::authored(&format!("net{seed}"), &draft::author(&spec), &cost).map_err(said)?;
    let float = |stage: &Stage| {
        stage.kind.name() == "Stem" || matches!(stage.kind, StageKind::Pointwise(_) | StageKind::Dense(_))
    };
    if spec.quantised && case.plan.network.stages.iter().any(float) {
        return Err(format!("seed {seed} runs in float\n{spec:?}\n{}", case.plan.network));
    }
    let inputs: Vec<_> = (0..INPUTS).map(|i| draft::input(&spec, seed * INPUTS + i)).collect();
    let expected = inputs.iter().map(|input| case.reference(input)).collect::<Result<_, _>>().map_err(said)?;
    Ok(Drawn { seed, case, inputs, expected, spec })
}

fn failed(message: &str) -> Stop {
    Stop::Failed(message.to_owned())
}

/// The stack of 64 KiB, which every program here runs on, is enough without any optimisation too.
fn plain() -> Result<(), Stop> {
    let program = crate_of_all(Profile::Plain)?;
    isas().into_iter().try_for_each(|isa| agrees(&program, Some(isa)))
}

fn crate_of_all(profile: Profile) -> Result<Program, Stop> {
    let modules = modules(Case::rust)?;
    let name = match profile {
        Profile::Plain => "differential-plain",
        Profile::Debug => "differential",
        Profile::Release => "differential-release",
    };
    Ok(rust::build(&scratch().join(name), &scratch().join("target"), &modules, profile)?)
}

/// Every shape through the NEON kernels.
fn rust_aarch64() -> Result<(), Stop> {
    crate::cross::can_run_aarch64()?;
    let folder = scratch().join("differential-aarch64");
    agrees(&rust::build_aarch64(&folder, &scratch().join("target"), &modules(Case::rust)?)?, None)
}

/// All networks as emitted code.
fn modules<T>(emit: impl Fn(&Case) -> Result<T, mobilenet_compiler::Error>) -> Result<Vec<T>, Stop> {
    let all = ALL.as_ref().map_err(|message| failed(message))?;
    Ok(all.iter().map(|drawn| emit(&drawn.case)).collect::<Result<_, _>>()?)
}

/// Few networks at a time, as a board has not room for all.
fn by(toolchain: &Toolchain, target: Target, all: &'static Networks) -> Result<(), Stop> {
    toolchain.present().map_err(Stop::Absent)?;
    let toolchain = Toolchain { rows: true, ..toolchain.clone() };
    let all = all_of(all)?;
    let at_once = if matches!(toolchain.world, World::Board(_)) { 16 } else { all.len() };
    for drawn in all.chunks(at_once.max(1)) {
        let modules = drawn.iter().map(|drawn| drawn.case.c_for(target)).collect::<Result<Vec<_>, _>>()?;
        let kind = if drawn[0].spec.quantised { "codes-" } else { "" };
        let folder = format!("differential-{kind}{}-{}", target.name(), toolchain.compiler);
        let program = toolchain.build(&scratch().join(folder), &modules)?;
        compare(drawn, &run(&program, None, drawn)?)?;
    }
    Ok(())
}

/// What a program of all networks gives for all inputs.
pub fn outputs(program: &Program, isa: Option<&str>) -> Result<Vec<Vec<Vec<f64>>>, Stop> {
    run(program, isa, ALL.as_ref().map_err(|message| failed(message))?)
}

fn agrees(program: &Program, isa: Option<&str>) -> Result<(), Stop> {
    compare(ALL.as_ref().map_err(|message| failed(message))?, &outputs(program, isa)?)
}

fn run(program: &Program, isa: Option<&str>, networks: &[Drawn]) -> Result<Vec<Vec<Vec<f64>>>, Stop> {
    let requests: Vec<_> = networks
        .iter()
        .enumerate()
        .map(|(index, drawn)| Request { index, inputs: &drawn.inputs, output_len: drawn.case.output_len() })
        .collect();
    Ok(program.run(&requests, isa)?)
}

fn same(expected: &[f64], found: &[f64]) -> Result<(), String> {
    let differs = expected.iter().zip(found).position(|(a, b)| a != b);
    match (expected.len() == found.len(), differs) {
        (true, None) => Ok(()),
        (true, Some(at)) => Err(format!("element {at} is {}, not {}", found[at], expected[at])),
        (false, _) => Err(format!("{} elements, not {}", found.len(), expected.len())),
    }
}

fn compare(networks: &[Drawn], outputs: &[Vec<Vec<f64>>]) -> Result<(), Stop> {
    let mut wrong = Vec::new();
    for (drawn, found) in networks.iter().zip(outputs) {
        for (expected, found) in drawn.expected.iter().zip(found) {
            let exact = drawn.spec.quantised && !matches!(drawn.spec.head, Head::Dense { softmax: true, .. });
            let agrees = if exact { same(expected, found) } else { within(expected, found) };
            if let Err(message) = agrees {
                wrong.push(format!("seed {}: {message}\n{:?}\n{}", drawn.seed, drawn.spec, drawn.case.plan));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(4);
    if count == 0 { Ok(()) } else { Err(Stop::Failed(format!("{count} outputs are wrong\n{}", wrong.join("\n")))) }
}
