//! Files that say one thing and would be read for another.

use super::*;

fn compute(author: &Author, x: &[f32]) -> Vec<f64> {
    let graph = import(author);
    reference::run(&graph, &Tensor::f32([x.len()], x)).unwrap()[0].to_f64()
}

/// The right values are those of the operator document: `Min(max, Max(input, min))`.
#[test]
fn bounds_in_the_wrong_order_mean_the_upper_one() {
    let x = [-7.0, 0.0, 3.0, 9.0];
    let old = one(10, &[4], Node::new("Clip", ["x"], ["y"]).float("min", 6.0).float("max", 0.5), &[]);
    let new = author(13, &[4])
        .initializer("lo", &Tensor::f32([], [6.0]), Storage::Raw)
        .initializer("hi", &Tensor::f32([], [0.5]), Storage::Raw)
        .node(Node::new("Clip", ["x", "lo", "hi"], ["y"]));
    for author in [old, new] {
        assert_eq!(compute(&author, &x), [0.5; 4]);
        assert_eq!(ops(&import(&author)), ["Clamp 0.5..0.5"]);
    }
    for bound in ["min", "max"] {
        let nan = one(10, &[4], Node::new("Clip", ["x"], ["y"]).float(bound, f32::NAN), &[]);
        assert!(refusal(&nan, &Options::default()).contains("a bound is not a number"));
    }
}

#[test]
fn nodes_of_another_opset_are_refused() {
    let refused = |opset: i64, node: Node, parameters: &[(&str, &[i64])], said: &str| {
        let text = refusal(&one(opset, &[1, 2, 3, 4], node.name("n"), parameters), &Options::default());
        assert!(text.contains("node \"n\"") && text.contains(said), "{said}: {text}");
        assert!(text.contains("expected: ") && text.contains("found: "), "{text}");
    };
    let new = "an input since opset";
    refused(
        13,
        Node::new("Clip", ["x"], ["y"]).float("max", 6.0),
        &[],
        "Clip has the attribute \"max\", an input since opset 11",
    );
    refused(10, Node::new("Clip", ["x", "p"], ["y"]), &[("p", &[0])], "\"min\" is an input since opset 11");
    refused(13, Node::new("Squeeze", ["x"], ["y"]).ints("axes", [0]), &[], new);
    refused(13, Node::new("Unsqueeze", ["x"], ["y"]).ints("axes", [0]), &[], new);
    refused(11, Node::new("Squeeze", ["x", "p"], ["y"]), &[("p", &[0])], "since opset 13");
    refused(18, Node::new("ReduceMean", ["x"], ["y"]).ints("axes", [2, 3]), &[], new);
    refused(17, Node::new("ReduceMean", ["x", "p"], ["y"]), &[("p", &[2, 3])], "since opset 18");
    refused(13, Node::new("Pad", ["x"], ["y"]).ints("pads", [0; 8]), &[], new);
    refused(13, Node::new("Slice", ["x"], ["y"]).ints("starts", [0]).ints("ends", [1]), &[], "\"starts\", an input");
    refused(10, Node::new("Pad", ["x", "p"], ["y"]), &[("p", &[0; 8])], "\"pads\" is an input since opset 11");
    refused(13, Node::new("HardSwish", ["x"], ["y"]), &[], "HardSwish is an operator since opset 14");
    refused(13, Node::new("Dropout", ["x"], ["y"]).float("ratio", 0.5), &[], new);
    refused(
        13,
        Node::new("Relu", ["x"], ["y"]).int("inplace", 1),
        &[],
        "Relu has no attribute \"inplace\" in any opset",
    );
    refused(
        13,
        Node::new("Concat", ["x"], ["y"]).float("axis", 1.0),
        &[],
        "the attribute \"axis\" is of the wrong type",
    );
    refused(13, Node::new("Concat", ["x"], ["y"]), &[], "the attribute \"axis\" is missing");
    refused(13, Node::new("Relu", ["x", "x"], ["y"]), &[], "too many inputs");
    refused(13, Node::new("Relu", [""], ["y"]), &[], "the input \"X\" is missing");
    // What tools leave at a node means nothing.
    import(&one(13, &[2], Node::new("Relu", ["x"], ["y"]).int("onnx.origin", 1), &[]));
}

