use super::testing::{Builder, RELU6, mobilenet_v1, mobilenet_v2, random_network, window};
use super::*;

fn cost(stream: Choice) -> CostModel {
    CostModel { stream, ..CostModel::default() }
}

/// The arena is the largest sum of what is live, and what is live of a fused stage beside its maps is one block of rows.
#[test]
fn fused_stages_hold_their_planned_rows_and_no_more() {
    for stream in [Choice::Never, Choice::Auto, Choice::Always] {
        let plan = plan(mobilenet_v1(0.5, 96, 10), &cost(stream)).unwrap();
        let mut block_bytes = 0;
        for link in plan.links().filter(|link| link.op == LinkOp::Depthwise) {
            let Map { group, width, channels, .. } = link.output;
            assert_eq!(link.output.bytes(), group * width * padded_channels(channels) * 4);
            assert!(link.output.range().end <= plan.arena_bytes);
            block_bytes = block_bytes.max(link.output.bytes());
        }
        let most = plan.steps.iter().map(|step| {
            let links = step.op.links();
            let (blocks, maps): (Vec<_>, Vec<_>) = links.iter().partition(|link| link.op == LinkOp::Depthwise);
            let maps = maps.iter().map(|link| &link.output).chain(step.op.input()).map(Map::bytes);
            let block = blocks.iter().map(|link| link.output.bytes()).max().unwrap_or(0);
            let staging: usize = links.iter().filter_map(Link::scratch).map(|range| range.len()).sum();
            maps.sum::<usize>() + block + staging + 1024
        });
        assert!(plan.arena_bytes <= most.max().unwrap(), "{plan}");
        assert!(block_bytes > 0);
    }
}

#[test]
fn arenas_of_the_headline_model_keep_their_size() {
    let whole = plan(mobilenet_v1(1.0, 224, 1000), &cost(Choice::Never)).unwrap();
    assert!(whole.arena_bytes <= 3_300_000, "{}", whole.arena_bytes);
    let streamed = plan(mobilenet_v1(1.0, 224, 1000), &cost(Choice::Auto)).unwrap();
    assert!(streamed.arena_bytes <= 1_700_000, "{}", streamed.arena_bytes);
    assert_eq!(streamed.steps[0].op.name(), "stream");
}

#[test]
fn plans_are_repeatable_and_count_their_network() {
    for seed in 0..50 {
        let make = || plan(random_network(seed), &cost(Choice::Auto)).unwrap();
        assert_eq!(make(), make());
    }
    let network = mobilenet_v1(1.0, 224, 1000);
    let plan = plan(network, &cost(Choice::Auto)).unwrap();
    assert_eq!(plan.mult_adds(), 568_740_352);
    assert_eq!(plan.lengths(), (3 * 224 * 224, 1000));
}

#[test]
fn fused_or_split_compute_the_same_stages() {
    let split = CostModel { separable: Choice::Never, ..CostModel::default() };
    let plan = plan(mobilenet_v1(0.25, 64, 10), &split).unwrap();
    let count = |name: &str| plan.steps.iter().filter(|step| step.op.name() == name).count();
    assert_eq!((count("depthwise"), count("pointwise"), count("separable")), (13, 13, 0));
    assert_eq!(plan.mult_adds(), super::plan(mobilenet_v1(0.25, 64, 10), &cost(Choice::Auto)).unwrap().mult_adds());
}

#[test]
fn a_plan_as_chosen_is_the_chosen_plan() {
    for seed in 0..20 {
        let chosen = plan(random_network(seed), &CostModel::default()).unwrap();
        assert_eq!(plan_as(random_network(seed), &CostModel::default(), &chosen.decisions).unwrap(), chosen);
    }
}

