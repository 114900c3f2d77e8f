//! What is wrong with a model: every problem at once, each naming its node.

use std::fmt;

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
    /// The option whose value does not fit the model, as [`Options`](crate::Options) spells it, where that is the problem.
    pub option: Option<&'static str>,
}

impl Problem {
    /// A problem of the whole model.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Names the node and operator it belongs to.
    #[must_use]
    pub fn at(mut self, node: impl Into<String>, op: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self.op = Some(op.into());
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
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, &self.op) {
            (Some(node), Some(op)) => write!(f, "node {node:?} ({op}): {}", self.message)?,
            (Some(node), None) => write!(f, "node {node:?}: {}", self.message)?,
            _ => f.write_str(&self.message)?,
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n    expected: {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n    found: {found}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

/// Why a model can't be compiled: all its problems together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", render(.problems))]
pub struct Error {
    /// Never empty.
    pub problems: Vec<Problem>,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

fn render(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => {
            let mut text = format!("{} problems:", many.len());
            for (i, problem) in many.iter().enumerate() {
                text.push_str(&format!("\n{:>3}. {problem}", i + 1));
            }
            text
        }
    }
}
