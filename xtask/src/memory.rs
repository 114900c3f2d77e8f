//! `memory`: what networks need of a microcontroller, for each preference.

use clap::Args;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::plan::{CostModel, Goal, Optimise, Plan, plan, thousands};
use mobilenet_compiler::report::Needs;
use mobilenet_compiler::report::table::Table;
use mobilenet_compiler::{Options, recognise};
use mobilenet_tests::shared::shared;
use std::path::Path;

/// Options.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only networks whose names contain this
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
}

/// A network of the table: its file under `../shared`, its resolution where the file has another, and the RAM that it may need and should.
struct Row {
    name: &'static str,
    file: Option<&'static str>,
    resolution: Option<[usize; 2]>,
    floor: f64,
    goal: f64,
}

/// Kilobytes of 1,000 bytes.
const ROWS: [Row; 6] = [
    row("V1 0.25-96 person detector", Some("models/mnv1_a025_96_vww_ortqdq_s8s8"), None, 32.0, 22.0),
    row("V1 0.25-224", Some("models/mnv1_a025_224_in1k_ortqdq_u8s8"), None, 96.0, 56.0),
    row("V1 0.5-224", Some("models/mnv1_a050_160_in1k_tfliteqdq"), Some([224, 224]), 180.0, 110.0),
    row("V2 0.35-144", None, None, 72.0, 44.0),
    row("V2 1.0-224", Some("family/mnv2_a100_224_in1k_tfliteqdq"), None, 260.0, 160.0),
    row("V1 1.0-224 float", Some("models/mnv1_a100_224_in1k_torchts_bn"), None, 1200.0, 900.0),
];

const fn row(
    name: &'static str,
    file: Option<&'static str>,
    resolution: Option<[usize; 2]>,
    floor: f64,
    goal: f64,
) -> Row {
    Row { name, file, resolution, floor, goal }
}

/// Prints the table.
///
/// # Errors
/// Says which network could not be compiled, after everything is printed.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = shared()?;
    let mut wrong = Vec::new();
    let mut table =
        Table::new(&["network", "optimise", ">RAM", ">arena", ">bound", ">Mcycles", ">floor KB", ">goal KB"]);
    for row in ROWS.iter().filter(|row| arguments.network.as_ref().is_none_or(|name| row.name.contains(name.as_str())))
    {
        let Some(file) = row.file else {
            println!("{} is left out: there is no such model in 8 bits in ../shared", row.name);
            continue;
        };
        for optimise in Optimise::ALL {
            match planned(&folder.join(format!("{file}.onnx")), row.resolution, optimise) {
                Ok(plan) => table.row(cells(row, optimise, &plan)),
                Err(error) => wrong.push(format!("{}: {error}", row.name)),
            }
        }
    }
    println!(
        "RAM: arena, {STACK} bytes of stack, output, and the input where it can't be read by rows; bound: what no order of rows does without\n"
    );
    println!("{table}");
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

const STACK: &str = "2,560";

fn planned(path: &Path, resolution: Option<[usize; 2]>, optimise: Optimise) -> Result<Plan, mobilenet_compiler::Error> {
    let options = Options { resolution, ..Options::default() };
    let network = recognise(&Model::read(path)?, &options)?;
    plan(network, &CostModel { goal: Goal { optimise, max_arena: None }, ..Target::CortexM4.cost() })
}

fn cells(row: &Row, optimise: Optimise, plan: &Plan) -> [String; 8] {
    let needs = Needs::new(plan, Target::CortexM4);
    let needs = if plan.rows_in().is_ok() { Needs { input: 0, ..needs } } else { needs };
    let exact = |bytes: usize| thousands(bytes as u64);
    [
        row.name.into(),
        optimise.name().into(),
        exact(needs.ram()),
        exact(plan.arena_bytes),
        exact(plan.lower_bound),
        format!("{:.2}", plan.cycles / 1e6),
        format!("{}", row.floor),
        format!("{}", row.goal),
    ]
}
