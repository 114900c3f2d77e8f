//! `mobilenetc inspect`

use crate::args::{Format, Inspect, Stage};
use crate::bench;
use crate::failure::{self, Failure};
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::emit::{Files, Provenance};
use mobilenet_compiler::onnx::ValueInfo;
use mobilenet_compiler::plan::CostModel;
use mobilenet_compiler::report::table::bytes;
use mobilenet_compiler::report::{Memory, Report, Survey, html, stages};
use mobilenet_compiler::{Problem, text};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

/// Says what a model is, or shows one stage of its compilation.
pub fn inspect(args: &Inspect, quiet: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let session = Session::open(&args.model, args.batch.batch, args.input.element())?;
    let cost = args.target.map_or_else(CostModel::default, Target::cost);
    match args.stage {
        None if args.trade_offs => memory(&session, &cost, args.format, terminal),
        None => summary(&session, &cost, args, quiet, terminal),
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

fn summary(
    session: &Session,
    cost: &CostModel,
    args: &Inspect,
    quiet: bool,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let plan = match session.plan_by(cost) {
        Ok(plan) => plan,
        Err(failure) => return survey(session, failure, args, quiet, terminal),
    };
    let mut report = Report::new(&plan);
    // What can't be written is said before anything is measured.
    args.report.as_deref().map_or(Ok(()), |path| writable(path, args.force))?;
    if args.measure {
        report.measured = Some(bench::measure(&args.tools, &plan, None)?);
    }
    if let Some(path) = &args.report {
        write_page(path, html::page(&report, &head(session)), args.format == Format::Text && !quiet, terminal)?;
    }
    match args.format {
        Format::Json => writeln!(terminal, "{:#}", with_origin(session, report.to_json(), &[]))?,
        Format::Text if args.report.is_some() => {}
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
fn survey(
    session: &Session,
    failure: Failure,
    args: &Inspect,
    quiet: bool,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let Failure::Model(_, error) = &failure else { return Err(failure) };
    if error.problems.iter().all(|problem| problem.option.is_some()) {
        return Err(failure);
    }
    let survey = Survey::new(&session.model);
    if let Some(path) = &args.report {
        writable(path, args.force)?;
        write_page(
            path,
            html::survey_page(&survey, &error.problems, &head(session)),
            args.format == Format::Text && !quiet,
            terminal,
        )?;
    }
    match args.format {
        Format::Json => {
            writeln!(terminal, "{:#}", with_origin(session, survey.to_json(), &error.problems))?;
        }
        Format::Text if args.report.is_some() => {}
        Format::Text => writeln!(terminal, "{}\n\n{survey}", title(session, terminal))?,
    }
    Err(failure)
}

/// What the page says of the file.
fn head(session: &Session) -> html::Head {
    let Provenance { model, sha256, opset, options } = session.provenance(&[]);
    let producer = session.model.producer.trim().to_owned();
    let other_floats = other_floats(session).into_iter().map(str::to_owned).collect();
    html::Head { file: model, opset, producer, sha256, options, other_floats }
}

/// A file by its folder and its name.
fn parts(path: &Path) -> Result<(&Path, &str), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name().and_then(OsStr::to_str) {
        Some(name) => Ok((folder, name)),
        None => {
            let problem = Problem::new(format!("{} can't be the name of a page", text::path(path)));
            Err(Failure::Usage(problem.hint("name a file, such as net.html")))
        }
    }
}

/// A file that another program or a person wrote stays. That is seen before the page is there: of the contents only that
/// the compiler wrote them counts.
fn writable(path: &Path, force: bool) -> Result<(), Failure> {
    let (folder, name) = parts(path)?;
    let mut any = Files::new();
    any.insert(name, "");
    if force || any.foreign(folder).is_empty() {
        return Ok(());
    }
    let problem = Problem::new(format!("{} would be overwritten", text::path(path)));
    let problem = problem.expected("a page that mobilenetc wrote, by the comment at its head", "another file");
    Err(Failure::Other(problem.hint("name another file, or overwrite this one with --force")))
}

/// Writes the page, whole or not at all, and says so if that is wanted.
fn write_page(path: &Path, page: String, say: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let (folder, name) = parts(path)?;
    let size = bytes(page.len());
    let mut files = Files::new();
    files.insert(name, page);
    files
        .write_to(folder)
        .map_err(|error| Failure::Other(Problem::new(format!("can't write {}", failure::plain(&error)))))?;
    if say {
        writeln!(terminal, "wrote {}, {size}", text::path(path))?;
    }
    Ok(())
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
