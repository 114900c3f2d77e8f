//! Emitted C for other processors: built by their compiler, run under their emulator.

use super::board::{self, Board};
use super::library::values;
use super::temporary::Temporary;
use super::{HostError, wasm};
use crate::emit::c::{COptions, Target, emit};
use crate::plan::Plan;
use std::path::Path;
use std::process::{Command, Stdio};

/// What builds and runs code for a target that is not this machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emulated {
    target: Target,
    compiler: &'static str,
    flags: &'static [&'static str],
    emulator: &'static str,
    world: World,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// An operating system, whose programs the emulator runs.
    Linux,
    /// A board without one.
    Board(Board),
    /// WebAssembly without a libc.
    Wasm,
}

impl Emulated {
    /// The compiler and emulator of a target.
    ///
    /// # Errors
    ///
    /// Says what is not installed, or that the target has none.
    pub fn find(target: Target) -> Result<Self, String> {
        let linux = |compiler, emulator| Some((compiler, &["-O3", "-static"][..], emulator, World::Linux));
        let board = |board: Board| Some(("arm-none-eabi-gcc", &["-O3"][..], "qemu-system-arm", World::Board(board)));
        let found = match target {
            Target::Auto | Target::Generic | Target::X86_64V3 => None,
            Target::Aarch64 => linux("aarch64-linux-gnu-gcc", "qemu-aarch64"),
            Target::Riscv64 => linux("riscv64-linux-gnu-gcc", "qemu-riscv64"),
            Target::CortexM4 => board(board::M4),
            Target::CortexM33 => board(board::M33),
            Target::CortexM7 => board(board::M7),
            Target::CortexM55 => board(board::M55),
            Target::Wasm32 => Some(("clang", &["-O3", "-msimd128"][..], "node", World::Wasm)),
        };
        let Some((compiler, flags, emulator, world)) = found else {
            return Err(format!("{} is for this machine's compiler", target.name()));
        };
        let linker = (world == World::Wasm).then_some("wasm-ld");
        for tool in [compiler, emulator].into_iter().chain(linker) {
            installed(tool)?;
        }
        Ok(Self { target, compiler, flags, emulator, world })
    }

    /// What builds the code and what runs it.
    pub fn name(&self) -> String {
        format!("{}, {}", self.compiler, self.emulator)
    }

    /// Emits a plan as C for the target, builds it, and runs it on inputs, each the elements as bytes in the model's own type and
    /// layout. Returns per input the values of each output.
    ///
    /// # Errors
    ///
    /// What the emitter, the compiler or the program reports, or that the board has no room for the model.
    pub fn run(&self, plan: &Plan, inputs: &[Vec<u8>]) -> Result<Vec<Vec<Vec<f32>>>, HostError> {
        let input = inputs.first().map_or(0, Vec::len);
        if let World::Board(board) = self.world
            && !board.holds(plan.weights.len(), plan.arena_bytes, input)
        {
            return Err(HostError::Room { board: board.machine });
        }
        let folder = Temporary::new()?;
        self.build(plan, folder.path())?;
        std::fs::write(folder.path().join("input.bin"), inputs.concat())?;
        let mut command = Command::new(self.emulator);
        match self.world {
            World::Linux => command.arg("./program"),
            World::Board(board) => command.args(&board.emulator()[1..]).args([
                "-semihosting-config",
                "enable=on,target=native",
                "-kernel",
                "program",
            ]),
            World::Wasm => command.arg("run.mjs"),
        };
        emulate(&mut command, folder.path())?;
        let bytes = std::fs::read(folder.path().join("output.bin"))?;
        values(&plan.network.outputs, &bytes, inputs.len())
            .ok_or_else(|| std::io::Error::other(format!("{} wrote {} bytes", self.emulator, bytes.len())).into())
    }

