//! The static library that C of the form `--kernels runtime` is linked with.

use super::{check, rust};
use crate::shared::workspace;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "mobilenet-runtime-capi";
const ARCHIVE: &str = "libmobilenet_runtime_capi.a";

/// A built library and its header.
#[derive(Debug, Clone)]
pub struct Library {
    /// The folder of the header.
    pub include: PathBuf,
    /// The archive.
    pub archive: PathBuf,
    /// What is linked behind it.
    pub needs: &'static [&'static str],
}

impl Library {
    /// For this machine, by the documented command, under `target`.
    ///
    /// # Errors
    /// What cargo said.
    pub fn host(target: &Path) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--quiet", "--offline", "--release", "-p", PACKAGE, "--target-dir"]).arg(target);
        check(command.current_dir(workspace()))?;
        Ok(Self::at(target.join("release"), &["-lpthread", "-ldl", "-lm"]))
    }

    /// For a Cortex-M4F without an operating system; [`rust::can_cross`] says whether that is possible.
    ///
    /// # Errors
    /// What cargo said.
    pub fn thumbv7em(target: &Path) -> Result<Self, String> {
        const TRIPLE: &str = "thumbv7em-none-eabihf";
        let mut command = rust::system_cargo(&workspace().join("runtime/capi"), target, TRIPLE, "core");
        check(command.arg("--no-default-features"))?;
        Ok(Self::at(target.join(TRIPLE).join("release"), &[]))
    }

    fn at(folder: PathBuf, needs: &'static [&'static str]) -> Self {
        let include = workspace().join("runtime/capi/include");
        Self { include, archive: folder.join(ARCHIVE), needs }
    }
}
