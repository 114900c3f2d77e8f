//! What can be told of any model that can be read, whether it can be compiled or not: its layers, mult-adds, parameters.
//!
//! Shapes are followed from the input as far as the operators are known here; counts are for one image and, as everywhere,
//! without biases.

use super::shortened;
use super::table::Table;
use crate::onnx::{Attribute, Dim, Model, Node};
use crate::plan::thousands;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// The layers of a model as its file has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    name: String,
    layers: Vec<Layer>,
    operators: BTreeMap<String, usize>,
    parameters: u64,
}

/// A node with weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub node: String,
    pub op: String,
    pub output: Option<Vec<usize>>,
    /// Unknown where a shape is.
    pub mult_adds: Option<u64>,
    pub parameters: u64,
}

impl Survey {
    /// Goes through the nodes of a model.
    pub fn new(model: &Model) -> Self {
        let graph = &model.graph;
        let mut shapes = Shapes::default();
        for (name, tensor) in &graph.initializers {
            shapes.weights.insert(name, &tensor.shape);
        }
        for input in &graph.inputs {
            let size = |(axis, dim): (usize, &Dim)| match dim {
                // One image.
                _ if axis == 0 => Some(1),
                Dim::Value(size) => Some(*size),
                Dim::Symbol(_) => None,
            };
            let dims = input.shape.as_ref().and_then(|dims| dims.iter().enumerate().map(size).collect());
            shapes.values.extend(dims.map(|dims: Vec<usize>| (input.name.as_str(), dims)));
        }
        let mut survey = Self { name: graph.name.clone(), layers: vec![], operators: BTreeMap::new(), parameters: 0 };
        let mut counted = HashSet::new();
        for node in &graph.nodes {
            *survey.operators.entry(node.op_type.clone()).or_default() += 1;
            let output = shapes.output(node);
            let weights = node.inputs.iter().filter_map(|name| Some((name, shapes.weights.get(name.as_str())?)));
            let parameters: u64 =
                weights.filter(|(name, _)| counted.insert(*name)).map(|(_, shape)| elements(shape)).sum();
            survey.parameters += parameters;
            if let Some(weight) = weight(node) {
                survey.layers.push(Layer {
                    node: node.label().to_owned(),
                    op: node.op_type.clone(),
                    mult_adds: shapes.mult_adds(node, weight, output.as_deref()),
                    output: output.clone(),
                    parameters,
                });
            }
            if let (Some(name), Some(shape)) = (node.outputs.first(), output) {
                shapes.values.insert(name, shape);
            }
        }
        survey
    }

    /// Mult-adds of the layers whose shapes are known, and how many others there are.
    pub fn mult_adds(&self) -> (u64, usize) {
        let known = self.layers.iter().filter_map(|layer| layer.mult_adds);
        (known.sum(), self.layers.iter().filter(|layer| layer.mult_adds.is_none()).count())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(super) fn operators(&self) -> &BTreeMap<String, usize> {
        &self.operators
    }

    /// Elements of all constants that nodes read.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// The same as the text, for programs; null where a number is unknown.
    pub fn to_json(&self) -> Value {
        let layer = |layer: &Layer| {
            json!({
                "node": layer.node,
                "type": layer.op,
                "output": layer.output,
                "mult_adds": layer.mult_adds,
                "parameters": layer.parameters,
            })
        };
        let (mult_adds, unknown) = self.mult_adds();
        json!({
            "name": self.name,
            "mult_adds": mult_adds,
            "layers_of_unknown_size": unknown,
            "parameters": self.parameters,
            "layers": self.layers.iter().map(layer).collect::<Vec<_>>(),
            "operators": self.operators,
        })
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mult_adds, unknown) = self.mult_adds();
        let beside = match unknown {
            0 => String::new(),
            1 => ", and those of a layer of unknown size".to_string(),
            n => format!(", and those of {n} layers of unknown size"),
        };
        writeln!(f, "  as the file has it: it can't be compiled")?;
        writeln!(f, "  mult-adds   {}{beside}", thousands(mult_adds))?;
        writeln!(f, "  parameters  {}", thousands(self.parameters))?;
        let operators: Vec<_> = self.operators.iter().map(|(op, count)| format!("{count} {op}")).collect();
        writeln!(f, "  operators   {}\n", operators.join(", "))?;
        let mut table = Table::new(&["layer", ">output", ">mult-adds", ">parameters", "ONNX node"]);
        for layer in &self.layers {
            let sizes = |shape: &Vec<usize>| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
            table.row([
                layer.op.clone(),
                layer.output.as_ref().map_or("?".into(), sizes),
                layer.mult_adds.map_or("?".into(), thousands),
                thousands(layer.parameters),
                shortened(&layer.node),
            ]);
        }
        write!(f, "{table}")
    }
}

