//! The page of `mobilenetc inspect --report`, read in headless Chromium.

use crate::c_cmake::mobilenetc;
use crate::emitted::needs;
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::{shared, workspace};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of `../shared`: the paper's network, a V2, and the person detector in floats and in codes.
const REAL: [&str; 4] = [
    "models/mnv1_a100_224_in1k_torchts_bn",
    "family/mnv2_a100_224_docflip_torchts",
    "models/mnv1_a025_96_vww_torchts_bn",
    "models/mnv1_a025_96gray_person_tfliteqdq",
];

pub fn trials() -> Vec<Trial> {
    let example = || page(&workspace().join("examples/classify/model/fashion_a025_64.onnx"));
    let real = REAL.iter().map(|name| trial(format!("report::{name}"), || page(&real(name)?)));
    std::iter::once(trial("report::example", example)).chain(real).collect()
}

fn real(name: &str) -> Result<PathBuf, Stop> {
    Ok(shared().map_err(Stop::Absent)?.join(name).with_extension("onnx"))
}

/// No error and no request, totals as in the JSON, rectangles as planned, all of it by keyboard, in both themes, from a phone's
/// width on.
fn page(model: &Path) -> Result<(), Stop> {
    needs(&["node", "chromium"])?;
    let tool = mobilenetc()?;
    let folder = tempfile::tempdir_in(scratch()).map_err(|error| error.to_string())?;
    let (page, json) = (folder.path().join("net.html"), folder.path().join("net.json"));
    let mut inspect = Command::new(tool);
    let said = check(inspect.arg("inspect").arg(model).args(["--format", "json", "--report"]).arg(&page))?;
    fs::write(&json, said).map_err(|error| error.to_string())?;
    let script = workspace().join("tests/tests/system/report/check.mjs");
    let seen = check(Command::new("node").arg(script).arg(&page).arg(&json))?;
    println!("\n{seen}");
    Ok(())
}
