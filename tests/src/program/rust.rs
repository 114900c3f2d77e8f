//! A crate of emitted Rust, built by cargo.

use super::{Program, check};
use crate::shared::workspace;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One emitted model: a module's source and the files that belong beside it.
#[derive(Debug, Clone)]
pub struct Module {
    /// The type that implements `Model`.
    pub type_name: String,
    /// Files by name; the first is the source.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Writes a crate of all `modules` to `folder` and builds it, optimised or not, sharing `target` with other crates.
///
/// # Errors
/// What cargo said.
pub fn build(folder: &Path, target: &Path, modules: &[Module], release: bool) -> Result<Program, String> {
    write(folder, modules).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--offline", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    command.arg("--target-dir").arg(target);
    if release {
        command.arg("--release");
    }
    check(&mut command)?;
    let profile = if release { "release" } else { "debug" };
    let name = folder.file_name().unwrap_or_default();
    Ok(Program { path: target.join(profile).join(name), through: Vec::new() })
}

fn write(folder: &Path, modules: &[Module]) -> std::io::Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let _ = fs::remove_dir_all(folder.join("src"));
    fs::create_dir_all(folder.join("src"))?;
    let runtime = workspace().join("runtime").canonicalize()?;
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         mobilenet-runtime = {{ path = {runtime:?}, default-features = false, features = [\"std\"] }}\n\n\
         [profile.dev.package.mobilenet-runtime]\nopt-level = 3\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/serve.rs"), include_str!("serve.rs"))?;
    let mut main = String::from("//! Emitted models.\nmod serve;\n");
    let mut servers = String::new();
    for (i, module) in modules.iter().enumerate() {
        let beside = folder.join(format!("src/model{i}"));
        fs::create_dir_all(&beside)?;
        for (file, bytes) in &module.files {
            fs::write(beside.join(file), bytes)?;
        }
        let source = module.files.first().map_or("", |file| &file.0);
        let _ = writeln!(main, "#[path = \"model{i}/{source}\"]\nmod model{i};");
        let type_name = &module.type_name;
        let _ = writeln!(
            servers,
            "        |images| serve::serve::<model{i}::{type_name}>(images, |arena| arena.bytes_mut()),"
        );
    }
    let _ = write!(main, "fn main() -> std::io::Result<()> {{\n    serve::main(&[\n{servers}    ])\n}}\n");
    fs::write(folder.join("src/main.rs"), main)
}
