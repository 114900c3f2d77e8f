//! Why a command did not do its job, and the exit status that says so.

use crate::color::Color;
use crate::terminal::Terminal;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use mobilenet_compiler::{Error, Problem};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a command did not do its job.
#[derive(Debug)]
pub enum Failure {
    /// The model can't be compiled.
    Model(PathBuf, Error),
    /// A file, a tool or a set of options does not do; with a hint.
    Other(Problem),
    /// The results disagree; the command has said how.
    Disagreement,
    /// The options contradict the model: a usage error found late.
    Usage(Problem),
    /// The reader of standard output has gone.
    Closed,
}

impl Failure {
    /// A file that can't be read, written or made.
    pub fn file(action: &str, path: &Path, error: &io::Error) -> Self {
        let problem = Problem::new(format!("can't {action} {}: {}", path.display(), plain(error)));
        Self::Other(match std::env::current_dir() {
            Ok(folder) if error.kind() == io::ErrorKind::NotFound && path.is_relative() => {
                problem.hint(format!("looked for in {}", folder.display()))
            }
            _ => problem,
        })
    }

    /// Prints the failure and gives the exit status.
    pub fn report(self, color: Color, terminal: &mut Terminal) -> ExitCode {
        // What was printed so far comes first; a reader that has gone can't be told anything.
        let gone = terminal.flush().is_err();
        let (status, top) = match self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Disagreement => return ExitCode::from(1),
            Self::Model(path, error) => {
                let usage = error.problems.iter().all(|problem| problem.option.is_some());
                (if usage { 2 } else { 1 }, Rendered::model(&path, error))
            }
            Self::Other(problem) => (1, Rendered::problem(problem)),
            Self::Usage(problem) => (2, Rendered::problem(problem)),
        };
        if !gone || status != 0 {
            let stderr = io::stderr();
            let theme = match color.enabled(stderr.is_terminal()) {
                true => GraphicalTheme::unicode(),
                false => GraphicalTheme::unicode_nocolor(),
            };
            let mut text = String::new();
            let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
            if handler.render_report(&mut text, &top).is_ok() {
                let _ = stderr.lock().write_all(text.as_bytes());
            }
        }
        ExitCode::from(status)
    }
}

impl From<io::Error> for Failure {
    /// An error of standard output: every other file is reported by name.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Other(Problem::new(format!("can't write to standard output: {}", plain(&error)))),
        }
    }
}

/// Prints what is odd about a model that is compiled all the same.
pub fn warn(path: &Path, warnings: Vec<Problem>) {
    for warning in warnings {
        let _ = writeln!(io::stderr().lock(), "warning: {}: {warning}", path.display());
    }
}

/// The message without "(os error n)".
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_string()
}

/// One diagnostic in the form that is printed.
#[derive(Debug)]
struct Rendered {
    place: Option<String>,
    message: String,
    help: Option<String>,
    related: Vec<Rendered>,
}

impl Rendered {
    fn model(path: &Path, error: Error) -> Self {
        let title = format!("{} can't be compiled", path.display());
        let mut related: Vec<_> = error.problems.into_iter().map(Self::problem).collect();
        if let [only @ Self { place: None, .. }] = related.as_mut_slice() {
            let message = format!("{title}: {}", only.message);
            return Self { place: None, message, help: only.help.take(), related: Vec::new() };
        }
        for problem in &mut related {
            problem.place.get_or_insert_with(|| "the model".to_string());
        }
        let count = if related.len() > 1 { format!(": {} problems", related.len()) } else { String::new() };
        Self { place: None, message: title + &count, help: None, related }
    }

    fn problem(problem: Problem) -> Self {
        let place = match (&problem.node, &problem.op) {
            (Some(node), Some(op)) => Some(format!("node {node:?} ({op})")),
            (Some(node), None) => Some(format!("node {node:?}")),
            _ => None,
        };
        let spelling = |option: &str| format!("give another --{}, or leave it out", option.replace('_', "-"));
        let help = problem.hint.or_else(|| problem.option.map(spelling));
        let mut message = problem.message;
        let details = [("expected", problem.expected), ("found", problem.found)];
        for (key, detail) in details.into_iter().filter_map(|(key, detail)| Some((key, detail?))) {
            message.push_str(&format!("\n  {key}: {detail}"));
        }
        Self { place, message, help, related: Vec::new() }
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rendered {}

impl Diagnostic for Rendered {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.place.as_ref().map(|place| Box::new(place) as Box<dyn fmt::Display>)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self.related.is_empty() {
            true => None,
            false => Some(Box::new(self.related.iter().map(|one| one as &dyn Diagnostic))),
        }
    }
}
