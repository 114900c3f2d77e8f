//! A crate of emitted Rust, built by cargo.

use super::{Io, Program, check};
use crate::shared::workspace;
use mobilenet_compiler::emit::Files;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One emitted model: a module's source and the files that belong beside it.
#[derive(Debug, Clone)]
pub struct Module {
    /// The type that implements `Model`.
    pub type_name: String,
    /// Name of the source without its extension.
    pub stem: String,
    /// The source and what belongs beside it.
    pub files: Files,
}

impl Module {
    /// The fields of the structure that holds several outputs.
    fn outputs(&self) -> Vec<String> {
        let source = self.files.get(&format!("{}.rs", self.stem)).map(String::from_utf8_lossy).unwrap_or_default();
        let structure = source.split_once(&format!("pub struct {}Output {{", self.type_name));
        let fields = structure.and_then(|(_, behind)| behind.split_once('}')).map_or("", |(fields, _)| fields);
        let name = |line: &str| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0.to_owned());
        fields.lines().filter_map(name).collect()
    }

    /// An inference by rows as an expression, where there is one of the type `ty`.
    fn by_rows(&self, ty: &str) -> String {
        let source = self.files.get(&format!("{}.rs", self.stem)).map(String::from_utf8_lossy).unwrap_or_default();
        if !source.contains("fn run_rows") {
            return "None".into();
        }
        let nchw = format!("{ty}::INPUT_LAYOUT == mobilenet_runtime::Layout::Nchw");
        let read = format!("|first, rows, to| serve::rows(input, {ty}::INPUT_SHAPE, {nchw}, first, rows, to)");
        format!("Some(|input, output, arena| {ty}::run_rows({read}, output, arena))")
    }
}

/// How a crate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A debug build of everything.
    Plain,
    /// A debug build on an optimised runtime.
    Debug,
    /// A release build.
    Release,
}

/// Writes a crate of all `modules` to `folder` and builds it, sharing `target` with other crates.
///
/// # Errors
/// What cargo said.
pub fn build(folder: &Path, target: &Path, modules: &[Module], profile: Profile) -> Result<Program, String> {
    let release = profile == Profile::Release;
    write_program(folder, modules, profile).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut command = cargo(env!("CARGO"), folder, target);
    command.arg("--offline");
    if release {
        command.arg("--release");
    }
    check(&mut command)?;
    let path = target.join(if release { "release" } else { "debug" }).join(folder.file_name().unwrap_or_default());
    Ok(Program { path, through: Vec::new(), io: Io::Pipes })
}

/// Cargo and rustc of the distribution, which can build the standard library for targets that rustup has none for here.
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// Whether the distribution's Rust and its library's source are here.
///
/// # Errors
/// Names what is not.
pub fn can_cross() -> Result<(), String> {
    let absent = [SYSTEM_CARGO, SYSTEM_RUSTC, SYSTEM_LIBRARY].into_iter().find(|path| !Path::new(path).exists());
    absent.map_or(Ok(()), |path| Err(format!("{path} is absent")))
}

/// Builds a crate of all `modules` for 64-bit ARM Linux, the standard library included, to be run under QEMU.
///
/// # Errors
/// What cargo said.
pub fn build_aarch64(folder: &Path, target: &Path, modules: &[Module]) -> Result<Program, String> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    write_program(folder, modules, Profile::Release).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut command = system_cargo(folder, target, TARGET, "std,panic_abort");
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
    check(&mut command)?;
    let path = target.join(TARGET).join("release").join(folder.file_name().unwrap_or_default());
    let through = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"].map(str::to_owned).to_vec();
    Ok(Program { path, through, io: Io::Pipes })
}

/// Builds a library of one module for a Cortex-M4F: no standard library, no allocator.
///
/// # Errors
/// What cargo said.
pub fn build_thumbv7em(folder: &Path, target: &Path, module: &Module) -> Result<(), String> {
    write_library(folder, module).map_err(|e| format!("{}: {e}", folder.display()))?;
    check(&mut system_cargo(folder, target, "thumbv7em-none-eabihf", "core")).map(drop)
}

