//! `mobilenetc run`

use crate::adapt;
use crate::args::Run;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::picture::{self, Scaling, Shape};
use crate::scores;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::text;
use std::io::Write;
use std::path::Path;

const BAR: usize = 24;

/// Classifies images.
pub fn run(args: &Run, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, Some(1), args.input.element())?;
    let plan = session.plan()?;
    let port = &plan.network.input;
    let shape = Shape::of(port)?;
    let (scaling, fed) = Scaling::new(&args.normalize, &args.model.adapt, &shape)?;
    let labels = args.labels.as_deref().map(|path| labels(path, &plan)).transpose()?;
    let images: Result<Vec<_>, _> =
        args.image.iter().map(|path| picture::load(path, &shape, &scaling, args.normalize.fit)).collect();
    let images = images?;
    let (mut engine, by) = Engine::new(&session, &plan, &args.tools)?;
    let aside = format!("{}x{}x{}, fed {fed}, run by {by}", shape.height, shape.width, shape.channels);
    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    let aside = terminal.paint(Style::Dim, aside).to_string();
    writeln!(terminal, "{title}  {aside}")?;
    for (path, image) in args.image.iter().zip(&images) {
        let outputs = engine.run(&session, port, image)?;
        match &outputs[..] {
            [row] => show(&text::path(path), row, args.top as usize, labels.as_deref(), terminal)?,
            _ => {
                for (output, row) in plan.network.outputs.iter().zip(&outputs) {
                    let name = format!("{}: {}", text::path(path), output.port.name);
                    match output.port.shape.len() {
                        0..=2 => show(&name, row, args.top as usize, None, terminal)?,
                        _ => summarise(&name, &output.port.shape, row, terminal)?,
                    }
                }
            }
        }
    }
    Ok(())
}

/// What can be said of an output that is no vector of scores.
fn summarise(name: &str, shape: &[usize], values: &[f32], terminal: &mut Terminal) -> Result<(), Failure> {
    let title = terminal.paint(Style::Bold, name).to_string();
    let (low, high) =
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    writeln!(terminal, "\n{title}\n  {shape:?} from {low} to {high}")?;
    Ok(())
}

fn show(
    name: &str,
    row: &[f32],
    top: usize,
    labels: Option<&[String]>,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let given = scores::is_distribution(row);
    let shares = if given { row.to_vec() } else { scores::softmax(row) };
    let aside = terminal.paint(Style::Dim, if given { "" } else { "  softmax of the model's scores" }).to_string();
    let title = terminal.paint(Style::Bold, name).to_string();
    writeln!(terminal, "\n{title}{aside}")?;
    for class in scores::top(&shares, top) {
        let (Some(share), score) = (shares.get(class).copied(), row.get(class)) else { continue };
        let bar = terminal.paint(Style::Bar, scores::bar(share, BAR)).to_string();
        let label = labels.and_then(|labels| labels.get(class)).map_or_else(String::new, |label| format!("  {label}"));
        let score = match score {
            Some(score) if !given => format!("  {score:>9.4}"),
            _ => String::new(),
        };
        writeln!(terminal, "  {:>6.2} %  {bar}{score}  {class:>5}{label}", 100.0 * share)?;
    }
    Ok(())
}

/// The names of the classes, as many as the model has.
fn labels(path: &Path, plan: &Plan) -> Result<Vec<String>, Failure> {
    let labels = adapt::labels(path)?;
    labels.check(plan.class_count()).map_err(Failure::Other)?;
    Ok(labels.names)
}
