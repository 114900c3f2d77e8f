//! `mobilenetc inspect`

use crate::args::{Format, Inspect, Stage};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::report::{Report, stages};
use mobilenet_compiler::text;
use std::io::Write;

/// Says what a model is, or shows one stage of its compilation.
pub fn inspect(args: &Inspect, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    match args.stage {
        None => summary(&session, args.format, terminal),
        Some(Stage::Graph) => show(&session.graph()?, args.format, stages::graph, terminal),
        Some(Stage::Canonical) => show(&session.canonical()?, args.format, stages::graph, terminal),
        Some(Stage::Network) => show(&session.network()?, args.format, stages::network, terminal),
        Some(Stage::Plan) => show(&session.plan()?, args.format, stages::plan, terminal),
    }
}

fn summary(session: &Session, format: Format, terminal: &mut Terminal) -> Result<(), Failure> {
    let report = Report::new(&session.plan()?);
    match format {
        Format::Json => writeln!(terminal, "{:#}", report.to_json())?,
        Format::Text => {
            let path = text::path(&session.path);
            let producer = session.model.producer.trim();
            let by = if producer.is_empty() { String::new() } else { format!(", written by {producer:?}") };
            let title = terminal.paint(Style::Bold, path).to_string();
            writeln!(terminal, "{title}  opset {}{by}\n\n{report}", session.model.opset())?;
        }
    }
    Ok(())
}

fn show<T: std::fmt::Display>(
    stage: &T,
    format: Format,
    json: fn(&T) -> serde_json::Value,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    match format {
        Format::Json => writeln!(terminal, "{:#}", json(stage))?,
        Format::Text => writeln!(terminal, "{}", stage.to_string().trim_end())?,
    }
    Ok(())
}
