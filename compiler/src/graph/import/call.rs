//! One ONNX node with its inputs resolved, and typed access to its attributes.

use crate::diagnostic::Problem;
use crate::graph::{Tensor, ValueId, infer};
use crate::onnx::{Attribute, Node};

/// A node to lower.
pub(super) struct Call<'a> {
    /// As the file spells it.
    pub(super) node: &'a Node,
    /// Its inputs; `None` for an omitted one.
    pub(super) inputs: Vec<Option<ValueId>>,
    /// Version of the default operator set.
    pub(super) opset: i64,
}

impl Call<'_> {
    /// A required input.
    pub(super) fn input(&self, i: usize) -> Result<ValueId, Problem> {
        self.optional(i).ok_or_else(|| Problem::new(format!("input {i} is missing")))
    }

    /// An input that may be omitted.
    pub(super) fn optional(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }

    /// Refuses surplus inputs.
    pub(super) fn at_most(&self, count: usize) -> Result<(), Problem> {
        if self.inputs.len() <= count {
            return Ok(());
        }
        Err(Problem::new("too many inputs").expected(format!("at most {count}"), self.inputs.len().to_string()))
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(kind(name, "an integer")),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        Ok(self.int(name, default.into())? != 0)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(kind(name, "a float")),
        }
    }

    pub(super) fn string(&self, name: &str, default: &'static str) -> Result<&str, Problem> {
        match self.node.attribute(name) {
            None => Ok(default),
            Some(Attribute::String(value)) => Ok(value),
            Some(_) => Err(kind(name, "a string")),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&[i64]>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => Err(kind(name, "a list of integers")),
        }
    }

    pub(super) fn floats(&self, name: &str) -> Result<&[f32], Problem> {
        match self.node.attribute(name) {
            None => Ok(&[]),
            Some(Attribute::Floats(values)) => Ok(values),
            Some(_) => Err(kind(name, "a list of floats")),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&Tensor>, Problem> {
        match self.node.attribute(name) {
            None => Ok(None),
            Some(Attribute::Tensor(value)) => Ok(Some(value)),
            Some(_) => Err(kind(name, "a tensor")),
        }
    }
}

fn kind(name: &str, expected: &str) -> Problem {
    Problem::new(format!("attribute {name:?} is of the wrong kind")).expected(expected, "another kind")
}

/// An axis counted from the front; negative ones count from the back.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Problem> {
    let rank_i = rank as i64;
    let wrapped = if axis < 0 { axis.saturating_add(rank_i) } else { axis };
    usize::try_from(wrapped).ok().filter(|&a| a < rank).ok_or_else(|| {
        Problem::new("axis out of range").expected(format!("{} to {}", -rank_i, rank_i - 1), axis.to_string())
    })
}

/// Axes counted from the front, sorted, each at most once.
pub(super) fn axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
    if axes.len() > infer::MAX_RANK {
        let expected = format!("at most {}", infer::MAX_RANK);
        return Err(Problem::new("too many axes").expected(expected, axes.len().to_string()));
    }
    let mut sorted = axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Problem::new("an axis is given twice").expected("distinct axes", format!("{axes:?}")));
    }
    Ok(sorted)
}
