//! Bare metal on emulated boards: the examples, and a network whose memory the linker script places.

use crate::emitted::{Folder, needs};
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::Options;
use mobilenet_compiler::emit::c::{COptions, Target};
use mobilenet_compiler::options::{InputType, Labels, Normalise};
use mobilenet_tests::case::Case;
use mobilenet_tests::program::board::{self, Board};
use mobilenet_tests::program::object::{Section, sections};
use mobilenet_tests::program::{check, rust};
use mobilenet_tests::shared::{float_models, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("boards::the_example_in_c", example_in_c),
        trial("boards::the_example_in_rust", example_in_rust),
        trial("boards::damaged_weights_fail_the_self_test_on_a_cortex_m7", || {
            // The example's network takes the place of the person detector where that is not there.
            let model = float_models().ok().and_then(|all| all.into_iter().find(|model| model.name.contains("96_vww")));
            placed(&model.map_or_else(fashion, |model| model.path))
        }),
    ]
}

fn fashion() -> PathBuf {
    workspace().join("examples/classify/model/fashion_a025_64.onnx")
}

fn example(language: &str) -> PathBuf {
    workspace().join("examples/cortex-m").join(language)
}

/// What the examples print: the classes that the index of the pictures gives.
fn answers() -> Result<String, Stop> {
    let pictures = workspace().join("examples/classify/pictures");
    let read = |name: &str| fs::read_to_string(pictures.join(name)).map_err(|e| Stop::Failed(format!("{name}: {e}")));
    let (labels, index) = (read("labels.txt")?, read("index.tsv")?);
    let class = |line: &str| line.split_once('\t')?.1.parse().ok();
    let lines = index.lines().take(6).enumerate().map(|(i, line)| {
        let label = class(line).and_then(|class| labels.lines().nth(class)).ok_or("a class without a label")?;
        Ok(format!("picture {i}: {label}\n"))
    });
    lines.collect::<Result<_, &str>>().map_err(|message| Stop::Failed(message.into()))
}

/// The options of the example, which its Makefile gives to `mobilenetc`.
fn example_in_c() -> Result<(), Stop> {
    needs(&["make", "arm-none-eabi-gcc", "qemu-system-arm"])?;
    let options = Options {
        input: Some(InputType::U8),
        grey: true,
        normalise: Some(Normalise { mean: vec![0.5], std: vec![0.5] }),
        ..Options::default()
    };
    let mut case = Case::read_as("fashion", &fashion(), &options)?;
    let labels = Labels::read(&workspace().join("examples/classify/pictures/labels.txt")).map_err(|e| e.to_string())?;
    case.plan = case.plan.with_classes(&Options { labels: Some(labels), top_k: Some(1), ..options })?;
    let boards = [(board::M4, Target::CortexM4), (board::M7, Target::CortexM7), (board::M55, Target::CortexM55)];
    for (Board { machine, .. }, target) in boards {
        let dry = make("run", machine, Path::new("absent")).args(["--always-make", "--dry-run"]).output();
        let commands = String::from_utf8_lossy(&dry.map_err(|e| e.to_string())?.stdout).into_owned();
        if !commands.contains(&format!("--target {} ", target.name())) {
            return Err(Stop::Failed(format!("{machine} is not built for {}: {commands}", target.name())));
        }
        let options = COptions { target, ..COptions::default() };
        let folder = Folder::new(&format!("cortex-m-example-{machine}"), &case.self_testing(options)?)?;
        let expected = format!("the self-test passes\n{}", answers()?);
        expect(&format!("{machine} gives"), &run(make("run", machine, &folder.0).arg("--silent"))?, &(0, expected))?;
        let found = run(make("rows", machine, &folder.0).arg("--silent"))?;
        expect(&format!("{machine} gives by rows"), &found, &(0, answers()?))?;
    }
    Ok(())
}

fn make(goal: &str, machine: &str, out: &Path) -> Command {
    let mut make = Command::new("make");
    make.arg("-C").arg(example("c")).args([goal, &format!("BOARD={machine}"), &format!("OUT={}", out.display())]);
    make
}

