//! Mean and standard deviation of pixels.

use crate::diagnostic::Problem;
use std::fmt;

/// The largest mean that pixels from 0 to 1 can have.
pub const MOST_MEAN: f32 = 1.0;

/// Standard deviations above this are taken for those of pixels from 0 to 255.
pub const MOST_STD: f32 = 10.0;

/// `(pixel - mean) / std` per channel, for pixels from 0 to 1. A list of one value serves all channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalise {
    /// Subtracted, per channel.
    pub mean: Vec<f32>,
    /// Divided by, per channel.
    pub std: Vec<f32>,
}

impl Normalise {
    /// What keeps it from normalising images of this many channels.
    pub(crate) fn problems(&self, channels: usize) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (what, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != 1 && values.len() != channels {
                let message =
                    format!("the {what} of the option normalise does not fit the model's {channels} channels");
                let expected = if channels == 1 { "1 value".into() } else { format!("1 or {channels} values") };
                problems
                    .push(Problem::new(message).of_option("normalise").expected(expected, values.len().to_string()));
            }
        }
        for (what, values, most) in [("mean", &self.mean, MOST_MEAN), ("std", &self.std, MOST_STD)] {
            if let Some(value) = values.iter().find(|&&value| value > most && value.is_finite()) {
                let message = format!("the {what} of the option normalise is that of pixels from 0 to 1");
                let problem = Problem::new(message).of_option("normalise");
                let problem = problem.expected(format!("at most {most}"), value.to_string());
                problems.push(problem.hint(format!("of pixels from 0 to 255 it is {value}/255")));
            }
        }
        let number = self.mean.iter().find(|mean| !mean.is_finite());
        let divisor =
            self.std.iter().find(|&&std| !(std > 0.0 && std.is_finite() && (255.0 * std).recip().is_finite()));
        for (what, expected, found) in [("mean", "numbers", number), ("std", "numbers above 0", divisor)] {
            if let Some(found) = found {
                let message = format!("the {what} of the option normalise can't be computed with");
                problems.push(Problem::new(message).of_option("normalise").expected(expected, found.to_string()));
            }
        }
        problems
    }
}

impl fmt::Display for Normalise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[f32]| match values {
            [one] => format!("{one:?}"),
            values => format!("{values:?}"),
        };
        write!(f, "({}, {})", list(&self.mean), list(&self.std))
    }
}
