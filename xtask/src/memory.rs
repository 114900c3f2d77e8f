//! `memory`: what networks need of a microcontroller, for each preference.

use clap::Args;
use mobilenet_compiler::arch::{Arch, Spec};
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

/// Where a network comes from.
#[derive(Clone, Copy)]
enum Source {
    /// A file under `../shared`.
    File(&'static str),
    /// Drawn at random, in 8 bits.
    Drawn { arch: Arch, alpha: f64, resolution: usize },
}

/// A network of the table: its source, its resolution where the file has another, and the RAM that it may need and should.
struct Row {
    name: &'static str,
    source: Source,
    resolution: Option<[usize; 2]>,
    floor: f64,
    goal: f64,
}

/// Kilobytes of 1,000 bytes.
const ROWS: [Row; 6] = [
    row("V1 0.25-96 person detector", Source::File("models/mnv1_a025_96_vww_ortqdq_s8s8"), None, 32.0, 22.0),
    row("V1 0.25-224", Source::File("models/mnv1_a025_224_in1k_ortqdq_u8s8"), None, 96.0, 56.0),
    row("V1 0.5-224", Source::File("models/mnv1_a050_160_in1k_tfliteqdq"), Some([224, 224]), 180.0, 110.0),
    row(
        "V2 0.35-144, random weights",
        Source::Drawn { arch: Arch::MobileNetV2, alpha: 0.35, resolution: 144 },
        None,
        72.0,
        44.0,
    ),
    row("V2 1.0-224", Source::File("family/mnv2_a100_224_in1k_tfliteqdq"), None, 260.0, 160.0),
    row("V1 1.0-224 float", Source::File("models/mnv1_a100_224_in1k_torchts_bn"), None, 1200.0, 900.0),
];

const fn row(name: &'static str, source: Source, resolution: Option<[usize; 2]>, floor: f64, goal: f64) -> Row {
    Row { name, source, resolution, floor, goal }
}

/// Prints the table.
///
/// # Errors
/// Says which network could not be compiled, after everything is printed.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = shared()?;
    let mut wrong = Vec::new();
    let mut table =
        Table::new(&["network", "optimise", ">RAM", ">arena", ">stack", ">bound", ">Mcycles", ">floor KB", ">goal KB"]);
    for row in ROWS.iter().filter(|row| arguments.network.as_ref().is_none_or(|name| row.name.contains(name.as_str())))
    {
        for optimise in Optimise::ALL {
            match planned(&folder, row, optimise) {
                Ok(plan) => table.row(cells(row, optimise, &plan)),
                Err(error) => wrong.push(format!("{}: {error}", row.name)),
            }
        }
    }
    println!(
        "RAM: arena, stack, output, and the input where it can't be read by rows; bound: what no order of rows does without\n"
    );
    println!("{table}");
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn planned(folder: &Path, row: &Row, optimise: Optimise) -> Result<Plan, mobilenet_compiler::Error> {
    let options = Options { resolution: row.resolution, ..Options::default() };
    let model = match row.source {
        Source::File(file) => Model::read(folder.join(format!("{file}.onnx")))?,
        Source::Drawn { arch, alpha, resolution } => {
            let spec = Spec { alpha, resolution, int8: true, ..Spec::new(arch) };
            Model::decode(spec.author()?.to_bytes(), None)?
        }
    };
    let network = recognise(&model, &options)?;
    plan(network, &CostModel { goal: Goal { optimise, max_arena: None }, ..Target::CortexM4.cost() })
}

fn cells(row: &Row, optimise: Optimise, plan: &Plan) -> [String; 9] {
    let needs = Needs::new(plan, Target::CortexM4);
    let needs = if plan.rows_in().is_ok() { Needs { input: 0, ..needs } } else { needs };
    let exact = |bytes: usize| thousands(bytes as u64);
    [
        row.name.into(),
        optimise.name().into(),
        exact(needs.ram()),
        exact(plan.arena_bytes),
        needs.stack.map_or_else(String::new, exact),
        exact(plan.lower_bound),
        format!("{:.2}", plan.cycles / 1e6),
        format!("{}", row.floor),
        format!("{}", row.goal),
    ]
}
