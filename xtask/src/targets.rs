//! `targets`: a table per model, a line per target.

use clap::Args;
use mobilenet_tests::shared::workspace;
use mobilenet_tests::targets::{self, Peer, Target};

/// Options.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only models whose names contain one of these
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    models: Vec<String>,
    /// Only targets whose names contain this
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Don't install the generator that code sizes are compared with; it needs Python and goes under target/
    #[arg(long)]
    no_install: bool,
}

/// Prints the tables.
///
/// # Errors
/// Says what is absent, failed or too large, after everything is printed.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let is_wanted = |target: &Target| arguments.target.as_ref().is_none_or(|name| target.name.contains(name.as_str()));
    let targets: Vec<Target> = targets::all().into_iter().filter(is_wanted).collect();
    let peer = if arguments.no_install { Peer::find() } else { Peer::install() };
    let folder = workspace().join("target/xtask/targets");
    println!("max error: share of the output's largest magnitude; code, weights, arena, stack: bytes\n");
    let (mut amiss, mut comparisons) = (Vec::new(), Vec::new());
    for model in targets::models(&arguments.models)? {
        let report = targets::report(&model, &targets, &peer, &folder.join(&model.name));
        println!("{}", report.table);
        amiss.extend(report.absent.into_iter().chain(report.wrong));
        comparisons.extend(report.comparison);
    }
    if !comparisons.is_empty() {
        println!("{}", targets::comparisons(&comparisons));
    }
    amiss.sort();
    amiss.dedup();
    if amiss.is_empty() { Ok(()) } else { Err(amiss.join("\n")) }
}
