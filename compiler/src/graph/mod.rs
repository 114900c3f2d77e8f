//! Typed SSA: every value has a dtype and a static shape, every node a typed [`Op`].

mod adapt;
mod display;
mod edit;
pub mod half;
mod import;
pub mod infer;
pub mod integer;
pub mod op;
pub mod tensor;
mod verify;

pub use import::import;
pub use integer::{Integer, IntegerOp, Quant, WeightQuant};
pub use op::{Activation, Binary, Conv, Op, Type, Unary, Window};
pub use tensor::{DType, Data, Tensor};

/// Index of a value in [`Graph::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// A value: a graph input, a constant, or the output of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The ONNX name; unique in the graph, for diagnostics and dumps only.
    pub name: String,
    /// Element type and shape.
    pub ty: Type,
    /// The elements, where they are known at compile time (initialisers, and everything computed from them alone).
    pub constant: Option<Tensor>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Data inputs in the operator's order; `None` for an omitted optional one.
    pub inputs: Vec<Option<ValueId>>,
    /// The value it defines. (Operators with several outputs are imported only if the others are unused.)
    pub output: ValueId,
    /// Names of the ONNX nodes it came from, first the one that gives it its name.
    pub origin: Vec<String>,
}

/// A model as typed SSA, nodes in topological order.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The ONNX graph's name.
    pub name: String,
    /// Opset version of the default domain.
    pub opset: i64,
    /// All values; ids index it. Unused ones may linger.
    pub values: Vec<Value>,
    /// The operations, in an order in which they can run.
    pub nodes: Vec<Node>,
    /// The model's data input (exactly one).
    pub input: ValueId,
    /// The model's outputs in its own order, at least one, all different.
    pub outputs: Vec<ValueId>,
}

impl std::ops::Index<ValueId> for Graph {
    type Output = Value;
    fn index(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }
}
