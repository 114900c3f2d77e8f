//! Activations spelled as choices, and operators that are others' spellings. The right values are those of the formulas.

use super::*;

fn compute(author: &Author) -> Vec<f64> {
    reference::run(&import(author), &Tensor::f32([1, 5], X)).unwrap()[0].to_f64()
}

const X: [f32; 5] = [-3.0, -0.5, 0.0, 2.0, 7.0];

fn choice(relation: [&str; 3], branches: [&str; 2]) -> Author {
    let [op, a, b] = relation;
    author(16, &[1, 5])
        .initializer("zero", &Tensor::f32([], [0.0]), Storage::Raw)
        .initializer("none", &Tensor::f32([1], [0.0]), Storage::Raw)
        .initializer("six", &Tensor::f32([], [6.0]), Storage::Raw)
        .initializer("tenth", &Tensor::f32([], [0.125]), Storage::Raw)
        .node(Node::new("Mul", ["x", "tenth"], ["scaled"]))
        .node(Node::new(op, [a, b], ["c"]).name("compared"))
        .node(Node::new("Where", ["c", branches[0], branches[1]], ["y"]).name("chosen"))
}

#[test]
fn choices_by_a_comparison_are_activations() {
    let relu = |x: f32| x.max(0.0);
    let leaky = |x: f32| if x > 0.0 { x } else { 0.125 * x };
    type Case<'a> = ([&'a str; 3], [&'a str; 2], &'a dyn Fn(f32) -> f32);
    let cases: [Case; 7] = [
        (["Greater", "x", "zero"], ["x", "zero"], &relu),
        (["GreaterOrEqual", "x", "zero"], ["x", "none"], &relu),
        (["Less", "x", "zero"], ["none", "x"], &relu),
        (["LessOrEqual", "zero", "x"], ["x", "zero"], &relu),
        (["Greater", "x", "six"], ["six", "x"], &|x| x.min(6.0)),
        (["Greater", "x", "zero"], ["x", "scaled"], &leaky),
        (["Less", "x", "zero"], ["scaled", "x"], &leaky),
    ];
    for (relation, branches, right) in cases {
        let found = compute(&choice(relation, branches));
        assert_eq!(found, X.map(|x| f64::from(right(x))), "{relation:?} {branches:?}");
    }
}

#[test]
fn other_uses_of_a_comparison_are_refused() {
    let other = choice(["Greater", "x", "six"], ["x", "zero"]);
    let said = refusal(&other, &Options::default());
    assert!(said.contains("node \"chosen\" (Where)") && said.contains("no activation"), "{said}");
    let read = choice(["Greater", "x", "zero"], ["x", "zero"]).node(Node::new("Not", ["c"], ["n"])).output(
        "n",
        DType::Bool,
        [],
    );
    let said = refusal(&read, &Options::default());
    assert!(said.contains("node \"compared\" (Greater)") && said.contains("known at compile time"), "{said}");
    let ends = choice(["Greater", "x", "zero"], ["x", "zero"]).output("c", DType::Bool, []);
    let said = refusal(&ends, &Options::default());
    assert!(said.contains("node \"compared\" (Greater)"), "{said}");
}

#[test]
fn a_resize_to_the_same_size_is_nothing() {
    let resize = |inputs: &[&str], mode: &str| {
        author(13, &[1, 2, 3, 4])
            .initializer("ones", &Tensor::f32([4], [1.0; 4]), Storage::Raw)
            .initializer("twice", &Tensor::f32([4], [1.0, 1.0, 2.0, 2.0]), Storage::Raw)
            .initializer("same", &Tensor::ints([1, 2, 3, 4]), Storage::Raw)
            .initializer("other", &Tensor::ints([1, 2, 6, 8]), Storage::Raw)
            .node(Node::new("Resize", inputs.iter().copied(), ["y"]).string("coordinate_transformation_mode", mode))
    };
    for inputs in [&["x", "", "ones"][..], &["x", "", "", "same"]] {
        assert_eq!(ops(&import(&resize(inputs, "half_pixel"))), ["Identity"]);
        assert!(
            refusal(&resize(inputs, "tf_crop_and_resize"), &Options::default()).contains("Resize is not supported")
        );
    }
    for inputs in [&["x", "", "twice"][..], &["x", "", "", "other"], &["x"]] {
        assert!(refusal(&resize(inputs, "half_pixel"), &Options::default()).contains("Resize is not supported"));
    }
}

#[test]
fn what_onnxruntime_makes_of_swish() {
    let gelu = |node: Node| author(13, &[1, 5]).node(node.domain("com.microsoft"));
    let found = compute(&gelu(Node::new("QuickGelu", ["x"], ["y"]).float("alpha", 1.0)));
    for (found, x) in found.iter().zip(X.map(f64::from)) {
        assert!((found - x / (1.0 + (-x).exp())).abs() < 1e-6, "{found} {x}");
    }
    let said = refusal(&gelu(Node::new("QuickGelu", ["x"], ["y"])), &Options::default());
    assert!(said.contains("alpha = 1"), "{said}");
}
