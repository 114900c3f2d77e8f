//! Messages to the model, collecting every problem on the way.

use super::external::{Refusal, SideFiles};
use super::foreign;
use super::inline::{self, Function};
use super::names;
use super::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto,
};
use super::tensor::Tensors;
use super::{Attribute, Body, Dim, Graph, Limits, Model, Node, ValueInfo, dtype};
use crate::diagnostic::{Error, Problem};
use crate::graph::Tensor;
use crate::text::printable;
use bytes::Bytes;
use prost::Message;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Graphs inside attributes of nodes inside graphs: deeper nesting is not read.
const MAX_DEPTH: usize = 8;

pub(super) fn model(source: Bytes, base_dir: Option<&Path>, limits: &Limits) -> Result<Model, Error> {
    if source.len() as u64 > limits.file_bytes {
        return Err(Problem::new(format!("the model is larger than {} bytes", limits.file_bytes)).into());
    }
    if let Some(problem) = foreign::foreign(&source) {
        return Err(problem.into());
    }
    let other = |what: String| {
        let problem = Problem::new(format!("this is not an ONNX model, or it is cut short: {what}"));
        foreign::without_graph(&source).unwrap_or(problem.hint("fetch or export the model again"))
    };
    let mut proto = ModelProto::decode(source.clone()).map_err(|e| other(e.to_string()))?;
    names::model(&mut proto);
    let graph = proto.graph.ok_or_else(|| other("it has no graph".into()))?;
    let mut problems = Vec::new();
    let mut opsets: Vec<_> = proto.opset_import.into_iter().map(|o| (default_domain(o.domain), o.version)).collect();
    opsets.dedup();
    check_opset(&opsets, &mut problems);
    let mut tensors = Tensors::new(SideFiles::new(base_dir, limits), limits);
    let mut graph = self::graph(graph, limits, &mut tensors, &mut problems);
    let functions: Vec<Function> =
        proto.functions.into_iter().map(|f| function(f, &opsets, limits, &mut tensors, &mut problems)).collect();
    if problems.is_empty() {
        inline::graph(&mut graph, &functions, limits, &mut problems);
    }
    if !problems.is_empty() {
        return Err(Error { problems });
    }
    names::tell_apart(&mut graph.nodes);
    Ok(Model {
        ir_version: proto.ir_version,
        opsets,
        producer: format!("{} {}", proto.producer_name, proto.producer_version).trim().into(),
        graph,
        files: tensors.files.into_paths(),
        source,
    })
}

fn check_opset(opsets: &[(String, i64)], problems: &mut Vec<Problem>) {
    let supported = format!("{} to {}", super::OPSETS.start(), super::OPSETS.end());
    let versions: Vec<i64> = opsets.iter().filter(|(domain, _)| domain.is_empty()).map(|(_, v)| *v).collect();
    match versions[..] {
        [version] if super::OPSETS.contains(&version) => {}
        [version] => problems.push(
            Problem::new("opset version not supported")
                .expected(supported, version.to_string())
                .hint("convert the model with onnx.version_converter, or export it again"),
        ),
        _ => problems.push(
            Problem::new("the model should import one version of the default operator set")
                .expected(supported, format!("{versions:?}")),
        ),
    }
}

fn graph(proto: GraphProto, limits: &Limits, tensors: &mut Tensors, problems: &mut Vec<Problem>) -> Graph {
    let counts = [
        ("nodes", proto.node.len()),
        ("initialisers", proto.initializer.len()),
        ("inputs", proto.input.len()),
        ("outputs", proto.output.len()),
        ("declared values", proto.value_info.len()),
    ];
    for (what, count) in counts {
        if count > limits.entries {
            let expected = format!("at most {}", limits.entries);
            problems.push(Problem::new(format!("too many {what}")).expected(expected, count.to_string()));
        }
    }
    let mut graph = Graph {
        name: proto.name,
        inputs: vec![],
        outputs: vec![],
        declared: vec![],
        initializers: vec![],
        unread: vec![],
        nodes: vec![],
    };
    if !problems.is_empty() {
        return graph;
    }
    (graph.initializers, graph.unread) = initializers(proto.initializer, proto.sparse_initializer, tensors, problems);
    let unread = graph.unread.iter().map(|(name, _)| name);
    let constants: HashSet<String> = graph.initializers.iter().map(|(name, _)| name).chain(unread).cloned().collect();
    for input in proto.input {
        let name = input.name.clone();
        match value_info(input) {
            input if constants.contains(&name) => graph.declared.extend(input.ok()),
            Ok(input) => graph.inputs.push(input),
            Err(message) => graph.unread.push((name.clone(), format!("input {name:?} {message}"))),
        }
    }
    for output in proto.output {
        let name = output.name.clone();
        match value_info(output) {
            Ok(output) => graph.outputs.push(output),
            Err(message) => problems.push(Problem::new(format!("output {name:?} {message}"))),
        }
    }
    // What is declared of a value that isn't read as a tensor doesn't matter before one reads it.
    graph.declared.extend(proto.value_info.into_iter().filter_map(|value| value_info(value).ok()));
    graph.nodes = proto.node.into_iter().map(|n| node(n, 0, tensors, problems)).collect();
    graph
}

