//! What is promised of emitted C for every target: warnings, language, sections, stack.

use crate::emitted::{FORMS, Folder, fashion, needs, tiny};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target, WeightStorage};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::{float_models, workspace};
use mobilenet_tests::small;
use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("c_targets::generic_is_standard_c", standard),
        trial("c_targets::weights_go_where_they_are_told", sections),
        trial("c_targets::fixed_targets_refuse_other_processors", refusals),
        trial("c_targets::cortex_m_refuses_software_floats", soft_floats),
        trial("c_targets::fixed_targets_are_small", sizes),
        trial("c_targets::big_endian_is_refused", big_endian),
    ];
    for build in builds() {
        trials.push(trial(format!("c_targets::warnings_{}", build.name()), move || warnings(&build)));
    }
    for build in builds() {
        trials.push(trial(format!("c_targets::large_weights_{}", build.name()), move || large(&build)));
    }
    for build in builds().into_iter().filter(Build::reports_its_stack) {
        trials.push(trial(format!("c_targets::stack_{}", build.name()), move || stack(&build)));
    }
    trials
}

/// A target and a compiler for it.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    pub target: Target,
    compiler: &'static str,
    /// Its driver for C++, where there is one.
    pub cxx: Option<&'static str>,
    pub flags: &'static [&'static str],
}

impl Build {
    pub fn name(&self) -> String {
        format!("{}_{}", self.target.name(), self.compiler)
    }

    pub fn driver(&self) -> &'static str {
        if self.compiler.starts_with("clang") { "clang" } else { self.compiler }
    }

    /// What a compiler without a libc lacks.
    pub fn provide_headers(&self, folder: &Folder) -> Result<(), Stop> {
        if !self.flags.contains(&"-I.") {
            return Ok(());
        }
        folder.write("string.h", mobilenet_compiler::host::wasm::STRING_H)
    }

    /// gcc does, and the host's says nothing of a target that it only stands in for.
    fn reports_its_stack(&self) -> bool {
        match self.compiler {
            "gcc" => matches!(self.target, Target::Auto | Target::Generic | Target::X86_64V3),
            compiler => compiler.ends_with("gcc"),
        }
    }
}

const M4: &[&str] = &["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
const M33: &[&str] = &["-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"];
const M7: &[&str] = &["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"];
const M55: &[&str] = &["-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"];
const WASM: &[&str] = &["--target=wasm32", "-ffreestanding", "-I."];
const WASM_SIMD: &[&str] = &["--target=wasm32", "-ffreestanding", "-I.", "-msimd128"];
const CLANG_AARCH64: &[&str] = &["--target=aarch64-linux-gnu", "-ffreestanding", "-I."];
const CLANG_RISCV64: &[&str] = &["--target=riscv64-linux-gnu", "-march=rv64gc", "-ffreestanding", "-I."];
const CLANG_M55: &[&str] =
    &["--target=thumbv8.1m.main-none-eabi", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-ffreestanding", "-I."];

pub fn builds() -> Vec<Build> {
    let mut builds = Vec::new();
    for (compiler, cxx) in [("gcc", "g++"), ("clang", "clang++")] {
        let cxx = Some(cxx);
        let mut targets = vec![Target::Auto, Target::Generic, Target::CortexM4, Target::CortexM7, Target::Riscv64];
        targets.extend(cfg!(target_arch = "x86_64").then_some(Target::X86_64V3));
        builds.extend(targets.into_iter().map(|target| Build { target, compiler, cxx, flags: &[] }));
    }
    let cross = |target, compiler, cxx, flags| Build { target, compiler, cxx, flags };
    let arm = |target, flags| cross(target, "arm-none-eabi-gcc", Some("arm-none-eabi-g++"), flags);
    builds.extend([
        cross(Target::Aarch64, "aarch64-linux-gnu-gcc", None, &[]),
        cross(Target::Riscv64, "riscv64-linux-gnu-gcc", None, &[]),
        arm(Target::CortexM4, M4),
        arm(Target::CortexM33, M33),
        arm(Target::CortexM7, M7),
        arm(Target::CortexM55, M55),
        arm(Target::Generic, M4),
        arm(Target::Auto, M55),
        cross(Target::Wasm32, "clang-wasm", None, WASM),
        cross(Target::Wasm32, "clang-wasm-simd", None, WASM_SIMD),
        cross(Target::Aarch64, "clang-aarch64", Some("clang++"), CLANG_AARCH64),
        cross(Target::Riscv64, "clang-riscv64", Some("clang++"), CLANG_RISCV64),
        cross(Target::CortexM55, "clang-arm", Some("clang++"), CLANG_M55),
    ]);
    builds
}

type Named = (String, Case);

/// Every kernel between them.
fn cases() -> Result<&'static [Named], Stop> {
    static CASES: LazyLock<Result<Vec<Named>, String>> = LazyLock::new(|| {
        let of = |author| Case::authored("net", &author, &CostModel::default()).map_err(|e| e.to_string());
        let small = small::all().into_iter().map(|(name, author)| Ok((name.into(), of(author)?)));
        small.chain([fashion().map(|case| ("fashion".into(), case)).map_err(Stop::message)]).collect()
    });
    Ok(CASES.as_ref().map_err(Clone::clone)?)
}

/// Those with the largest frames.
fn large_frames() -> Result<&'static [Named], Stop> {
    static CASES: LazyLock<Result<Vec<Named>, String>> = LazyLock::new(|| {
        let five = Case::authored("net", &small::five_by_five(), &CostModel::default());
        let large = |name: &str| name.contains("a100_224") || name.contains("vww");
        let models = float_models().unwrap_or_default().into_iter().filter(|model| large(&model.name));
        let models = models.map(|model| (Case::read("net", &model.path), model.name));
        let all = [(five, "five_by_five".into())].into_iter().chain(models);
        all.map(|(case, name)| Ok((name, case.map_err(|e| e.to_string())?))).collect()
    });
    Ok(CASES.as_ref().map_err(Clone::clone)?)
}

