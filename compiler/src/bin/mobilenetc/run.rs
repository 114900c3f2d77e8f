//! `mobilenetc run`

use crate::args::{Format, Run};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::picture::{self, Fed, Scaling, Shape};
use crate::pictures::{self, Accuracy, Known};
use crate::progress::Progress;
use crate::scores;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::network::Port;
use mobilenet_compiler::plan::Plan;
use mobilenet_compiler::text;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

const BAR: usize = 24;

/// Classifies images.
pub fn run(args: &Run, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, Some(1), args.input.element())?;
    let plan = session.plan()?;
    let port = &plan.network.input;
    let mut shape = Shape::of(&plan.network)?;
    shape.reversed = args.model.adapt.channel_order.is_some();
    let (scaling, fed) = Scaling::new(&args.normalize, &args.model.adapt, &shape)?;
    let paths = pictures::gather(&args.image)?;
    let known = Known::new(&args.answers, &paths, &plan)?;
    let load = |path: &Path| picture::load(path, &shape, &scaling, args.normalize.fit);
    // The usual mistake, a wrong path, is told before the model is built.
    let mut first = paths.first().map(|path| load(path)).transpose()?;
    let (mut engine, by) = Engine::new(&session, &plan, &args.tools)?;

    let readable = args.format == Format::Text;
    if readable {
        let aside = format!("{}x{}x{}, fed {}, run by {by}", shape.height, shape.width, shape.channels, fed.words);
        let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
        let aside = terminal.paint(Style::Dim, aside).to_string();
        writeln!(terminal, "{title}  {aside}")?;
    }
    let mut accuracy = Accuracy::new(args.top as usize);
    let mut reports = Vec::new();
    let quiet = !readable || known.right.is_some();
    let progress = quiet.then(|| Progress::of("classifying", paths.len()));
    for (i, path) in paths.iter().enumerate() {
        let image = first.take().map_or_else(|| load(path), Ok)?;
        let outputs = engine.run(&session, port, &image)?;
        if let (Some(right), Some(row)) = (&known.right, outputs.first()) {
            accuracy.add(row, right[i]);
        }
        let answers = answers(&plan, outputs, &known);
        match args.format {
            Format::Json => {
                let right = known.right.as_ref().map(|right| right[i]);
                let outputs: Vec<_> = answers.iter().map(|answer| answer.to_json(args.top as usize)).collect();
                reports.push(json!({ "path": path, "outputs": outputs, "right_class": right }));
            }
            Format::Text if known.right.is_none() => {
                for answer in &answers {
                    answer.show(path, args.top as usize, &fed, terminal)?;
                }
            }
            Format::Text => {}
        }
        progress.iter().for_each(Progress::step);
    }
    drop(progress);
    let accuracy = known.right.is_some().then_some(accuracy);
    match args.format {
        Format::Json => {
            let report = json!({
                "model": session.path,
                "sha256": session.model.sha256(),
                "input": { "height": shape.height, "width": shape.width, "channels": shape.channels },
                "fed": fed.words,
                "assumed": fed.assumed,
                "fit": args.normalize.fit.to_string(),
                "run_by": by,
                "pictures": reports,
                "accuracy": accuracy.map(Accuracy::to_json),
            });
            writeln!(terminal, "{report:#}")?;
        }
        Format::Text => {
            if let Some(accuracy) = accuracy {
                let note = terminal.paint(Style::Dim, assumption(&fed)).to_string();
                writeln!(terminal, "\n  {accuracy}{note}")?;
            }
        }
    }
    Ok(())
}

/// What was taken for granted, as it follows a result.
fn assumption(fed: &Fed) -> String {
    match fed.assumed {
        true => format!("  assumed to be fed {}: --scale or --mean and --std say otherwise", fed.words),
        false => String::new(),
    }
}

/// What the model makes of a picture: an output of it.
struct Answer<'a> {
    /// Its name, where there are several.
    name: Option<&'a str>,
    shape: &'a [usize],
    labels: Option<&'a [String]>,
    row: Vec<f32>,
    /// Whether the row is one of probabilities itself.
    given: bool,
    shares: Vec<f32>,
}

/// Of a model with several outputs, none is known to be the one that the names of the classes are for.
fn answers<'a>(plan: &'a Plan, outputs: Vec<Vec<f32>>, known: &'a Known) -> Vec<Answer<'a>> {
    let alone = outputs.len() == 1;
    let ports = plan.network.outputs.iter().map(|output| &output.port);
    let answer = |(port, row): (&'a Port, Vec<f32>)| {
        let given = scores::is_distribution(&row);
        let shares = if given { row.clone() } else { scores::softmax(&row) };
        let name = (!alone).then_some(port.name.as_str());
        let labels = known.labels.as_deref().filter(|_| alone);
        Answer { name, shape: &port.shape, labels, row, given, shares }
    };
    ports.zip(outputs).map(answer).collect()
}

impl Answer<'_> {
    /// Whether it is something else than a vector of scores.
    fn is_map(&self) -> bool {
        self.name.is_some() && self.shape.len() > 2
    }

    fn range(&self) -> [f32; 2] {
        let wider = |[low, high]: [f32; 2], &x: &f32| [low.min(x), high.max(x)];
        self.row.iter().fold([f32::INFINITY, f32::NEG_INFINITY], wider)
    }

    fn label(&self, class: usize) -> Option<&str> {
        self.labels?.get(class).map(String::as_str)
    }

    fn show(&self, path: &Path, top: usize, fed: &Fed, terminal: &mut Terminal) -> Result<(), Failure> {
        let aside = if self.given || self.is_map() { "" } else { "  softmax of the model's scores" };
        let aside = terminal.paint(Style::Dim, format!("{aside}{}", assumption(fed))).to_string();
        let name = self.name.map_or_else(String::new, |name| format!(": {name}"));
        let title = terminal.paint(Style::Bold, format!("{}{name}", text::path(path))).to_string();
        writeln!(terminal, "\n{title}{aside}")?;
        if self.is_map() {
            let [low, high] = self.range();
            writeln!(terminal, "  {:?} from {low} to {high}", self.shape)?;
            return Ok(());
        }
        for class in scores::top(&self.shares, top) {
            let (Some(&share), score) = (self.shares.get(class), self.row.get(class)) else { continue };
            let bar = terminal.paint(Style::Bar, scores::bar(share, BAR)).to_string();
            let label = self.label(class).map_or_else(String::new, |label| format!("  {}", text::printable(label)));
            let score = match score {
                Some(score) if !self.given => format!("  {score:>9.4}"),
                _ => String::new(),
            };
            writeln!(terminal, "  {:>6.2} %  {bar}{score}  {class:>5}{label}", 100.0 * share)?;
        }
        Ok(())
    }

    fn to_json(&self, top: usize) -> Value {
        if self.is_map() {
            let [low, high] = self.range();
            return json!({ "name": self.name, "shape": self.shape, "least": low, "most": high });
        }
        let class = |class: usize| {
            json!({
                "class": class,
                "label": self.label(class),
                "probability": self.shares.get(class),
                "score": self.row.get(class),
            })
        };
        let best: Vec<_> = scores::top(&self.shares, top).into_iter().map(class).collect();
        json!({ "name": self.name, "shape": self.shape, "top": best })
    }
}
