//! What is wrong with a model: every problem at once, each naming its node; problems of one cause are printed as one.

use crate::text::{elided, printable};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Lines of a message, unless all of it is wanted.
pub const LINES: usize = 60;
/// Characters of each of a cause's sentences, unless all of it is wanted.
const SENTENCE: usize = 200;
/// Characters of a name in a list of nodes, and how many nodes are named.
const NAME: usize = 60;
const NAMED: usize = 3;

/// One thing that keeps a model from being compiled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problem {
    /// The ONNX node's name (or its first output where it has none), if the problem has one.
    pub node: Option<String>,
    /// The ONNX operator of that node.
    pub op: Option<String>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What would have been accepted.
    pub expected: Option<String>,
    /// What the model has instead.
    pub found: Option<String>,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// An option that would help, which each front end spells in its own way.
    pub setting: Option<Setting>,
    /// Whether the file contradicts itself or is not made for inference: nothing computed from it is what was meant.
    pub of_file: bool,
    /// The option whose value does not fit the model, as [`Options`](crate::Options) spells it, where that is the problem.
    pub option: Option<&'static str>,
}

/// An option that would help.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// Height and width of the input.
    Resolution,
    /// The value at which the network may end: up to there it can be compiled.
    Output(String),
}

/// Whose options a hint is spelled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// Those of `mobilenet_model!`.
    #[default]
    Macro,
    /// Those of [`Build`](crate::Build).
    Build,
    /// Those of `mobilenetc`.
    CommandLine,
}

/// How much of a message is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// At most [`LINES`] lines.
    #[default]
    Short,
    /// Every cause with every word.
    Whole,
}

impl Problem {
    /// A problem of the whole model.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Names the node and operator it belongs to.
    #[must_use]
    pub fn at(mut self, node: impl Into<String>, op: impl AsRef<str>) -> Self {
        self.node = Some(node.into());
        self.op = Some(printable(op.as_ref()).into_owned());
        self
    }

    /// Says that the file is at fault, not what the network is made of.
    #[must_use]
    pub fn of_file(mut self) -> Self {
        self.of_file = true;
        self
    }

    /// Names the option that does not fit the model.
    #[must_use]
    pub fn of_option(mut self, option: &'static str) -> Self {
        self.option = Some(option);
        self
    }

    /// Says what was expected and what was found.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names an option that would help.
    #[must_use]
    pub fn advise(mut self, setting: Setting) -> Self {
        self.setting = Some(setting);
        self
    }

    /// What the user can do about it, where options are spelled so.
    pub fn advice(&self, spelling: Spelling) -> Option<String> {
        self.advice_with(self.setting.as_ref(), spelling)
    }

    fn advice_with(&self, setting: Option<&Setting>, spelling: Spelling) -> Option<String> {
        let setting = setting.map(|setting| setting.words(spelling));
        let option = self.option.filter(|_| self.hint.is_none()).map(|option| misfit(option, spelling));
        let parts: Vec<String> = self.hint.clone().into_iter().chain(setting).chain(option).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn place(&self, extent: Extent) -> Option<String> {
        let short = |text| if extent == Extent::Short { elided(text, SENTENCE / 2) } else { text.into() };
        let node = short(self.node.as_deref()?);
        Some(match &self.op {
            Some(op) => format!("node {node:?} ({})", short(op)),
            None => format!("node {node:?}"),
        })
    }
}

impl Setting {
    fn words(&self, spelling: Spelling) -> String {
        match (self, spelling) {
            (Self::Resolution, Spelling::Macro) => "give the option resolution = [H, W]".into(),
            (Self::Resolution, Spelling::Build) => "give the option .resolution([H, W])".into(),
            (Self::Resolution, Spelling::CommandLine) => "give the option --resolution HxW".into(),
            (Self::Output(name), spelling) => {
                let option = match spelling {
                    Spelling::Macro => format!("output = {name:?}"),
                    Spelling::Build => format!(".output([{name:?}])"),
                    Spelling::CommandLine => format!("--output {name}"),
                };
                format!("the network can be compiled up to {name:?}: give the option {option}")
            }
        }
    }
}

fn misfit(option: &str, spelling: Spelling) -> String {
    match spelling {
        Spelling::Macro => format!("give another {option}, or leave it out"),
        Spelling::Build => format!("give another .{option}(), or leave it out"),
        Spelling::CommandLine => format!("give another --{}, or leave it out", option.replace('_', "-")),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = Cause { problem: self, nodes: vec![self] };
        f.write_str(&cause.text(Spelling::Macro, Extent::Whole))
    }
}

/// Problems that differ in nothing but their nodes, what was found there, and an option that helps with one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause<'e> {
    /// The first of them.
    pub problem: &'e Problem,
    nodes: Vec<&'e Problem>,
}

