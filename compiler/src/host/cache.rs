//! Libraries that were built before, in a folder of the user's, by what they were built from.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The libraries kept are at most this many bytes; those not used for longest go first.
const MOST: u64 = 512 << 20;

/// `$XDG_CACHE_HOME`, or `.cache` in the user's home, and there the compiler's own folder.
pub(super) fn home() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(named.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("mobilenetc"))
}

/// A hash of texts and bytes of any length.
pub(super) fn key<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize(), 16)
}

fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// What a library is called: what it was built from, and its own hash, by which a damaged one is known.
fn name(key: &str, library: &[u8]) -> String {
    format!("{key}-{}.{}", hex(&Sha256::digest(library), 8), std::env::consts::DLL_EXTENSION)
}

/// The library of this key, if there is a sound one.
pub(super) fn find(folder: &Path, key: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if !file.starts_with(key) {
            continue;
        }
        let path = entry.path();
        if fs::read(&path).is_ok_and(|bytes| name(key, &bytes) == file) {
            let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            return Some(path);
        }
        let _ = fs::remove_file(path);
    }
    None
}

/// Keeps a library; its path.
pub(super) fn store(folder: &Path, key: &str, library: &Path) -> io::Result<PathBuf> {
    private(folder)?;
    let bytes = fs::read(library)?;
    make_room(folder, bytes.len() as u64);
    let path = folder.join(name(key, &bytes));
    let temporary = folder.join(format!(".{key}.{}.tmp", std::process::id()));
    let kept = fs::write(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &path));
    if kept.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    kept.map(|()| path)
}

/// Makes a folder that others can't put code into.
fn private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn make_room(folder: &Path, more: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let entry = |entry: fs::DirEntry| {
        let facts = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((facts.modified().ok()?, facts.len(), entry.path()))
    };
    let mut all: Vec<_> = entries.flatten().filter_map(entry).collect();
    all.sort();
    let mut size = all.iter().map(|(_, size, _)| size).sum::<u64>() + more;
    for (_, bytes, path) in all {
        if size > MOST && fs::remove_file(path).is_ok() {
            size -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_apart_what_differs() {
        let of = |parts: &[&str]| key(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&["a", "b"]), of(&["ab", ""]));
    }

    #[test]
    fn a_damaged_library_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, library) = (folder.path().join("cache"), folder.path().join("library"));
        assert_eq!(find(&cache, "k1"), None);
        fs::write(&library, "code").unwrap();
        let stored = store(&cache, "k1", &library).unwrap();
        assert_eq!(find(&cache, "k1"), Some(stored.clone()));
        assert_eq!(find(&cache, "k2"), None);
        fs::write(&stored, "c0de").unwrap();
        assert_eq!(find(&cache, "k1"), None);
        assert!(!stored.exists());
    }
}
