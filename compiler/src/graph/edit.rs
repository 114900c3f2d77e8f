//! What passes need to read and rewrite a graph.

use super::{Graph, Tensor, Type, Value, ValueId};

impl Graph {
    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &Type {
        &self[id].ty
    }

    /// The elements of a value, where they are known.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self[id].constant.as_ref()
    }

    /// Adds a value that a node will define. The name gets a suffix where it is taken.
    pub fn add_value(&mut self, name: impl Into<String>, ty: Type) -> ValueId {
        self.push(name.into(), ty, None)
    }

    /// Adds a constant. The name gets a suffix where it is taken.
    pub fn add_constant(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        self.push(name.into(), tensor.ty(), Some(tensor))
    }

    fn push(&mut self, mut name: String, ty: Type, constant: Option<Tensor>) -> ValueId {
        let mut suffix = self.values.len();
        let stem = name.len();
        while self.values.iter().any(|v| v.name == name) {
            name.truncate(stem);
            name.push_str(&format!("~{suffix}"));
            suffix += 1;
        }
        self.values.push(Value { name, ty, constant });
        ValueId((self.values.len() - 1) as u32)
    }

    /// For each value, the index of the node that defines it.
    pub fn producers(&self) -> Vec<Option<usize>> {
        let mut producers = vec![None; self.values.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            producers[node.output.0 as usize] = Some(i);
        }
        producers
    }

    /// For each value, the indices of the nodes that read it, ascending; a node that reads it twice appears twice.
    pub fn consumers(&self) -> Vec<Vec<usize>> {
        let mut consumers = vec![Vec::new(); self.values.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            for input in node.inputs.iter().flatten() {
                consumers[input.0 as usize].push(i);
            }
        }
        consumers
    }

    /// For each value, how often nodes and the graph's outputs read it.
    pub fn use_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.values.len()];
        for input in self.nodes.iter().flat_map(|n| n.inputs.iter().flatten()) {
            counts[input.0 as usize] += 1;
        }
        for output in &self.outputs {
            counts[output.0 as usize] += 1;
        }
        counts
    }

    /// Makes every reader of `from`, the graph's outputs included, read `to`.
    pub fn replace_uses(&mut self, from: ValueId, to: ValueId) {
        for input in self.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut().flatten()) {
            if *input == from {
                *input = to;
            }
        }
        for output in self.outputs.iter_mut().filter(|output| **output == from) {
            *output = to;
        }
    }

    /// Drops nodes that no output depends on, and those whose output is a known constant.
    /// Returns how many went.
    pub fn remove_dead(&mut self) -> usize {
        let mut live = vec![false; self.values.len()];
        for output in &self.outputs {
            live[output.0 as usize] = true;
        }
        let mut keep = vec![false; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let output = node.output.0 as usize;
            keep[i] = live[output] && self.values[output].constant.is_none();
            if keep[i] {
                for input in node.inputs.iter().flatten() {
                    live[input.0 as usize] = true;
                }
            }
        }
        let before = self.nodes.len();
        let mut kept = keep.iter();
        self.nodes.retain(|_| kept.next().copied().unwrap_or(false));
        before - self.nodes.len()
    }

    /// Drops values that nothing refers to and renumbers the others, keeping their order.
    pub fn compact(&mut self) {
        let mut used = vec![false; self.values.len()];
        used[self.input.0 as usize] = true;
        for output in &self.outputs {
            used[output.0 as usize] = true;
        }
        for node in &self.nodes {
            used[node.output.0 as usize] = true;
            for input in node.inputs.iter().flatten() {
                used[input.0 as usize] = true;
            }
        }
        let mut renumbered = vec![ValueId(0); self.values.len()];
        let mut next = 0;
        for (id, &used) in renumbered.iter_mut().zip(&used) {
            *id = ValueId(next);
            next += u32::from(used);
        }
        let mut flags = used.iter();
        self.values.retain(|_| flags.next().copied().unwrap_or(false));
        let renumber = |id: &mut ValueId| *id = renumbered[id.0 as usize];
        renumber(&mut self.input);
        self.outputs.iter_mut().for_each(renumber);
        for node in &mut self.nodes {
            renumber(&mut node.output);
            node.inputs.iter_mut().flatten().for_each(renumber);
        }
    }
}
