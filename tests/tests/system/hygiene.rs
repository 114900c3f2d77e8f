//! What tools that look for faults say about emitted C: nothing.

use crate::emitted::{FORMS, Folder, SANITIZED, fashion, levels, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target, WeightStorage};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::float_models;
use mobilenet_tests::small;
use std::collections::BTreeSet;
use std::fs;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("hygiene::sanitizers_on_fashion", || sanitized("gcc", &[("fashion".into(), fashion()?)])),
        trial("hygiene::sanitizers_on_small_models", || sanitized("clang", &small_models()?)),
        trial("hygiene::sanitizers_on_real_models", || sanitized("clang", &real_models()?)),
        trial("hygiene::sanitizers_on_scalar_targets", || {
            let mut cases = small_models()?;
            cases.push(("fashion".into(), fashion()?));
            SCALAR.iter().try_for_each(|&target| sanitized_for(target, "gcc", &cases))
        }),
        trial("hygiene::valgrind_on_fashion", || valgrind(&[("fashion".into(), fashion()?)])),
        trial("hygiene::valgrind_on_real_models", || valgrind(&real_models()?)),
        trial("hygiene::cppcheck", cppcheck),
        trial("hygiene::no_recursion_and_no_stack_of_varying_size", calls),
    ];
    for compiler in ["gcc", "clang"] {
        trials.push(trial(format!("hygiene::objects_hold_no_state_{compiler}"), move || stateless(compiler)));
    }
    trials
}

type Named = (String, Case);

fn real_models() -> Result<Vec<Named>, Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    models.into_iter().map(|model| Ok((model.name, Case::read("net", &model.path)?))).collect()
}

fn small_models() -> Result<Vec<Named>, Stop> {
    let cases = small::all().into_iter();
    cases.map(|(name, author)| Ok((name.into(), Case::authored("net", &author, &CostModel::default())?))).collect()
}

/// Runs the self-test with the kernels of each instruction set, which one object holds.
const EVERY_LEVEL: &str = r#"#include "net.h"
#include <stdlib.h>

int forced_level;

int main(int argc, char **argv)
{
    net_arena *const arena = (net_arena *)malloc(sizeof(net_arena));
    int failed = 0;
    for (int i = 1; i < argc && failed == 0; i++) {
        forced_level = atoi(argv[i]);
        failed = net_self_test(arena);
    }
    free(arena);
    return failed < 255 ? failed : 255;
}
"#;

/// Targets whose kernels the host can run, and which no level of [`Target::Auto`] has.
const SCALAR: [Target; 2] = [Target::Generic, Target::CortexM4];

fn sanitized(compiler: &str, cases: &[Named]) -> Result<(), Stop> {
    sanitized_for(Target::Auto, compiler, cases)
}

