//! A C compiler on this machine.

use super::runtime::{NEEDS, Runtime};
use super::{Compiled, HostError};
use crate::emit::Files;
use crate::emit::c::{COptions, Kernels, emit};
use crate::plan::Plan;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A C compiler and the flags it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    command: Vec<String>,
    flags: Vec<String>,
    runtime: Option<Runtime>,
}

impl Compiler {
    /// `$CC` if it is set, else the first of cc, gcc and clang that can be run.
    ///
    /// # Errors
    ///
    /// [`HostError::NoCompiler`].
    pub fn find() -> Result<Self, HostError> {
        let chosen = std::env::var("CC").ok().filter(|cc| !cc.trim().is_empty());
        let candidates = chosen.as_deref().map_or(vec!["cc", "gcc", "clang"], |cc| vec![cc]);
        candidates.into_iter().find_map(Self::named).ok_or(HostError::NoCompiler)
    }

    /// The compiler of this command, which may have arguments, if it can be run.
    pub fn named(command: &str) -> Option<Self> {
        let command: Vec<_> = command.split_whitespace().map(String::from).collect();
        let (program, arguments) = command.split_first()?;
        let status = Command::new(program)
            .args(arguments)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|s| s.success()).then(|| Self { command, flags: vec!["-O3".into()], runtime: None })
    }

    /// The command as the user would type it.
    pub fn name(&self) -> String {
        self.command.join(" ")
    }

    /// What it makes of a plan.
    pub fn product(&self) -> String {
        match self.runtime {
            None => format!("emitted C, built by {}", self.name()),
            Some(_) => "Rust kernels, built by cargo".to_string(),
        }
    }

    /// Runs plans on the kernels of the Rust runtime instead of their own in C.
    #[must_use]
    pub fn with_runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Replaces the flags, by default `-O3`.
    #[must_use]
    pub fn flags<I: IntoIterator<Item = S>, S: Into<String>>(mut self, flags: I) -> Self {
        self.flags = flags.into_iter().map(Into::into).collect();
        self
    }

    /// Restricts code for `net` to an instruction set by its `MOBILENET_ISA` name, where the code asks the CPU.
    #[must_use]
    pub fn isa(mut self, prefix: &str, isa: &str) -> Self {
        let level = match isa {
            "avx512" => 2,
            "avx2" => 1,
            _ => 0,
        };
        self.flags.push(format!("-D{}_LEVEL={level}", prefix.to_ascii_uppercase()));
        self
    }

    /// Emits a plan as C, builds it and loads it. An instruction set forced by `MOBILENET_ISA` is used here too.
    ///
    /// # Errors
    ///
    /// What the emitter, the compiler or the loader reports.
    pub fn compile(&self, plan: &Plan) -> Result<Compiled, HostError> {
        self.clone().forced("net").build(&self.emit(plan, false)?, "net", plan)
    }

    /// The plan as C under the prefix `net`, for the kernels that it is to run on.
    pub(super) fn emit(&self, plan: &Plan, stage_hooks: bool) -> Result<Files, HostError> {
        let kernels = if self.runtime.is_some() { Kernels::Runtime } else { Kernels::Inline };
        let options = COptions { name: "net".into(), kernels, stage_hooks, ..COptions::default() };
        Ok(emit(plan, &options).map_err(|error| std::io::Error::other(error.to_string()))?)
    }

    /// Adds flags.
    pub(super) fn and_flags(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.flags.extend(more);
        self
    }

    /// Restricts code to the instruction set that `MOBILENET_ISA` forces, if this CPU has it and no flag has done so.
    pub(super) fn forced(self, prefix: &str) -> Self {
        let level = format!("-D{}_LEVEL=", prefix.to_ascii_uppercase());
        match std::env::var("MOBILENET_ISA") {
            Ok(isa) if has(&isa) && !self.flags.iter().any(|flag| flag.starts_with(&level)) => self.isa(prefix, &isa),
            _ => self,
        }
    }

    /// Builds files that [`emit`] made of a plan under this prefix, with the weights in C, and loads them.
    ///
    /// # Errors
    ///
    /// What the compiler or the loader reports.
    pub fn build(&self, files: &Files, prefix: &str, plan: &Plan) -> Result<Compiled, HostError> {
        let folder = tempfile::tempdir()?;
        files.write_to(folder.path())?;
        let library = folder.path().join(format!("{prefix}.{}", std::env::consts::DLL_EXTENSION));
        let sources = files.iter().map(|(name, _)| name).filter(|name| name.ends_with(".c"));
        let paths: Vec<_> = sources.map(|name| folder.path().join(name)).collect();
        let mut arguments: Vec<&OsStr> = ["-std=c99", "-fPIC", "-shared", "-o"].map(OsStr::new).to_vec();
        arguments.push(library.as_os_str());
        arguments.extend(self.flags.iter().map(OsStr::new));
        arguments.extend(paths.iter().map(|p| p.as_os_str()));
        if let Some(Runtime { include, archive }) = &self.runtime {
            arguments.extend([OsStr::new("-I"), include.as_os_str(), archive.as_os_str()]);
            arguments.extend(NEEDS.map(OsStr::new));
        }
        self.run(&arguments, folder.path())?;
        Compiled::load(&library, folder, prefix, plan)
    }

    fn run(&self, arguments: &[&OsStr], folder: &Path) -> Result<(), HostError> {
        let (program, first) = self.command.split_first().ok_or(HostError::NoCompiler)?;
        let output =
            Command::new(program).args(first).args(arguments).current_dir(folder).stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(HostError::Refused { command: self.name(), output: String::from_utf8_lossy(&said).into_owned() })
    }
}

/// Whether this CPU runs an instruction set that x86-64 code can be restricted to.
fn has(isa: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    match isa {
        "avx512" => return std::arch::is_x86_feature_detected!("avx512f"),
        "avx2" => return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
        _ => {}
    }
    isa == "portable"
}
