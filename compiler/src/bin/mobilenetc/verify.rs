//! `mobilenetc verify`

use crate::args::{Format, Verify};
use crate::engine;
use crate::failure::Failure;
use crate::inputs::{self, Random};
use crate::npy;
use crate::oracle::Oracle;
use crate::picture::{self, Scaling, Shape};
use crate::pictures::{self, Accuracy, Known};
use crate::progress::Progress;
use crate::scores::Agreement;
use crate::session::Session;
use crate::shipped;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::graph::DType;
use mobilenet_compiler::host::Compiled;
use mobilenet_compiler::network::{Network, Port};
use mobilenet_compiler::report::table::Table;
use mobilenet_compiler::{Problem, text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A tolerance in words.
pub fn within(tolerance: f64) -> String {
    match tolerance {
        0.0 => "bit for bit".into(),
        some => format!("within {some:e} of the largest magnitude of each row"),
    }
}

/// Compares emitted C with the reference.
pub fn verify(args: &Verify, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input().0)?;
    let oracle = Oracle::new(&session)?;
    let plan = session.plan()?;
    let port = &plan.network.input;
    let pictures = pictures::gather(&args.image)?;
    let known = Known::new(&args.answers, &pictures, &plan)?;
    let inputs = Inputs::gather(args, &pictures, &plan.network)?;
    if let Some(asked) = args.target {
        let mut samples: Vec<Vec<f32>> = inputs.given.into_iter().flat_map(|(_, rows)| rows).collect();
        for path in &pictures {
            let scaling = inputs.scaling.as_ref();
            let image = scaling.map(|scaling| scaling.load(args, path)).transpose()?.unwrap_or_default();
            samples.push(image.repeat(plan.network.batch.max(1)));
        }
        let mut random = Random::new(args.seed);
        samples.extend((0..args.samples).map(|_| random.input(port)));
        return shipped::verify(args, asked, &session, (&oracle, &plan), &samples, terminal);
    }
    let compiler = args.tools.compiler()?;
    let mut compiled = engine::compile(&compiler, &plan)?;
    let mut pair =
        Pair { session: &session, port, oracle: &oracle, compiled: &mut compiled, batch: plan.network.batch };

    let mut all = Vec::new();
    let progress = Progress::of("comparing with the reference", inputs.given.len() + args.samples as usize);
    for (name, values) in inputs.given {
        all.extend(pair.compare(&name, values.into_iter(), None, &progress)?);
    }
    let mut accuracies = [Accuracy::new(1); 2];
    if let Some(scaling) = &inputs.scaling {
        for (i, path) in pictures.iter().enumerate() {
            let image = scaling.load(args, path)?.repeat(plan.network.batch.max(1));
            let right = known.right.as_ref().map(|right| (right[i], &mut accuracies));
            all.extend(pair.compare(&text::path(path), std::iter::once(image), right, &progress)?);
        }
    }
    if args.samples > 0 {
        let mut random = Random::new(args.seed);
        let drawn = (0..args.samples).map(|_| random.input(port));
        let name = format!("{} random, seed {}", args.samples, args.seed);
        all.extend(pair.compare(&name, drawn, None, &progress)?);
    }
    drop(progress);
    let accuracies = known.right.is_some().then_some(accuracies);
    let tolerance = oracle.tolerance();
    let agrees = all.iter().all(|(_, seen)| seen.max_rel <= tolerance);
    match args.format {
        Format::Json => {
            let report = to_json(&session, &compiler.product(), &all, accuracies, (agrees, tolerance));
            writeln!(terminal, "{report:#}")?;
        }
        Format::Text => {
            let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
            let aside = format!("{}, against {}", compiler.product(), oracle.arithmetic());
            let aside = terminal.paint(Style::Dim, aside).to_string();
            writeln!(terminal, "{title}  {aside}\n\n{}", table(&all))?;
            if let Some([code, reference]) = accuracies {
                writeln!(terminal, "  accuracy: {code}; of the reference: {reference}")?;
            }
            let good = terminal.paint(Style::Good, "agrees").to_string();
            let bad = terminal.paint(Style::Bad, "disagrees").to_string();
            match agrees {
                true => writeln!(terminal, "  {good} {}", within(tolerance))?,
                false => writeln!(terminal, "  {bad}: not {}", within(tolerance))?,
            }
        }
    }
    if agrees { Ok(()) } else { Err(Failure::Disagreement) }
}

fn table(all: &[(String, Agreement)]) -> Table {
    let mut table = Table::new(&["inputs", ">max abs", ">max relative", ">top-1 agrees"]);
    for (name, seen) in all {
        let top1 = format!("{} of {}", seen.top1, seen.rows);
        table.row([name.clone(), format!("{:.2e}", seen.max_abs), format!("{:.2e}", seen.max_rel), top1]);
    }
    table
}

