//! Names as they may be printed, right behind the decoder: none of a file's text goes on as it stands.
//!
//! Where escapes make two names one, the check of names refuses the model.

use super::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::text::printable;
use std::borrow::Cow;

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