fn sanitized_for(target: Target, compiler: &str, cases: &[Named]) -> Result<(), Stop> {
    needs(&[compiler])?;
    for (name, case) in cases {
        let options = COptions { target, ..COptions::default() };
        let folder = Folder::new(&format!("sanitized-{}-{name}", target.name()), &case.self_testing(options)?)?;
        folder.write("main.c", EVERY_LEVEL)?;
        folder.build(compiler, &[&SANITIZED[..], &[folder.force_level()?]].concat())?;
        check(folder.command("./program").args(levels(target))).map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(())
}

/// With the kernels that the emulated processor has: AVX2, or those of SSE2.
fn valgrind(cases: &[Named]) -> Result<(), Stop> {
    needs(&["gcc", "valgrind"])?;
    for (name, case) in cases {
        let folder = Folder::new(&format!("valgrind-{name}"), &case.self_testing(COptions::default())?)?;
        folder.write("main.c", EVERY_LEVEL)?;
        folder.build("gcc", &["-g", "-O1"])?;
        let mut command = folder.command("valgrind");
        command.args(["-q", "--error-exitcode=99", "--leak-check=full", "./program", "0"]);
        check(&mut command).map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(())
}

/// Every kernel there is, in each form of the weights.
fn cppcheck() -> Result<(), Stop> {
    needs(&["cppcheck"])?;
    let mut cases = small_models()?;
    cases.push(("fashion".into(), fashion()?));
    // Auto has the kernels in vectors and in arrays, that of Cortex-M4 the compact ones.
    let targets = [Target::Auto, Target::CortexM4];
    for (i, (target, (name, case))) in
        targets.iter().flat_map(|&target| cases.iter().map(move |case| (target, case))).enumerate()
    {
        let (form, weights) = FORMS[i % FORMS.len()];
        let options = COptions { weights, target, stage_hooks: true, ..COptions::default() };
        let folder = Folder::new(&format!("cppcheck-{name}-{form}"), &case.self_testing(options)?)?;
        let units = folder.sources()?.into_iter().filter(|name| name.ends_with(".c"));
        let mut command = folder.command("cppcheck");
        command.args(["--quiet", "--enable=warning,portability,performance", "--error-exitcode=1"]).args(units);
        check(&mut command).map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(())
}

/// Sections of `nm` for what a program may write.
const WRITABLE: [&str; 6] = ["B", "b", "C", "D", "d", "S"];

/// What an object may ask for: what the text calls, what compilers add for the processor's features and for position
/// independence, the weights, and from the self-test the entry point.
const KNOWN: [&str; 7] =
    ["memcpy", "memset", "__cpu_model", "__cpu_features2", "_GLOBAL_OFFSET_TABLE_", "net_weights_", "net_run_checked"];

/// How many of these `net.c` may ask for.
fn known(weights: WeightStorage) -> usize {
    if weights == WeightStorage::Bin { 5 } else { 6 }
}

fn stateless(compiler: &str) -> Result<(), Stop> {
    needs(&[compiler, "nm"])?;
    for (name, case) in small_models()? {
        for (form, weights) in FORMS {
            for target in [Target::Auto, Target::Generic] {
                let options = COptions { weights, target, ..COptions::default() };
                let folder = Folder::new(&format!("stateless-{compiler}"), &case.self_testing(options)?)?;
                check(folder.command(compiler).args(["-std=c99", "-O2", "-c", "net.c", "net_test.c"]))?;
                let what = format!("{name}, weights in {form}, {target:?}");
                symbols(&check(folder.command("nm").arg("net.o"))?, &KNOWN[..known(weights)], &what)?;
                symbols(&check(folder.command("nm").arg("net_test.o"))?, &KNOWN, &what)?;
            }
        }
    }
    Ok(())
}

/// A symbol without the hash of the weights.
fn nameless(symbol: &str) -> &str {
    let weights = |&(start, hash): &(&str, &str)| start == "net_weights_" && hash.len() == 8;
    symbol.split_at_checked(12).filter(weights).map_or(symbol, |(start, _)| start)
}

fn symbols(listing: &str, known: &[&str], what: &str) -> Result<(), Stop> {
    for line in listing.lines() {
        let mut words = line.split_whitespace().rev();
        let (Some(symbol), Some(kind)) = (words.next(), words.next()) else { continue };
        if WRITABLE.contains(&kind) || kind == "U" && !known.contains(&nameless(symbol)) {
            return Err(Stop::Failed(format!("{what}: {line}")));
        }
        if kind == "T" && !symbol.starts_with("net_") {
            return Err(Stop::Failed(format!("{what}: {symbol} does not begin with the prefix")));
        }
    }
    Ok(())
}

/// The graph of calls, as gcc writes it down, can be taken apart from its leaves on: it has no cycle.
fn calls() -> Result<(), Stop> {
    needs(&["gcc"])?;
    for (name, case) in small_models()? {
        let folder = Folder::new("calls", &case.self_testing(COptions::default())?)?;
        let mut compile = folder.command("gcc");
        let flags = ["-std=c99", "-O0", "-fcallgraph-info=su", "-Werror=vla", "-Werror=alloca"];
        if let Err(message) = check(compile.args(flags).args(["-c", "net.c"])) {
            let old = message.contains("callgraph-info");
            return Err(if old { Stop::Absent("gcc knows no -fcallgraph-info".into()) } else { message.into() });
        }
        let graph = fs::read_to_string(folder.0.join("net.ci")).map_err(|e| e.to_string())?;
        if graph.contains("(dynamic)") {
            return Err(Stop::Failed(format!("{name}: a frame of varying size")));
        }
        let mut edges: Vec<_> = graph.lines().filter_map(edge).collect();
        if edges.len() < 10 {
            return Err(Stop::Failed(format!("{name}: {} calls", edges.len())));
        }
        loop {
            let callers: BTreeSet<_> = edges.iter().map(|&(from, _)| from).collect();
            let before = edges.len();
            edges.retain(|(_, to)| callers.contains(to));
            if edges.len() == before {
                break;
            }
        }
        if !edges.is_empty() {
            return Err(Stop::Failed(format!("{name}: a cycle of calls within {edges:?}")));
        }
    }
    Ok(())
}

/// Caller and callee of a line `edge: { sourcename: "a" targetname: "b" ...`.
fn edge(line: &str) -> Option<(&str, &str)> {
    let mut quoted = line.strip_prefix("edge:")?.split('"');
    Some((quoted.nth(1)?, quoted.nth(1)?))
}
