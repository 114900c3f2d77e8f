//! Messages to the model, collecting every problem on the way.

use super::external::SideFiles;
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::tensor::Tensors;
use super::{Attribute, Dim, Graph, Limits, Model, Node, ValueInfo, dtype};
use crate::diagnostic::{Error, Problem};
use bytes::Bytes;
use prost::Message;
use std::collections::HashSet;
use std::path::Path;

pub(super) fn model(source: Bytes, base_dir: Option<&Path>, limits: &Limits) -> Result<Model, Error> {
    if source.len() as u64 > limits.file_bytes {
        return Err(Problem::new(format!("the model is larger than {} bytes", limits.file_bytes)).into());
    }
    let proto = ModelProto::decode(source.clone()).map_err(|e| {
        let problem = Problem::new(format!("this is not an ONNX model, or it is cut short: {e}"));
        if source.starts_with(b"version https://git-lfs") {
            problem.hint("it is a Git LFS pointer: fetch the model with git lfs pull")
        } else {
            problem
        }
    })?;
    let Some(graph) = proto.graph else {
        let problem = Problem::new("the model has no graph").hint("is this an ONNX file, and complete?");
        return Err(problem.into());
    };
    let mut problems = Vec::new();
    let mut opsets: Vec<_> = proto
        .opset_import
        .into_iter()
        .map(|o| (if o.domain == "ai.onnx" { String::new() } else { o.domain }, o.version))
        .collect();
    opsets.dedup();
    check_opset(&opsets, &mut problems);
    let mut tensors = Tensors::new(SideFiles::new(base_dir, limits), limits);
    let graph = self::graph(graph, limits, &mut tensors, &mut problems);
    if !problems.is_empty() {
        return Err(Error { problems });
    }
    Ok(Model {
        ir_version: proto.ir_version,
        opsets,
        producer: format!("{} {}", proto.producer_name, proto.producer_version).trim().into(),
        functions: proto.functions.into_iter().map(|f| (f.domain, f.name)).collect(),
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
    for sparse in &proto.sparse_initializer {
        let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
        problems.push(Problem::new(format!("initialiser {name:?} is sparse")).hint("store it as a dense tensor"));
    }
    let mut graph = Graph {
        name: proto.name,
        inputs: vec![],
        outputs: vec![],
        declared: vec![],
        initializers: vec![],
        nodes: vec![],
    };
    if !problems.is_empty() {
        return graph;
    }
    for initializer in proto.initializer {
        match tensors.decode(&initializer) {
            Ok(tensor) => graph.initializers.push((initializer.name, tensor)),
            Err(message) => problems.push(Problem::new(format!("initialiser {:?}: {message}", initializer.name))),
        }
    }
    let constants: HashSet<&str> = graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
    for input in proto.input {
        match constants.contains(input.name.as_str()) {
            true => graph.declared.extend(value_info(input).ok()),
            false => graph.inputs.extend(port(input, "input", problems)),
        }
    }
    for output in proto.output {
        graph.outputs.extend(port(output, "output", problems));
    }
    // What is declared of a value that isn't read as a tensor doesn't matter before one reads it.
    graph.declared.extend(proto.value_info.into_iter().filter_map(|value| value_info(value).ok()));
    graph.nodes = proto.node.into_iter().map(|n| node(n, tensors, problems)).collect();
    graph
}

/// An input or output.
fn port(proto: ValueInfoProto, what: &str, problems: &mut Vec<Problem>) -> Option<ValueInfo> {
    let name = proto.name.clone();
    value_info(proto).map_err(|message| problems.push(Problem::new(format!("{what} {name:?} {message}")))).ok()
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

fn node(proto: NodeProto, tensors: &mut Tensors, problems: &mut Vec<Problem>) -> Node {
    let mut node = Node {
        name: proto.name,
        op_type: proto.op_type,
        domain: if proto.domain == "ai.onnx" { String::new() } else { proto.domain },
        inputs: proto.input,
        outputs: proto.output,
        attributes: Vec::new(),
    };
    let mut names = HashSet::new();
    for attribute in proto.attribute {
        match self::attribute(&attribute, tensors) {
            Ok(_) if !names.insert(attribute.name.clone()) => {
                let message = format!("attribute {:?} is given twice", attribute.name);
                problems.push(Problem::new(message).at(node.label(), &node.op_type));
            }
            Ok(value) => node.attributes.push((attribute.name, value)),
            Err(message) => {
                let message = format!("attribute {:?}: {message}", attribute.name);
                problems.push(Problem::new(message).at(node.label(), &node.op_type));
            }
        }
    }
    node
}

fn attribute(proto: &AttributeProto, tensors: &mut Tensors) -> Result<Attribute, String> {
    if !proto.ref_attr_name.is_empty() {
        return Ok(Attribute::Other);
    }
    let kind = match proto.kind {
        0 => guess_kind(proto),
        kind => kind,
    };
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|_| "not UTF-8".to_string());
    Ok(match kind {
        1 => Attribute::Float(proto.f.unwrap_or_default()),
        2 => Attribute::Int(proto.i.unwrap_or_default()),
        3 => Attribute::String(text(&proto.s.clone().unwrap_or_default())?),
        4 => Attribute::Tensor(tensors.decode(proto.t.as_ref().ok_or("the tensor is missing")?)?),
        6 => Attribute::Floats(proto.floats.clone()),
        7 => Attribute::Ints(proto.ints.clone()),
        8 => Attribute::Strings(proto.strings.iter().map(text).collect::<Result<_, _>>()?),
        _ => Attribute::Other,
    })
}

/// Files of the first IR version do not say what kind an attribute is.
fn guess_kind(proto: &AttributeProto) -> i32 {
    let present = [
        (1, proto.f.is_some()),
        (2, proto.i.is_some()),
        (3, proto.s.is_some()),
        (4, proto.t.is_some()),
        (6, !proto.floats.is_empty()),
        (7, !proto.ints.is_empty()),
        (8, !proto.strings.is_empty()),
    ];
    present.iter().find(|(_, given)| *given).map_or(0, |(kind, _)| *kind)
}
