//! Writes ONNX models, through a codec of its own: `onnx-protobuf`, not the decoder's prost.
//!
//! ```
//! use mobilenet_compiler::graph::{DType, Tensor};
//! use mobilenet_compiler::onnx::author::{Author, Node, Storage};
//!
//! let bytes = Author::new("net", 13)
//!     .input("x", DType::F32, ["batch".into(), 4.into()])
//!     .initializer("w", &Tensor::f32([4, 2], vec![0.5; 8]), Storage::Raw)
//!     .node(Node::new("Gemm", ["x", "w"], ["y"]).name("fc").float("alpha", 2.0))
//!     .output("y", DType::F32, ["batch".into(), 2.into()])
//!     .to_bytes();
//! ```

use super::dtype;
use crate::graph::half::{f32_to_bf16, f32_to_f16};
use crate::graph::{DType, Data, Tensor};
use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_proto::DataLocation;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{
    AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use protobuf::{Message, MessageField};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A dimension of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Known.
    Value(i64),
    /// Symbolic.
    Symbol(String),
}

impl From<i64> for Dim {
    fn from(value: i64) -> Self {
        Self::Value(value)
    }
}

impl From<usize> for Dim {
    fn from(value: usize) -> Self {
        Self::Value(value as i64)
    }
}

impl From<i32> for Dim {
    fn from(value: i32) -> Self {
        Self::Value(value.into())
    }
}

impl From<&str> for Dim {
    fn from(name: &str) -> Self {
        Self::Symbol(name.into())
    }
}

/// Where an initialiser's elements go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// `raw_data`, little-endian.
    Raw,
    /// `float_data`, `int32_data`, `int64_data`, `double_data` or `uint64_data`, as the element type demands.
    Typed,
    /// Appended to a side file of this name.
    External(String),
}

/// A node under construction.
#[derive(Debug, Clone, PartialEq)]
pub struct Node(NodeProto);

impl Node {
    /// An operator of the default domain. An empty name stands for an omitted input or output.
    pub fn new<'a>(
        op: &str,
        inputs: impl IntoIterator<Item = &'a str>,
        outputs: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self(NodeProto {
            op_type: op.into(),
            input: inputs.into_iter().map(Into::into).collect(),
            output: outputs.into_iter().map(Into::into).collect(),
            ..NodeProto::default()
        })
    }

    /// Names the node.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Moves it to another operator domain.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.0.domain = domain.into();
        self
    }

    /// Adds an attribute of type INT.
    #[must_use]
    pub fn int(self, name: &str, value: i64) -> Self {
        self.attribute(AttributeProto { i: value, ..attribute(name, AttributeType::INT) })
    }

    /// Adds an attribute of type INTS.
    #[must_use]
    pub fn ints(self, name: &str, values: impl Into<Vec<i64>>) -> Self {
        self.attribute(AttributeProto { ints: values.into(), ..attribute(name, AttributeType::INTS) })
    }

    /// Adds an attribute of type FLOAT.
    #[must_use]
    pub fn float(self, name: &str, value: f32) -> Self {
        self.attribute(AttributeProto { f: value, ..attribute(name, AttributeType::FLOAT) })
    }

    /// Adds an attribute of type FLOATS.
    #[must_use]
    pub fn floats(self, name: &str, values: impl Into<Vec<f32>>) -> Self {
        self.attribute(AttributeProto { floats: values.into(), ..attribute(name, AttributeType::FLOATS) })
    }

    /// Adds an attribute of type STRING.
    #[must_use]
    pub fn string(self, name: &str, value: &str) -> Self {
        self.attribute(AttributeProto { s: value.into(), ..attribute(name, AttributeType::STRING) })
    }

    /// Adds an attribute of type TENSOR.
    #[must_use]
    pub fn tensor(self, name: &str, value: &Tensor) -> Self {
        let t = MessageField::some(tensor_proto("", value, false));
        self.attribute(AttributeProto { t, ..attribute(name, AttributeType::TENSOR) })
    }

    /// Adds an attribute of type GRAPH: the graph of a model.
    #[must_use]
    pub fn graph(self, name: &str, body: &Author) -> Self {
        let g = body.model.graph.clone();
        self.attribute(AttributeProto { g, ..attribute(name, AttributeType::GRAPH) })
    }

    /// Adds an attribute that has the value of an INT attribute of the function around the node.
    #[must_use]
    pub fn int_of_function(self, name: &str, of: &str) -> Self {
        self.attribute(AttributeProto { ref_attr_name: of.into(), ..attribute(name, AttributeType::INT) })
    }

    fn attribute(mut self, attribute: AttributeProto) -> Self {
        self.0.attribute.push(attribute);
        self
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), type_: kind.into(), ..AttributeProto::default() }
}

