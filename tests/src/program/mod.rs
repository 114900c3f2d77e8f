//! Programs built from emitted code, run as processes of their own.

pub mod c;
pub mod object;
pub mod runtime;
pub mod rust;

use crate::shared::floats;
pub use mobilenet_compiler::host::board;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One model's part in a run: its index in the program, and its inputs as bytes, one inference each.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Index of the model in the program.
    pub index: usize,
    /// Inputs, in the model's own element type and layout.
    pub inputs: &'a [Vec<u8>],
    /// Elements of one output.
    pub output_len: usize,
}

/// A built program that serves models as `serve.rs` describes.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// What it is started through: an emulator and its arguments, or nothing.
    pub through: Vec<String>,
    /// How inputs get in and outputs out.
    pub io: Io,
}

/// How inputs get into a program and outputs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// Standard input and output.
    Pipes,
    /// `input.bin` and `output.bin` beside the program, through QEMU's semihosting.
    Semihosting,
}

impl Program {
    /// Runs the requested inferences in one process, with the instruction set forced if one is named. Returns per
    /// request, per inference, the outputs.
    ///
    /// # Errors
    /// Says what the program said, where it does not end well or writes something else.
    pub fn run(&self, requests: &[Request<'_>], isa: Option<&str>) -> Result<Vec<Vec<Vec<f64>>>, String> {
        let arguments = requests.iter().map(|r| format!("{}:{}", r.index, r.inputs.len())).collect();
        let wanted = requests.iter().map(|r| r.inputs.len() * r.output_len).sum();
        let mut values = self.answer(requests, arguments, wanted, isa)?.into_iter();
        let mut row = |len| values.by_ref().take(len).collect();
        Ok(requests.iter().map(|r| r.inputs.iter().map(|_| row(r.output_len)).collect()).collect())
    }

    /// Runs one model of a program of emitted C, and returns its outputs in one row and the bytes of stack that an
    /// inference takes.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with_depth(&self, request: &Request<'_>) -> Result<(Vec<f64>, usize), String> {
        let arguments = vec!["depth".into(), format!("{}:{}", request.index, request.inputs.len())];
        let wanted = request.inputs.len() * request.output_len + 1;
        let mut values = self.answer(&[*request], arguments, wanted, None)?;
        let depth = values.pop().unwrap_or_default();
        Ok((values, depth as usize))
    }

    /// What the program writes, `wanted` floats.
    fn answer(
        &self,
        requests: &[Request<'_>],
        arguments: Vec<String>,
        wanted: usize,
        isa: Option<&str>,
    ) -> Result<Vec<f64>, String> {
        let input: Vec<u8> = requests.iter().flat_map(|r| r.inputs.concat()).collect();
        let written = match self.io {
            Io::Pipes => self.pipe(&arguments, input, isa)?,
            Io::Semihosting => self.semihost(&arguments, &input)?,
        };
        if written.len() == wanted * 4 {
            Ok(floats(&written).collect())
        } else {
            Err(self.says(format!("wrote {} bytes instead of {}", written.len(), wanted * 4)))
        }
    }

    fn pipe(&self, arguments: &[String], input: Vec<u8>, isa: Option<&str>) -> Result<Vec<u8>, String> {
        let path = self.path.to_string_lossy();
        let mut words = self.through.iter().map(String::as_str).chain([&*path]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).args(arguments).env_remove("MOBILENET_ISA");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(isa) = isa {
            command.env("MOBILENET_ISA", isa);
        }
        let mut child = command.spawn().map_err(|e| self.says(e))?;
        let stdin = child.stdin.take();
        let feeder = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
        let output = child.wait_with_output().map_err(|e| self.says(e))?;
        let _ = feeder.join();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(self.says(format!("ended with {}: {said}", output.status)));
        }
        Ok(output.stdout)
    }

    fn semihost(&self, arguments: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
        let folder = self.path.parent().ok_or_else(|| self.says("lies nowhere"))?;
        std::fs::write(folder.join("input.bin"), input).map_err(|e| self.says(e))?;
        let program = "enable=on,target=native,arg=program".to_owned();
        let config = arguments.iter().fold(program, |text, a| format!("{text},arg={a}"));
        let mut words = self.through.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words).args(["-semihosting-config", &config, "-kernel"]).arg(&self.path).current_dir(folder);
        check(&mut command)?;
        std::fs::read(folder.join("output.bin")).map_err(|e| self.says(e))
    }

    fn says(&self, message: impl std::fmt::Display) -> String {
        format!("{}: {message}", self.path.display())
    }
}

/// Runs a tool to its end.
///
/// # Errors
/// What it printed, where it fails.
pub fn check(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{command:?}: {e}"))?;
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if output.status.success() { Ok(out.into_owned()) } else { Err(format!("{command:?} failed:\n{out}{err}")) }
}

/// The instruction sets this machine can run, slowest first; the names are those of `MOBILENET_ISA`.
pub fn isas() -> Vec<&'static str> {
    let mut isas = vec!["portable"];
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            isas.push("avx2");
        }
        if std::arch::is_x86_feature_detected!("avx512f") {
            isas.push("avx512");
        }
    }
    #[cfg(target_arch = "aarch64")]
    isas.push("neon");
    isas
}

/// The same for networks on codes, which know more instruction sets.
pub fn isas_of_codes() -> Vec<&'static str> {
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
    let mut isas = isas();
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avxvnni") {
            isas.push("avxvnni");
        }
        if std::arch::is_x86_feature_detected!("avx512vnni") {
            isas.push("avx512vnni");
        }
    }
    isas
}