impl Cause<'_> {
    /// The node, or how many there are and the first three.
    pub fn place(&self, extent: Extent) -> Option<String> {
        if let [one] = self.nodes[..] {
            return one.place(extent);
        }
        let op = |p: &&Problem| elided(p.op.as_deref().unwrap_or_default(), NAME).into_owned();
        let first = op(&self.problem);
        let same = self.nodes.iter().all(|node| op(node) == first);
        let name = |node: &&Problem| {
            let name = format!("{:?}", elided(node.node.as_deref()?, NAME));
            Some(if same { name } else { format!("{name} ({})", op(node)) })
        };
        let names: Vec<String> = self.nodes.iter().filter_map(name).take(NAMED).collect();
        let more = if self.nodes.len() > NAMED { ", ..." } else { "" };
        let of = if same && !first.is_empty() { format!(" ({first})") } else { String::new() };
        (!names.is_empty()).then(|| format!("{} nodes{of}: {}{more}", self.nodes.len(), names.join(", ")))
    }

    /// What is wrong, what was expected and what was found, the first two words and a colon in front of the last two.
    pub fn sentences(&self, extent: Extent) -> Vec<String> {
        let whole = |text: &str| match extent {
            Extent::Whole => text.to_string(),
            Extent::Short => elided(text, SENTENCE).into_owned(),
        };
        let same = self.nodes.iter().all(|node| node.found == self.problem.found);
        let found = if same { "found" } else { "found at the first" };
        let details = [("expected", &self.problem.expected), (found, &self.problem.found)];
        let details = details.into_iter().filter_map(|(key, text)| Some(format!("{key}: {}", whole(text.as_ref()?))));
        std::iter::once(whole(&self.problem.message)).chain(details).collect()
    }

    /// What the user can do about it.
    pub fn advice(&self, spelling: Spelling, extent: Extent) -> Option<String> {
        let setting = self.nodes.iter().find_map(|problem| problem.setting.as_ref());
        let advice = self.problem.advice_with(setting, spelling)?;
        Some(if extent == Extent::Short { elided(&advice, SENTENCE).into_owned() } else { advice })
    }

    fn text(&self, spelling: Spelling, extent: Extent) -> String {
        let place = self.place(extent).map(|place| place + ": ").unwrap_or_default();
        let mut text = place + &self.sentences(extent).join("\n    ");
        if let Some(advice) = self.advice(spelling, extent) {
            text.push_str(&format!("\n    hint: {advice}"));
        }
        text
    }
}

/// Why a model can't be compiled: all its problems together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl Error {
    /// The problems by cause, in order of the first of each.
    pub fn causes(&self) -> Vec<Cause<'_>> {
        let mut causes: Vec<Cause> = Vec::new();
        let (mut known, mut named) = (HashMap::new(), HashSet::new());
        for problem in &self.problems {
            let Problem { node, op: _, message, expected, found: _, hint, setting: _, of_file: _, option } = problem;
            let key = (message, expected, hint, option, node.is_some());
            let at = *known.entry(key).or_insert_with(|| {
                causes.push(Cause { problem, nodes: Vec::new() });
                causes.len() - 1
            });
            if named.insert((at, node)) {
                causes[at].nodes.push(problem);
            }
        }
        causes
    }

    /// The message of a front end.
    pub fn render(&self, spelling: Spelling, extent: Extent) -> String {
        let causes = self.causes();
        if let [one] = &causes[..] {
            return one.text(spelling, extent);
        }
        let mut text = format!("{} problems:", causes.len());
        for (i, cause) in causes.iter().enumerate() {
            let next = format!("\n{:>3}. {}", i + 1, cause.text(spelling, extent));
            // One line is left for the count of those that follow.
            if extent == Extent::Short && text.lines().count() + next.lines().count() > LINES {
                let left = causes.len() - i;
                text.push_str(&format!("\n{left} more: mobilenetc inspect --verbose shows them"));
                break;
            }
            text.push_str(&next);
        }
        text
    }
}

