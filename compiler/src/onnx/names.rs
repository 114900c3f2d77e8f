//! Names as they may be printed, right behind the decoder: none of a file's text goes on as it stands.
//!
//! Where escapes make two names one, the check of names refuses the model.

use super::Node;
use super::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::text::printable;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub(super) fn model(model: &mut ModelProto) {
    all([&mut model.producer_name, &mut model.producer_version]);
    all(model.opset_import.iter_mut().map(|set| &mut set.domain));
    model.graph.iter_mut().for_each(graph);
    model.functions.iter_mut().for_each(function);
}

pub(super) fn graph(graph: &mut GraphProto) {
    all([&mut graph.name]);
    graph.node.iter_mut().for_each(node);
    all(graph.initializer.iter_mut().map(|tensor| &mut tensor.name));
    all(graph.sparse_initializer.iter_mut().filter_map(|sparse| Some(&mut sparse.values.as_mut()?.name)));
    graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info).for_each(value);
}

fn function(function: &mut FunctionProto) {
    all([&mut function.name, &mut function.domain, &mut function.overload]);
    all(function.input.iter_mut().chain(&mut function.output));
    function.node.iter_mut().for_each(node);
    function.attribute_proto.iter_mut().for_each(attribute);
    all(function.opset_import.iter_mut().map(|set| &mut set.domain));
}

fn node(node: &mut NodeProto) {
    all([&mut node.name, &mut node.op_type, &mut node.domain, &mut node.overload]);
    all(node.input.iter_mut().chain(&mut node.output));
    node.attribute.iter_mut().for_each(attribute);
}

fn attribute(attribute: &mut AttributeProto) {
    all([&mut attribute.name, &mut attribute.ref_attr_name]);
}

fn value(value: &mut ValueInfoProto) {
    all([&mut value.name]);
    let shape = value.r#type.as_mut().and_then(|ty| ty.tensor_type.as_mut()?.shape.as_mut());
    all(shape.into_iter().flat_map(|shape| &mut shape.dim).filter_map(|dim| dim.dim_param.as_mut()));
}

fn all<'a>(names: impl IntoIterator<Item = &'a mut String>) {
    for name in names {
        if let Cow::Owned(escaped) = printable(name) {
            *name = escaped;
        }
    }
}

/// Gives nodes that bear the name of one before them a number, so that whatever is said of one says which it is.
pub(super) fn tell_apart(nodes: &mut [Node]) {
    let mut taken: HashSet<String> = nodes.iter().map(|node| node.label().to_string()).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for node in nodes {
        let count = seen.entry(node.label().to_string()).or_default();
        *count += 1;
        if *count == 1 {
            continue;
        }
        let mut name = format!("{} ({} of that name)", node.label(), ordinal(*count));
        while !taken.insert(name.clone()) {
            name.push('~');
        }
        node.name = name;
    }
}

fn ordinal(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_one_name_are_counted() {
        let node = |name: &str, output: &str| Node {
            name: name.into(),
            op_type: "Relu".into(),
            domain: String::new(),
            overload: String::new(),
            opset: None,
            inputs: vec![],
            outputs: vec![output.into()],
            attributes: vec![],
        };
        let mut nodes =
            [node("a", "0"), node("", "a"), node("b", "1"), node("a", "2"), node("a (2nd of that name)", "3")];
        tell_apart(&mut nodes);
        let labels: Vec<&str> = nodes.iter().map(Node::label).collect();
        assert_eq!(labels, ["a", "a (2nd of that name)~", "b", "a (3rd of that name)", "a (2nd of that name)"]);
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 21, 112].map(ordinal),
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]
        );
    }
}