/// Named values beside each other: what they are, or why they are not read.
type Named<T> = Vec<(String, T)>;

/// Those that are read, and those of a kind that is not.
fn initializers(
    dense: Vec<TensorProto>,
    sparse: Vec<SparseTensorProto>,
    tensors: &mut Tensors,
    problems: &mut Vec<Problem>,
) -> (Named<Tensor>, Named<String>) {
    let (mut read, mut unread, mut files) = (Vec::new(), Vec::new(), BTreeMap::new());
    for initializer in dense {
        let name = initializer.name.clone();
        let message = |message: String| format!("initialiser {name:?}: {message}");
        if let Err(kind) = dtype::from_code(initializer.data_type) {
            let message = message(format!("element type {kind} is not read"));
            unread.push((name, message));
            continue;
        }
        match tensors.decode(&initializer) {
            Ok(tensor) => read.push((name, tensor)),
            Err(Refusal::Tensor(reason)) => problems.push(Problem::new(message(reason))),
            Err(Refusal::File(file)) => files.entry(file).or_insert_with(Vec::new).push(name),
        }
    }
    problems.extend(files.into_iter().map(|(file, tensors)| file.problem(&tensors)));
    for sparse in sparse {
        let name = sparse.values.map(|v| v.name).unwrap_or_default();
        let message = format!("initialiser {name:?} is sparse: store it as a dense tensor");
        unread.push((name, message));
    }
    (read, unread)
}

/// The graph in an attribute.
fn body(bytes: &Bytes, depth: usize, tensors: &mut Tensors, problems: &mut Vec<Problem>) -> Result<Body, String> {
    if depth > MAX_DEPTH {
        return Err(format!("graphs inside graphs, more than {MAX_DEPTH} deep, are not read"));
    }
    let mut proto = GraphProto::decode(bytes.clone()).map_err(|e| format!("its graph is damaged: {e}"))?;
    names::graph(&mut proto);
    let (initializers, unread) = initializers(proto.initializer, proto.sparse_initializer, tensors, problems);
    Ok(Body {
        inputs: proto.input.into_iter().map(|i| i.name).collect(),
        outputs: proto.output.into_iter().map(|o| o.name).collect(),
        initializers,
        unread,
        nodes: proto.node.into_iter().map(|n| node(n, depth, tensors, problems)).collect(),
    })
}

fn function(
    proto: FunctionProto,
    opsets: &[(String, i64)],
    limits: &Limits,
    tensors: &mut Tensors,
    problems: &mut Vec<Problem>,
) -> Function {
    let own = |sets: &[(String, i64)]| sets.iter().find(|(domain, _)| domain.is_empty()).map(|(_, version)| *version);
    let imported: Vec<(String, i64)> =
        proto.opset_import.into_iter().map(|set| (default_domain(set.domain), set.version)).collect();
    if proto.node.len() > limits.entries {
        let expected = format!("at most {}", limits.entries);
        let message = format!("too many nodes in the function {:?}", proto.name);
        problems.push(Problem::new(message).expected(expected, proto.node.len().to_string()));
    }
    let opset = own(&imported).filter(|version| Some(*version) != own(opsets));
    if let Some(version) = opset.filter(|version| !super::OPSETS.contains(version)) {
        let supported = format!("{} to {}", super::OPSETS.start(), super::OPSETS.end());
        let message = format!("opset version of the function {:?} not supported", proto.name);
        problems.push(Problem::new(message).expected(supported, version.to_string()));
    }
    let mut nodes: Vec<Node> = proto.node.into_iter().map(|n| node(n, 0, tensors, problems)).collect();
    nodes.iter_mut().for_each(|node| node.opset = opset);
    let carrier = NodeProto {
        name: proto.name.clone(),
        op_type: "Function".into(),
        attribute: proto.attribute_proto,
        ..NodeProto::default()
    };
    Function {
        defaults: node(carrier, 0, tensors, problems).attributes,
        domain: default_domain(proto.domain),
        name: proto.name,
        overload: proto.overload,
        inputs: proto.input,
        outputs: proto.output,
        nodes,
    }
}

fn default_domain(domain: String) -> String {
    if domain == "ai.onnx" { String::new() } else { domain }
}

