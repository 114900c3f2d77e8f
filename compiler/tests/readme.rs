//! The README shows what the command line prints: the transcripts that depend on no machine are replayed.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What stands behind the prompt with this command, up to the next prompt or the block's end.
fn transcript<'a>(readme: &'a str, command: &str) -> (Vec<&'a str>, Vec<&'a str>) {
    let start = readme.find(&format!("$ mobilenetc {command}")).expect("the README has the command");
    let block = readme[start + 2..].split("```").next().unwrap_or_default();
    let mut lines = block.split("\n\n$ ").next().unwrap_or_default().lines();
    let words = lines.next().unwrap_or_default().split_whitespace().skip(1).collect();
    (words, lines.map(str::trim_end).filter(|line| !line.is_empty()).collect())
}

#[test]
fn transcripts_are_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let examples = fs::canonicalize(root.join("examples")).expect("the examples");
    std::os::unix::fs::symlink(examples, folder.path().join("examples")).expect("a link");
    for command in ["inspect", "build"] {
        let (words, shown) = transcript(&readme, command);
        assert!(shown.len() > 4, "{shown:?}");
        let output = Command::new(env!("CARGO_BIN_EXE_mobilenetc"))
            .args(words)
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<_> = printed.lines().map(str::trim_end).collect();
        for line in shown.into_iter().filter(|line| line.trim() != "...") {
            assert!(lines.contains(&line), "the README has\n{line}\nmobilenetc {command} prints\n{printed}");
        }
    }
}
