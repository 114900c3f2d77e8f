//! A program of emitted C, built by the `cc` crate.

use super::{Program, check};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One emitted model: the prefix of its symbols and its files by name.
#[derive(Debug, Clone)]
pub struct Module {
    /// The prefix.
    pub prefix: String,
    /// Files by name; sources end in `.c`.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A C compiler and how to run what it makes.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The command.
    pub compiler: &'static str,
    /// Target triple.
    pub target: &'static str,
    /// Optimisation level.
    pub level: u32,
    /// Flags when compiling, besides the warnings.
    pub flags: Vec<String>,
    /// Flags when linking.
    pub link: Vec<String>,
    /// Emulator and its arguments.
    pub through: Vec<String>,
}

/// The triple of this machine.
pub const HOST: &str = env!("HOST_TRIPLE");

/// The warnings that emitted C must not give.
pub const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"];

impl Toolchain {
    /// A compiler for this machine, plain `-O3`.
    pub fn host(compiler: &'static str) -> Self {
        Self { compiler, target: HOST, level: 3, flags: Vec::new(), link: Vec::new(), through: Vec::new() }
    }

    /// Whether its tools are here.
    ///
    /// # Errors
    /// Names the one that is not.
    pub fn present(&self) -> Result<(), String> {
        [Some(self.compiler), self.through.first().map(String::as_str)].into_iter().flatten().try_for_each(installed)
    }

    /// Compiles translation units to objects.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn compile(&self, sources: &[PathBuf], flags: &[&str], out: &Path) -> Result<Vec<PathBuf>, String> {
        let mut build = cc::Build::new();
        build.compiler(self.compiler).target(self.target).host(HOST).opt_level(self.level).out_dir(out);
        build.cargo_metadata(false).warnings(false).debug(false).files(sources);
        for flag in flags.iter().copied().chain(self.flags.iter().map(String::as_str)) {
            build.flag(flag);
        }
        build.try_compile_intermediates().map_err(|e| format!("{}: {e}", self.compiler))
    }

    /// Writes all `modules` and a `main` that serves them to `folder` and builds the program.
    ///
    /// # Errors
    /// What the compiler said.
    pub fn build(&self, folder: &Path, modules: &[Module]) -> Result<Program, String> {
        let (main, sources) = write(folder, modules).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut objects = self.compile(&sources, &STRICT, folder)?;
        objects.extend(self.compile(&[main], &["-std=gnu99"], folder)?);
        let path = folder.join("program");
        check(Command::new(self.compiler).args(&objects).arg("-o").arg(&path).args(&self.flags).args(&self.link))?;
        Ok(Program { path, through: self.through.clone() })
    }
}

/// Whether a command can be run.
///
/// # Errors
/// Says that it can't.
pub fn installed(command: &str) -> Result<(), String> {
    let found = Command::new(command).arg("--version").output().is_ok_and(|output| output.status.success());
    if found { Ok(()) } else { Err(format!("{command} is not installed")) }
}

fn write(folder: &Path, modules: &[Module]) -> std::io::Result<(PathBuf, Vec<PathBuf>)> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let mut sources = Vec::new();
    for module in modules {
        for (name, bytes) in &module.files {
            let path = folder.join(name);
            fs::write(&path, bytes)?;
            if path.extension().is_some_and(|e| e == "c") {
                sources.push(path);
            }
        }
    }
    let main = folder.join("main.c");
    fs::write(&main, serve(modules))?;
    Ok((main, sources))
}

/// A `main` that behaves as `serve.rs` describes.
fn serve(modules: &[Module]) -> String {
    let mut text = String::from(include_str!("serve.c"));
    for module in modules {
        let _ = writeln!(text, "#include \"{}.h\"", module.prefix);
    }
    for (i, Module { prefix, .. }) in modules.iter().enumerate() {
        let capitals = prefix.to_uppercase();
        let _ = writeln!(
            text,
            "SERVER(serve{i}, {prefix}_run, {prefix}_arena, {capitals}_INPUT_TYPE, {capitals}_INPUT_LEN, \
             {capitals}_OUTPUT_TYPE, {capitals}_OUTPUT_LEN)"
        );
    }
    let names: Vec<String> = (0..modules.len()).map(|i| format!("serve{i}")).collect();
    let _ = writeln!(text, "static server *const servers[] = {{{}}};", names.join(", "));
    text.push_str("int main(int argc, char **argv) { return serve_all(argc, argv, servers, sizeof servers / sizeof *servers); }\n");
    text
}