    fn build(&self, plan: &Plan, folder: &Path) -> Result<(), HostError> {
        let options = COptions { name: "net".into(), target: self.target, ..COptions::default() };
        let files = emit(plan, &options).map_err(|error| std::io::Error::other(error.to_string()))?;
        files.write_to(folder)?;
        let mut sources: Vec<&str> = files.iter().map(|(name, _)| name).filter(|name| name.ends_with(".c")).collect();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
        let (ty, at) = match plan.network.outputs.len() {
            1 => ("NET_OUTPUT_TYPE", "[NET_OUTPUT_LEN]"),
            _ => ("net_output", "[1]"),
        };
        let shape = format!("#include \"net.h\"\ntypedef {ty} result{at};\n");
        let mut command = Command::new(self.compiler);
        command.args(self.flags).args(["-std=gnu99", "-o", "program"]);
        match self.world {
            World::Linux => write("main.c", &(shape + include_str!("emulated/main.c")))?,
            World::Board(board) => {
                write("main.c", &(shape + include_str!("emulated/main.c")))?;
                write("start.c", board::START)?;
                write("qemu.ld", &board.script())?;
                sources.push("start.c");
                command.args(board.flags).args(["--specs=rdimon.specs", "-T", "qemu.ld"]);
                command.arg("-DNET_WEIGHTS_SECTION=__attribute__((section(\".weights\")))");
            }
            World::Wasm => {
                write("main.c", &(shape + wasm::STRING_C + include_str!("emulated/wasm.c")))?;
                write("string.h", wasm::STRING_H)?;
                write("run.mjs", include_str!("emulated/run.mjs"))?;
                // What is memmove's own loop must not become a call of it.
                command.args(["--target=wasm32", "-I.", "-nostdlib", "-fno-builtin", "-Wl,--no-entry"]);
                command.arg("-Wl,-z,stack-size=262144");
            }
        }
        sources.push("main.c");
        command.args(sources).current_dir(folder);
        let output = command.stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(HostError::Refused { command: self.compiler.into(), output: String::from_utf8_lossy(&said).into_owned() })
    }
}

fn emulate(command: &mut Command, folder: &Path) -> Result<(), HostError> {
    let output = command.current_dir(folder).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let command = command.get_program().to_string_lossy().into_owned();
    let output = format!("it ended with {}\n{}", output.status, String::from_utf8_lossy(&said)).trim_end().into();
    Err(HostError::Emulator { command, output })
}

/// Whether a command can be run.
///
/// # Errors
///
/// Says that it can't.
pub fn installed(command: &str) -> Result<(), String> {
    let asked = Command::new(command).arg("--version").stdin(Stdio::null()).output();
    if asked.is_ok_and(|output| output.status.success()) { Ok(()) } else { Err(format!("{command} is not installed")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::mobilenet_v1;
    use crate::plan::{CostModel, plan};

    /// Against this machine's build of the same plan: the emulated answers differ by rounding alone.
    #[test]
    fn other_processors_answer_as_this_one() {
        let Ok(compiler) = crate::host::Compiler::find() else { return };
        let plan = plan(mobilenet_v1(0.25, 32, 10), &CostModel::default()).unwrap();
        let mut here = compiler.compile(&plan).unwrap();
        let len = plan.lengths().0;
        let inputs: Vec<Vec<u8>> = [7usize, 11]
            .map(|step| (0..len).flat_map(|i| ((i * step % 19) as f32 / 9.0 - 1.0).to_le_bytes()).collect())
            .to_vec();
        for target in Target::ALL {
            let emulated = match Emulated::find(target) {
                Ok(emulated) => emulated,
                Err(absent) => {
                    println!("left out: {absent}");
                    continue;
                }
            };
            let found = emulated.run(&plan, &inputs).unwrap();
            for (input, found) in inputs.iter().zip(found) {
                let expected = here.run(input).unwrap();
                for (a, b) in expected.concat().iter().zip(found.concat()) {
                    assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{}: {a} {b}", target.name());
                }
            }
        }
    }

    #[test]
    fn a_model_too_large_for_the_board_is_said_to_be() {
        let Ok(emulated) = Emulated::find(Target::CortexM4) else { return };
        let plan = plan(mobilenet_v1(1.0, 224, 1000), &CostModel::default()).unwrap();
        let error = emulated.run(&plan, &[vec![0; 4 << 20]]).unwrap_err();
        assert!(error.to_string().contains("mps2-an386"), "{error}");
    }
}
