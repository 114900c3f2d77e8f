//! Branches, functions of the model, what nothing needs, and other floating-point types.

use super::*;
use crate::graph::Data;

fn relu(x: &str, y: &str) -> Node {
    Node::new("Relu", [x], [y])
}

/// A branch: no inputs, the output `out`.
fn branch(nodes: impl IntoIterator<Item = Node>, out: &str) -> Author {
    let body = Author::new("branch", 13).output(out, DType::F32, []);
    nodes.into_iter().fold(body, Author::node)
}

/// `If` on whether the input's last axis has four elements, as exporters write `squeeze`.
fn conditional(shape: &[usize], then: &Author, otherwise: &Author) -> Author {
    author(13, shape)
        .initializer("last", &Tensor::int(DType::I64, [], [1]), Storage::Raw)
        .initializer("four", &Tensor::int(DType::I64, [], [4]), Storage::Raw)
        .node(Node::new("Shape", ["x"], ["shape"]))
        .node(Node::new("Gather", ["shape", "last"], ["size"]))
        .node(Node::new("Equal", ["size", "four"], ["is_four"]))
        .node(
            Node::new("If", ["is_four"], ["z"])
                .name("choice")
                .graph("then_branch", then)
                .graph("else_branch", otherwise),
        )
        .node(relu("z", "y"))
}

#[test]
fn an_if_whose_condition_is_known_is_its_branch() {
    let then = branch([Node::new("Neg", ["x"], ["inner"]), Node::new("Exp", ["inner"], ["r"])], "r");
    let otherwise = branch([Node::new("Fancy", ["x"], ["inner"]).domain("org.example")], "inner");
    let graph = import(&conditional(&[1, 4], &then, &otherwise));
    assert_eq!(ops(&graph), ["Gather axis 0", "Neg", "Exp", "Identity", "Clamp 0..inf"]);
    assert_eq!(graph.nodes[1].origin, ["inner"], "the branch's own nodes keep their names");
    let text = refusal(&conditional(&[1, 3], &then, &otherwise), &Options::default());
    assert!(text.contains("org.example.Fancy"), "{text}");
    // A branch may return a value from around it, a constant of its own, or one of a nested branch.
    let passes = branch([], "x");
    assert_eq!(ops(&import(&conditional(&[1, 4], &passes, &otherwise)))[1..], ["Identity", "Clamp 0..inf"]);
    let own = branch([Node::new("Mul", ["x", "k"], ["r"])], "r");
    let own = own.initializer("k", &Tensor::f32([], [2.0]), Storage::Raw);
    let nested = Node::new("If", ["is_four"], ["q"]).graph("then_branch", &own).graph("else_branch", &passes);
    let graph = import(&conditional(&[1, 4], &branch([nested], "q"), &passes));
    assert_eq!(ops(&graph)[1..], ["Mul", "Identity", "Identity", "Clamp 0..inf"]);
    let result = reference::run(&graph, &Tensor::f32([1, 4], [1.0, -2.0, 3.0, 0.5])).unwrap();
    assert_eq!(result[0].to_f64(), [2.0, 0.0, 6.0, 1.0]);
}

#[test]
fn branches_may_use_the_same_names() {
    let body = |op: &str| branch([Node::new(op, ["x"], ["inner"]), relu("inner", "r")], "r");
    let choice = |condition: &str, out: &str| {
        let node = Node::new("If", [condition], [out]).name(out);
        node.graph("then_branch", &body("Neg")).graph("else_branch", &body("Exp"))
    };
    let author = author(13, &[2])
        .initializer("yes", &Tensor::int(DType::Bool, [], [1]), Storage::Raw)
        .initializer("no", &Tensor::int(DType::Bool, [1], [0]), Storage::Raw)
        .node(choice("yes", "a"))
        .node(choice("no", "b"))
        .node(Node::new("Add", ["a", "b"], ["y"]));
    let result = reference::run(&import(&author), &Tensor::f32([2], [-1.0, 2.0])).unwrap();
    for (found, x) in result[0].to_f64().iter().zip([-1.0f64, 2.0]) {
        assert!((found - ((-x).max(0.0) + x.exp())).abs() < 1e-6, "{found}");
    }
}

