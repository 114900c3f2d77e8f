//! The model's outputs as C sees them: one array, or a structure of several.

use crate::graph::DType;
use crate::network::Port;
use crate::plan::{Plan, Target};

/// Names and lengths of the outputs.
pub(super) struct Outputs<'a> {
    /// The ports.
    pub ports: Vec<&'a Port>,
    /// Fields of the structure.
    pub fields: Vec<String>,
    batch: usize,
}

impl<'a> Outputs<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let ports: Vec<_> = plan.network.outputs.iter().map(|output| &output.port).collect();
        let fields = crate::naming::fields(ports.iter().map(|port| port.name.as_str()));
        Self { ports, fields, batch: plan.network.batch.max(1) }
    }

    /// Whether there are several, which a structure holds.
    pub(super) fn are_several(&self) -> bool {
        self.ports.len() > 1
    }

    /// Elements of an output, the batch included.
    pub(super) fn len(&self, port: usize) -> usize {
        self.ports.get(port).map_or(0, |port| port.shape.iter().product())
    }

    /// Elements of one image's part of an output.
    pub(super) fn each(&self, port: usize) -> usize {
        self.len(port) / self.batch
    }

    /// Elements of all outputs.
    pub(super) fn total(&self) -> usize {
        (0..self.ports.len()).fold(0, |sum: usize, port| sum.saturating_add(self.len(port)))
    }

    /// An output of all images, as an expression.
    pub(super) fn whole(&self, port: usize) -> String {
        let field = |field: &String| format!("output->{field}");
        if self.are_several() { self.fields.get(port).map_or_else(String::new, field) } else { "output".into() }
    }

    /// The type that `output` points to.
    pub(super) fn ty(&self) -> &'static str {
        if self.are_several() { "@output" } else { "@@OUTPUT_TYPE" }
    }

    /// What `net_run` gives on to what computes one image, besides `output`.
    pub(super) fn counts_images(&self) -> bool {
        self.are_several() && self.batch > 1
    }

    /// The address of an element of an output, where `n` counts images if need be.
    pub(super) fn at(&self, port: usize, offset: usize) -> String {
        let mut text = self.whole(port);
        if self.counts_images() {
            text += &format!(" + n * {}", self.each(port));
        }
        if offset > 0 { format!("{text} + {offset}") } else { text }
    }

    /// The elements of the output that a target is in.
    pub(super) fn dtype(&self, target: Target) -> Option<DType> {
        match target {
            Target::Arena(_) => None,
            Target::Output { port, .. } => self.ports.get(port).map(|port| port.dtype),
        }
    }

    /// Where a vector or an array lives, as an expression of its elements.
    pub(super) fn place(&self, target: Target) -> String {
        match target {
            Target::Arena(offset) => format!("arena + {}", offset / 4),
            Target::Output { port, offset } => self.at(port, offset),
        }
    }
}