fn value_info(proto: ValueInfoProto) -> Result<ValueInfo, String> {
    let tensor = proto.r#type.and_then(|t| t.tensor_type).ok_or("is not declared as a tensor")?;
    let dtype = dtype::from_code(tensor.elem_type);
    let dtype = dtype.map_err(|code| format!("has element type {code}, which is not read"))?;
    let shape = tensor.shape.map(|shape| shape.dim.into_iter().map(|d| (d.dim_value, d.dim_param)).collect::<Vec<_>>());
    let mut dims = Vec::new();
    for (value, param) in shape.iter().flatten() {
        dims.push(match value.map(usize::try_from) {
            Some(Ok(value)) => Dim::Value(value),
            // Some exporters write -1 for a dimension that is not known.
            _ => Dim::Symbol(param.clone().unwrap_or_default()),
        });
    }
    Ok(ValueInfo { shape: shape.map(|_| dims), name: proto.name, dtype })
}

/// `depth`: graphs around the node's own.
fn node(proto: NodeProto, depth: usize, tensors: &mut Tensors, problems: &mut Vec<Problem>) -> Node {
    let mut node = Node {
        name: proto.name,
        op_type: proto.op_type,
        domain: default_domain(proto.domain),
        overload: proto.overload,
        opset: None,
        inputs: proto.input,
        outputs: proto.output,
        attributes: Vec::new(),
    };
    let mut names = HashSet::new();
    for attribute in proto.attribute {
        match self::attribute(&attribute, depth, tensors, problems) {
            Ok(_) if !names.insert(attribute.name.clone()) => {
                let message = format!("attribute {:?} is given twice", attribute.name);
                problems.push(Problem::new(message).at(node.label(), &node.op_type));
            }
            Ok(value) => node.attributes.push((attribute.name, value)),
            Err(Refusal::Tensor(message)) => {
                let message = format!("attribute {:?}: {message}", attribute.name);
                problems.push(Problem::new(message).at(node.label(), node.operator()));
            }
            Err(Refusal::File(file)) => {
                problems.push(file.problem(std::slice::from_ref(&attribute.name)).at(node.label(), node.operator()));
            }
        }
    }
    node
}

fn attribute(
    proto: &AttributeProto,
    depth: usize,
    tensors: &mut Tensors,
    problems: &mut Vec<Problem>,
) -> Result<Attribute, Refusal> {
    if !proto.ref_attr_name.is_empty() {
        return Ok(Attribute::Reference(proto.ref_attr_name.clone()));
    }
    let kind = match proto.kind {
        0 => guess_kind(proto),
        kind => kind,
    };
    if values(proto).into_iter().any(|(of, given)| given && of != kind) {
        return Err("it holds values of several types: which is meant can't be told".into());
    }
    let text = |bytes: &Bytes| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(printable(text).into_owned()),
        Err(_) => Err(Refusal::from("not UTF-8")),
    };
    Ok(match kind {
        1 => Attribute::Float(proto.f.unwrap_or_default()),
        2 => Attribute::Int(proto.i.unwrap_or_default()),
        3 => Attribute::String(text(&proto.s.clone().unwrap_or_default())?),
        4 => {
            let tensor = proto.t.as_ref().ok_or("the tensor is missing")?;
            match dtype::from_code(tensor.data_type) {
                Ok(_) => Attribute::Tensor(tensors.decode(tensor)?),
                Err(_) => Attribute::Other,
            }
        }
        5 => {
            let bytes = proto.g.as_ref().ok_or("the graph is missing")?;
            Attribute::Graph(Box::new(body(bytes, depth + 1, tensors, problems)?))
        }
        6 => Attribute::Floats(proto.floats.clone()),
        7 => Attribute::Ints(proto.ints.clone()),
        8 => Attribute::Strings(proto.strings.iter().map(text).collect::<Result<_, _>>()?),
        _ => Attribute::Other,
    })
}

/// The types of an attribute whose values are there and more than a default.
fn values(proto: &AttributeProto) -> [(i32, bool); 8] {
    [
        (1, proto.f.is_some_and(|f| f != 0.0)),
        (2, proto.i.is_some_and(|i| i != 0)),
        (3, proto.s.as_ref().is_some_and(|s| !s.is_empty())),
        (4, proto.t.is_some()),
        (5, proto.g.is_some()),
        (6, !proto.floats.is_empty()),
        (7, !proto.ints.is_empty()),
        (8, !proto.strings.is_empty()),
    ]
}

/// Files of the first IR version do not say what kind an attribute is.
fn guess_kind(proto: &AttributeProto) -> i32 {
    let present = [
        (1, proto.f.is_some()),
        (2, proto.i.is_some()),
        (3, proto.s.is_some()),
        (4, proto.t.is_some()),
        (5, proto.g.is_some()),
        (6, !proto.floats.is_empty()),
        (7, !proto.ints.is_empty()),
        (8, !proto.strings.is_empty()),
    ];
    present.iter().find(|(_, given)| *given).map_or(0, |(kind, _)| *kind)
}
