//! Names every float model of `../shared/models` to `mobilenet_model!`, where that folder is there.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let folder = manifest.join("../../shared/models");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rustc-env=HOST_TRIPLE={}", env::var("HOST").unwrap_or_default());
    let models = if folder.is_dir() { float_models(&folder.canonicalize()?)? } else { Vec::new() };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("models.rs"), source(&models))
}

fn float_models(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut models = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "onnx") && !stem.contains("qdq") {
            models.push(path);
        }
    }
    models.sort();
    Ok(models)
}

fn source(models: &[PathBuf]) -> String {
    let mut text = String::new();
    let mut servers = String::new();
    for (i, path) in models.iter().enumerate() {
        let _ = writeln!(text, "mobilenet_runtime::mobilenet_model!({path:?}, struct Model{i});");
        let _ = writeln!(servers, "    |images| serve::serve::<Model{i}>(images, |arena| arena.bytes_mut()),");
    }
    format!("{text}const SERVERS: &[serve::Server] = &[\n{servers}];\n")
}