#[test]
fn a_condition_from_the_input_is_refused_by_name() {
    let author = author(13, &[1]).node(Node::new("Cast", ["x"], ["c"]).int("to", 9)).node(
        Node::new("If", ["c"], ["y"])
            .name("choice")
            .graph("then_branch", &branch([relu("x", "r")], "r"))
            .graph("else_branch", &branch([], "x")),
    );
    let text = refusal(&author, &Options::default());
    assert!(text.contains("\"choice\" (If)") && text.contains("only at run time"), "{text}");
}

#[test]
fn functions_of_the_model_are_inlined() {
    let twice = |x: &str, y: &str| Node::new("Twice", [x], [y]).domain("own");
    let author = author(13, &[1, 2, 3])
        .opset("own", 1)
        .function(
            ["own", "Moved"],
            ["a"],
            ["b", "c"],
            [
                twice("a", "t"),
                Node::new("Softmax", ["t"], ["b"]).int_of_function("axis", "along"),
                Node::new("Flatten", ["t"], ["c"]).int_of_function("axis", "from"),
            ],
            Some(Node::new("", [], []).int("along", 1)),
        )
        .function(["own", "Twice"], ["a"], ["b"], [Node::new("Add", ["a", "a"], ["b"])], None)
        .node(Node::new("Moved", ["x"], ["first", ""]).domain("own").name("one"))
        .node(Node::new("Moved", ["first"], ["", "y"]).domain("own").int("along", 2).int("from", 2).name("two"));
    let graph = import(&author);
    assert_eq!(ops(&graph), ["Add", "Softmax axis 1", "Add", "Reshape"]);
    assert_eq!(graph.nodes[3].origin, ["two/c"]);
    assert_eq!(graph.ty(graph.outputs[0]).shape, [2, 3]);
}

#[test]
fn functions_that_cannot_end_are_refused() {
    let call = |x: &str, y: &str| Node::new("Again", [x], [y]).domain("own");
    let endless = author(13, &[2]).function(["own", "Again"], ["a"], ["b"], [call("a", "b")], None);
    let text = refusal(&endless.node(call("x", "y")), &Options::default());
    assert!(text.contains("calls itself"), "{text}");
    let doubling = [call("a", "t"), call("t", "b")];
    let growing = author(13, &[2]).function(["own", "Again"], ["a"], ["b"], doubling, None);
    assert!(refusal(&growing.node(call("x", "y")), &Options::default()).contains("calls itself"));
    let surplus = author(13, &[2]).function(["own", "Again"], ["a"], ["b"], [relu("a", "b")], None);
    let text = refusal(&surplus.node(Node::new("Again", ["x", "x"], ["y"]).domain("own")), &Options::default());
    assert!(text.contains("does not fit the function"), "{text}");
}

#[test]
fn what_nothing_needs_is_ignored() {
    let mut author = author(13, &[2])
        .input("momentum", DType::F32, [])
        .input("labels", DType::F32, ["n".into()])
        .initializer("names", &Tensor::f32([1], [0.0]), Storage::Raw)
        .node(Node::new("Fancy", ["momentum", "labels", "names"], ["unused"]).domain("org.example"))
        .node(relu("x", "y"));
    let graph = author.message().graph.mut_or_insert_default();
    let string = 8;
    graph.initializer[0].data_type = string;
    graph.input[2].type_.mut_or_insert_default().mut_tensor_type().elem_type = string;
    assert_eq!(ops(&import(&author)), ["Clamp 0..inf"]);
    let used = author.node(Node::new("Add", ["y", "names"], ["y2"]));
    let mut used = used.output("y2", DType::F32, []);
    used.message().graph.mut_or_insert_default().output.remove(0);
    let text = refusal(&used, &Options::default());
    assert!(text.contains("\"names\"") && text.contains("STRING"), "{text}");
}