fn folder(name: &str, case: &Case, target: Target) -> Result<Folder, Stop> {
    Folder::new(name, &case.self_testing(COptions { target, ..COptions::default() })?)
}

/// None, in C99 and in C++17, of all three files.
fn warnings(build: &Build) -> Result<(), Stop> {
    let compiler = build.driver();
    needs(&[compiler])?;
    for (name, case) in cases()? {
        let folder = folder(&format!("warnings-{}", build.name()), case, build.target)?;
        build.provide_headers(&folder)?;
        let compile = |compiler: &str, language: &[&str]| {
            let mut command = folder.command(compiler);
            command.args(&STRICT[1..]).args(["-O2", "-c"]).args(build.flags).args(language);
            check(command.args(["net.c", "net_weights.c", "net_test.c"])).map_err(|said| format!("{name}: {said}"))
        };
        compile(compiler, &["-std=c99"])?;
        if let Some(cxx) = build.cxx {
            needs(&[cxx])?;
            compile(cxx, &["-x", "c++", "-std=c++17"])?;
        }
    }
    Ok(())
}

/// No reserved identifier but what C and C++ define, no pragma, and a compiler that is told to refuse all extensions.
fn standard() -> Result<(), Stop> {
    needs(&["gcc"])?;
    for (name, case) in cases()? {
        let folder = folder("standard", case, Target::Generic)?;
        check(folder.command("gcc").args(["-std=c99", "-pedantic-errors", "-fsyntax-only"]).args(folder.sources()?))?;
        for file in fs::read_dir(&folder.0).map_err(|e| e.to_string())?.filter_map(Result::ok) {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let plain = text.replace("__cplusplus", "").replace("__CPPCHECK__", "");
            if let Some(line) = plain.lines().find(|line| line.contains("__") || line.contains("#pragma")) {
                return Err(Stop::Failed(format!("{name}: {}: {line}", file.path().display())));
            }
        }
    }
    Ok(())
}

