//! The verifier: what every stage may rely on.

use super::{Graph, Type, ValueId, infer};
use crate::diagnostic::{Error, Problem};
use std::collections::HashSet;

impl Graph {
    /// Checks that ids are valid, names unique, every value defined once and before its use, and every type what
    /// [`infer`] says.
    ///
    /// # Errors
    /// All violations: each is a bug of the pass that ran last.
    pub fn verify(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        self.verify_values(&mut problems);
        if problems.is_empty() {
            self.verify_nodes(&mut problems);
        }
        if problems.is_empty() { Ok(()) } else { Err(Error { problems }) }
    }

    fn verify_values(&self, problems: &mut Vec<Problem>) {
        let valid = |id: &ValueId| (id.0 as usize) < self.values.len();
        let ids = self.nodes.iter().flat_map(|n| n.inputs.iter().flatten().chain([&n.output]));
        let invalid = ids.chain([&self.input]).chain(&self.outputs).find(|id| !valid(id));
        problems.extend(invalid.map(|id| Problem::new(format!("value {} does not exist", id.0))));
        let mut names = HashSet::new();
        for value in &self.values {
            if !names.insert(&value.name) {
                problems.push(Problem::new(format!("two values are called {:?}", value.name)));
            }
            if let Some(constant) = &value.constant
                && (constant.ty() != value.ty || constant.len() != constant.ty().len())
            {
                let found = format!("{} with {} elements", constant.ty(), constant.len());
                let message = format!("constant {:?} contradicts its type", value.name);
                problems.push(Problem::new(message).expected(value.ty.to_string(), found));
            }
        }
    }

    fn verify_nodes(&self, problems: &mut Vec<Problem>) {
        let mut defined: Vec<bool> = self.values.iter().map(|v| v.constant.is_some()).collect();
        let mut by_node = vec![false; self.values.len()];
        defined[self.input.0 as usize] = true;
        by_node[self.input.0 as usize] = true;
        for node in &self.nodes {
            let name = node.origin.first().map_or(self[node.output].name.as_str(), String::as_str);
            let mut report = |message: String| problems.push(Problem::new(message).at(name, node.op.name()));
            for input in node.inputs.iter().flatten().filter(|i| !defined[i.0 as usize]) {
                report(format!("reads {:?} before it is defined", self[*input].name));
            }
            let output = node.output.0 as usize;
            if std::mem::replace(&mut by_node[output], true) {
                report(format!("defines {:?} a second time", self[node.output].name));
            }
            defined[output] = true;
            let declared = self.ty(node.output);
            let inputs: Vec<Option<&Type>> = node.inputs.iter().map(|i| i.map(|i| self.ty(i))).collect();
            match infer::output_type(&node.op, &inputs, Some(declared)) {
                Ok(inferred) if inferred == *declared => {}
                Ok(inferred) => report(format!("returns {inferred}, but {declared} is declared")),
                Err(message) => report(message),
            }
        }
        if self.outputs.is_empty() {
            problems.push(Problem::new("the graph has no output"));
        }
        for (at, &output) in self.outputs.iter().enumerate() {
            let name = &self[output].name;
            if !defined[output.0 as usize] {
                problems.push(Problem::new(format!("the output {name:?} is never defined")));
            }
            if self.outputs[..at].contains(&output) {
                problems.push(Problem::new(format!("two outputs are {name:?}")));
            }
        }
    }
}
