//! What a plan says it needs is what its kernels get: the arena, and 64 KiB of stack (which every program of these tests
//! runs on).

use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::plan::{Choice, CostModel, Map, Op, Plan, Target, padded_channels};
use mobilenet_tests::case::Case;
use mobilenet_tests::random::draw;
use mobilenet_tests::shared::float_models;
use mobilenet_tests::{draft, small};
use std::ops::Range;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("memory::fused_stages_hold_their_planned_rows", || {
            for seed in 0..64 {
                let plan = Case::authored("net", &draft::author(&draw(seed)), &CostModel::default())?.plan;
                sums(&plan).map_err(|message| format!("seed {seed}: {message}\n{plan}"))?;
            }
            for (name, author) in small::all() {
                let plan = Case::authored(name, &author, &CostModel::default())?.plan;
                sums(&plan).map_err(|message| format!("{name}: {message}\n{plan}"))?;
            }
            Ok(())
        }),
        trial("memory::real_models_hold_their_planned_rows", || {
            for model in float_models().map_err(Stop::Absent)? {
                let plan = Case::read("net", &model.path)?.plan;
                sums(&plan).map_err(|message| format!("{}: {message}\n{plan}", model.name))?;
            }
            Ok(())
        }),
        trial("memory::the_headline_model_keeps_its_budget", budget),
    ]
}

/// Bytes of a block of rows: nothing else of a fused stage is in memory between its halves.
fn block_bytes(map: &Map) -> usize {
    padded_channels(map.channels) * map.group * map.width * 4
}

fn sums(plan: &Plan) -> Result<(), String> {
    let mut end = 0;
    for step in &plan.steps {
        let links = step.op.links();
        for (i, link) in links.iter().enumerate() {
            let (output, scratch) = (link.output.range(), link.scratch().unwrap_or(0..0));
            if i + 1 < links.len() && link.output.ring == 1 && output.len() != block_bytes(&link.output) {
                return Err(format!("{} bytes for a block of {} rows", output.len(), link.output.group));
            }
            let maps = [link.input.as_ref().map_or(0..0, Map::range), output];
            if maps.iter().any(|map| overlap(map, &scratch)) {
                return Err(format!("the rows at {scratch:?} share bytes with {maps:?}"));
            }
            let whole = if let Some(Target::Output { .. }) = link.target() { &maps[..1] } else { &maps[..] };
            end = whole.iter().chain([&scratch]).map(|range| range.end).fold(end, usize::max);
        }
        let vectors = match step.op {
            Op::Dense { input, k, .. } => input + k * 4,
            _ => 0,
        };
        end = end.max(vectors);
    }
    if end <= plan.arena_bytes && plan.arena_bytes <= end.next_multiple_of(64) {
        Ok(())
    } else {
        Err(format!("an arena of {} bytes, of which {end} are used", plan.arena_bytes))
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// 1.0-224 within 3.4 MB with whole stages, 2.0 MB with its early stages streamed.
fn budget() -> Result<(), Stop> {
    let models = float_models().map_err(Stop::Absent)?;
    let model = models.iter().find(|model| model.name.contains("a100_224")).ok_or("no 1.0-224 model".to_owned())?;
    for (stream, megabytes) in [(Choice::Never, 3.4), (Choice::Always, 2.0)] {
        let plan = Case::read_with("net", &model.path, &CostModel { stream, ..CostModel::default() })?.plan;
        if plan.arena_bytes as f64 > megabytes * 1e6 {
            return Err(Stop::Failed(format!("{stream:?} streamed: {} bytes of arena\n{plan}", plan.arena_bytes)));
        }
    }
    Ok(())
}
