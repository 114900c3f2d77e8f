//! The code of another generator for the same models.

use super::{Model, Target};
use crate::program::{check, object};
use crate::shared::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that turns ONNX into C.
#[derive(Debug, Clone)]
pub struct Peer {
    tool: PathBuf,
}

/// Name and version of its package.
const PACKAGE: &str = "emx-onnx-cgen==1.4.0";

impl Peer {
    /// As printed.
    pub const NAME: &str = "emx-onnx-cgen 1.4.0";

    fn folder() -> PathBuf {
        workspace().join("target/xtask/venv")
    }

    /// Where an earlier [`Self::install`] put it.
    ///
    /// # Errors
    /// Says that it is not there.
    pub fn find() -> Result<Self, String> {
        let tool = Self::folder().join("bin/emx-onnx-cgen");
        let tool = tool.canonicalize().map_err(|_| format!("{} is not installed", Self::NAME))?;
        Ok(Self { tool })
    }

    /// Finds it, or installs it into a Python environment of its own under `target/`.
    ///
    /// # Errors
    /// What Python or its installer said.
    pub fn install() -> Result<Self, String> {
        Self::find().or_else(|_| {
            check(Command::new("python3").args(["-m", "venv"]).arg(Self::folder()))?;
            let python = Self::folder().join("bin/python");
            check(Command::new(python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
            Self::find()
        })
    }
}

/// Bytes of instructions that its C code for a model takes on a target; built in `folder`.
pub(super) fn code_of(model: &Model, peer: &Peer, target: &Target, folder: &Path) -> Result<usize, String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = model.path.canonicalize().map_err(|e| format!("{}: {e}", model.path.display()))?;
    let mut generate = Command::new(&peer.tool);
    generate.args(["compile", "--large-temp-threshold", "0", "--model-name", "net"]).arg(path).arg("net.c");
    check(generate.current_dir(folder)).map_err(last_line)?;
    let objects = target.toolchain.compile(&[folder.join("net.c")], &["-std=gnu99"], folder)?;
    let file = objects.first().and_then(|path| fs::read(path).ok()).ok_or("no object")?;
    object::code_bytes(&file).ok_or_else(|| "no ELF object".into())
}

/// The conclusion of a long message.
fn last_line(message: String) -> String {
    message.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}