/// A model under construction.
#[derive(Debug, Clone, PartialEq)]
pub struct Author {
    model: ModelProto,
    side_files: BTreeMap<String, Vec<u8>>,
}

impl Author {
    /// An empty model with one opset of the default domain.
    pub fn new(graph_name: impl Into<String>, opset: i64) -> Self {
        let mut model = ModelProto { ir_version: 8, producer_name: "mobilenetc".into(), ..ModelProto::default() };
        model.graph.mut_or_insert_default().name = graph_name.into();
        Self { model, side_files: BTreeMap::new() }.opset("", opset)
    }

    /// Sets the IR version (8 otherwise).
    #[must_use]
    pub fn ir_version(mut self, version: i64) -> Self {
        self.model.ir_version = version;
        self
    }

    /// Imports the opset of another domain.
    #[must_use]
    pub fn opset(mut self, domain: &str, version: i64) -> Self {
        self.model.opset_import.push(OperatorSetIdProto {
            domain: domain.into(),
            version,
            ..OperatorSetIdProto::default()
        });
        self
    }

    /// Declares a graph input.
    #[must_use]
    pub fn input(mut self, name: &str, dtype: DType, dims: impl Into<Vec<Dim>>) -> Self {
        self.model.graph.mut_or_insert_default().input.push(value_info(name, dtype, dims.into()));
        self
    }

    /// Declares a graph output; without dimensions its shape is left open.
    #[must_use]
    pub fn output(mut self, name: &str, dtype: DType, dims: impl Into<Vec<Dim>>) -> Self {
        self.model.graph.mut_or_insert_default().output.push(value_info(name, dtype, dims.into()));
        self
    }

    /// Declares a value in between.
    #[must_use]
    pub fn value(mut self, name: &str, dtype: DType, dims: impl Into<Vec<Dim>>) -> Self {
        self.model.graph.mut_or_insert_default().value_info.push(value_info(name, dtype, dims.into()));
        self
    }

    /// Adds an initialiser.
    #[must_use]
    pub fn initializer(mut self, name: &str, tensor: &Tensor, storage: Storage) -> Self {
        let mut proto = tensor_proto(name, tensor, storage == Storage::Typed);
        if let Storage::External(file) = storage {
            let side = self.side_files.entry(file.clone()).or_default();
            let entry = |key: &str, value: String| StringStringEntryProto {
                key: key.into(),
                value,
                ..StringStringEntryProto::default()
            };
            proto.external_data = vec![
                entry("location", file),
                entry("offset", side.len().to_string()),
                entry("length", proto.raw_data.len().to_string()),
            ];
            side.append(&mut proto.raw_data);
            proto.data_location = DataLocation::EXTERNAL.into();
        }
        self.model.graph.mut_or_insert_default().initializer.push(proto);
        self
    }

    /// Adds a node.
    #[must_use]
    pub fn node(mut self, node: Node) -> Self {
        self.model.graph.mut_or_insert_default().node.push(node.0);
        self
    }

