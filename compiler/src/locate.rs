//! Finds the model file that a user names, or says what is there instead.

use std::path::{Path, PathBuf};

use crate::{Problem, text};

/// How many files a "not found" lists.
const SUGGESTIONS: usize = 5;
/// How many folders a search for files to suggest looks into.
const FOLDERS: usize = 200;

/// The file that `path`, relative to the folder `base`, names.
///
/// # Errors
/// A [`Problem`] with the resolved path and similar files nearby where there is no such file.
pub fn locate(base: &Path, path: &str) -> Result<PathBuf, Problem> {
    let resolved = base.join(path);
    match std::fs::metadata(&resolved) {
        Ok(meta) if meta.is_file() => Ok(resolved),
        Ok(_) => Err(Problem::new(format!("{} is not a file", text::path(&resolved)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem = Problem::new(format!("there is no file {}", text::path(&resolved)));
            Err(match suggestions(base, &resolved).as_slice() {
                [] => problem.hint(format!("relative paths start at {}", text::path(base))),
                found => problem.hint(format!("there is {}", found.join(", "))),
            })
        }
        Err(error) => Err(Problem::new(format!("{} can't be read: {error}", text::path(&resolved)))),
    }
}

/// Names of ONNX files under `base` and beside `wanted`, the most similar first, as the user would write them.
fn suggestions(base: &Path, wanted: &Path) -> Vec<String> {
    let mut found = onnx_files(base);
    found.extend(wanted.parent().into_iter().flat_map(onnx_files));
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let wanted = name(wanted);
    let mut ranked: Vec<_> = found.into_iter().map(|path| (distance(&name(&path), &wanted), path)).collect();
    ranked.sort();
    ranked.dedup();
    let relative = |path: &Path| text::path(path.strip_prefix(base).unwrap_or(path));
    ranked.iter().take(SUGGESTIONS).map(|(_, path)| format!("{:?}", relative(path))).collect()
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut next = 0;
    while next < folders.len().min(FOLDERS) {
        let mut entries: Vec<_> = std::fs::read_dir(&folders[next]).into_iter().flatten().flatten().collect();
        // Folders come in the order of the file system, which would decide which ones are the first FOLDERS.
        entries.sort_by_key(std::fs::DirEntry::file_name);
        next += 1;
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.to_string_lossy().starts_with('.') || name == "target";
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !hidden => folders.push(path),
                Ok(_) if path.extension().is_some_and(|extension| extension == "onnx") => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("net", "net", 0), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), expected);
            assert_eq!(distance(b, a), expected);
        }
    }

    #[test]
    fn a_missing_file_names_its_neighbours() {
        let base = std::env::temp_dir().join(format!("mobilenet-locate-{}", std::process::id()));
        std::fs::create_dir_all(base.join("models/target")).expect("a temporary folder");
        for file in ["models/mobilenet.onnx", "models/other.onnx", "models/target/hidden.onnx", "models/notes.txt"] {
            std::fs::write(base.join(file), b"").expect("a temporary file");
        }
        let found = locate(&base, "models/other.onnx");
        let beside = locate(&base.join("models/target"), "../othr.onnx").expect_err("there is none");
        let missing = locate(&base, "mobilnet.onnx").expect_err("there is none");
        let folder = locate(&base, "models").expect_err("a folder");
        std::fs::remove_dir_all(&base).expect("removable");

        assert_eq!(found, Ok(base.join("models/other.onnx")));
        assert!(missing.message.ends_with(&base.join("mobilnet.onnx").display().to_string()));
        let hint = format!("there is {:?}, {:?}", "models/mobilenet.onnx", "models/other.onnx");
        assert_eq!(missing.hint, Some(hint));
        assert!(beside.hint.is_some_and(|hint| hint.starts_with("there is \"../other.onnx\", ")));
        assert!(folder.message.ends_with("is not a file"));
    }
}