#[test]
fn decisions_are_followed() {
    let network = || mobilenet_v1(0.5, 96, 10);
    let chosen = plan(network(), &CostModel::default()).unwrap();
    let with = |decisions| plan_as(network(), &CostModel::default(), &decisions).unwrap();
    let base = Decisions { slack: 0.0, separable: Choice::Always, ..chosen.decisions.with_depth(0) };
    let streamed = with(base.with_depth(3));
    assert_eq!((streamed.steps[0].op.name(), streamed.steps[0].op.links().len()), ("stream", 7), "{streamed}");
    assert_eq!(streamed.decisions.depth(), 3);
    assert_eq!(with(base.with_depth(1000)).decisions.depth(), 12);
    let rows = |blocks| -> Vec<usize> {
        let plan = with(Decisions { blocks, ..base.clone() });
        let groups = plan.steps.iter().filter(|step| step.op.name() == "separable");
        groups.filter_map(|step| step.op.output()).map(|map| map.group).collect()
    };
    let (modelled, halved, doubled) = (rows(Blocks::Modelled), rows(Blocks::Halved), rows(Blocks::Doubled));
    assert_eq!(modelled.len(), 13);
    assert!(modelled[12] == halved[12] && modelled[12] == doubled[12], "its sums have one order");
    for i in 0..12 {
        assert_eq!(halved[i], (modelled[i] / 2).max(1));
        assert!(doubled[i] == modelled[i] * 2 || doubled[i] < modelled[i] * 2 && doubled[i] >= modelled[i]);
    }
    let split = with(Decisions { separable: Choice::Never, ..base.with_depth(5) });
    assert!(split.steps.iter().all(|step| step.op.links().len() <= 1));
}

#[test]
fn every_stage_that_no_kernel_computes_is_named() {
    let mut network = mobilenet_v1(0.25, 32, 10);
    for index in [2, 5] {
        let map = network.stages[index].inputs[0];
        network.maps[map.0 as usize].channels += 1;
    }
    let error = plan(network, &CostModel::default()).unwrap_err();
    let nodes: Vec<_> = error.problems.iter().map(|p| p.node.as_deref()).collect();
    assert!([Some("node3"), Some("node6")].iter().all(|node| nodes.contains(node)), "{nodes:?}");
}

#[test]
fn shapes_that_disagree_are_refused() {
    let network = mobilenet_v1(0.25, 32, 10);
    for map in 0..network.maps.len() {
        for damage in 0..3 {
            let mut network = network.clone();
            let map = &mut network.maps[map];
            match damage {
                0 => map.channels += 1,
                1 => map.height = 0,
                _ => map.width = usize::MAX / 2,
            }
            assert!(plan(network, &CostModel::default()).is_err(), "{damage}");
        }
    }
}

#[test]
fn maps_of_more_than_an_address_space_are_refused() {
    let mut builder = Builder::new(1, 1 << 20, 1 << 20, 3);
    builder.stem(window(3, 1), 8);
    builder.separable(window(3, 1), 8);
    builder.pool();
    let error = plan(builder.network, &CostModel::default()).unwrap_err();
    assert!(error.to_string().contains("2 GiB"), "{error}");
}

#[test]
fn a_dense_layer_over_padding_lanes_is_a_convolution() {
    let mut builder = Builder::new(1, 8, 8, 3);
    builder.stem(window(3, 2), 12);
    builder.dense(5);
    builder.softmax();
    let plan = plan(builder.network, &CostModel::default()).unwrap();
    let names: Vec<_> = plan.steps.iter().map(|step| step.op.name()).collect();
    assert_eq!(names, ["stem", "conv", "softmax", "export"]);
    let stem = plan.links().find(|link| link.source().is_some());
    assert_eq!(stem.map(|link| link.epilogue.activation), Some(RELU6));
}

/// No expanded map of more than a tenth of the largest exists whole, and every sum lies over its operand or says why not.
#[test]
fn v2_keeps_rings_of_its_expanded_maps_and_sums_in_place() {
    for (alpha, most) in [(1.0, 650_000), (0.5, 650_000)] {
        let plan = plan(mobilenet_v2(alpha, 224, 1000), &cost(Choice::Auto)).unwrap();
        assert!(plan.arena_bytes <= most, "{alpha}: {}", plan.arena_bytes);
        let mut sums = 0;
        for step in &plan.steps {
            for pair in step.op.links().windows(2) {
                let expands = pair[0].op == LinkOp::Pointwise && pair[1].op == LinkOp::Depthwise;
                let small = pair[0].output.bytes() < 460_000;
                assert!(!expands || small || !pair[0].output.is_whole(), "{plan}");
            }
            for link in step.op.links().iter().filter(|link| link.epilogue.add.is_some()) {
                sums += 1;
                let in_place = link.epilogue.add == Some(link.output);
                assert!(in_place && link.reason == "sum in place" || link.reason.contains("sum apart"), "{plan}");
            }
        }
        assert_eq!(sums, 10);
        assert_eq!(plan.steps.iter().filter(|step| step.op.name() == "depthwise").count(), 0, "{plan}");
    }
}
