//! Side files: read once each, and only from the model's own folder.

use super::Limits;
use super::proto::StringStringEntryProto;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Reads a regular file of limited size.
pub(super) fn read_file(path: &Path, limits: &Limits) -> Result<Bytes, String> {
    let metadata = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(format!("it is larger than {} bytes", limits.file_bytes));
    }
    Ok(bytes.into())
}

/// The side files of one model.
pub(super) struct SideFiles<'a> {
    base_dir: Option<&'a Path>,
    limits: &'a Limits,
    read: BTreeMap<PathBuf, Result<Bytes, String>>,
}

impl<'a> SideFiles<'a> {
    pub(super) fn new(base_dir: Option<&'a Path>, limits: &'a Limits) -> Self {
        Self { base_dir, limits, read: BTreeMap::new() }
    }

    /// The bytes a tensor's `external_data` entries point to; `len` is what its type and shape demand.
    pub(super) fn slice(&mut self, entries: &[StringStringEntryProto], len: usize) -> Result<Bytes, String> {
        let entry = |key: &str| entries.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let number = |key: &str| {
            entry(key).map(|v| v.parse::<usize>().map_err(|_| format!("{key} {v:?} is not a size"))).transpose()
        };
        let location = entry("location").ok_or("external data without a location")?;
        let offset = number("offset")?.unwrap_or(0);
        let stated = number("length")?.unwrap_or(len);
        if stated != len {
            return Err(format!("external data of {stated} bytes where type and shape demand {len}"));
        }
        let bytes = self.file(location)?;
        let end = offset.checked_add(len).filter(|&end| end <= bytes.len()).ok_or_else(|| {
            format!(
                "external data of {len} bytes at offset {offset} lies outside {location:?} of {} bytes",
                bytes.len()
            )
        })?;
        Ok(bytes.slice(offset..end))
    }

    /// The files read so far.
    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.read.into_iter().filter(|(_, bytes)| bytes.is_ok()).map(|(path, _)| path).collect()
    }

    fn file(&mut self, location: &str) -> Result<Bytes, String> {
        let base = self.base_dir.ok_or("external data, but the model was not read from a folder")?;
        let relative = Path::new(location);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !plain || location.is_empty() || location.contains(['\\', ':', '\0']) {
            return Err(format!("external data in {location:?}: only files inside the model's folder are read"));
        }
        let path = base.join(relative);
        let limits = self.limits;
        let read = || {
            let canonical = |p: &Path| p.canonicalize().map_err(|e| format!("external data in {location:?}: {e}"));
            if !canonical(&path)?.starts_with(canonical(base)?) {
                return Err(format!("external data in {location:?}: the link leads out of the model's folder"));
            }
            read_file(&path, limits).map_err(|e| format!("external data in {location:?}: {e}"))
        };
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        let bytes = read();
        self.read.insert(path, bytes.clone());
        bytes
    }
}
