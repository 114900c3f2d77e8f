//! Folders of the bench, and commands run in them.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the sources of this crate lie.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where everything made here goes.
pub fn work() -> PathBuf {
    home().join("target/peers")
}

/// Runs a command, giving what it printed when it fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    if !done.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}