fn normalisation(opset: i64, outputs: &[&str], variance: f32, epsilon: f32) -> Author {
    let node = Node::new("BatchNormalization", ["x", "s", "b", "m", "v"], outputs.iter().copied());
    let tensor = |values: [f32; 2]| Tensor::f32([2], values);
    author(opset, &[1, 2, 3, 3])
        .initializer("s", &tensor([1.0, 2.0]), Storage::Raw)
        .initializer("b", &tensor([0.0; 2]), Storage::Raw)
        .initializer("m", &tensor([0.0; 2]), Storage::Raw)
        .initializer("v", &tensor([1.0, variance]), Storage::Raw)
        .node(node.name("bn").float("epsilon", epsilon))
}

#[test]
fn normalisations_in_training_mode_are_refused() {
    let all = ["y", "mean", "var", "saved_mean", "saved_var"];
    for (outputs, said) in [(&all[..], "training mode"), (&["y", "", "var"], "training mode")] {
        assert!(refusal(&normalisation(9, outputs, 1.0, 1e-5), &Options::default()).contains(said));
    }
    assert!(refusal(&normalisation(14, &all, 1.0, 1e-5), &Options::default()).contains("too many outputs"));
    let text = refusal(&normalisation(15, &all[..3], 1.0, 1e-5), &Options::default());
    assert!(text.contains("outputs of training mode, but training_mode = 0"), "{text}");
    import(&normalisation(9, &["y", "", ""], 1.0, 1e-5));
    import(&normalisation(14, &["y"], 1.0, 1e-5));
}

#[test]
fn a_variance_has_a_square_root() {
    for (variance, epsilon) in [(-1.0, 1e-5), (0.0, 0.0), (f32::NAN, 1e-5), (-1e-5, 1e-5)] {
        let text = refusal(&normalisation(13, &["y"], variance, epsilon), &Options::default());
        assert!(
            text.contains("node \"bn\"") && text.contains("variance + epsilon of channel 1 is not positive"),
            "{text}"
        );
    }
    import(&normalisation(13, &["y"], 0.0, 1e-5));
    let spelled = author(13, &[2])
        .initializer("v", &Tensor::f32([2], [1.0, -1.0]), Storage::Raw)
        .node(Node::new("Sqrt", ["v"], ["root"]).name("root"))
        .node(Node::new("Div", ["x", "root"], ["y"]));
    let text = refusal(&spelled, &Options::default());
    assert!(text.contains("node \"root\" (Sqrt)") && text.contains("NaN at element 1"), "{text}");
}

#[test]
fn what_is_declared_is_what_is_computed() {
    let relu = || {
        Author::new("g", 13)
            .input("x", DType::F32, [2.into(), 3.into()])
            .node(Node::new("Relu", ["x"], ["m"]).name("r"))
            .node(Node::new("Neg", ["m"], ["y"]).name("n"))
    };
    let refused = |author: &Author, node: &str, what: &str| {
        let text = refusal(author, &Options::default());
        assert!(text.contains(&format!("node {node:?}")) && text.contains(what), "{text}");
    };
    refused(&relu().output("y", DType::I64, [2.into(), 3.into()]), "n", "element type");
    refused(
        &relu().output("y", DType::F32, [2.into(), 4.into()]),
        "n",
        "\n    expected: f32[2, 4]\n    found: f32[2, 3]",
    );
    refused(&relu().output("y", DType::F32, [6.into()]), "n", "shape");
    let output = |author: Author| author.output("y", DType::F32, ["N".into(), 3.into()]);
    refused(&output(relu().value("m", DType::F32, [3.into(), 2.into()])), "r", "shape");
    refused(&output(relu().value("m", DType::I8, [])), "r", "element type");
    import(&output(relu().value("m", DType::F32, [2.into(), 3.into()]).value("unknown", DType::I8, [])));
    // Another batch than the file's makes its numbers stale, not wrong.
    let wider = Options { batch: Some(5), ..Options::default() };
    import_with(&output(relu().value("m", DType::F32, [2.into(), 3.into()])), &wider).unwrap();
    let open = Author::new("g", 13)
        .input("x", DType::F32, ["N".into(), 3.into()])
        .node(Node::new("Relu", ["x"], ["y"]).name("r"));
    import(&open.clone().output("y", DType::F32, [8.into(), 3.into()]));
    refused(&open.output("y", DType::F32, [8.into(), 4.into()]), "r", "shape");
    let mut weights = author(13, &[3]).initializer("w", &Tensor::f32([3], [1.0; 3]), Storage::Raw);
    weights = weights.input("w", DType::F32, [4.into()]).node(Node::new("Add", ["x", "w"], ["y"]));
    let text = refusal(&weights, &Options::default());
    assert!(text.contains("\"w\" is not of the shape"), "{text}");
}