fn to_json(
    session: &Session,
    product: &str,
    all: &[(String, Agreement)],
    accuracies: Option<[Accuracy; 2]>,
    (agrees, tolerance): (bool, f64),
) -> Value {
    let input = |(name, seen): &(String, Agreement)| {
        json!({
            "inputs": name,
            "rows": seen.rows,
            "max_abs": seen.max_abs,
            "max_relative": seen.max_rel,
            "top_1_agrees": seen.top1,
        })
    };
    let accuracy =
        accuracies.map(|[code, reference]| json!({ "code": code.to_json(), "reference": reference.to_json() }));
    json!({
        "model": session.path,
        "sha256": session.model.sha256(),
        "run_by": product,
        "tolerance": tolerance,
        "agrees": agrees,
        "inputs": all.iter().map(input).collect::<Vec<_>>(),
        "accuracy": accuracy,
    })
}

/// Inputs that the user gave, by file, and what becomes of pictures.
struct Inputs {
    given: Vec<(String, Vec<Vec<f32>>)>,
    scaling: Option<Prepared>,
}

/// How pictures become the model's input.
struct Prepared {
    shape: Shape,
    scaling: Scaling,
}

impl Prepared {
    fn load(&self, args: &Verify, path: &Path) -> Result<Vec<f32>, Failure> {
        picture::load(path, &self.shape, &self.scaling, args.normalize.fit)
    }
}

impl Inputs {
    fn gather(args: &Verify, pictures: &[PathBuf], network: &Network) -> Result<Self, Failure> {
        let mut given = Vec::new();
        for path in args.input().1 {
            given.push((text::path(path), rows(path, &network.input)?));
        }
        if pictures.is_empty() {
            return Ok(Self { given, scaling: None });
        }
        let mut shape = Shape::of(network)?;
        shape.reversed = args.model.adapt.channel_order.is_some();
        let (scaling, _) = Scaling::new(&args.normalize, &args.model.adapt, &shape)?;
        let scaling = Prepared { shape, scaling };
        // The usual mistake, a wrong path, is told before the model is built.
        pictures.first().map(|path| scaling.load(args, path)).transpose()?;
        Ok(Self { given, scaling: Some(scaling) })
    }
}

/// The inferences an array holds: its length is a multiple of the input's.
pub fn rows(path: &Path, port: &Port) -> Result<Vec<Vec<f32>>, Failure> {
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
    oracle: &'a Oracle,
    compiled: &'a mut Compiled,
    batch: usize,
}

impl Pair<'_> {
    /// What was seen of each output, under the name of the inputs and, where there are several outputs, its own. Where the right
    /// class is known, counts it for emitted code and for the reference.
    fn compare(
        &mut self,
        name: &str,
        all: impl Iterator<Item = Vec<f32>>,
        mut right: Option<(usize, &mut [Accuracy; 2])>,
        progress: &Progress,
    ) -> Result<Vec<(String, Agreement)>, Failure> {
        let outputs = self.oracle.outputs();
        let names = outputs.iter().map(|output| match outputs.len() {
            1 => name.to_string(),
            _ => format!("{name}: {output}"),
        });
        let mut seen: Vec<(String, Agreement)> = names.map(|name| (name, Agreement::default())).collect();
        for values in all {
            let actual = self.compiled.run(&inputs::bytes(self.port, &values));
            let actual = actual.map_err(|error| engine::host_failure(&error))?;
            let expected = self.oracle.run(self.session, self.port, &values)?;
            let row = |len: usize| len.div_ceil(self.batch.max(1)).max(1);
            for ((_, seen), (actual, expected)) in seen.iter_mut().zip(actual.iter().zip(&expected)) {
                let halves = expected.dtype == DType::F16;
                let expected = expected.to_f64();
                let actual: Vec<f32> = match halves {
                    true => actual.iter().zip(&expected).map(|(&a, &e)| rounded_apart(a, e)).collect(),
                    false => actual.clone(),
                };
                for (actual, expected) in actual.chunks(row(actual.len())).zip(expected.chunks(row(expected.len()))) {
                    seen.add(actual, expected);
                }
            }
            if let (Some((right, [code, oracle])), Some(actual), Some(expected)) =
                (&mut right, actual.first(), expected.first())
            {
                let rounded: Vec<f32> = expected.to_f64().iter().map(|&x| x as f32).collect();
                code.add(&actual[..row(actual.len())], *right);
                oracle.add(&rounded[..row(rounded.len())], *right);
            }
            progress.step();
        }
        Ok(seen)
    }
}

/// A float16 next to the expected one is that one: either may be what a value between them is rounded to.
fn rounded_apart(actual: f32, expected: f64) -> f32 {
    let step = f64::from(f32::from_bits(0x3380_0000)).max(expected.abs() / 1024.0);
    if (f64::from(actual) - expected).abs() <= step { expected as f32 } else { actual }
}
