//! `mobilenetc verify`

use crate::args::Verify;
use crate::engine;
use crate::failure::Failure;
use crate::inputs::{self, Random};
use crate::npy;
use crate::picture::{self, Scaling, Shape};
use crate::scores::Agreement;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::graph::Graph;
use mobilenet_compiler::host::Compiled;
use mobilenet_compiler::network::Port;
use mobilenet_compiler::report::table::Table;
use mobilenet_compiler::{Problem, reference, text};
use std::io::Write;
use std::path::Path;

/// Largest difference that counts as agreement, over the largest magnitude of the row.
const TOLERANCE: f64 = 1e-4;

/// Compares emitted C with the reference.
pub fn verify(args: &Verify, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input().0)?;
    let graph = session.graph()?;
    let plan = session.plan()?;
    let port = &plan.network.input;
    let inputs = Inputs::gather(args, port)?;
    let compiler = args.tools.compiler()?;
    let mut compiled = compiler.compile(&plan).map_err(|error| engine::host_failure(&error))?;
    let mut pair = Pair { session: &session, port, graph: &graph, compiled: &mut compiled, batch: plan.network.batch };

    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    let aside = format!("{}, against the f64 reference", compiler.product());
    let aside = terminal.paint(Style::Dim, aside).to_string();
    writeln!(terminal, "{title}  {aside}\n")?;
    let mut all = Vec::new();
    for (name, values) in inputs.given {
        all.extend(pair.compare(&name, values.into_iter())?);
    }
    if args.samples > 0 {
        let mut random = Random::new(args.seed);
        let drawn = (0..args.samples).map(|_| random.input(port));
        let name = format!("{} random, seed {}", args.samples, args.seed);
        all.extend(pair.compare(&name, drawn)?);
    }
    let mut table = Table::new(&["inputs", ">max abs", ">max relative", ">top-1 agrees"]);
    for (name, seen) in &all {
        let top1 = format!("{} of {}", seen.top1, seen.rows);
        table.row([name.clone(), format!("{:.2e}", seen.max_abs), format!("{:.2e}", seen.max_rel), top1]);
    }
    writeln!(terminal, "{table}")?;
    match all.iter().all(|(_, seen)| seen.max_rel <= TOLERANCE) {
        true => {
            let word = terminal.paint(Style::Good, "agrees").to_string();
            writeln!(terminal, "  {word} within {TOLERANCE:e} of the largest magnitude of each row")?;
            Ok(())
        }
        false => {
            let word = terminal.paint(Style::Bad, "disagrees").to_string();
            writeln!(terminal, "  {word}: more than {TOLERANCE:e} of the largest magnitude of a row apart")?;
            Err(Failure::Disagreement)
        }
    }
}

/// Inputs that the user gave, by file.
struct Inputs {
    given: Vec<(String, Vec<Vec<f32>>)>,
}

impl Inputs {
    fn gather(args: &Verify, port: &Port) -> Result<Self, Failure> {
        let mut given = Vec::new();
        for path in args.input().1 {
            given.push((text::path(path), rows(path, port)?));
        }
        if !args.image.is_empty() {
            let shape = Shape::of(port)?;
            let (scaling, _) = Scaling::new(&args.normalize, &args.model.adapt, &shape)?;
            let batch = port.shape.first().copied().unwrap_or(1);
            for path in &args.image {
                let image = picture::load(path, &shape, &scaling, args.normalize.fit)?;
                given.push((text::path(path), vec![image.repeat(batch)]));
            }
        }
        Ok(Self { given })
    }
}

/// The inferences an array holds: its length is a multiple of the input's.
fn rows(path: &Path, port: &Port) -> Result<Vec<Vec<f32>>, Failure> {
    let array = npy::read(path)?;
    let length: usize = port.shape.iter().product();
    let fits = length > 0 && !array.values.is_empty() && array.values.len().is_multiple_of(length);
    let whole = port.dtype.int_range().is_none_or(|(low, high)| {
        array.values.iter().all(|x| x.fract() == 0.0 && (low as f32..=high as f32).contains(x))
    });
    match fits && array.shape.get(1..) == port.shape.get(1..) {
        true if !whole => Err(Failure::Other(
            Problem::new(format!("{} does not fit the model's input {:?}", text::path(path), port.name))
                .expected(format!("whole numbers in the range of {}", port.dtype.name()), "others"),
        )),
        true => Ok(array.values.chunks_exact(length).map(<[f32]>::to_vec).collect()),
        false => Err(Failure::Other(
            Problem::new(format!("{} does not fit the model's input {:?}", text::path(path), port.name))
                .expected(format!("one or more times {:?}", port.shape), format!("{:?}", array.shape)),
        )),
    }
}

/// The two sides.
struct Pair<'a> {
    session: &'a Session,
    port: &'a Port,
    graph: &'a Graph,
    compiled: &'a mut Compiled,
    batch: usize,
}

impl Pair<'_> {
    /// What was seen of each output, under the name of the inputs and, where there are several outputs, its own.
    fn compare(
        &mut self,
        name: &str,
        all: impl Iterator<Item = Vec<f32>>,
    ) -> Result<Vec<(String, Agreement)>, Failure> {
        let names = self.graph.outputs.iter().map(|&output| match self.graph.outputs.len() {
            1 => name.to_string(),
            _ => format!("{name}: {}", self.graph[output].name),
        });
        let mut seen: Vec<(String, Agreement)> = names.map(|name| (name, Agreement::default())).collect();
        for values in all {
            let actual = self.compiled.run(&inputs::bytes(self.port, &values));
            let actual = actual.map_err(|error| engine::host_failure(&error))?;
            let expected = reference::run(self.graph, &inputs::tensor(self.port, &values));
            let expected = expected.map_err(|error| self.session.failure(error))?;
            let row = |len: usize| len.div_ceil(self.batch.max(1)).max(1);
            for ((_, seen), (actual, expected)) in seen.iter_mut().zip(actual.iter().zip(&expected)) {
                let expected = expected.to_f64();
                for (actual, expected) in actual.chunks(row(actual.len())).zip(expected.chunks(row(expected.len()))) {
                    seen.add(actual, expected);
                }
            }
        }
        Ok(seen)
    }
}
