//! `mobilenetc inspect`

use crate::args::{Format, Inspect, Stage};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::onnx::ValueInfo;
use mobilenet_compiler::plan::CostModel;
use mobilenet_compiler::report::{Memory, Report, Survey, stages};
use mobilenet_compiler::{Problem, text};
use serde_json::{Value, json};
use std::io::Write;

/// Says what a model is, or shows one stage of its compilation.
pub fn inspect(args: &Inspect, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    let cost = args.target.map_or_else(CostModel::default, Target::cost);
    match args.stage {
        None if args.trade_offs => memory(&session, &cost, args.format, terminal),
        None => summary(&session, &cost, args.format, terminal),
        Some(Stage::Graph) => show(&session.graph()?, args.format, stages::graph, terminal),
        Some(Stage::Canonical) => show(&session.canonical()?, args.format, stages::graph, terminal),
        Some(Stage::Network) => show(&session.network()?, args.format, stages::network, terminal),
        Some(Stage::Plan) => show(&session.plan_by(&cost)?, args.format, stages::plan, terminal),
    }
}

/// Memory against modelled time.
fn memory(session: &Session, cost: &CostModel, format: Format, terminal: &mut Terminal) -> Result<(), Failure> {
    let plan = session.plan_by(cost)?;
    let memory = Memory::new(&plan, session.trade_offs(cost)?);
    match format {
        Format::Json => writeln!(terminal, "{:#}", with_origin(session, memory.to_json(), &[]))?,
        Format::Text => writeln!(terminal, "{}\n\n{memory}", title(session, terminal))?,
    }
    Ok(())
}

fn summary(session: &Session, cost: &CostModel, format: Format, terminal: &mut Terminal) -> Result<(), Failure> {
    let plan = match session.plan_by(cost) {
        Ok(plan) => plan,
        Err(failure) => return survey(session, failure, format, terminal),
    };
    let report = Report::new(&plan);
    match format {
        Format::Json => writeln!(terminal, "{:#}", with_origin(session, report.to_json(), &[]))?,
        Format::Text => {
            writeln!(terminal, "{}\n", title(session, terminal))?;
            let other = other_floats(session);
            if !other.is_empty() {
                writeln!(terminal, "  the file holds {}: everything is computed in f32\n", other.join(" and "))?;
            }
            writeln!(terminal, "{report}")?;
        }
    }
    Ok(())
}

/// What can be told of a model that can't be compiled, before the reasons.
fn survey(session: &Session, failure: Failure, format: Format, terminal: &mut Terminal) -> Result<(), Failure> {
    let Failure::Model(_, error) = &failure else { return Err(failure) };
    if error.problems.iter().all(|problem| problem.option.is_some()) {
        return Err(failure);
    }
    let survey = Survey::new(&session.model);
    match format {
        Format::Json => {
            writeln!(terminal, "{:#}", with_origin(session, survey.to_json(), &error.problems))?;
        }
        Format::Text => writeln!(terminal, "{}\n\n{survey}", title(session, terminal))?,
    }
    Err(failure)
}

fn other_floats(session: &Session) -> Vec<&'static str> {
    session.model.other_floats().iter().map(|dtype| dtype.name()).collect()
}

/// Gives a port the element type that the file declares for it.
fn declare(port: &mut Value, declared: &[ValueInfo]) {
    if let Some(info) = declared.iter().find(|info| port["name"] == info.name.as_str()) {
        port["file_dtype"] = json!(info.dtype.name());
    }
}

fn title(session: &Session, terminal: &Terminal) -> String {
    let producer = session.model.producer.trim();
    let by = if producer.is_empty() { String::new() } else { format!(", written by {producer:?}") };
    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    format!("{title}  opset {}{by}", session.model.opset())
}

/// A report with what the file says of itself, and what is wrong with it.
fn with_origin(session: &Session, mut report: Value, problems: &[Problem]) -> Value {
    report["opset"] = json!(session.model.opset());
    report["producer"] = json!(session.model.producer.trim());
    report["sha256"] = json!(session.model.sha256());
    report["other_floats"] = json!(other_floats(session));
    let graph = &session.model.graph;
    for (port, declared) in [("input", &graph.inputs), ("output", &graph.outputs)] {
        report.get_mut(port).into_iter().for_each(|port| declare(port, declared));
    }
    let outputs = report.get_mut("outputs").and_then(Value::as_array_mut).into_iter().flatten();
    outputs.for_each(|port| declare(port, &graph.outputs));
    let problem = |problem: &Problem| {
        json!({
            "node": problem.node,
            "operator": problem.op,
            "message": problem.message,
            "expected": problem.expected,
            "found": problem.found,
            "hint": problem.hint,
        })
    };
    report["problems"] = problems.iter().map(problem).collect();
    report
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