fn example_in_rust() -> Result<(), Stop> {
    rust::can_cross().map_err(Stop::Absent)?;
    needs(&["ld.lld", "qemu-system-arm"])?;
    let program = rust::build_firmware(&example("rust"), &scratch().join("target"), "cortex-m")?;
    expect("the board gives", &emulate(&board::M4, &program)?, &(0, answers()?))
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), Stop> {
    if found == expected { Ok(()) } else { Err(Stop::Failed(format!("{what} {found:?} instead of {expected:?}"))) }
}

/// Exit status and output of a program on a board.
fn emulate(board: &Board, program: &Path) -> Result<(i32, String), Stop> {
    let [emulator, arguments @ ..] = board.emulator();
    let mut qemu = Command::new(emulator);
    qemu.args(arguments).args(["-serial", "none", "-semihosting", "-kernel"]);
    run(qemu.arg(program))
}

/// Exit status and output: the emulator prints what the program says to its standard error.
fn run(command: &mut Command) -> Result<(i32, String), Stop> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{command:?}: {e}"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((output.status.code().unwrap_or(-1), said))
}

const MAIN: &str = r#"#include "net.h"

static net_arena arena __attribute__((section(".bss.arena")));

int main(void) { return net_self_test(&arena); }
"#;

/// `NET_ERROR_HASH`
const HASH: i32 = 6;

/// Weights and arena lie where the linker script says, the self-test passes, and any damaged byte of the weights fails it.
fn placed(model: &Path) -> Result<(), Stop> {
    needs(&["arm-none-eabi-gcc", "qemu-system-arm"])?;
    let case = Case::read("net", model)?;
    let options = COptions { target: Target::CortexM7, ..COptions::default() };
    let folder = Folder::new("cortex-m7-placed", &case.self_testing(options)?)?;
    folder.write("main.c", MAIN)?;
    link(&folder)?;
    let program = folder.0.join("program");
    let file = fs::read(&program).map_err(|e| e.to_string())?;
    let all = sections(&file).ok_or_else(|| "no ELF file".to_owned())?;
    let weights = find(&all, ".weights", 0x6000_0000..0x6100_0000, case.plan.weights.len())?;
    find(&all, ".arena", 0x2000_0000..0x2040_0000, case.plan.arena_bytes)?;
    expect("the self-test gives", &emulate(&board::M7, &program)?, &(0, String::new()))?;
    let last = case.plan.weights.len() - 1;
    for (offset, bit) in [(0, 0), (last / 3, 3), (last / 2, 6), (last, 7)] {
        let mut damaged = file.clone();
        damaged[weights.range.start + offset] ^= 1 << bit;
        let path = folder.0.join("damaged");
        fs::write(&path, damaged).map_err(|e| e.to_string())?;
        let what = format!("with bit {bit} of byte {offset} flipped the self-test gives");
        expect(&what, &emulate(&board::M7, &path)?.0, &HASH)?;
    }
    Ok(())
}

/// Builds with the example's start-up code and memory map.
fn link(folder: &Folder) -> Result<(), Stop> {
    let example = example("c").canonicalize().map_err(|e| e.to_string())?;
    let mut gcc = folder.command("arm-none-eabi-gcc");
    gcc.args(board::M7.flags).args(["-std=gnu99", "-O2", "-nostartfiles", "-I."]).arg("-I").arg(&example);
    gcc.arg("-DNET_WEIGHTS_SECTION=__attribute__((section(\".weights\")))").args(folder.sources()?);
    gcc.args(["start.c", "semihosting.c"].map(|name| example.join(name)));
    gcc.arg("-L").arg(&example).args(["-T", "mps2-an500.ld", "-o", "program"]);
    check(&mut gcc)?;
    Ok(())
}

fn find<'a>(all: &'a [Section], name: &str, region: std::ops::Range<u64>, least: usize) -> Result<&'a Section, Stop> {
    let section = all.iter().find(|section| section.name == name);
    let is_there = |section: &&Section| {
        section.size >= least && region.start <= section.address && section.address + section.size as u64 <= region.end
    };
    section
        .filter(is_there)
        .ok_or_else(|| Stop::Failed(format!("{name}: {section:x?} instead of {least:#x} bytes in {region:x?}")))
}
