//! Plans that are damaged in one field each: every damage must be found, but for those that provably change nothing.

use super::verify;
use crate::graph::{Activation, Window};
use crate::network::Layout;
use crate::plan::testing::{Random, every_network, mobilenet_v1, on_codes, random_network};
use crate::plan::{
    Choice, Codes, CostModel, Element, Epilogue, Link, LinkOp, Map, Op, Plan, Quant, Source, Target, plan,
};

/// One field of a plan.
enum Field<'a> {
    Number(&'a mut usize),
    Pad(&'a mut i64),
    Float(&'a mut f32),
    Code(&'a mut i32),
    Flag(&'a mut bool),
    Norm(&'a mut u32),
    Layout(&'a mut Layout),
    Element(&'a mut Element),
    Activation(&'a mut Activation),
    /// A map that may be missing.
    Sum(&'a mut Option<Map>),
    /// An offset that may be missing.
    Offset(&'a mut Option<usize>),
}

type Visit<'v> = &'v mut dyn FnMut(&str, Field);

fn map(map: &mut Map, visit: Visit) {
    let Map { offset, height, width, channels, group, ring, element } = map;
    let numbers = [
        ("offset", offset),
        ("height", height),
        ("width", width),
        ("channels", channels),
        ("group", group),
        ("ring", ring),
    ];
    numbers.into_iter().for_each(|(name, number)| visit(name, Field::Number(number)));
    visit("element", Field::Element(element));
}

fn window(window: &mut Window, visit: Visit) {
    let Window { kernel, stride, dilation, pads } = window;
    for (name, pair) in [("kernel", kernel), ("stride", stride), ("dilation", dilation)] {
        pair.iter_mut().for_each(|number| visit(name, Field::Number(number)));
    }
    pads.iter_mut().for_each(|pad| visit("pads", Field::Pad(pad)));
}

fn epilogue(epilogue: &mut Epilogue, visit: Visit) {
    let Epilogue { gate, add, activation, slopes, affine } = epilogue;
    visit("gate", Field::Offset(gate));
    visit("add", Field::Sum(add));
    if let Some(add) = add {
        map(add, &mut |name, field| visit(&format!("add.{name}"), field));
    }
    visit("activation", Field::Activation(activation));
    visit("slopes", Field::Offset(slopes));
    visit("affine", Field::Offset(affine));
}

fn target(target: &mut Target, visit: Visit) {
    match target {
        Target::Arena(offset) => visit("target", Field::Number(offset)),
        Target::Output { port, offset } => {
            visit("port", Field::Number(port));
            visit("port offset", Field::Number(offset));
        }
    }
}

fn source(source: &mut Source, visit: Visit) {
    let Source::Image(image) = source;
    visit("source height", Field::Number(&mut image.height));
    visit("source width", Field::Number(&mut image.width));
    visit("source channels", Field::Number(&mut image.channels));
    visit("source layout", Field::Layout(&mut image.layout));
    visit("source element", Field::Element(&mut image.element));
}

fn link(link: &mut Link, visit: Visit) {
    let Link { op, input, window: of, weights, epilogue: behind, codes: on, output, stage, reason: _ } = link;
    match op {
        LinkOp::Stem { source: from, pad_values, scratch, scratch_bytes } => {
            source(from, visit);
            pad_values.iter_mut().for_each(|value| visit("pad value", Field::Float(value)));
            visit("scratch", Field::Number(scratch));
            visit("scratch bytes", Field::Number(scratch_bytes));
        }
        LinkOp::Conv { groups } => visit("groups", Field::Number(groups)),
        LinkOp::AveragePool { count_include_pad } => visit("count_include_pad", Field::Flag(count_include_pad)),
        LinkOp::Mean { to } => target(to, visit),
        LinkOp::Depthwise | LinkOp::Pointwise | LinkOp::MaxPool | LinkOp::Elementwise => {}
    }
    if let Some(input) = input {
        map(input, &mut |name, field| visit(&format!("input.{name}"), field));
    }
    window(of, visit);
    visit("weights", Field::Offset(weights));
    epilogue(behind, visit);
    if let Some(on) = on {
        codes(on, visit);
    }
    map(output, &mut |name, field| visit(&format!("output.{name}"), field));
    visit("stage", Field::Number(stage));
}

fn quant(quant: &mut Quant, visit: Visit) {
    visit("scale", Field::Float(&mut quant.scale));
    visit("zero", Field::Code(&mut quant.zero));
}

fn codes(codes: &mut Codes, visit: Visit) {
    let Codes { input, second, output, clamp, product, table, extras } = codes;
    quant(input, visit);
    second.iter_mut().for_each(|second| quant(second, visit));
    quant(output, visit);
    clamp.iter_mut().for_each(|bound| visit("clamp", Field::Code(bound)));
    visit("product", Field::Flag(product));
    visit("table", Field::Offset(table));
    visit("extras", Field::Number(extras));
}

fn fields(op: &mut Op, visit: Visit) {
    match op {
        Op::Chain(chain) => chain.links.iter_mut().for_each(|one| link(one, visit)),
        Op::Dense { input, k, n, weights, epilogue: behind, output } => {
            for (name, number) in [("input", input), ("k", k), ("n", n), ("weights", weights)] {
                visit(name, Field::Number(number));
            }
            epilogue(behind, visit);
            target(output, visit);
        }
        Op::Halve { input, n, output } => {
            visit("input", Field::Number(input));
            visit("n", Field::Number(n));
            target(output, visit);
        }
        Op::Copy { input, output, channel } => {
            map(input, visit);
            map(output, visit);
            visit("channel", Field::Number(channel));
        }
        Op::Activate { at, n, activation } => {
            target(at, visit);
            visit("n", Field::Number(n));
            visit("activation", Field::Activation(activation));
        }
        Op::Softmax { at, outer, n, inner, log } => {
            target(at, visit);
            [outer, n, inner].into_iter().for_each(|extent| visit("extent", Field::Number(extent)));
            visit("log", Field::Flag(log));
        }
        Op::LpNormalize { at, outer, n, inner, p, epsilon } => {
            target(at, visit);
            [outer, n, inner].into_iter().for_each(|extent| visit("extent", Field::Number(extent)));
            visit("p", Field::Norm(p));
            visit("epsilon", Field::Float(epsilon));
        }
        Op::ArgMax { input, outer, n, inner, select_last, output } => {
            [input, outer, n, inner].into_iter().for_each(|number| visit("extent", Field::Number(number)));
            visit("select_last", Field::Flag(select_last));
            target(output, visit);
        }
        Op::Import { source: from, output, codes } => {
            source(from, visit);
            map(output, visit);
            codes.iter_mut().for_each(|codes| quant(codes, visit));
        }
        Op::Convert { input, output, codes } => {
            map(input, visit);
            map(output, visit);
            quant(codes, visit);
        }
        Op::Export { input, layout, output } => {
            map(input, visit);
            visit("layout", Field::Layout(layout));
            target(output, visit);
        }
    }
}

/// Changes a field in one of several ways; whether there is such a way.
fn change(field: Field, way: usize) -> bool {
    let offset = |number: usize| match way {
        0 => number.wrapping_add(64),
        1 => number.wrapping_sub(64),
        2 => number.wrapping_add(1),
        _ => usize::MAX / 2,
    };
    match field {
        Field::Number(number) => *number = offset(*number),
        Field::Pad(pad) => *pad += [1, -1, 1000, i64::MAX / 2][way],
        Field::Code(code) => *code += [1, -1, 128, 1000][way],
        Field::Float(value) => *value = value.mul_add(2.0, 1.0),
        Field::Flag(flag) => *flag = !*flag,
        Field::Norm(p) => *p += 1,
        Field::Layout(layout) => *layout = if *layout == Layout::Nchw { Layout::Nhwc } else { Layout::Nchw },
        Field::Element(element) => *element = if *element == Element::I8 { Element::U8 } else { Element::I8 },
        Field::Activation(activation) => *activation = Activation::Clamp { lo: 0.25, hi: 0.5 },
        Field::Sum(sum) => match (*sum, way) {
            (Some(_), 0) => *sum = None,
            _ => return false,
        },
        Field::Offset(at) => match (*at, way) {
            (Some(_), 3) => *at = None,
            (Some(number), _) => *at = Some(offset(number)),
            (None, 0) => *at = Some(0),
            (None, _) => return false,
        },
    }
    true
}

/// Whether a damage provably changes nothing.
fn harmless(plan: &Plan, step: usize, name: &str) -> bool {
    match name {
        // Staging rows may lie anywhere where nothing else is.
        "scratch" => true,
        // A vector in the caller's output has no place in the arena.
        "output.offset" => matches!(plan.steps[step].op.target(), Some(Target::Output { .. })),
        _ => false,
    }
}

/// Damages every field in every way.
fn damaged(plan: &Plan) -> usize {
    let mut found = 0;
    for step in 0..plan.steps.len() {
        let mut names = Vec::new();
        fields(&mut plan.steps[step].op.clone(), &mut |name, _| names.push(name.to_string()));
        for (index, name) in names.iter().enumerate() {
            for way in 0..4 {
                let mut damaged = plan.clone();
                let (mut at, mut changed) = (0, false);
                fields(&mut damaged.steps[step].op, &mut |_, field| {
                    if at == index {
                        changed = change(field, way);
                    }
                    at += 1;
                });
                if !changed || harmless(plan, step, name) && verify(&damaged).is_ok() {
                    continue;
                }
                assert!(verify(&damaged).is_err(), "step {step}: {name} changed ({way}) in\n{plan}\nto\n{damaged}");
                found += 1;
            }
        }
    }
    found
}

#[test]
fn every_damage_is_found() {
    let mut found = 0;
    for (seed, cost) in (0..24).zip(models().iter().cycle()) {
        let plan = plan(random_network(seed), cost).unwrap();
        found += damaged(&plan);
    }
    for seed in 0..24 {
        found += damaged(&plan(on_codes(&random_network(seed), seed), &models()[seed as usize % 3]).unwrap());
    }
    for network in every_network() {
        for seed in 0..4 {
            found += damaged(&plan(on_codes(&network, seed), &CostModel::default()).unwrap());
        }
        found += damaged(&plan(network, &CostModel::default()).unwrap());
    }
    assert!(found > 10_000, "{found}");
}

#[test]
fn steps_weights_and_sizes_are_all_needed() {
    for network in every_network().into_iter().chain([mobilenet_v1(0.25, 32, 10)]) {
        let plan = plan(network, &CostModel::default()).unwrap();
        let with = |damage: &dyn Fn(&mut Plan)| {
            let mut damaged = plan.clone();
            damage(&mut damaged);
            verify(&damaged)
        };
        for step in 0..plan.steps.len() {
            assert!(with(&|plan| drop(plan.steps.remove(step))).is_err(), "without step {step}\n{plan}");
            assert!(with(&|plan| plan.steps.insert(step, plan.steps[step].clone())).is_err(), "twice {step}\n{plan}");
            assert!(with(&|plan| plan.steps[step].stage += 1).is_err(), "another stage of {step}\n{plan}");
        }
        assert!(with(&|plan| plan.arena_bytes -= 64).is_err());
        assert!(with(&|plan| plan.arena_bytes += 64).is_err());
        assert!(with(&|plan| plan.weights.truncate(plan.weights.len() - 64)).is_err());
        assert!(with(&|plan| plan.weights.extend([0; 64])).is_err());
    }
}

fn models() -> [CostModel; 3] {
    let base = CostModel::default();
    [
        CostModel { l1_bytes: 512, l2_bytes: 4096, stream: Choice::Always, ..base.clone() },
        CostModel { l1_bytes: 2048, l2_bytes: 1 << 16, stream: Choice::Never, ..base.clone() },
        CostModel { l1_bytes: 1024, l2_bytes: 1 << 14, separable: Choice::Never, ..base },
    ]
}

/// Plans are verified as they are made; what is counted here is that they do what has to be proved.
#[test]
fn no_live_value_is_overwritten() {
    let (mut over, mut in_place, mut planned) = (0, 0, 0);
    for seed in 0..400 {
        let network = random_network(seed);
        for (m, model) in models().iter().enumerate() {
            plan(on_codes(&network, seed), model).unwrap_or_else(|error| panic!("codes {seed} model {m}: {error}"));
            let plan = plan(network.clone(), model).unwrap_or_else(|error| panic!("seed {seed} model {m}: {error}"));
            planned += 1;
            let text = plan.to_string();
            over += text.matches("over its input").count();
            in_place += text.matches("sum in place").count();
        }
    }
    assert!(planned == 1200 && over > 800 && in_place > 100, "{over} overlaps, {in_place} sums in {planned} plans");
}

#[test]
fn no_live_value_of_a_mobilenet_is_overwritten() {
    let mut random = Random(3);
    for _ in 0..6 {
        let alpha = [0.25, 0.5, 0.75][random.within(0, 2)];
        let resolution = random.within(32, 96);
        for choice in [Choice::Auto, Choice::Always, Choice::Never] {
            let cost = CostModel { l1_bytes: 1 << 12, l2_bytes: 1 << 15, stream: choice, ..CostModel::default() };
            plan(mobilenet_v1(alpha, resolution, 10), &cost).unwrap();
        }
    }
}
