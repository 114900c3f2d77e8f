//! Weights that can't be meant: what depends on them is computed, and is not a number.

use super::{Attribute, Model};
use crate::diagnostic::Problem;
use crate::graph::{Data, Tensor};
use std::collections::{BTreeMap, HashMap};

/// Operators in which infinity stands for the absence of a bound.
const BOUNDED: [&str; 6] = ["Clip", "Max", "Min", "Pad", "Where", "MaxPool"];

impl Model {
    /// What is odd about the model but doesn't keep it from being compiled: weights that are NaN or infinite.
    pub fn warnings(&self) -> Vec<Problem> {
        let initializers = self.graph.initializers.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let constants = self.graph.nodes.iter().filter(|node| node.op_type == "Constant").filter_map(|node| {
            let Some(Attribute::Tensor(tensor)) = node.attribute("value") else { return None };
            Some((node.outputs.first()?.as_str(), tensor))
        });
        let broken: HashMap<&str, String> =
            initializers.chain(constants).filter_map(|(name, tensor)| Some((name, broken(tensor)?))).collect();
        let mut read = BTreeMap::new();
        for (at, node) in self.graph.nodes.iter().enumerate() {
            for name in node.inputs.iter().filter(|_| !BOUNDED.contains(&node.op_type.as_str())) {
                if let Some((name, found)) = broken.get_key_value(name.as_str()) {
                    read.entry(*name).or_insert((at, found));
                }
            }
        }
        let mut found: Vec<_> = read.into_iter().collect();
        found.sort_by_key(|(_, (at, _))| *at);
        let warn = |(name, (at, found)): (&str, (usize, &String))| {
            let node = &self.graph.nodes[at];
            Problem::new(format!("the initialiser {name:?} holds numbers that are not finite"))
                .at(node.label(), &node.op_type)
                .expected("finite weights", found.as_str())
                .hint("what is computed from them is NaN or infinite: export the model again")
        };
        found.into_iter().map(warn).collect()
    }
}

/// How many elements are not finite, and the first.
fn broken(tensor: &Tensor) -> Option<String> {
    let odd: Vec<(usize, f64)> = match &tensor.data {
        Data::Int(_) => return None,
        Data::F32(data) => filter(data.iter().map(|&v| v.into())),
        Data::F64(data) => filter(data.iter().copied()),
    };
    let &(at, value) = odd.first()?;
    Some(format!("{} of {}, the first at element {at}: {value}", odd.len(), tensor.len()))
}

fn filter(values: impl Iterator<Item = f64>) -> Vec<(usize, f64)> {
    values.enumerate().filter(|(_, value)| !value.is_finite()).collect()
}