    /// Adds a function of the model. The attributes of `defaults` are those that a call may leave out.
    #[must_use]
    pub fn function<'a>(
        mut self,
        [domain, name]: [&str; 2],
        inputs: impl IntoIterator<Item = &'a str>,
        outputs: impl IntoIterator<Item = &'a str>,
        nodes: impl IntoIterator<Item = Node>,
        defaults: Option<Node>,
    ) -> Self {
        self.model.functions.push(FunctionProto {
            domain: domain.into(),
            name: name.into(),
            input: inputs.into_iter().map(Into::into).collect(),
            output: outputs.into_iter().map(Into::into).collect(),
            node: nodes.into_iter().map(|node| node.0).collect(),
            attribute_proto: defaults.map(|node| node.0.attribute).unwrap_or_default(),
            opset_import: self.model.opset_import.clone(),
            ..FunctionProto::default()
        });
        self
    }

    /// The message, for what the builder has no words for.
    pub fn message(&mut self) -> &mut ModelProto {
        &mut self.model
    }

    /// The model file. (Side files are what [`write`](Self::write) adds.)
    pub fn to_bytes(&self) -> Vec<u8> {
        self.model.write_to_bytes().unwrap_or_default()
    }

    /// Writes the model, and its side files beside it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_bytes())?;
        for (name, bytes) in &self.side_files {
            std::fs::write(path.with_file_name(name), bytes)?;
        }
        Ok(())
    }
}

fn value_info(name: &str, dtype: DType, dims: Vec<Dim>) -> ValueInfoProto {
    let shape = |dims: Vec<Dim>| {
        let dim = dims.into_iter().map(|dim| Dimension {
            value: Some(match dim {
                Dim::Value(value) => dimension::Value::DimValue(value),
                Dim::Symbol(name) => dimension::Value::DimParam(name),
            }),
            ..Dimension::default()
        });
        MessageField::some(TensorShapeProto { dim: dim.collect(), ..TensorShapeProto::default() })
    };
    let tensor = type_proto::Tensor {
        elem_type: dtype::code(dtype),
        shape: if dims.is_empty() { MessageField::none() } else { shape(dims) },
        ..type_proto::Tensor::default()
    };
    let ty = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), type_: MessageField::some(ty), ..ValueInfoProto::default() }
}

fn tensor_proto(name: &str, tensor: &Tensor, typed: bool) -> TensorProto {
    let mut proto = TensorProto {
        name: name.into(),
        dims: tensor.shape.iter().map(|&d| d as i64).collect(),
        data_type: dtype::code(tensor.dtype),
        ..TensorProto::default()
    };
    if !typed {
        proto.raw_data = raw_bytes(tensor);
        return proto;
    }
    match (&tensor.data, tensor.dtype) {
        (Data::F32(data), DType::F16) => proto.int32_data = data.iter().map(|&v| f32_to_f16(v).into()).collect(),
        (Data::F32(data), DType::Bf16) => proto.int32_data = data.iter().map(|&v| f32_to_bf16(v).into()).collect(),
        (Data::F32(data), _) => proto.float_data = data.to_vec(),
        (Data::F64(data), _) => proto.double_data = data.to_vec(),
        (Data::Int(data), DType::I64) => proto.int64_data = data.to_vec(),
        (Data::Int(data), DType::U32 | DType::U64) => proto.uint64_data = data.iter().map(|&v| v as u64).collect(),
        (Data::Int(data), _) => proto.int32_data = data.iter().map(|&v| v as i32).collect(),
    }
    proto
}

fn raw_bytes(tensor: &Tensor) -> Vec<u8> {
    match (&tensor.data, tensor.dtype) {
        (Data::F32(data), DType::F16) => data.iter().flat_map(|&v| f32_to_f16(v).to_le_bytes()).collect(),
        (Data::F32(data), DType::Bf16) => data.iter().flat_map(|&v| f32_to_bf16(v).to_le_bytes()).collect(),
        (Data::F32(data), _) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        (Data::F64(data), _) => data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        (Data::Int(data), dtype) => {
            let width = dtype.bytes();
            data.iter().flat_map(|v| v.to_le_bytes().into_iter().take(width)).collect()
        }
    }
}