/// Section and alignment, by the macros of both forms that are linked.
fn sections() -> Result<(), Stop> {
    needs(&["gcc", "objdump"])?;
    let case = fashion()?;
    let macros = |form| match form {
        WeightStorage::Source => vec![
            "-DNET_WEIGHTS_SECTION=__attribute__((section(\".extflash\")))",
            "-DNET_WEIGHTS_ALIGNMENT=__attribute__((aligned(256)))",
        ],
        _ => vec!["-DNET_WEIGHTS_ASM_SECTION=.section .extflash,\"a\",%progbits"],
    };
    for (form, file, alignment) in
        [(WeightStorage::Source, "net_weights.c", "2**8"), (WeightStorage::Incbin, "net_weights.S", "2**6")]
    {
        let files = case.self_testing(COptions { weights: form, ..COptions::default() })?;
        let folder = Folder::new(&format!("sections-{}", form.name()), &files)?;
        check(folder.command("gcc").args(macros(form)).args(["-c", file, "-o", "weights.o"]))?;
        let listing = check(folder.command("objdump").args(["-h", "-w", "weights.o"]))?;
        let line = listing.lines().find(|line| line.contains(" .extflash")).unwrap_or_default();
        let words: Vec<_> = line.split_whitespace().collect();
        let size = words.get(2).and_then(|size| usize::from_str_radix(size, 16).ok()).unwrap_or_default();
        if size < case.plan.weights.len() || words.get(6) != Some(&alignment) {
            return Err(Stop::Failed(format!("{file}: {listing}")));
        }
    }
    Ok(())
}

/// An `#error` that names the target, instead of a screen of unknown types.
fn refusals() -> Result<(), Stop> {
    needs(&["gcc"])?;
    let case = fashion()?;
    let other = if cfg!(target_arch = "aarch64") { Target::X86_64V3 } else { Target::Aarch64 };
    for target in [other, Target::CortexM55] {
        let folder = folder("refused", &case, target)?;
        let message = check(folder.command("gcc").args(["-std=c99", "-fsyntax-only", "net.c"])).err();
        let wanted = format!("--target {} needs", target.name());
        if !message.as_ref().is_some_and(|message| message.contains(&wanted)) {
            return Err(Stop::Failed(format!("{target:?}: {message:?}")));
        }
    }
    Ok(())
}

/// In each file that reads words from bytes; words have no order.
fn big_endian() -> Result<(), Stop> {
    needs(&["arm-none-eabi-gcc"])?;
    for target in [Target::Auto, Target::Generic] {
        for (form, weights) in FORMS {
            let files = tiny()?.self_testing(COptions { weights, target, ..COptions::default() })?;
            let folder = Folder::new("big-endian", &files)?;
            let words = target == Target::Generic && weights == WeightStorage::Source;
            for file in folder.sources()?.into_iter().filter(|file| file.ends_with(".c")) {
                let mut gcc = folder.command("arm-none-eabi-gcc");
                let said = check(gcc.args(["-std=c99", "-mbig-endian", "-fsyntax-only", &file])).err();
                let refused = said.as_ref().is_some_and(|said| said.contains("--target generic --weights source"));
                if words != said.is_none() || words == refused {
                    return Err(Stop::Failed(format!("{target:?}, {form}, {file}: {said:?}")));
                }
            }
        }
    }
    Ok(())
}

/// An `#error` that names the flags, with which the code compiles; as it does with what overrides the error.
fn soft_floats() -> Result<(), Stop> {
    needs(&["arm-none-eabi-gcc"])?;
    let case = fashion()?;
    for (target, flags) in [(Target::CortexM4, M4), (Target::CortexM33, M33), (Target::CortexM7, M7)] {
        let folder = folder("soft-floats", &case, target)?;
        let compile = |flags: &[&str]| {
            check(folder.command("arm-none-eabi-gcc").args(["-std=c99", "-fsyntax-only", "net.c"]).args(flags))
        };
        let wanted = format!("--target {} needs {}", target.name(), flags[2..].join(" "));
        match compile(&flags[..2]) {
            Err(message) if message.contains(&wanted) => {}
            other => return Err(Stop::Failed(format!("{target:?}: {other:?}"))),
        }
        compile(flags)?;
        compile(&[&flags[..2], &["-DNET_SOFT_FLOAT"]].concat())?;
    }
    Ok(())
}

/// The form that weights beyond 4 MiB have by default is one that the target's compiler takes.
fn large(build: &Build) -> Result<(), Stop> {
    let compiler = build.driver();
    needs(&[compiler])?;
    let mut case = tiny()?;
    case.plan.weights.resize((4 << 20) + 4, 1);
    let weights = WeightStorage::by_size(case.plan.weights.len(), build.target);
    let options = COptions { target: build.target, weights, ..COptions::default() };
    let folder = Folder::new(&format!("large-{}", build.name()), &case.self_testing(options)?)?;
    build.provide_headers(&folder)?;
    check(folder.command(compiler).args(["-O1", "-c"]).args(build.flags).args(folder.sources()?))?;
    Ok(())
}