#[test]
fn other_floats_are_computed_as_f32() {
    for dtype in [DType::F16, DType::Bf16, DType::F64] {
        let tensor = |shape: &[usize], value: f64| {
            let len = shape.iter().product();
            let data = match dtype {
                DType::F64 => Data::F64(vec![value; len].into()),
                _ => Data::F32(vec![value as f32; len].into()),
            };
            Tensor { dtype, shape: shape.to_vec(), data }
        };
        let weights = tensor(&[2], if dtype == DType::F64 { 0.1 } else { 0.1015625 });
        let code = crate::onnx::dtype::code(dtype).into();
        let mut author = author(13, &[2])
            .initializer("w", &weights, Storage::Raw)
            .node(Node::new("Cast", ["x"], ["a"]).int("to", code))
            .node(Node::new("Mul", ["a", "w"], ["b"]))
            .initializer("lo", &tensor(&[], 0.0), Storage::Raw)
            .node(Node::new("Add", ["b", "w"], ["c"]))
            .node(Node::new("Clip", ["c", "lo"], ["y"]));
        let graph = author.message().graph.mut_or_insert_default();
        for port in graph.input.iter_mut().chain(&mut graph.output) {
            port.type_.mut_or_insert_default().mut_tensor_type().elem_type = crate::onnx::dtype::code(dtype);
        }
        let graph = import(&author);
        let computed = graph.nodes.iter().map(|node| graph.ty(node.output).dtype).chain([graph.ty(graph.input).dtype]);
        assert!(computed.into_iter().all(|found| found == DType::F32), "{graph}");
        let w = f64::from(weights.to_f32()[0]);
        let result = reference::run(&graph, &Tensor::f32([2], [3.0, -1.5])).unwrap();
        for (found, x) in result[0].to_f64().iter().zip([3.0, -1.5]) {
            assert!((found - (x * w + w).max(0.0)).abs() < 1e-7, "{dtype}: {found}");
        }
    }
}

#[test]
fn fused_gemms_are_taken_apart() {
    let fused = |activation: &str| {
        let node = Node::new("FusedGemm", ["x", "w"], ["y"]).domain("com.microsoft");
        node.string("activation", activation).float("alpha", 0.5).int("transB", 1)
    };
    let with = |node: Node| {
        let w = Tensor::f32([3, 2], vec![1.0; 6]);
        import_with(&author(13, &[1, 2]).initializer("w", &w, Storage::Raw).node(node), &Options::default())
    };
    let gemm = "Gemm alpha 0.5 b transposed";
    assert_eq!(ops(&with(fused("Relu")).unwrap()), [gemm, "Clamp 0..inf"]);
    assert_eq!(ops(&with(fused("")).unwrap()), [gemm]);
    assert_eq!(ops(&with(fused("LeakyRelu")).unwrap()), [gemm, "LeakyRelu alpha 0.01"]);
    let leaky = fused("LeakyRelu").float("activation_alpha", 0.25);
    assert_eq!(ops(&with(leaky).unwrap()), [gemm, "LeakyRelu alpha 0.25"]);
    assert!(with(fused("Softplus")).unwrap_err().to_string().contains("activation is not supported"));
}

#[test]
fn channels_come_from_the_weights() {
    let image = |channels: usize, first: [&str; 4]| {
        let dim = |&name: &&str| name.parse::<usize>().map_or_else(|_| name.into(), Dim::from);
        let dims: Vec<Dim> = first.iter().map(dim).collect();
        Author::new("g", 13).input("x", DType::F32, dims).output("y", DType::F32, []).initializer(
            "w",
            &Tensor::f32([2, channels, 1, 1], vec![1.0; 2 * channels]),
            Storage::Raw,
        )
    };
    let options = Options { resolution: Some([6, 8]), ..Options::default() };
    for channels in [1, 3, 4] {
        let nchw = image(channels, ["n", "c", "h", "w"]).node(Node::new("Conv", ["x", "w"], ["y"]));
        let graph = import_with(&nchw, &options).unwrap();
        assert_eq!(graph.ty(graph.input).shape, [1, channels, 6, 8]);
        let nhwc = image(channels, ["", "", "", ""])
            .node(Node::new("Transpose", ["x"], ["t"]).ints("perm", [0, 3, 1, 2]))
            .node(Node::new("Conv", ["t", "w"], ["y"]));
        let graph = import_with(&nhwc, &options).unwrap();
        assert_eq!(graph.ty(graph.input).shape, [1, 6, 8, channels]);

        let known = image(channels, ["n", "c", "6", "8"]).node(Node::new("Conv", ["x", "w"], ["y"]));
        assert_eq!(import(&known).ty(ValueId(0)).shape, [1, channels, 6, 8]);
        let known = image(channels, ["1", "6", "8", "c"])
            .node(Node::new("Transpose", ["x"], ["t"]).ints("perm", [0, 3, 1, 2]))
            .node(Node::new("Conv", ["t", "w"], ["y"]));
        assert_eq!(import(&known).ty(ValueId(0)).shape, [1, 6, 8, channels]);
        let open = image(channels, ["n", "c", "6", "w"]).node(Node::new("Conv", ["x", "w"], ["y"]));
        assert!(refusal(&open, &Options::default()).contains("resolution = [H, W]"));
    }
}