/// Builds the program `name` of a crate for the bare Cortex-M4F; `ld.lld` links it.
///
/// # Errors
/// What cargo said.
pub fn build_firmware(folder: &Path, target: &Path, name: &str) -> Result<PathBuf, String> {
    const TARGET: &str = "thumbv7em-none-eabihf";
    let mut command = system_cargo(folder, target, TARGET, "core");
    command.args(["--bin", name]).env("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER", "ld.lld");
    check(command.current_dir(folder))?;
    Ok(target.join(TARGET).join("release").join(name))
}

fn cargo(program: &str, folder: &Path, target: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["build", "--quiet", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    command.arg("--target-dir").arg(target);
    command
}

pub(super) fn system_cargo(folder: &Path, target: &Path, triple: &str, library: &str) -> Command {
    let mut command = cargo(SYSTEM_CARGO, folder, target);
    command.args(["--release", "--target", triple, &format!("-Zbuild-std={library}")]);
    command.env("RUSTC", SYSTEM_RUSTC).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn write_program(folder: &Path, modules: &[Module], profile: Profile) -> std::io::Result<()> {
    start(folder, &["std"], profile)?;
    fs::write(folder.join("src/serve.rs"), include_str!("serve.rs"))?;
    let mut main = String::from("//! Emitted models.\nmod serve;\n");
    let mut servers = String::new();
    for (i, module) in modules.iter().enumerate() {
        module.files.write_to(&folder.join(format!("src/model{i}")))?;
        let Module { stem, type_name, .. } = module;
        let _ = writeln!(main, "#[path = \"model{i}/{stem}.rs\"]\nmod model{i};");
        let ty = format!("model{i}::{type_name}");
        let outputs = module.outputs();
        let by_rows = module.by_rows(&ty);
        let server = if outputs.is_empty() {
            format!("serve::serve_twice::<{ty}>(images, |arena| arena.bytes_mut(), {by_rows})")
        } else {
            let memory = format!("|| ({ty}::new_input(), {ty}::new_output(), {ty}::new_arena())");
            let fields: Vec<String> =
                outputs.iter().map(|name| format!(".chain(output.{name}.iter().map(|&x| x as f32))")).collect();
            let values = format!("|output| std::iter::empty(){}.collect()", fields.concat());
            format!("serve::infer(images, {memory}, |arena| arena.bytes_mut(), ({ty}::run, {by_rows}), {values})")
        };
        let _ = writeln!(servers, "        |images| {server},");
    }
    let _ = write!(main, "fn main() -> std::io::Result<()> {{\n    serve::main(&[\n{servers}    ])\n}}\n");
    fs::write(folder.join("src/main.rs"), main)
}

fn write_library(folder: &Path, module: &Module) -> std::io::Result<()> {
    start(folder, &[], Profile::Release)?;
    module.files.write_to(&folder.join("src"))?;
    let source = format!("//! An emitted model.\n#![no_std]\n#![forbid(unsafe_code)]\n\npub mod {};\n", module.stem);
    fs::write(folder.join("src/lib.rs"), source)
}

/// The manifest, and an empty `src`.
fn start(folder: &Path, features: &[&str], profile: Profile) -> std::io::Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(folder.join("src"))?;
    let runtime = workspace().join("runtime").canonicalize()?;
    let optimised = match profile {
        Profile::Debug => "[profile.dev.package.mobilenet-runtime]\nopt-level = 3\n",
        Profile::Plain | Profile::Release => "",
    };
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         mobilenet-runtime = {{ path = {runtime:?}, default-features = false, features = {features:?} }}\n\n{optimised}"
    );
    fs::write(folder.join("Cargo.toml"), manifest)
}
