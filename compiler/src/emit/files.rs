//! What a back end writes: named files, all of them or none.

use super::c::MAGIC;
use super::provenance::GENERATED;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes in which the origin of a generated file stands.
const HEAD: usize = 512;

/// Files by name, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    files: BTreeMap<String, Vec<u8>>,
    /// What else a back end writes under other options, and how it begins.
    siblings: BTreeMap<String, Vec<u8>>,
}

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, in place of one of the same name. A name may be in folders, separated by `/`.
    pub fn insert(&mut self, name: impl Into<String>, contents: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), contents.into());
    }

    /// Names a file that does not belong to these, but may be left of an earlier run. Where one of this name begins like
    /// that and is not among the files, writing them removes it.
    pub fn supersede(&mut self, name: impl Into<String>, beginning: impl Into<Vec<u8>>) {
        self.siblings.insert(name.into(), beginning.into());
    }

    /// The same files in a folder of this name.
    #[must_use]
    pub fn below(self, folder: &str) -> Self {
        let moved = |files: BTreeMap<String, Vec<u8>>| {
            files.into_iter().map(|(name, contents)| (format!("{folder}/{name}"), contents)).collect()
        };
        Self { files: moved(self.files), siblings: moved(self.siblings) }
    }

    /// The contents of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Names and contents, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, contents)| (name.as_str(), contents.as_slice()))
    }

    /// Files of these names in `folder` that another program or a person wrote: other than what would be written, and
    /// without the line that says where generated files come from. A file of bytes, which has no such line, is ours where
    /// one beside it has.
    pub fn foreign(&self, folder: &Path) -> Vec<PathBuf> {
        let path = |name: &str| relative(name).map(|name| folder.join(name)).ok();
        let ours = |name: &str| path(name).is_some_and(|path| head(&path).is_some_and(|head| is_generated(&head)));
        let known = self.files.keys().any(|name| ours(name));
        let foreign = |(name, contents): (&String, &Vec<u8>)| {
            let path = path(name).filter(|path| path.is_file())?;
            let silent = !is_generated(contents);
            let written = ours(name) || silent && known || fs::read(&path).is_ok_and(|found| found == *contents);
            (!written).then_some(path)
        };
        self.files.iter().filter_map(foreign).collect()
    }

    /// Writes all files into `folder`, which is made if need be. Each is complete under a temporary name before any takes
    /// its own: on failure the folder's files are as they were. What they [supersede](Self::supersede) goes last, and is
    /// returned.
    ///
    /// # Errors
    ///
    /// What the file system reports, with the path in the message.
    pub fn write_to(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        let paths = self.files.keys().map(|name| Ok(folder.join(relative(name)?))).collect::<io::Result<Vec<_>>>()?;
        paths.iter().try_for_each(|path| vacant(path))?;
        let mut unfinished = Unfinished(Vec::new());
        for (path, contents) in paths.into_iter().zip(self.files.values()) {
            let (Some(parent), Some(file)) = (path.parent(), path.file_name()) else { continue };
            fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
            let temporary = parent.join(format!(".{}.{}.tmp", file.to_string_lossy(), std::process::id()));
            unfinished.0.push((temporary.clone(), path));
            write(&temporary, contents).map_err(|error| at(&temporary, &error))?;
        }
        for (temporary, path) in std::mem::take(&mut unfinished.0) {
            if let Err(error) = fs::rename(&temporary, &path) {
                unfinished.0.push((temporary, path.clone()));
                return Err(at(&path, &error));
            }
        }
        let mut removed = Vec::new();
        let stale = self.siblings.iter().filter(|(name, _)| !self.files.contains_key(*name));
        for (name, beginning) in stale {
            let path = folder.join(relative(name)?);
            if begins(&path, beginning) {
                fs::remove_file(&path).map_err(|error| at(&path, &error))?;
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self { files: files.into_iter().collect(), siblings: BTreeMap::new() }
    }
}

/// Temporary and final paths; the temporary ones are removed when it is dropped.
struct Unfinished(Vec<(PathBuf, PathBuf)>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for (temporary, _) in &self.0 {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// The path of a name, which must stay inside the folder.
fn relative(name: &str) -> io::Result<PathBuf> {
    let path: PathBuf = name.split('/').collect();
    let plain = name.split('/').all(|part| Path::new(part).file_name().is_some_and(|file| file == part));
    if plain { Ok(path) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no file name"))) }
}

/// No folder where a file is to be.
fn vacant(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        let error = io::Error::new(io::ErrorKind::IsADirectory, "a folder is where this file is to be written");
        return Err(at(path, &error));
    }
    Ok(())
}

/// The beginning of a file, where its origin stands.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(HEAD as u64).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether contents say that this compiler wrote them.
fn is_generated(contents: &[u8]) -> bool {
    let head = &contents[..contents.len().min(HEAD)];
    let says = |what: &[u8]| head.windows(what.len()).any(|part| part == what);
    says(GENERATED.as_bytes()) || head.starts_with(MAGIC)
}

/// Whether a plain file begins with these bytes.
fn begins(path: &Path, beginning: &[u8]) -> bool {
    let mut bytes = vec![0; beginning.len()];
    let plain = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    plain && File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).is_ok() && bytes == beginning
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    file.flush()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", crate::text::path(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("mobilenet-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_replace_files_and_leave_no_others() {
        let folder = scratch("all");
        let mut files = Files::new();
        files.insert("b.c", "two");
        files.insert("a.h", "one");
        files.write_to(&folder.join("deep")).unwrap();
        files.insert("a.h", "three");
        files.insert("sub/c.c", "four");
        files.write_to(&folder.join("deep")).unwrap();
        assert_eq!(names(&folder.join("deep")), ["a.h", "b.c", "sub"]);
        assert_eq!(names(&folder.join("deep/sub")), ["c.c"]);
        assert_eq!(fs::read(folder.join("deep/a.h")).unwrap(), b"three");
        assert_eq!(files.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a.h", "b.c", "sub/c.c"]);
        assert_eq!(files.below("src").iter().next().map(|(name, _)| name), Some("src/a.h"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_is_left_of_a_failure() {
        let folder = scratch("none");
        fs::create_dir_all(folder.join("z.c/taken")).unwrap();
        for name in ["../escape", "", "/escape", "a/../../escape", "a//b", "a/./b", "a/"] {
            let mut files = Files::new();
            files.insert(name, "one");
            assert!(files.write_to(&folder).is_err(), "{name}");
        }
        let mut files = Files::new();
        files.insert("a.h", "one");
        files.insert("sub/b.c", "two");
        files.insert("z.c", "a folder of this name is in the way");
        assert!(files.write_to(&folder).unwrap_err().to_string().contains("z.c: a folder"));
        assert_eq!(names(&folder), ["z.c"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn files_of_others_are_known() {
        let folder = scratch("foreign");
        let generated = format!("// {GENERATED}0.0.0; changes are lost.");
        let mut files = Files::new();
        files.insert("net.rs", format!("{generated}\nnew"));
        files.insert("net.bin", "raw");
        assert!(files.foreign(&folder).is_empty());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("net.rs"), "mod mine;").unwrap();
        fs::write(folder.join("net.bin"), "mine").unwrap();
        assert_eq!(files.foreign(&folder), ["net.bin", "net.rs"].map(|name| folder.join(name)));
        fs::write(folder.join("net.bin"), "raw").unwrap();
        assert_eq!(files.foreign(&folder), [folder.join("net.rs")]);
        fs::write(folder.join("net.bin"), "of an older build").unwrap();
        fs::write(folder.join("net.rs"), format!("{generated}\nold")).unwrap();
        assert!(files.foreign(&folder).is_empty());
        let mut bin = Files::new();
        bin.insert("net.bin", [MAGIC.as_slice(), b"new"].concat());
        assert_eq!(bin.foreign(&folder), [folder.join("net.bin")]);
        fs::write(folder.join("net.bin"), [MAGIC.as_slice(), b"old"].concat()).unwrap();
        assert!(bin.foreign(&folder).is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_superseded_goes_and_what_looks_otherwise_stays() {
        let folder = scratch("stale");
        fs::create_dir_all(folder.join("src/folder.c")).unwrap();
        for (name, text) in
            [("ours.c", "/* mine: a"), ("foreign.c", "/* yours"), ("short.c", "/*"), ("kept.c", "/* mine: b")]
        {
            fs::write(folder.join("src").join(name), text).unwrap();
        }
        let mut files = Files::new();
        files.insert("kept.c", "/* mine: c");
        for name in ["ours.c", "foreign.c", "short.c", "kept.c", "absent.c", "folder.c"] {
            files.supersede(name, "/* mine");
        }
        assert_eq!(files.below("src").write_to(&folder).unwrap(), [folder.join("src/ours.c")]);
        assert_eq!(names(&folder.join("src")), ["folder.c", "foreign.c", "kept.c", "short.c"]);
        assert_eq!(fs::read(folder.join("src/kept.c")).unwrap(), b"/* mine: c");
        fs::remove_dir_all(&folder).unwrap();
    }
}