#[test]
fn weights_that_are_not_numbers_are_a_warning() {
    let warned = |author: &Author| {
        let model = Model::decode(author.to_bytes(), None).unwrap();
        graph::import(&model, &Options::default()).unwrap();
        model.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for odd in [f32::NAN, f32::INFINITY] {
        let tensor = Tensor::f32([2], [1.0, odd]);
        let weight = author(13, &[2]).initializer("w", &tensor, Storage::Raw);
        let [text] = &warned(&weight.clone().node(Node::new("Mul", ["x", "w"], ["y"]).name("m")))[..] else { panic!() };
        assert!(text.contains("node \"m\"") && text.contains("\"w\"") && text.contains("1 of 2"), "{text}");
        assert!(warned(&weight.node(Node::new("Relu", ["x"], ["y"]))).is_empty());
        let constant = author(13, &[2]).node(Node::new("Constant", [], ["c"]).tensor("value", &tensor));
        assert_eq!(warned(&constant.node(Node::new("Add", ["x", "c"], ["y"]))).len(), 1);
    }
    let open = author(13, &[2]).initializer("hi", &Tensor::f32([], [f32::INFINITY]), Storage::Raw);
    assert!(warned(&open.node(Node::new("Clip", ["x", "", "hi"], ["y"]))).is_empty());
}

/// float16 that nothing in the file is made of comes from nowhere; where a cast makes it, it is computed as f32.
#[test]
fn a_declared_float_has_an_origin() {
    for (to, fits) in [(1, false), (10, true)] {
        let mut author = author(13, &[1, 2]).node(Node::new("Cast", ["x"], ["y"]).int("to", to).name("cast"));
        let port = &mut author.message().graph.mut_or_insert_default().output[0];
        port.type_.mut_or_insert_default().mut_tensor_type().elem_type = crate::onnx::dtype::code(DType::F16);
        if fits {
            import(&author);
        } else {
            let text = refusal(&author, &Options::default());
            assert!(text.contains("element type that the file declares") && text.contains("f16"), "{text}");
        }
    }
}

/// Two attributes, or an attribute and an opset, that say different things.
#[test]
fn contradictions_of_attributes_are_refused() {
    let conv = |pads: &[i64]| {
        let node = Node::new("Conv", ["x", "w"], ["y"]).string("auto_pad", "SAME_UPPER").ints("pads", pads);
        author(13, &[1, 1, 4, 4]).initializer("w", &Tensor::f32([1, 1, 3, 3], [0.5; 9]), Storage::Raw).node(node)
    };
    let text = refusal(&conv(&[0; 4]), &Options::default());
    assert!(text.contains("contradict each other") && text.contains("[1, 1, 1, 1], as auto_pad"), "{text}");
    import(&conv(&[1; 4]));
    let split = |opset, number: Option<i64>| {
        let node = Node::new("Split", ["x"], ["y", "z"]).int("axis", 1);
        let node = number.into_iter().fold(node, |node, number| node.int("num_outputs", number));
        author(opset, &[1, 4]).node(node)
    };
    for number in [None, Some(3)] {
        let text = refusal(&split(18, number), &Options::default());
        assert!(text.contains("its outputs are not told") && text.contains("num_outputs = 2"), "{text}");
    }
    import(&split(18, Some(2)));
    import(&split(13, None));
}

/// As onnxruntime refuses it: "type field and data field mismatch".
#[test]
fn an_attribute_of_two_types_is_refused() {
    let mut author = one(13, &[1, 2], Node::new("Softmax", ["x"], ["y"]).name("n").int("axis", 1), &[]);
    let attribute = &mut author.message().graph.mut_or_insert_default().node[0].attribute[0];
    attribute.f = 7.0;
    let said = Model::decode(author.to_bytes(), None).unwrap_err().to_string();
    assert!(
        said.contains("node \"n\" (Softmax)") && said.contains("\"axis\": it holds values of several types"),
        "{said}"
    );
}
