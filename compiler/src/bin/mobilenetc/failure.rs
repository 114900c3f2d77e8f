//! Why a command did not do its job, and the exit status that says so.

use crate::color::Color;
use crate::terminal::Terminal;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use mobilenet_compiler::diagnostic::{Cause, Extent, LINES, Spelling};
use mobilenet_compiler::{Error, Problem, text};
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
        let problem = Problem::new(format!("can't {action} {}: {}", text::path(path), plain(error)));
        Self::Other(match std::env::current_dir() {
            Ok(folder) if error.kind() == io::ErrorKind::NotFound && path.is_relative() => {
                problem.hint(format!("looked for in {}", text::path(&folder)))
            }
            _ => problem,
        })
    }

    /// Prints the failure and gives the exit status.
    pub fn report(self, color: Color, extent: Extent, terminal: &mut Terminal) -> ExitCode {
        // What was printed so far comes first; a reader that has gone can't be told anything.
        let gone = terminal.flush().is_err();
        let (status, top): (_, Box<dyn Fn(usize) -> Rendered>) = match &self {
            Self::Closed => return ExitCode::SUCCESS,
            Self::Disagreement => return ExitCode::from(1),
            Self::Model(path, error) => {
                let usage = error.problems.iter().all(|problem| problem.option.is_some());
                (if usage { 2 } else { 1 }, Box::new(move |most| Rendered::model(path, error, extent, most)))
            }
            Self::Other(problem) => (1, Box::new(move |_| Rendered::other(problem, extent))),
            Self::Usage(problem) => (2, Box::new(move |_| Rendered::other(problem, extent))),
        };
        if !gone || status != 0 {
            let stderr = io::stderr();
            let theme = match color.enabled(stderr.is_terminal()) {
                true => GraphicalTheme::unicode(),
                false => GraphicalTheme::unicode_nocolor(),
            };
            let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
            let rendered = |most| {
                let mut text = String::new();
                handler.render_report(&mut text, &top(most)).ok().map(|()| text)
            };
            let fits = |text: &String| extent == Extent::Whole || text.lines().count() <= LINES;
            let text = match extent {
                Extent::Whole => rendered(usize::MAX),
                // Every cause takes two lines at least.
                Extent::Short => (1..=LINES / 2).rev().filter_map(rendered).find(fits),
            };
            let _ = stderr.lock().write_all(text.unwrap_or_default().as_bytes());
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
        let _ = writeln!(io::stderr().lock(), "warning: {}: {warning}", text::path(path));
    }
}

/// The message without "(os error n)".
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_string()
}

/// Lines of what a tool said, unless all of it is wanted.
const SAID: usize = 9;

/// One diagnostic in the form that is printed.
#[derive(Debug, Default)]
struct Rendered {
    place: Option<String>,
    message: String,
    help: Option<String>,
    related: Vec<Rendered>,
}

impl Rendered {
    /// At most so many causes.
    fn model(path: &Path, error: &Error, extent: Extent, most: usize) -> Self {
        let title = format!("{} can't be compiled", text::path(path));
        let causes = error.causes();
        let mut related: Vec<_> = causes.iter().take(most).map(|cause| Self::cause(cause, extent)).collect();
        if let ([only @ Self { place: None, .. }], 1) = (related.as_mut_slice(), causes.len()) {
            let message = format!("{title}: {}", only.message);
            return Self { place: None, message, help: only.help.take(), related: Vec::new() };
        }
        for problem in &mut related {
            problem.place.get_or_insert_with(|| "the model".to_string());
        }
        let count = if causes.len() > 1 { format!(": {} problems", causes.len()) } else { String::new() };
        let left = causes.len() - related.len();
        let help = (left > 0).then(|| format!("{left} of the problems are not shown: --verbose shows them"));
        Self { place: None, message: title + &count, help, related }
    }

    fn cause(cause: &Cause, extent: Extent) -> Self {
        Self {
            place: cause.place(extent),
            message: cause.sentences(extent).join("\n  "),
            help: cause.advice(Spelling::CommandLine, extent),
            related: Vec::new(),
        }
    }

    /// A problem with something else than the model, such as a tool that says much.
    fn other(problem: &Problem, extent: Extent) -> Self {
        let error = Error::from(problem.clone());
        let causes = error.causes();
        let mut rendered = causes.first().map(|cause| Self::cause(cause, Extent::Whole)).unwrap_or_default();
        let lines = rendered.message.lines().count();
        if extent == Extent::Short && lines > SAID {
            let kept: Vec<&str> = rendered.message.lines().take(SAID).collect();
            rendered.message = format!("{}\n  ... {} more lines: --verbose shows them", kept.join("\n"), lines - SAID);
        }
        rendered
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::printable_lines(&self.message))
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