/// A fixed target holds only its own kernels.
fn sizes() -> Result<(), Stop> {
    let case = fashion()?;
    let length = |target| -> Result<usize, Stop> {
        let files = case.c_for(target)?.files;
        Ok(files.iter().find(|(name, _)| *name == "net.c").map_or(0, |(_, text)| text.len()))
    };
    let all = length(Target::Auto)?;
    for target in Target::ALL.into_iter().filter(|&target| target != Target::Auto) {
        let found = length(target)?;
        if found * 3 > all {
            return Err(Stop::Failed(format!("{}: {found} bytes, with all kernels {all}", target.name())));
        }
    }
    Ok(())
}

/// The frames along the deepest chain of calls stay below what the C reference states.
fn stack(build: &Build) -> Result<(), Stop> {
    needs(&[build.compiler])?;
    let text = fs::read_to_string(workspace().join("docs/output-format.md")).map_err(|e| e.to_string())?;
    let [optimised, plain] = stated(&text, build.target).ok_or_else(|| format!("no row for {:?}", build.target))?;
    let large = large_frames()?;
    for (name, case) in cases()?.iter().chain(large) {
        let mut entries = vec!["net_run_checked", "net_self_test"];
        let mut options = COptions { target: build.target, ..COptions::default() };
        // Those of large models are long to write as C, and no part of what is looked at.
        if name == "fashion" || large.iter().any(|(of, _)| of == name) {
            options.weights = WeightStorage::Bin;
            entries.push("net_load");
        }
        let folder = Folder::new(&format!("stack-{}", build.name()), &case.self_testing(options)?)?;
        for (level, bound) in [("-O0", plain), ("-Os", optimised), ("-O2", optimised), ("-O3", optimised)] {
            let mut command = folder.command(build.compiler);
            command.args(["-std=c99", "-fcallgraph-info=su", "-c", "net.c", "net_test.c", level]).args(build.flags);
            if let Err(message) = check(&mut command) {
                let old = message.contains("callgraph-info");
                return Err(if old { Stop::Absent("gcc knows no -fcallgraph-info".into()) } else { message.into() });
            }
            let read = |file| fs::read_to_string(folder.0.join(file)).map_err(|e| e.to_string());
            let graphs = [read("net.ci")?, read("net_test.ci")?].concat();
            let frames = Frames::of(&graphs);
            for entry in &entries {
                if !frames.bytes.contains_key(entry) {
                    return Err(Stop::Failed(format!("{name}: {level}: no frame of {entry}")));
                }
                let found = frames.below(entry);
                if found > bound {
                    let stated = format!("{entry} takes {found} bytes of stack, {bound} are stated");
                    return Err(Stop::Failed(format!("{name}: {level}: {stated}")));
                }
            }
        }
    }
    Ok(())
}

/// The bytes of a row of the table of stacks: optimised, and not.
fn stated(text: &str, target: Target) -> Option<[usize; 2]> {
    let table = text.split_once("### Stack\n")?.1;
    let row = table.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{}`", target.name())))?;
    let mut numbers = row.split('|').filter_map(|cell| cell.trim().replace(',', "").parse().ok());
    Some([numbers.next()?, numbers.next()?])
}

/// Frames and calls as gcc writes them down.
struct Frames<'a> {
    bytes: BTreeMap<&'a str, usize>,
    calls: Vec<[&'a str; 2]>,
}

impl<'a> Frames<'a> {
    fn of(graph: &'a str) -> Self {
        let mut frames = Frames { bytes: BTreeMap::new(), calls: Vec::new() };
        for line in graph.lines() {
            let mut quoted = line.split('"').skip(1).step_by(2);
            let (Some(first), Some(second)) = (quoted.next(), quoted.next()) else { continue };
            if line.starts_with("edge:") {
                frames.calls.push([first, second]);
            } else if let Some((before, _)) = second.split_once(" bytes (") {
                let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                frames.bytes.insert(first, digits.parse().unwrap_or_default());
            }
        }
        frames
    }

    /// Bytes from a function's frame to the deepest one below it.
    fn below(&self, function: &str) -> usize {
        let own = self.bytes.get(function).copied().unwrap_or_default();
        let called = self.calls.iter().filter(|[from, _]| *from == function);
        own + called.map(|[_, to]| self.below(to)).max().unwrap_or_default()
    }
}
