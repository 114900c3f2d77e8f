//! Rows in on emulated boards that have exactly the memory that is needed.

use crate::emitted::{Folder, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target};
use mobilenet_compiler::plan::{CostModel, Goal, Optimise};
use mobilenet_tests::case::Case;
use mobilenet_tests::draft;
use mobilenet_tests::program::board::{self, Board};
use mobilenet_tests::program::check;
use mobilenet_tests::program::object::sections;
use mobilenet_tests::random::{Act, Axes, Block, Entry, Head, Residual, Span, Spec};
use mobilenet_tests::shared::{shared, workspace};
use mobilenet_tests::weights::Noise;
use std::fs;
use std::process::{Command, Stdio};

/// Where memory for everything that is written begins.
const SRAM: u64 = 0x2000_0000;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("rows::the_person_detector_has_32_kb_and_no_byte_less", || {
            let path = shared().map_err(Stop::Absent)?.join("family/mnv1_a025_96_vww_ortqop_s8s8.onnx");
            if !path.exists() {
                return Err(Stop::Absent(format!("{} is absent", path.display())));
            }
            on_boards("person", 2560, 32_000, &|cost| Case::read_with("net", &path, cost))
        }),
        trial("rows::v2_035_144_has_72_kb_and_no_byte_less", || {
            on_boards("v2", 8704, 72_000, &|cost| Case::authored("net", &draft::author(&v2_035_144()), cost))
        }),
    ]
}

/// MobileNet V2 of width 0.35 for 144 x 144 bytes and a thousand classes, quantised, of random weights: the table of
/// Sandler et al. with channels rounded to multiples of 8.
fn v2_035_144() -> Spec {
    let span = |stride| Span { kernel: [3; 2], stride: [stride; 2], dilation: [1; 2], pads: [1; 4] };
    let mut blocks = Vec::new();
    let mut before = 16;
    for (expansion, channels, count, stride) in
        [(1, 8, 1, 1), (6, 8, 2, 2), (6, 16, 3, 2), (6, 24, 4, 2), (6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1)]
    {
        for repeat in 0..count {
            let stride = if repeat == 0 { stride } else { 1 };
            let sums = stride == 1 && before == channels;
            let residual = sums.then_some(Residual { swapped: false, act: Act::None });
            let (span, inner) = (span(stride), Act::Relu6);
            blocks.push(Block::Inverted { expansion, span, inner, gate: None, channels, residual, norm: false });
            before = channels;
        }
    }
    blocks.push(Block::Pointwise { channels: 1280, act: Act::Relu6 });
    Spec {
        weights: 35,
        quantised: true,
        opset: 13,
        batch: 1,
        size: [144; 2],
        channels: 3,
        axes: Axes::Nhwc,
        entry: Entry::Bytes,
        stem: span(2),
        stem_channels: 16,
        stem_act: Act::Relu6,
        stem_norm: false,
        blocks,
        inner: None,
        head: Head::Dense { classes: 1000, softmax: false },
    }
}

type Compile<'a> = &'a dyn Fn(&CostModel) -> Result<Case, mobilenet_compiler::Error>;

/// On each board as much memory as the linker finds is needed, stack, arena and output: the program links into it and not into a
/// row of arena less, and runs in it. It is no more than `floor`. The stack takes what a layer's codes of three pixels do, spread.
fn on_boards(name: &str, stack: usize, floor: usize, compile: Compile) -> Result<(), Stop> {
    needs(&["arm-none-eabi-gcc", "qemu-system-arm"])?;
    for (board, target) in [(board::M4, Target::CortexM4), (board::M7, Target::CortexM7)] {
        let goal = Goal { optimise: Optimise::Memory, max_arena: None };
        let case = compile(&CostModel { goal, ..target.cost() })?;
        let rows = case.plan.rows_in()?;
        let options = COptions { target, ..COptions::default() };
        let folder = Folder::new(&format!("rows-{name}-{}", board.machine), &case.self_testing(options)?)?;
        let elements = rows.len() * rows.image.height;
        let image = match rows.image.element.bytes() {
            1 => Noise::new(7).bytes(elements),
            _ => Noise::new(7).vector(elements, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        fs::write(folder.0.join("image.bin"), image).map_err(|e| e.to_string())?;
        folder.write("main.c", include_str!("rows/main.c"))?;
        folder.write("image.S", include_str!("rows/image.S"))?;
        folder.write("sections.ld", include_str!("rows/sections.ld"))?;
        link(&folder, &board, stack, 4 << 20)?;
        let file = fs::read(folder.0.join("program")).map_err(|e| e.to_string())?;
        let all = sections(&file).ok_or_else(|| "no ELF file".to_owned())?;
        let written = all.iter().filter(|section| (SRAM..SRAM + (4 << 20)).contains(&section.address));
        let end = written.map(|section| section.address + section.size as u64).max().unwrap_or(SRAM);
        let needed = (end - SRAM) as usize;
        eprintln!("{name} on {}: {needed} bytes, {} of them arena", board.machine, case.plan.arena_bytes);
        if needed > floor {
            return Err(Stop::Failed(format!("{name} takes {needed} bytes on {}, not {floor}", board.machine)));
        }
        let row = rows.len() * rows.image.element.bytes();
        if link(&folder, &board, stack, needed - row).is_ok() {
            return Err(Stop::Failed(format!("{name} links into {} bytes", needed - row)));
        }
        link(&folder, &board, stack, needed)?;
        let [emulator, arguments @ ..] = board.emulator();
        let mut qemu = Command::new(emulator);
        qemu.args(arguments).args(["-serial", "none", "-semihosting", "-kernel", "program"]);
        let output = qemu.current_dir(&folder.0).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
        if output.status.code() != Some(0) {
            return Err(Stop::Failed(format!("{name} on {} ends with {output:?}", board.machine)));
        }
    }
    Ok(())
}

/// Builds with the start-up code of the example and so much memory, of which `stack` bytes are the stack's.
fn link(folder: &Folder, board: &Board, stack: usize, bytes: usize) -> Result<(), String> {
    let example = workspace().join("examples/cortex-m/c").canonicalize().map_err(|e| e.to_string())?;
    let weights = if *board == board::M7 { "0x60000000" } else { "0x21000000" };
    let script = format!(
        "MEMORY {{\n  FLASH (rx) : ORIGIN = 0, LENGTH = 4M\n  SRAM (rwx) : ORIGIN = {SRAM:#x}, LENGTH = {bytes}\n  \
         EXTERNAL (r) : ORIGIN = {weights}, LENGTH = 16M\n}}\nSTACK = {stack};\nINCLUDE sections.ld\n"
    );
    fs::write(folder.0.join("exact.ld"), script).map_err(|e| e.to_string())?;
    let _ = fs::remove_file(folder.0.join("program"));
    let mut gcc = folder.command("arm-none-eabi-gcc");
    gcc.args(board.flags).args(["-std=gnu99", "-O2", "-nostartfiles", "-I."]).arg("-I").arg(&example);
    gcc.args(["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]);
    gcc.arg("-DNET_WEIGHTS_SECTION=__attribute__((section(\".weights\")))");
    gcc.args(folder.sources().map_err(Stop::message)?);
    gcc.args(["start.c", "semihosting.c"].map(|name| example.join(name)));
    check(gcc.args(["-L.", "-T", "exact.ld", "-o", "program"]))?;
    Ok(())
}
