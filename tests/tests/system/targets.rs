//! The table of `cargo run -p xtask -- targets` for the models that an emulated board runs in no time.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_tests::shared::shared;
use mobilenet_tests::targets::{self, Peer};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("targets::fashion", || table("fashion_a025_64")),
        trial("targets::person_detector", || {
            shared().map_err(Stop::Absent)?;
            table("a025_96_vww_torchts_bn")
        }),
    ]
}

/// Every row runs and stays within its bounds; the table is printed.
fn table(model: &str) -> Result<(), Stop> {
    let models = targets::models(&[model.to_owned()])?;
    let [model] = &models[..] else { return Err(Stop::Failed(format!("{} models named {model}", models.len()))) };
    let folder = scratch().join("targets").join(&model.name);
    let report = targets::report(model, &targets::all(), &Peer::find(), &folder);
    let comparison = targets::comparisons(report.comparison.as_slice());
    println!("\n{}\n{comparison}", report.table);
    if !report.wrong.is_empty() {
        return Err(Stop::Failed(report.wrong.join("\n")));
    }
    if report.absent.is_empty() { Ok(()) } else { Err(Stop::Absent(report.absent.join(", "))) }
}
