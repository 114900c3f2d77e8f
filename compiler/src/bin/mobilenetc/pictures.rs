//! Pictures by the folder, and how many of them are classified right.

use crate::args::{Answers, LabelsFrom};
use crate::failure::Failure;
use crate::{adapt, scores};
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::{Problem, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Files as they are, folders as the pictures in them and in folders within, in order of their names.
pub fn gather(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let before = all.len();
        walk(path, &mut all)?;
        if all.len() == before {
            let problem = Problem::new(format!("no pictures in {}", text::path(path)));
            return Err(Failure::Other(problem.hint("files that end in .png, .jpg and .jpeg are looked for")));
        }
    }
    Ok(all)
}

fn walk(folder: &Path, all: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::file("read", folder, &error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link to a folder may lead back.
        entries.push((entry.path(), entry.file_type().map_err(failed)?.is_dir()));
    }
    entries.sort();
    for (path, is_folder) in entries {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        if is_folder {
            walk(&path, all)?;
        } else if matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg")) {
            all.push(path);
        }
    }
    Ok(())
}

/// The names of the classes, and the right one of each picture.
pub struct Known {
    pub labels: Option<Vec<String>>,
    pub right: Option<Vec<usize>>,
}

impl Known {
    /// What the options say of these pictures.
    pub fn new(answers: &Answers, pictures: &[PathBuf], plan: &Plan) -> Result<Self, Failure> {
        let count = plan.class_count();
        let labels = answers.labels.as_deref().map(|path| {
            let labels = adapt::labels(path)?;
            labels.check(count).map_err(Failure::Other)?;
            Ok::<_, Failure>(labels.names)
        });
        let labels = labels.transpose()?;
        let right = answers.labels_from.map(|LabelsFrom::Folders| by_folder(pictures, labels.as_deref(), count));
        Ok(Self { right: right.transpose()?, labels })
    }
}

/// The class of each picture by the name of its folder.
fn by_folder(pictures: &[PathBuf], labels: Option<&[String]>, count: usize) -> Result<Vec<usize>, Failure> {
    let folder = |path: &PathBuf| {
        let name = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        name.ok_or_else(|| {
            let problem = Problem::new(format!("the folder of {} has no name that could be a class", text::path(path)));
            Failure::Other(problem.hint("give the folder that the folders of the classes are in: --image photos/"))
        })
    };
    let folders = pictures.iter().map(folder).collect::<Result<Vec<_>, _>>()?;
    let names: BTreeSet<&str> = folders.iter().map(String::as_str).collect();
    let class = |name: &str| {
        let named = labels.and_then(|labels| labels.iter().position(|label| same(label, name)));
        named.or_else(|| name.parse().ok().filter(|&class| class < count))
    };
    if let Some(classes) = folders.iter().map(|name| class(name)).collect() {
        return Ok(classes);
    }
    if names.len() == count {
        let position = |name: &String| names.iter().position(|other| other == name).unwrap_or_default();
        return Ok(folders.iter().map(position).collect());
    }
    let unknown = names.iter().find(|name| class(name).is_none()).copied().unwrap_or_default();
    let problem = Problem::new(format!("the folder {unknown:?} has the name of no class")).expected(
        format!("a name in --labels, a number below {count}, or {count} folders in the order of the classes"),
        format!("{} folders", names.len()),
    );
    Err(Failure::Other(problem))
}

/// Whether a folder has the name of a class: in any case, with `_` for spaces; of several names, separated by commas, the first does.
fn same(label: &str, folder: &str) -> bool {
    let plain = |text: &str| text.trim().replace('_', " ").to_lowercase();
    let (label, folder) = (plain(label), plain(folder));
    label == folder || label.split(',').next() == Some(&folder)
}

/// How many pictures are classified right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accuracy {
    top: usize,
    pictures: usize,
    first: usize,
    among: usize,
}

impl Accuracy {
    /// Of no pictures yet; also counts those whose class is among this many of the best.
    pub fn new(top: usize) -> Self {
        Self { top, pictures: 0, first: 0, among: 0 }
    }

    /// Counts a row of scores.
    pub fn add(&mut self, row: &[f32], right: usize) {
        let best = scores::top(row, self.top);
        self.pictures += 1;
        self.first += usize::from(best.first() == Some(&right));
        self.among += usize::from(best.contains(&right));
    }

    /// For the reports of `run` and `verify`.
    pub fn to_json(self) -> Value {
        json!({ "pictures": self.pictures, "top_1": self.first, "top_k": self.among, "k": self.top })
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { top, pictures, first, among } = *self;
        let share = |count: usize| 100.0 * count as f64 / pictures.max(1) as f64;
        write!(f, "top-1 {:.1} % ({first} of {pictures})", share(first))?;
        if top > 1 { write!(f, ", top-{top} {:.1} % ({among})", share(among)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn folders_are_classes_by_name_number_or_order() {
        let labels = ["tench, Tinca tinca", "Goldfish", "great white shark"].map(String::from);
        let found =
            |pictures: &[&str], labels: Option<&[String]>, count| by_folder(&paths(pictures), labels, count).ok();
        let named = ["a/goldfish/1.png", "a/Great_White_Shark/2.png", "a/tench/1.png"];
        assert_eq!(found(&named, Some(&labels), 3), Some(vec![1, 2, 0]));
        assert_eq!(found(&["a/2/x.png", "a/0/x.png"], None, 3), Some(vec![2, 0]));
        assert_eq!(found(&["a/n2/x.png", "a/n1/x.png", "a/n2/y.png"], None, 2), Some(vec![1, 0, 1]));
        assert_eq!(found(&["a/n2/x.png", "a/n1/x.png"], None, 3), None);
        assert_eq!(found(&["a/3/x.png"], None, 3), None);
        assert_eq!(found(&["x.png"], None, 3), None);
    }

    #[test]
    fn accuracy_counts_the_first_and_the_best() {
        let mut seen = Accuracy::new(2);
        seen.add(&[0.1, 0.7, 0.2], 1);
        seen.add(&[0.1, 0.7, 0.2], 2);
        seen.add(&[0.1, 0.7, 0.2], 0);
        seen.add(&[0.9, 0.1, 0.0], 0);
        assert_eq!(seen.to_string(), "top-1 50.0 % (2 of 4), top-2 75.0 % (3)");
        assert_eq!(seen.to_json(), json!({ "pictures": 4, "top_1": 2, "top_k": 3, "k": 2 }));
    }
}
