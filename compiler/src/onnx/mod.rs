//! ONNX bytes to a faithful, checked model.
//!
//! Everything that can be wrong with a file as such is found here; what its operators mean is
//! [`graph::import`](crate::graph::import)'s business.

#[cfg(feature = "cli")]
pub mod author;
mod body;
mod check;
mod decode;
pub(crate) mod dtype;
mod external;
mod foreign;
mod inline;
mod names;
mod proto;
pub(crate) mod schema;
mod tensor;
mod weights;

use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Tensor};
use crate::text;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Versions of the default operator set that are read.
pub const OPSETS: RangeInclusive<i64> = 7..=28;

/// What a file may demand of the machine that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the model file and of each side file.
    pub file_bytes: u64,
    /// Nodes, initialisers, inputs and outputs, each.
    pub entries: usize,
    /// Elements of all tensors together.
    pub elements: usize,
}

impl Default for Limits {
    /// 2 GiB (protobuf's own limit) per file, 2^16 entries, 2^28 elements.
    fn default() -> Self {
        Self { file_bytes: 1 << 31, entries: 1 << 16, elements: 1 << 28 }
    }
}

/// A decoded model. Its text is [printable](crate::text::printable).
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of each operator domain; the default domain is `""`.
    pub opsets: Vec<(String, i64)>,
    /// Name and version of the tool that wrote the file.
    pub producer: String,
    /// The computation, functions of the model's own inlined.
    pub graph: Graph,
    /// The model file and the side files it takes weights from: a change in any of them changes the model.
    pub files: Vec<PathBuf>,
    source: Bytes,
}

/// The computation of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The graph's name.
    pub name: String,
    /// Inputs that are not initialisers.
    pub inputs: Vec<ValueInfo>,
    /// Outputs, with the types the file declares.
    pub outputs: Vec<ValueInfo>,
    /// Initialisers and values in between, as far as the file declares their types.
    pub declared: Vec<ValueInfo>,
    /// Named constants.
    pub initializers: Vec<(String, Tensor)>,
    /// Inputs and initialisers of a kind that is not read, and why: a problem only where something needs one.
    pub unread: Vec<(String, String)>,
    /// Nodes in topological order; file order where that is one.
    pub nodes: Vec<Node>,
}

/// The computation that an attribute holds: a branch of an `If`, for one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// Names of its inputs; a branch has none.
    pub inputs: Vec<String>,
    /// Names of its outputs.
    pub outputs: Vec<String>,
    /// Named constants.
    pub initializers: Vec<(String, Tensor)>,
    /// Initialisers of a kind that is not read, and why.
    pub unread: Vec<(String, String)>,
    /// Nodes in topological order. They may read values of the graph around it.
    pub nodes: Vec<Node>,
}

/// A declared input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its shape, where one is declared.
    pub shape: Option<Vec<Dim>>,
}

/// A declared dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Known.
    Value(usize),
    /// Symbolic; empty where it has no name.
    Symbol(String),
}

/// An operator as the file spells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The node's name; may be empty.
    pub name: String,
    /// The operator.
    pub op_type: String,
    /// The operator's domain; `""` is the default one.
    pub domain: String,
    /// Tells functions of the model of one name apart.
    pub overload: String,
    /// Version of the default operator set, where a function of the model imports another one than the model.
    pub opset: Option<i64>,
    /// Names of the values it reads; empty for an omitted one.
    pub inputs: Vec<String>,
    /// Names of the values it defines; empty for an omitted one.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: Vec<(String, Attribute)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// FLOAT
    Float(f32),
    /// INT
    Int(i64),
    /// STRING, if it is UTF-8
    String(String),
    /// TENSOR
    Tensor(Tensor),
    /// FLOATS
    Floats(Vec<f32>),
    /// INTS
    Ints(Vec<i64>),
    /// STRINGS, if they are UTF-8
    Strings(Vec<String>),
    /// GRAPH
    Graph(Box<Body>),
    /// The attribute of that name of the function that the node is part of.
    Reference(String),
    /// A kind the compiler does not read: types, sparse tensors.
    Other,
}

impl Model {
    /// Reads a model file and its side files.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_within(path, &Limits::default())
    }

    /// Reads a model file and its side files within limits.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = external::read_file(path, limits)
            .map_err(|message| Problem::new(format!("cannot read {}: {message}", text::path(path))))?;
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut model = Self::decode_within(bytes, Some(parent), limits)?;
        model.files.insert(0, path.to_path_buf());
        Ok(model)
    }

    /// Decodes the bytes of a model file; side files are looked for in `base_dir`.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn decode(bytes: impl Into<Bytes>, base_dir: Option<&Path>) -> Result<Self, Error> {
        Self::decode_within(bytes, base_dir, &Limits::default())
    }

    /// Decodes the bytes of a model file within limits.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn decode_within(bytes: impl Into<Bytes>, base_dir: Option<&Path>, limits: &Limits) -> Result<Self, Error> {
        let mut model = decode::model(bytes.into(), base_dir, limits)?;
        check::graph(&mut model.graph)?;
        Ok(model)
    }

    /// An error of a later stage, with the operators of its nodes as the file spells them.
    pub fn with_operators(&self, mut error: Error) -> Error {
        for problem in &mut error.problems {
            let node = self.graph.nodes.iter().find(|node| problem.node.as_deref() == Some(node.label()));
            if let Some(node) = node {
                problem.op = Some(node.operator());
            }
        }
        error
    }

    /// Floating-point types other than f32 that the file computes in or stores weights in, of which f32 is made.
    pub fn other_floats(&self) -> Vec<DType> {
        let ports = self.graph.inputs.iter().chain(&self.graph.outputs).map(|port| port.dtype);
        let initializers = self.graph.initializers.iter().map(|(_, tensor)| tensor.dtype);
        let mut found: Vec<DType> =
            ports.chain(initializers).filter(|dtype| dtype.is_float() && *dtype != DType::F32).collect();
        found.sort_by_key(|dtype| dtype.name());
        found.dedup();
        found
    }

    /// Version of the default operator domain.
    pub fn opset(&self) -> i64 {
        self.opsets.iter().find(|(domain, _)| domain.is_empty()).map_or(0, |(_, version)| *version)
    }

    /// SHA-256 of the model file (side files not included), in hexadecimal.
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.source).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Node {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// The operator with its domain, where that is not the default one.
    pub fn operator(&self) -> String {
        match self.domain.as_str() {
            "" => self.op_type.clone(),
            domain => format!("{domain}.{}", self.op_type),
        }
    }

    /// The node's name, or its first output's where it has none.
    pub fn label(&self) -> &str {
        if self.name.is_empty() {
            self.outputs.iter().find(|o| !o.is_empty()).map_or("", String::as_str)
        } else {
            &self.name
        }
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests;
