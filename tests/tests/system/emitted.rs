//! Emitted C in a folder of its own, and tools that work on it there.

use crate::{Stop, scratch};
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::{Target, WeightStorage};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::{c, check, isas};
use mobilenet_tests::shared::workspace;
use mobilenet_tests::small;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Sanitizers that end the program at what they find.
pub const SANITIZED: [&str; 4] = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The forms that weights come in, by the name of the option.
pub const FORMS: [(&str, WeightStorage); 3] =
    [("source", WeightStorage::Source), ("bin", WeightStorage::Bin), ("incbin", WeightStorage::Incbin)];

/// Files on disk.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str, files: &Files) -> Result<Self, Stop> {
        let folder = scratch().join(name);
        let _ = fs::remove_dir_all(&folder);
        files.write_to(&folder).map_err(|e| e.to_string())?;
        Ok(Self(folder))
    }

    pub fn write(&self, name: &str, text: &str) -> Result<(), Stop> {
        fs::write(self.0.join(name), text).map_err(|e| Stop::Failed(format!("{name}: {e}")))
    }

    /// The translation units, by name.
    pub fn sources(&self) -> Result<Vec<String>, Stop> {
        let entries = fs::read_dir(&self.0).map_err(|e| e.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".c") || name.ends_with(".S")).collect();
        names.sort();
        Ok(names)
    }

    /// The symbol of the weights, as `net.c` spells it.
    pub fn weights(&self) -> Result<String, Stop> {
        let text = fs::read_to_string(self.0.join("net.c")).map_err(|e| e.to_string())?;
        let hash = text.split("net_weights_").nth(1).and_then(|rest| rest.get(..8)).unwrap_or_default();
        Ok(format!("net_weights_{hash}"))
    }

    /// Compiles all units to `program`.
    pub fn build(&self, compiler: &str, flags: &[&str]) -> Result<(), Stop> {
        if flags.contains(&SANITIZED[2]) {
            can_sanitize(compiler)?;
        }
        let mut command = self.command(compiler);
        check(command.args(["-std=c99", "-o", "program"]).args(flags).args(self.sources()?))?;
        Ok(())
    }

    /// Has `main.c` choose the kernels of each run by its variable `forced_level`, where the target has several. Returns the
    /// flag for that.
    pub fn force_level(&self) -> Result<&'static str, Stop> {
        self.write("level.h", "extern int forced_level;\n#define NET_LEVEL forced_level\n")?;
        Ok("-DNET_CONFIG=\"level.h\"")
    }

    /// Runs the program; its exit status.
    pub fn status(&self) -> Result<i32, Stop> {
        let output = Command::new(self.0.join("program")).current_dir(&self.0).output().map_err(|e| e.to_string())?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        output.status.code().ok_or_else(|| Stop::Failed(format!("{}: {said}", output.status))).and_then(|code| {
            // What a sanitizer has to say matters more than the status it ends with.
            if said.contains("rror: ") { Err(Stop::Failed(said.into_owned())) } else { Ok(code) }
        })
    }

    /// Fails unless the program ends well.
    pub fn passes(&self) -> Result<(), Stop> {
        match self.status()? {
            0 => Ok(()),
            code => Err(Stop::Failed(format!("{} ended with {code}", self.0.display()))),
        }
    }

    pub fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.current_dir(&self.0);
        command
    }
}

/// The values of `forced_level` that stand for different kernels on this machine.
pub fn levels(target: Target) -> Vec<String> {
    let count = if target == Target::Auto { isas().len() } else { 1 };
    (0..count).map(|level| level.to_string()).collect()
}

/// Ends a test early where a tool is absent.
pub fn needs(tools: &[&str]) -> Result<(), Stop> {
    tools.iter().try_for_each(|tool| c::installed(tool)).map_err(Stop::Absent)
}

/// Ends a test early where a compiler comes without the library of its sanitizers.
pub fn can_sanitize(compiler: &str) -> Result<(), Stop> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    fs::write(folder.path().join("main.c"), "int main(void) { return 0; }\n").map_err(|e| e.to_string())?;
    let mut command = Command::new(compiler);
    let linked = check(command.args(SANITIZED).args(["-o", "program", "main.c"]).current_dir(folder.path()));
    let absent = |_| Stop::Absent(format!("{compiler} comes without the library of its sanitizers"));
    linked.map(drop).map_err(absent)
}

pub fn tiny() -> Result<Case, Stop> {
    Ok(Case::authored("net", &small::tiny_v1(1), &CostModel::default())?)
}

/// The network that the example classifies with.
pub fn fashion() -> Result<Case, Stop> {
    Ok(Case::read("net", &workspace().join("examples/classify/model/fashion_a025_64.onnx"))?)
}
