//! What a plan says of input and output besides how to compute it.

use super::{Pixels, Plan};
use crate::diagnostic::{Error, Problem};
use crate::options::Options;

/// The classes that a model's scores are for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Classes {
    /// What the pixels are that they are found in.
    pub pixels: Pixels,
    /// Their names, as many as there are classes.
    pub labels: Option<Vec<String>>,
    /// How many the emitted ranking returns, at most as many as there are; none is emitted by default.
    pub top_k: Option<usize>,
}

impl Plan {
    /// Scores of one image, where there is one output.
    pub fn class_count(&self) -> usize {
        match &self.network.outputs[..] {
            [_] => self.lengths().1 / self.network.batch.max(1),
            _ => 0,
        }
    }

    /// The plan with the labels and the ranking of the options.
    ///
    /// # Errors
    ///
    /// Where they don't fit the number of classes.
    pub fn with_classes(mut self, options: &Options) -> Result<Self, Error> {
        let count = self.class_count();
        if self.network.outputs.len() != 1 && (options.labels.is_some() || options.top_k.is_some()) {
            let option = if options.labels.is_some() { "labels" } else { "top_k" };
            let names: Vec<&str> = self.network.outputs.iter().map(|output| output.port.name.as_str()).collect();
            let problem = Problem::new(format!("the option {option} does not fit a model of several outputs"));
            return Err(problem.of_option(option).expected("one output", format!("{names:?}")).into());
        }
        let mut problems: Vec<Problem> = options.labels.iter().filter_map(|labels| labels.check(count).err()).collect();
        if let Some(k) = options.top_k.filter(|k| !(1..=count).contains(k)) {
            let problem = Problem::new("the option top_k does not fit the model's output").of_option("top_k");
            problems.push(problem.expected(format!("1 to {count} classes"), k.to_string()));
        }
        self.classes = Classes {
            pixels: Pixels::new(self.network.input.dtype, options),
            labels: options.labels.as_ref().map(|labels| labels.names.clone()),
            top_k: options.top_k,
        };
        if problems.is_empty() { Ok(self) } else { Err(Error { problems }) }
    }
}