/// By the formulas, on `[[1, -2, 3], [-4, 5, 6]]`.
#[test]
fn sums_and_norms_over_axes() {
    let computed = |op: &str, opset: i64| {
        let node = Node::new(op, if opset < 18 { vec!["x"] } else { vec!["x", "axes"] }, ["y"]).int("keepdims", 0);
        let node = if opset < 18 { node.ints("axes", [1]) } else { node };
        let author = author(opset, &[2, 3]).initializer("axes", &Tensor::ints([1]), Storage::Raw).node(node);
        let x = Tensor::f32([2, 3], [1.0, -2.0, 3.0, -4.0, 5.0, 6.0]);
        reference::run(&import(&author), &x).unwrap()[0].to_f64()
    };
    for (op, expected) in [
        ("ReduceSum", [2.0, 7.0]),
        ("ReduceL1", [6.0, 15.0]),
        ("ReduceSumSquare", [14.0, 77.0]),
        ("ReduceL2", [14f64.sqrt(), 77f64.sqrt()]),
    ] {
        for opset in [11, 18] {
            let found = computed(op, opset);
            let same = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(same, "{op} in opset {opset}: {found:?}");
        }
    }
}

#[test]
fn tiles_are_copies_beside_each_other() {
    let tile = one(13, &[1, 2], Node::new("Tile", ["x", "repeats"], ["y"]), &[("repeats", &[3, 2])]);
    let graph = import(&tile);
    assert_eq!(ops(&graph), ["Concat axis 1", "Expand"]);
    let result = reference::run(&graph, &Tensor::f32([1, 2], [1.0, 2.0])).unwrap().remove(0);
    assert_eq!((result.shape.clone(), result.to_f64()), (vec![3, 4], [1.0, 2.0].repeat(6)));
    let wrong = one(13, &[1, 2], Node::new("Tile", ["x", "repeats"], ["y"]), &[("repeats", &[0, 2])]);
    assert!(refusal(&wrong, &Options::default()).contains("the repeats do not fit"));
}

#[test]
fn the_network_ends_where_the_options_say() {
    let author = author(13, &[1, 4])
        .input("labels", DType::F32, [1.into()])
        .node(relu("x", "a"))
        .node(Node::new("Neg", ["a"], ["b"]))
        .node(Node::new("Fancy", ["b", "labels"], ["y"]).domain("org.example"));
    let ending = |names: &[&str]| {
        let output = names.iter().map(|&name| name.into()).collect();
        import_with(&author, &Options { output, ..Options::default() })
    };
    let graph = ending(&["b"]).unwrap();
    assert_eq!(ops(&graph), ["Clamp 0..inf", "Neg"]);
    let graph = ending(&["b", "a"]).unwrap();
    let names: Vec<&str> = graph.outputs.iter().map(|&id| graph[id].name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(ending(&["c"]).unwrap_err().to_string().contains("the model computes no value \"c\""));
    assert!(ending(&["a", "a"]).unwrap_err().to_string().contains("given twice"));
}

/// The tail alone is outside the family: the error says where the network could end, in the words of each front end.
#[test]
fn a_tail_that_cannot_be_compiled_is_cut_by_an_option() {
    use crate::diagnostic::Spelling;
    let author = author(13, &[1, 3, 4, 4])
        .initializer("w", &Tensor::f32([2, 3, 1, 1], vec![0.5; 6]), Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["c"]))
        .node(Node::new("GlobalAveragePool", ["c"], ["scores"]))
        .node(Node::new("Erf", ["scores"], ["y"]).name("tail"));
    let model = Model::decode(author.to_bytes(), None).unwrap();
    let error = crate::compile(&model, &Options::default()).unwrap_err();
    let advice = |spelling| error.problems[0].advice(spelling).unwrap();
    assert!(advice(Spelling::Macro).ends_with("give the option output = \"scores\""), "{error}");
    assert!(advice(Spelling::CommandLine).ends_with("give the option --output scores"), "{error}");
    let output = vec!["scores".into()];
    assert!(crate::compile(&model, &Options { output, ..Options::default() }).is_ok());
}