/// As the macro prints it; in the alternate form, `{:#}`, all of it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Spelling::Macro, if f.alternate() { Extent::Whole } else { Extent::Short }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsupported(i: usize) -> Problem {
        Problem::new("not supported")
            .expected("another", format!("found {i}"))
            .hint("leave it out")
            .at(format!("n{i}"), "Op")
    }

    #[test]
    fn one_cause_is_one_problem() {
        let mut problems: Vec<Problem> = (0..27).map(unsupported).collect();
        problems.push(Problem::new("other").at("last", "Op"));
        problems.push(unsupported(3));
        let text = Error { problems: problems.clone() }.to_string();
        let expected = "2 problems:\n  1. 27 nodes (Op): \"n0\", \"n1\", \"n2\", ...: not supported\n    expected: another\n    \
                        found at the first: found 0\n    hint: leave it out\n  2. node \"last\" (Op): other";
        assert_eq!(text, expected);
        problems.truncate(2);
        problems[1].op = Some("Else".into());
        let text = Error { problems }.to_string();
        assert!(text.starts_with("2 nodes: \"n0\" (Op), \"n1\" (Else): not supported\n"), "{text}");
    }

    /// The option that ends the network in front of one of the nodes does not make a cause of its own.
    #[test]
    fn an_option_belongs_to_the_cause() {
        let problems = (0..3).map(|i| match i {
            1 => unsupported(i).advise(Setting::Output("x\"y".into())),
            _ => unsupported(i),
        });
        let error = Error { problems: problems.collect() };
        let said = error.render(Spelling::CommandLine, Extent::Short);
        assert!(said.starts_with("3 nodes (Op): "), "{said}");
        let hint = "hint: leave it out; the network can be compiled up to \"x\\\"y\": give the option --output x\"y";
        assert!(said.ends_with(hint), "{said}");
    }

    #[test]
    fn messages_are_short_unless_all_is_wanted() {
        let problems: Vec<Problem> = (0..500)
            .map(|i| {
                Problem::new(format!("{i} {}", "long ".repeat(500)))
                    .expected("a", "b")
                    .hint("c")
                    .at("x".repeat(999), "O")
            })
            .collect();
        let error = Error { problems };
        let short = error.to_string();
        assert!(short.lines().count() <= LINES, "{}", short.lines().count());
        assert!(short.ends_with("more: mobilenetc inspect --verbose shows them"), "{short}");
        let whole = format!("{error:#}");
        assert_eq!(whole.lines().count(), 1 + 500 * 4);
        assert!(whole.contains("499 long"));
    }

    #[test]
    fn hints_are_spelled_as_the_front_end_spells_options() {
        let size = Problem::new("m").advise(Setting::Resolution);
        let misfit = Problem::new("m").of_option("input_layout");
        let all = [Spelling::Macro, Spelling::Build, Spelling::CommandLine];
        assert_eq!(
            all.map(|spelling| size.advice(spelling).unwrap()),
            [
                "give the option resolution = [H, W]",
                "give the option .resolution([H, W])",
                "give the option --resolution HxW"
            ]
        );
        assert_eq!(misfit.advice(Spelling::CommandLine).unwrap(), "give another --input-layout, or leave it out");
        assert_eq!(misfit.advice(Spelling::Macro).unwrap(), "give another input_layout, or leave it out");
    }
}
