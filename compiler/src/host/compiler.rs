//! A C compiler on this machine.

use super::runtime::{NEEDS, Runtime};
use super::temporary::Temporary;
use super::{Compiled, HostError, cache};
use crate::emit::Files;
use crate::emit::c::{COptions, Kernels, Target, emit};
use crate::plan::Plan;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A C compiler and the flags it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    command: Vec<String>,
    /// What it says of itself.
    version: Vec<u8>,
    flags: Vec<String>,
    runtime: Option<Runtime>,
    cache: Option<PathBuf>,
    target: Target,
}

impl Compiler {
    /// `$CC` if it is set, else the first of cc, gcc and clang that can be run.
    ///
    /// # Errors
    ///
    /// [`HostError::Unusable`] where `$CC` is set to something else, or [`HostError::NoCompiler`].
    pub fn find() -> Result<Self, HostError> {
        match std::env::var("CC").ok().filter(|cc| !cc.trim().is_empty()) {
            Some(chosen) => Self::chosen(&chosen, "$CC"),
            None => ["cc", "gcc", "clang"].into_iter().find_map(Self::named).ok_or(HostError::NoCompiler),
        }
    }

    /// The compiler of this command, which may have arguments, if it can be run and compiles for this machine.
    pub fn named(command: &str) -> Option<Self> {
        Self::chosen(command, "").ok()
    }

    /// The same for a command that something named: an option, or an environment variable.
    ///
    /// # Errors
    ///
    /// [`HostError::Unusable`], which says why.
    pub fn chosen(command: &str, by: &'static str) -> Result<Self, HostError> {
        let unusable = |reason: String| HostError::Unusable { by, command: command.into(), reason };
        let words: Vec<_> = command.split_whitespace().map(String::from).collect();
        let Some((program, arguments)) = words.split_first() else { return Err(unusable("is no command".into())) };
        let ask = |question| Command::new(program).args(arguments).arg(question).stdin(Stdio::null()).output();
        let version = ask("--version").map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => unusable("is not there".into()),
            _ => unusable(format!("can't be run: {error}")),
        })?;
        if !version.status.success() {
            return Err(unusable(format!("is no C compiler: asked for its --version it ends with {}", version.status)));
        }
        if let Ok(machine) = ask("-dumpmachine") {
            let machine = String::from_utf8_lossy(&machine.stdout).trim().to_string();
            if !runs_here(&machine) {
                let here = format!("{}, {}", std::env::consts::ARCH, std::env::consts::OS);
                return Err(unusable(format!("compiles for {machine}, not for this machine ({here})")));
            }
        }
        Ok(Self {
            command: words,
            version: version.stdout,
            flags: vec!["-O3".into()],
            runtime: None,
            cache: None,
            target: Target::Auto,
        })
    }

    /// Keeps what it builds in the user's cache folder, and takes from there what was built before from the same code by the
    /// same compiler and flags.
    #[must_use]
    pub fn cached(self) -> Self {
        let cache = cache::home().map(|home| home.join("code"));
        Self { cache, ..self }
    }

    /// As [`cached`](Self::cached), in this folder.
    #[must_use]
    pub fn cached_in(self, folder: impl Into<PathBuf>) -> Self {
        Self { cache: Some(folder.into()), ..self }
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

    /// Writes code for this target, which must be [native](is_native), instead of code that asks the processor.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        if target == Target::X86_64V3 {
            self.flags.push("-march=x86-64-v3".into());
        }
        self.target = target;
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
        let options = COptions { name: "net".into(), kernels, stage_hooks, target: self.target, ..COptions::default() };
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
        // Another machine of the same home folder may have another processor.
        let native = self.flags.iter().chain(&self.command).any(|word| word.contains("native"));
        let kept = self.cache.as_deref().filter(|_| !native).map(|folder| (folder, self.key(files)));
        if let Some(library) = kept.as_ref().and_then(|(folder, key)| cache::find(folder, key))
            && let Ok(compiled) = Compiled::load(&library, None, prefix, plan)
        {
            return Ok(compiled);
        }
        let folder = Temporary::new()?;
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
        // A cache that can't be written is none.
        match kept.and_then(|(cache, key)| cache::store(cache, &key, &library).ok()) {
            Some(stored) => Compiled::load(&stored, None, prefix, plan),
            None => Compiled::load(&library, Some(folder), prefix, plan),
        }
    }

    /// What a library depends on.
    fn key(&self, files: &Files) -> String {
        let archive =
            self.runtime.as_ref().and_then(|runtime| std::fs::read(&runtime.archive).ok()).unwrap_or_default();
        let words = self.command.iter().chain(&self.flags).map(String::as_bytes);
        let contents = files.iter().flat_map(|(name, contents)| [name.as_bytes(), contents]);
        cache::key(words.chain([&self.version[..], &archive]).chain(contents))
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

/// Whether code for this machine, as compilers name it, runs here; names that mean nothing to us are given a try.
fn runs_here(machine: &str) -> bool {
    let mut words = machine.split('-');
    let processor = words.next().unwrap_or_default();
    let bare = words.any(|word| matches!(word, "none" | "elf" | "eabi"));
    let linux = !cfg!(target_os = "linux") || machine.contains("linux") || !machine.contains('-');
    let same = match std::env::consts::ARCH {
        "x86_64" => matches!(processor, "x86_64" | "amd64"),
        "aarch64" => matches!(processor, "aarch64" | "arm64"),
        "riscv64" => processor.starts_with("riscv64"),
        _ => true,
    };
    machine.is_empty() || same && !bare && linux
}

/// Whether this machine runs code for a target.
pub fn is_native(target: Target) -> bool {
    match target {
        Target::Auto | Target::Generic => true,
        Target::X86_64V3 => cfg!(target_arch = "x86_64") && has("avx2"),
        Target::Aarch64 => cfg!(target_arch = "aarch64"),
        Target::Riscv64 => cfg!(target_arch = "riscv64"),
        Target::CortexM4 | Target::CortexM33 | Target::CortexM7 | Target::CortexM55 | Target::Wasm32 => false,
    }
}

/// Whether this CPU runs an instruction set that x86-64 code can be restricted to.
fn has(isa: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    match isa {
        // What kernels on codes need, too. A CPU that has less chooses for itself, AVX-512 for a network of floats.
        "avx512" => {
            return std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512vnni");
        }
        "avx2" => return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
        _ => {}
    }
    isa == "portable"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_for_other_machines_are_known() {
        for machine in ["arm-none-eabi", "wasm32", "xtensa-esp32-elf", "x86_64-elf"] {
            assert!(!runs_here(machine), "{machine}");
        }
        let here = std::env::consts::ARCH;
        assert!(runs_here("") && runs_here(&format!("{here}-linux-gnu")) && runs_here(&format!("{here}-pc-linux-gnu")));
    }

    #[test]
    fn useless_commands_are_named_with_who_named_them() {
        let said = |command: &str| Compiler::chosen(command, "$CC").unwrap_err().to_string();
        assert!(said("false").starts_with("$CC names \"false\", which is no C compiler"), "{}", said("false"));
        assert_eq!(said("no-such-compiler -O2"), "$CC names \"no-such-compiler -O2\", which is not there");
        assert_eq!(said(" "), "$CC names \" \", which is no command");
    }
}
