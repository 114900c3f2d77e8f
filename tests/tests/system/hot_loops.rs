//! The innermost loop of the pointwise kernels, disassembled for every vector instruction set and Cortex-M4: it multiplies and
//! adds, by one instruction where there is one, and keeps its sums in registers. The same of sums on codes, where a set has instructions
//! for these.

use crate::emitted::{Folder, fashion, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::Target;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::shared;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Code that a compiler makes of one target's kernels.
#[derive(Debug, Clone, Copy)]
struct Object {
    name: &'static str,
    target: Target,
    compiler: &'static str,
    flags: &'static [&'static str],
    objdump: &'static [&'static str],
    isa: Isa,
}

/// What a loop is made of.
#[derive(Debug, Clone, Copy)]
struct Isa {
    /// Suffix of the kernels.
    suffix: &'static str,
    /// Parts of the instruction that multiplies, and adds where one does both.
    product: [&'static str; 2],
    /// Sums of the largest tile that the model needs.
    sums: usize,
    /// Whether an instruction stores what sums are kept in.
    stores: fn(&str) -> bool,
}

const AVX512: Isa = Isa { suffix: "avx512", product: ["vfmadd", "%zmm"], sums: 14, stores: x86_stores };
const AVX2: Isa = Isa { suffix: "avx2", product: ["vfmadd", "%ymm"], sums: 12, stores: x86_stores };
const SSE2: Isa = Isa { suffix: "sse2", product: ["mulps", "%xmm"], sums: 12, stores: x86_stores };
const NEON: Isa = Isa {
    suffix: "neon",
    product: ["fmla", ".4s"],
    sums: 16,
    stores: |line| line.starts_with("st") && line.contains('q'),
};
const HELIUM: Isa =
    Isa { suffix: "helium", product: ["vfma.f32", "q"], sums: 6, stores: |line| line.starts_with("vst") };
const RISCV: Isa = Isa { suffix: "plain", product: ["fmadd.s", ""], sums: 20, stores: |line| line.starts_with("fsw") };
const SIMD128: Isa =
    Isa { suffix: "simd128", product: ["f32x4.mul", ""], sums: 8, stores: |line| line.starts_with("v128.store") };
const CORTEX_M: Isa = Isa {
    suffix: "plain",
    product: ["vfma.f32", "\ts"],
    sums: 16,
    stores: |line| line.starts_with("st") || line.starts_with("vst"),
};

/// A move of a register to memory.
fn x86_stores(line: &str) -> bool {
    let moves = ["movap", "movup", "movdq"].iter().any(|name| line.trim_start_matches('v').starts_with(name));
    moves && line.trim_end().ends_with(')')
}

const M55: &[&str] = &["-O3", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"];
const M55_SMALL: &[&str] = &["-Os", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"];
const WASM: &[&str] = &["-O3", "--target=wasm32", "-msimd128", "-ffreestanding", "-I."];
const CLANG_AARCH64: &[&str] = &["-O3", "--target=aarch64-linux-gnu", "-ffreestanding", "-I."];
const CLANG_M55: &[&str] =
    &["-O3", "--target=thumbv8.1m.main-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-ffreestanding", "-I."];
const M4: &[&str] = &["-O2", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
const M4_SMALL: &[&str] = &["-Os", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
const AARCH64_OBJDUMP: &[&str] = &["aarch64-linux-gnu-objdump"];
const DOTPROD: &[&str] = &["-O3", "-march=armv8.2-a+dotprod"];
const ARM_OBJDUMP: &[&str] = &["arm-none-eabi-objdump"];
const M55_OBJDUMP: &[&str] = &["llvm-objdump", "--triple=thumbv8.1m.main-none-eabi", "--mattr=+mve.fp"];

fn objects() -> Vec<Object> {
    let object = |name, target, compiler, flags, objdump, isa| Object { name, target, compiler, flags, objdump, isa };
    let mut objects = vec![
        object("neon", Target::Aarch64, "aarch64-linux-gnu-gcc", &["-O3"], AARCH64_OBJDUMP, NEON),
        object("neon_clang", Target::Aarch64, "clang", CLANG_AARCH64, AARCH64_OBJDUMP, NEON),
        object("helium", Target::CortexM55, "arm-none-eabi-gcc", M55, M55_OBJDUMP, HELIUM),
        object("helium_small", Target::CortexM55, "arm-none-eabi-gcc", M55_SMALL, M55_OBJDUMP, HELIUM),
        object("helium_clang", Target::CortexM55, "clang", CLANG_M55, M55_OBJDUMP, HELIUM),
        object("cortex_m4", Target::CortexM4, "arm-none-eabi-gcc", M4, ARM_OBJDUMP, CORTEX_M),
        object("cortex_m4_small", Target::CortexM4, "arm-none-eabi-gcc", M4_SMALL, ARM_OBJDUMP, CORTEX_M),
        object("riscv64", Target::Riscv64, "riscv64-linux-gnu-gcc", &["-O3"], &["riscv64-linux-gnu-objdump"], RISCV),
        object("simd128", Target::Wasm32, "clang", WASM, &["llvm-objdump"], SIMD128),
    ];
    if cfg!(target_arch = "x86_64") {
        let x86 = |name, compiler, isa| object(name, Target::Auto, compiler, &["-O3"], &["objdump"], isa);
        let v3 = |name, compiler| object(name, Target::X86_64V3, compiler, &["-O3"], &["objdump"], AVX2);
        objects.extend([
            x86("avx512_gcc", "gcc", AVX512),
            x86("avx512_clang", "clang", AVX512),
            x86("avx2_gcc", "gcc", AVX2),
            x86("avx2_clang", "clang", AVX2),
            x86("sse2_gcc", "gcc", SSE2),
            x86("sse2_clang", "clang", SSE2),
            v3("x86_64_v3_gcc", "gcc"),
            v3("x86_64_v3_clang", "clang"),
        ]);
    }
    objects
}

/// Objects of a network on codes.
fn on_codes() -> Vec<Object> {
    let isa = |suffix, product, sums, stores| Isa { suffix, product, sums, stores };
    let x86 = |suffix, product, sums| isa(suffix, product, sums, x86_stores);
    let dsp = isa("plain", ["smlad", ""], 12, |line| line.starts_with("st"));
    let helium = isa("helium", ["vmlava", ""], 4, |line| line.starts_with("st") || line.starts_with("vst"));
    let sdot = isa("neon", ["sdot", ".4s"], 16, NEON.stores);
    let object = |name, target, compiler, flags, objdump, isa| Object { name, target, compiler, flags, objdump, isa };
    let mut objects = vec![
        object("codes_cortex_m4", Target::CortexM4, "arm-none-eabi-gcc", M4, ARM_OBJDUMP, dsp),
        object("codes_helium", Target::CortexM55, "arm-none-eabi-gcc", M55, M55_OBJDUMP, helium),
        object("codes_sdot", Target::Aarch64, "aarch64-linux-gnu-gcc", DOTPROD, AARCH64_OBJDUMP, sdot),
    ];
    if cfg!(target_arch = "x86_64") {
        let vnni = x86("avx512", ["vpdpbusd", "%zmm"], 8);
        let avx2 = x86("avx2", ["vpmaddubsw", "%ymm"], 8);
        for (name, compiler, isa) in [
            ("codes_vnni_gcc", "gcc", vnni),
            ("codes_vnni_clang", "clang", vnni),
            ("codes_avx2_gcc", "gcc", avx2),
            ("codes_avx2_clang", "clang", avx2),
        ] {
            objects.push(object(name, Target::Auto, compiler, &["-O3"], &["objdump"], isa));
        }
    }
    objects
}

pub fn trials() -> Vec<Trial> {
    let test = |object: Object| {
        trial(format!("hot_loops::{}", object.name), move || {
            hot_loop(&object, &fashion()?.c_for(object.target)?.files, "_pointwise")
        })
    };
    let codes = |object: Object| {
        trial(format!("hot_loops::{}", object.name), move || hot_loop(&object, &person(object.target)?, "_dot_"))
    };
    objects().into_iter().map(test).chain(on_codes().into_iter().map(codes)).collect()
}

/// A network on codes for a target.
fn person(target: Target) -> Result<Files, Stop> {
    let path = shared().map_err(Stop::Absent)?.join("models/mnv1_a025_96_vww_ortqdq_s8s8.onnx");
    Ok(Case::read_with("net", &path, &target.cost())?.c_for(target)?.files)
}

fn hot_loop(object: &Object, files: &Files, function: &str) -> Result<(), Stop> {
    let Object { name, compiler, objdump, isa, .. } = *object;
    needs(&[compiler, objdump[0]])?;
    let folder = Folder::new(&format!("hot-loops-{name}"), files)?;
    folder.write("string.h", mobilenet_compiler::host::wasm::STRING_H)?;
    check(folder.command(compiler).args(["-std=c99", "-c", "net.c"]).args(object.flags))?;
    let listing = check(folder.command(objdump[0]).args(&objdump[1..]).args(["-d", "--no-show-raw-insn", "net.o"]))?;
    let products =
        |lines: &[&str]| lines.iter().filter(|line| isa.product.iter().all(|part| line.contains(part))).count();
    let mut tiles = loops(&listing, &[function, isa.suffix]);
    tiles.retain(|lines| products(lines) >= isa.sums);
    // The one with the least around its products; what rounds off a row or spills a sum has more.
    let densest = tiles.into_iter().max_by_key(|lines| products(lines) * 1000 / lines.len());
    match densest {
        None => Err(Stop::Failed(format!("no loop with {} of {:?}", isa.sums, isa.product))),
        Some(lines) if lines.iter().any(|line| (isa.stores)(line)) => {
            Err(Stop::Failed(format!("stores sums:\n{}", lines.join("\n"))))
        }
        Some(_) => Ok(()),
    }
}

/// The innermost loops of the functions whose names have all `parts`.
fn loops<'a>(listing: &'a str, parts: &[&str]) -> Vec<Vec<&'a str>> {
    let mut functions: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in listing.lines() {
        let name = line.strip_suffix(">:").and_then(|line| line.split_once(" <")).map(|(_, name)| name);
        match (name, functions.last_mut()) {
            (None, Some((_, lines))) => lines.push(line),
            // A label inside a function, which RISC-V's relocations keep.
            (Some(name), _) if name.starts_with(".L") => {}
            (Some(name), _) => functions.push((name, Vec::new())),
            (None, None) => {}
        }
    }
    functions.retain(|(name, _)| parts.iter().all(|part| name.contains(part)));
    functions.into_iter().flat_map(|(_, lines)| innermost(lines.into_iter())).collect()
}

/// Instructions from the target of a jump back to that jump, unless others like that lie between.
fn innermost<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let (mut places, mut instructions, mut loops) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (address, instruction) in lines.filter_map(|line| line.split_once(':')) {
        let instruction = instruction.trim();
        let label =
            instruction.split_once("# label").map(|(_, number)| format!("label{}", number.trim_end_matches(':')));
        places.insert(label.unwrap_or_else(|| address.trim().to_owned()), instructions.len());
        let start = target(instruction).and_then(|target| places.get(target));
        loops.extend(start.map(|&start| start..=instructions.len()));
        instructions.push(instruction);
    }
    let within =
        |a: &RangeInclusive<usize>, b: &RangeInclusive<usize>| a != b && a.start() >= b.start() && a.end() <= b.end();
    let alone = |outer: &&RangeInclusive<usize>| !loops.iter().any(|inner| within(inner, outer));
    loops.iter().filter(alone).map(|range| instructions[range.clone()].to_vec()).collect()
}

/// Where a jump goes: an address, or a label of WebAssembly's.
fn target(instruction: &str) -> Option<&str> {
    match instruction.split_once("up to ") {
        Some((_, label)) => Some(label.trim()),
        None => instruction
            .split_once(" <")?
            .0
            .split(['\t', ' ', ','])
            .next_back()
            .map(|word| word.trim_start_matches("0x")),
    }
}
