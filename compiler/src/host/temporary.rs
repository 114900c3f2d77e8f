//! Folders of this process, which go when it ends: also when a signal ends it.

use super::HostError;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

static ALIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder that is removed when this is dropped, or by [`remove_temporary`].
pub(super) struct Temporary(TempDir);

impl Temporary {
    pub(super) fn new() -> Result<Self, HostError> {
        let made = tempfile::Builder::new().prefix("mobilenetc-").tempdir();
        let folder = made.map_err(|error| HostError::Temporary { folder: std::env::temp_dir(), error })?;
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).push(folder.path().into());
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| path != self.0.path());
    }
}

/// Removes the temporary folders that are in use, for a process that is about to end without dropping what it has. A
/// compiler that still writes into one may take a few attempts.
pub fn remove_temporary() {
    for folder in std::mem::take(&mut *ALIVE.lock().unwrap_or_else(PoisonError::into_inner)) {
        for _ in 0..20 {
            if std::fs::remove_dir_all(&folder).is_ok() || !folder.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
    }
}
