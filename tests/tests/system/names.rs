//! Names from a hostile or unlucky file reach no compiler: emitted Rust and C still compile and give the same numbers.

use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::naming;
use mobilenet_compiler::onnx::author::Author;
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::compare::agree;
use mobilenet_tests::program::c::Toolchain;
use mobilenet_tests::program::rust::{self, Profile};
use mobilenet_tests::program::{Program, Request};
use mobilenet_tests::small;
use mobilenet_tests::weights::Noise;
use std::path::Path;

const EVIL: [&str; 8] = [
    "*/ #error injected /*",
    "\"; compile_error!(\"injected\"); \"",
    "a\nb\r\nc",
    "//\\\n#include <injected.h>",
    "while",
    "r#\"}}} mod injected {{{\"#",
    "{name} %s \\0 \u{202e}\u{0}",
    "naïve/カエル '?\u{3f}\u{3f}/'",
];

pub fn trials() -> Vec<Trial> {
    vec![
        trial("names::c_compiles_under_evil_names", || {
            let toolchain = Toolchain { level: "1", ..Toolchain::host("gcc") };
            toolchain.present().map_err(Stop::Absent)?;
            let cases = cases()?;
            let modules = cases.iter().map(Case::c).collect::<Result<Vec<_>, _>>()?;
            same(&toolchain.build(&scratch().join("names-c"), &modules)?, &cases)
        }),
        trial("names::rust_compiles_under_evil_names", || {
            let cases = cases()?;
            let modules = cases.iter().map(Case::rust).collect::<Result<Vec<_>, _>>()?;
            same(
                &rust::build(&scratch().join("names-rust"), &scratch().join("target"), &modules, Profile::Debug)?,
                &cases,
            )
        }),
        trial("names::evil_files_give_types", || {
            for name in EVIL {
                let ty = naming::type_name(Path::new(&format!("{name}.onnx")));
                naming::check_type_name(&ty).map_err(|problem| problem.to_string())?;
            }
            Ok(())
        }),
    ]
}

/// One network per evil name, which all its parts bear; the file's name, too.
fn cases() -> Result<Vec<Case>, Stop> {
    let mut cases = Vec::new();
    for (i, evil) in EVIL.iter().enumerate() {
        let mut case = Case::authored(&format!("evil{i}"), &renamed(small::tiny_v1(1), evil), &CostModel::default())?;
        case.provenance.model = format!("{evil}.onnx");
        case.provenance.options = (*evil).into();
        cases.push(case);
    }
    Ok(cases)
}

fn renamed(mut author: Author, evil: &str) -> Author {
    let change = |name: &mut String| *name = format!("{evil}{name}");
    let model = author.message();
    model.producer_name = evil.into();
    model.doc_string = evil.into();
    let graph = model.graph.mut_or_insert_default();
    graph.name = evil.into();
    graph.input.iter_mut().chain(&mut graph.output).for_each(|value| change(&mut value.name));
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    for node in &mut graph.node {
        change(&mut node.name);
        node.input.iter_mut().chain(&mut node.output).for_each(change);
    }
    author
}

fn same(program: &Program, cases: &[Case]) -> Result<(), Stop> {
    for (index, case) in cases.iter().enumerate() {
        let values = Noise::new(9).vector(case.plan.lengths().0, -1.0, 1.0);
        let inputs = [values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()];
        let found = program.run(&[Request { index, inputs: &inputs, output_len: case.output_len() }], None)?;
        agree(&case.reference(&inputs[0])?, found.iter().flatten().next().map_or(&[], Vec::as_slice))?;
    }
    Ok(())
}