/// Which input of a node its weights are.
fn weight(node: &Node) -> Option<usize> {
    match node.op_type.as_str() {
        "Conv" | "ConvInteger" | "ConvTranspose" | "FusedConv" | "Gemm" | "FusedGemm" | "MatMul" | "MatMulInteger" => {
            Some(1)
        }
        "QLinearConv" | "QLinearMatMul" => Some(3),
        _ => None,
    }
}

fn elements(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |product, &size| product.saturating_mul(size as u64))
}

/// Shapes of values by name, as far as they are known, for one image.
#[derive(Default)]
struct Shapes<'a> {
    weights: HashMap<&'a str, &'a [usize]>,
    values: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Shapes<'a> {
    fn of(&self, name: Option<&String>) -> Option<&[usize]> {
        let name = name?.as_str();
        self.values.get(name).map(Vec::as_slice).or_else(|| self.weights.get(name).copied())
    }

    /// What weights fold: behind `DequantizeLinear` and `Transpose` they are values of a known shape.
    fn mult_adds(&self, node: &Node, weight: usize, output: Option<&[usize]>) -> Option<u64> {
        let weights = self.of(node.inputs.get(weight))?;
        match node.op_type.as_str() {
            "ConvTranspose" => {
                let input = self.of(node.inputs.first())?;
                Some(elements(weights).saturating_mul(elements(input.get(2..)?)))
            }
            "Gemm" | "FusedGemm" => {
                let taps = weights.get(usize::from(int(node, "transB") != 0))?;
                Some(elements(output?).saturating_mul(*taps as u64))
            }
            "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
                let taps = weights.get(weights.len().checked_sub(2)?)?;
                Some(elements(output?).saturating_mul(*taps as u64))
            }
            _ => Some(elements(output?).saturating_mul(elements(weights.get(1..)?))),
        }
    }

    fn output(&self, node: &'a Node) -> Option<Vec<usize>> {
        let input = self.of(node.inputs.first());
        match node.op_type.as_str() {
            "Conv" | "FusedConv" | "ConvInteger" | "QLinearConv" => {
                let weights = self.of(node.inputs.get(weight(node)?))?;
                let mut shape = vec![1, *weights.first()?];
                shape.extend(window(node, input?.get(2..)?, weights.get(2..)?)?);
                Some(shape)
            }
            "MaxPool" | "AveragePool" | "LpPool" => {
                let kernel = ints(node, "kernel_shape")?;
                let mut shape = input?.get(..2)?.to_vec();
                shape.extend(window(node, input?.get(2..)?, &kernel)?);
                Some(shape)
            }
            "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
                let mut shape = input?.to_vec();
                shape.get_mut(2..)?.fill(1);
                Some(shape)
            }
            "Gemm" | "FusedGemm" => {
                let weights = self.of(node.inputs.get(1))?;
                Some(vec![1, *weights.get(usize::from(int(node, "transB") == 0))?])
            }
            "MatMul" | "MatMulInteger" | "QLinearMatMul" => {
                let columns = *self.of(node.inputs.get(weight(node)?))?.last()?;
                let mut shape = input?.to_vec();
                *shape.last_mut()? = columns;
                Some(shape)
            }
            "Flatten" => Some(vec![1, input?.get(1..)?.iter().product()]),
            "Transpose" => {
                let reversed = || (0..input.map_or(0, <[usize]>::len)).rev().collect();
                let order = ints(node, "perm").unwrap_or_else(reversed);
                order.iter().map(|&axis| input?.get(axis).copied()).collect()
            }
            "Concat" => {
                let mut shape = input?.to_vec();
                let axis = usize::try_from(int(node, "axis")).ok()?;
                for other in &node.inputs[1..] {
                    *shape.get_mut(axis)? += self.of(Some(other))?.get(axis)?;
                }
                Some(shape)
            }
            "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" | "Sum" | "Pow" => {
                let all: Option<Vec<_>> = node.inputs.iter().map(|name| self.of(Some(name))).collect();
                broadcast(&all?)
            }
            // What is left unsaid here is a function of each element, or a shape that can't be told.
            "Relu"
            | "Clip"
            | "LeakyRelu"
            | "PRelu"
            | "Elu"
            | "Selu"
            | "Sigmoid"
            | "HardSigmoid"
            | "HardSwish"
            | "Mish"
            | "Tanh"
            | "Erf"
            | "Exp"
            | "Log"
            | "Sqrt"
            | "Neg"
            | "Abs"
            | "Gelu"
            | "Softmax"
            | "LogSoftmax"
            | "Softplus"
            | "Identity"
            | "Dropout"
            | "Cast"
            | "BatchNormalization"
            | "InstanceNormalization"
            | "LayerNormalization"
            | "LRN"
            | "QuantizeLinear"
            | "DequantizeLinear"
            | "DynamicQuantizeLinear" => input.map(<[usize]>::to_vec),
            _ => None,
        }
    }
}

