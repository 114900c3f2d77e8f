//! Editing a model, or its external data, rebuilds the crate that names it.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::onnx::author::Author;
use mobilenet_tests::program::{Io, Program, Request, check};
use mobilenet_tests::shared::workspace;
use mobilenet_tests::small;
use std::fs;
use std::path::Path;
use std::process::Command;

pub fn trials() -> Vec<Trial> {
    vec![trial("rebuild::edited_models_and_weights_rebuild", rebuilds)]
}

fn rebuilds() -> Result<(), Stop> {
    let folder = scratch().join("rebuild");
    write(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let outputs = |author: &Author| -> Result<Vec<f64>, String> {
        author.write(folder.join("models/net.onnx")).map_err(|e| e.to_string())?;
        build(&folder)?;
        answer(&folder)
    };
    let first = outputs(&small::tiny_v1(1))?;
    let second = outputs(&small::tiny_v1(2))?;
    let external = outputs(&small::with_side_file(small::tiny_v1(1), "net.onnx.data"))?;
    let edited = folder.join("models/net.onnx.data");
    let mut bytes = fs::read(&edited).map_err(|e| format!("{}: {e}", edited.display()))?;
    // The signs of the first convolution's first weights.
    bytes.iter_mut().skip(3).step_by(4).take(20).for_each(|byte| *byte ^= 0x80);
    fs::write(&edited, bytes).map_err(|e| format!("{}: {e}", edited.display()))?;
    build(&folder)?;
    let third = answer(&folder)?;
    if first == second {
        return Err(Stop::Failed("the edited model was not compiled again".into()));
    }
    if first != external {
        return Err(Stop::Failed("weights from a side file give other results".into()));
    }
    if first == third {
        return Err(Stop::Failed("the model was not compiled again for its edited external data".into()));
    }
    Ok(())
}

fn write(folder: &Path) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("src"))?;
    fs::create_dir_all(folder.join("models"))?;
    let runtime = workspace().join("runtime").canonicalize()?;
    // The weights of these models are few: their compiler may be slow, and compiles quickly itself.
    let manifest = format!(
        "[package]\nname = \"rebuild\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         mobilenet-runtime = {{ path = {runtime:?} }}\n\n\
         [profile.dev.package.mobilenet-runtime]\nopt-level = 3\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    fs::write(folder.join("src/serve.rs"), include_str!("../../src/program/serve.rs"))?;
    let main = "//! One model.\nmod serve;\nmobilenet_runtime::mobilenet_model!(\"models/net.onnx\");\n\
                fn main() -> std::io::Result<()> {\n    \
                serve::main(&[|images| serve::serve::<Net>(images, |arena| arena.bytes_mut())])\n}\n";
    fs::write(folder.join("src/main.rs"), main)
}

fn build(folder: &Path) -> Result<(), String> {
    // Cargo compares modification times: a second's resolution must suffice.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--offline", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    check(command.arg("--target-dir").arg(scratch().join("target"))).map(drop)
}

fn answer(folder: &Path) -> Result<Vec<f64>, String> {
    let name = folder.file_name().unwrap_or_default();
    let program = Program { path: scratch().join("target/debug").join(name), through: Vec::new(), io: Io::Pipes };
    let inputs = [vec![0x3e; 3 * 16 * 16 * 4]];
    let mut found = program.run(&[Request { index: 0, inputs: &inputs, output_len: 10 }], None)?;
    Ok(found.pop().and_then(|mut rows| rows.pop()).unwrap_or_default())
}
