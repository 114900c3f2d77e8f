//! How long a message gets: over the hostile files, and over random networks with one operator broken.
//!
//! `MOBILENET_SEEDS` sets how many networks each fault is put into.

use crate::c_cmake::mobilenetc;
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::diagnostic::{Extent, LINES, Spelling};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::{Options, compile};
use mobilenet_tests::broken::{self, Fault};
use mobilenet_tests::hostile;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Lines that one cause may take.
const CAUSE: usize = 12;

/// Networks that each fault is put into.
const SEEDS: u64 = 16;

/// File name and contents.
type File = (String, Vec<u8>);

pub fn trials() -> Vec<Trial> {
    let broken = || {
        let seeds = env::var("MOBILENET_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
        let each =
            |seed| Fault::ALL.map(|fault| (format!("seed {seed}, {fault:?}"), broken::network(seed, fault).to_bytes()));
        (0..seeds).flat_map(each).collect()
    };
    vec![
        trial("messages::of_hostile_files", || are_short(hostile_files())),
        trial("messages::of_broken_networks", move || are_short(broken())),
    ]
}

fn hostile_files() -> Vec<File> {
    let named = |kind: &str, files: Vec<Vec<u8>>| -> Vec<File> {
        files.into_iter().enumerate().map(|(i, bytes)| (format!("{kind} {i}"), bytes)).collect()
    };
    let mut files = named("truncated", hostile::truncated());
    files.extend(named("flipped", hostile::flipped()));
    files.extend(named("oversized", hostile::oversized().iter().map(|author| author.to_bytes()).collect()));
    files.push(("huge".into(), hostile::huge().to_bytes()));
    files.extend(
        ["../outside.bin", "/etc/passwd", "missing.bin", "", "."]
            .map(|location| (format!("external data in {location:?}"), hostile::external(location).to_bytes())),
    );
    files
}

/// Every error as the library prints it, and one of each as `mobilenetc` does.
fn are_short(files: Vec<File>) -> Result<(), Stop> {
    let tool = mobilenetc()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("net.onnx");
    let (mut known, mut refused, mut faults) = (HashSet::new(), 0, Vec::new());
    let (mut longest, mut longest_cause) = ((0, String::new()), (0, String::new()));
    let count = files.len();
    for (name, bytes) in files {
        let model = Model::decode(bytes.clone(), Some(folder.path()));
        let Err(error) = model.and_then(|model| compile(&model, &Options::default())) else { continue };
        refused += 1;
        for spelling in [Spelling::Macro, Spelling::Build, Spelling::CommandLine] {
            let lines = error.render(spelling, Extent::Short).lines().count();
            if lines > LINES {
                faults.push(format!("{name}: {lines} lines\n{error}"));
            }
        }
        if !known.insert(error.to_string()) {
            continue;
        }
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        let said = message(&tool, &path)?;
        let [lines, cause] = measure(&said);
        if lines > LINES || cause > CAUSE || lines == 0 {
            faults.push(format!("{name}: {lines} lines, a cause of {cause}\n{said}"));
        }
        longest = longest.max((lines, name.clone()));
        longest_cause = longest_cause.max((cause, name));
    }
    println!(
        "{refused} of {count} files refused, {} messages; the longest in lines: {longest:?}, the longest cause: {longest_cause:?}",
        known.len()
    );
    match faults.is_empty() && 4 * refused > count {
        true => Ok(()),
        false => Err(Stop::Failed(faults.join("\n\n"))),
    }
}

/// What `mobilenetc inspect` says to standard error.
fn message(tool: &Path, model: &Path) -> Result<String, Stop> {
    let output = Command::new(tool).args(["--color", "never", "inspect"]).arg(model).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.code() {
        Some(1 | 2) => Ok(String::from_utf8_lossy(&output.stderr).into_owned()),
        status => Err(Stop::Failed(format!("status {status:?}: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}

/// Lines of a message, and of the longest cause in it.
fn measure(said: &str) -> [usize; 2] {
    let mut causes = vec![0];
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with("Error: ") {
            causes.push(0);
        }
        *causes.last_mut().unwrap_or(&mut 0) += 1;
    }
    [said.lines().count(), causes.into_iter().max().unwrap_or(0)]
}
