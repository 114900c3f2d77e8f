//! Side files: read once each, and only from the model's own folder.

use super::Limits;
use super::foreign::is_lfs_pointer;
use super::proto::StringStringEntryProto;
use crate::diagnostic::Problem;
use crate::text::{elided, printable};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
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

/// Why a tensor can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is to blame itself.
    Tensor(String),
    /// Its side file is, with all tensors in it.
    File(FileProblem),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Tensor(message)
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::Tensor(message.into())
    }
}

/// What is wrong with a side file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileProblem {
    location: String,
    /// Goes on behind the file's name.
    why: String,
    hint: &'static str,
}

impl FileProblem {
    fn new(location: &str, why: impl Into<String>, hint: &'static str) -> Self {
        Self { location: printable(location).into_owned(), why: why.into(), hint }
    }

    /// The problem of the tensors of these names.
    pub(super) fn problem(&self, tensors: &[String]) -> Problem {
        let [what, need] = if tensors.len() == 1 { ["initialiser", "needs"] } else { ["initialisers", "need"] };
        let first: Vec<String> = tensors.iter().take(3).map(|name| format!("{:?}", elided(name, 30))).collect();
        let more = if tensors.len() > 3 { ", ..." } else { "" };
        let count = format!("{} {what} ({}{more})", tensors.len(), first.join(", "));
        let location = elided(&self.location, 60);
        Problem::new(format!("{count} {need} the external data in {location:?}{}", self.why)).hint(self.hint)
    }
}

/// The side files of one model.
pub(super) struct SideFiles<'a> {
    base_dir: Option<&'a Path>,
    limits: &'a Limits,
    read: BTreeMap<PathBuf, Result<Bytes, FileProblem>>,
}

impl<'a> SideFiles<'a> {
    pub(super) fn new(base_dir: Option<&'a Path>, limits: &'a Limits) -> Self {
        Self { base_dir, limits, read: BTreeMap::new() }
    }

    /// The bytes a tensor's `external_data` entries point to; `len` is what its type and shape demand.
    pub(super) fn slice(&mut self, entries: &[StringStringEntryProto], len: usize) -> Result<Bytes, Refusal> {
        let entry = |key: &str| entries.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let number = |key: &str| {
            entry(key).map(|v| v.parse::<usize>().map_err(|_| format!("{key} {v:?} is not a size"))).transpose()
        };
        let location = entry("location").ok_or("external data without a location")?;
        let offset = number("offset")?.unwrap_or(0);
        let stated = number("length")?.unwrap_or(len);
        if stated != len {
            return Err(format!("external data of {stated} bytes where type and shape demand {len}").into());
        }
        let bytes = self.file(location).map_err(Refusal::File)?;
        let end = offset.checked_add(len).filter(|&end| end <= bytes.len()).ok_or_else(|| {
            let why = format!(", where it lies outside the {} bytes of the file", bytes.len());
            Refusal::File(FileProblem::new(location, why, "the file is cut short, or another model's: copy it again"))
        })?;
        Ok(bytes.slice(offset..end))
    }

    /// The files read so far.
    pub(super) fn into_paths(self) -> Vec<PathBuf> {
        self.read.into_iter().filter(|(_, bytes)| bytes.is_ok()).map(|(path, _)| path).collect()
    }

    fn file(&mut self, location: &str) -> Result<Bytes, FileProblem> {
        let problem = |why: &str, hint| FileProblem::new(location, why, hint);
        let folder = "give the model as a file, with its data beside it";
        let base = self.base_dir.ok_or_else(|| problem(", but the model was not read from a folder", folder))?;
        let relative = Path::new(location);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        let inside = "save the model again with its data beside it: onnx.save(model, path, save_as_external_data=True)";
        if !plain || location.is_empty() || location.contains(['\\', ':', '\0']) {
            return Err(problem(": only files inside the model's folder are read", inside));
        }
        let path = base.join(relative);
        let limits = self.limits;
        let absent = "copy it there under this name";
        let read = || {
            let canonical = |p: &Path| {
                p.canonicalize().map_err(|e| match e.kind() {
                    ErrorKind::NotFound => problem(", which is not beside the model", absent),
                    _ => problem(&format!(": {e}"), absent),
                })
            };
            if !canonical(&path)?.starts_with(canonical(base)?) {
                return Err(problem(": the link leads out of the model's folder", inside));
            }
            let bytes = read_file(&path, limits).map_err(|e| problem(&format!(": {e}"), absent))?;
            match is_lfs_pointer(&bytes) {
                true => Err(problem(", which is a Git LFS pointer, not the data", "fetch the data with git lfs pull")),
                false => Ok(bytes),
            }
        };
        if let Some(known) = self.read.get(&path) {
            return known.clone();
        }
        let bytes = read();
        self.read.insert(path, bytes.clone());
        bytes
    }
}