/// Height and width behind a window.
fn window(node: &Node, sizes: &[usize], kernel: &[usize]) -> Option<Vec<usize>> {
    let rank = kernel.len();
    let [strides, dilations] = ["strides", "dilations"].map(|name| ints(node, name).unwrap_or_else(|| vec![1; rank]));
    let pads = ints(node, "pads").unwrap_or_else(|| vec![0; 2 * rank]);
    let same = matches!(node.attribute("auto_pad"), Some(Attribute::String(how)) if how.starts_with("SAME"));
    let up = if int(node, "ceil_mode") != 0 { *strides.iter().max()? - 1 } else { 0 };
    let out = |axis: usize| {
        let (size, stride) = (*sizes.get(axis)?, *strides.get(axis)?);
        if same {
            return Some(size.div_ceil(stride.max(1)));
        }
        let reach = dilations.get(axis)?.checked_mul(kernel[axis].checked_sub(1)?)?.checked_add(1)?;
        let padded = size.checked_add(*pads.get(axis)?)?.checked_add(*pads.get(axis + rank)?)?;
        Some((padded.checked_sub(reach)? + up).checked_div(stride)? + 1)
    };
    (0..rank).map(out).collect()
}

fn broadcast(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let size = |axis: usize| {
        let of = |shape: &&[usize]| (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis).copied());
        shapes.iter().filter_map(of).max()
    };
    (0..rank).map(size).collect()
}

fn int(node: &Node, name: &str) -> i64 {
    match node.attribute(name) {
        Some(Attribute::Int(value)) => *value,
        _ => 0,
    }
}

fn ints(node: &Node, name: &str) -> Option<Vec<usize>> {
    match node.attribute(name) {
        Some(Attribute::Ints(values)) => values.iter().map(|&value| usize::try_from(value).ok()).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{DType, Tensor};
    use crate::onnx::author::{Author, Dim, Node, Storage};

    /// A strided convolution, a depthwise one, an operator that nobody knows, pooling and a dense layer.
    fn model() -> Model {
        let mut author = Author::new("odd", 13).input("x", DType::F32, ["batch", "3", "32", "32"].map(dim));
        for (name, shape) in
            [("stem", vec![8, 3, 3, 3]), ("bias", vec![8]), ("dw", vec![8, 1, 3, 3]), ("dense", vec![10, 8])]
        {
            let elements = shape.iter().product();
            author = author.initializer(name, &Tensor::f32(shape, vec![0.5; elements]), Storage::Raw);
        }
        let conv = |inputs: &[&'static str], output| Node::new("Conv", inputs.to_vec(), [output]).ints("pads", [1; 4]);
        let author = author
            .node(conv(&["x", "stem", "bias"], "a").ints("strides", [2, 2]))
            .node(Node::new("Relu", ["a"], ["b"]))
            .node(conv(&["b", "dw"], "c").int("group", 8))
            .node(Node::new("Frobnicate", ["c"], ["d"]))
            .node(Node::new("GlobalAveragePool", ["c"], ["e"]))
            .node(Node::new("Flatten", ["e"], ["f"]))
            .node(Node::new("Gemm", ["f", "dense"], ["y"]).int("transB", 1))
            .output("y", DType::F32, [Dim::from(1), Dim::from(10)]);
        Model::decode(author.to_bytes(), None).unwrap()
    }

    fn dim(text: &str) -> Dim {
        text.parse::<i64>().map_or_else(|_| Dim::from(text), Dim::from)
    }

    #[test]
    fn layers_are_counted_whatever_else_there_is() {
        let survey = Survey::new(&model());
        assert_eq!(survey.parameters, 8 * 27 + 8 + 72 + 80);
        let counted: Vec<_> = survey.layers.iter().map(|layer| (layer.mult_adds, layer.parameters)).collect();
        assert_eq!(counted, [(Some(16 * 16 * 8 * 27), 224), (Some(16 * 16 * 8 * 9), 72), (Some(80), 80)]);
        assert_eq!(survey.to_json()["operators"]["Frobnicate"], 1);
        let text = survey.to_string();
        assert!(text.contains("1x8x16x16") && text.contains("parameters  376"), "{text}");
    }
}
