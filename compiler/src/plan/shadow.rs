//! Plays a plan on a shadow of the arena that knows, element by element, which value was written last: every element
//! a step reads must hold the value it expects. Addresses are computed here anew, from the documented layout.

use super::testing::{Random, mobilenet_v1, random_network};
use super::{Choice, CostModel, Kernel, Map, Plan, Step, Target, plan, stem_scratch_bytes};
use crate::graph::Window;

/// Which value: of which producer, which element.
type Tag = (u32, u32);

struct Shadow {
    words: Vec<Option<Tag>>,
    /// Producers so far.
    values: u32,
}

/// The maps that hold a producer's values, by offset.
struct Live {
    map: Map,
    value: u32,
}

impl Shadow {
    fn new(arena_bytes: usize) -> Self {
        Self { words: vec![None; arena_bytes / 4], values: 0 }
    }

    fn fresh(&mut self) -> u32 {
        self.values += 1;
        self.values
    }

    fn write(&mut self, word: usize, tag: Tag) {
        assert!(word < self.words.len(), "write past the arena");
        self.words[word] = Some(tag);
    }

    fn read(&self, word: usize, tag: Tag, what: &str) {
        assert_eq!(self.words[word], Some(tag), "{what}: word {word}");
    }

    /// All words of row `y`, real channels only when reading.
    fn row(map: &Map, y: usize, padding: bool, mut each: impl FnMut(usize, u32)) {
        let padded = map.channels.div_ceil(8) * 8;
        let q = y / map.group;
        let rows = map.group.min(map.height - q * map.group);
        let base = map.offset / 4 + q % map.ring * map.group * map.width * padded;
        let channels = if padding { padded } else { map.channels };
        for x in 0..map.width {
            let pixel = (y - q * map.group) * map.width + x;
            for c in 0..channels {
                let block = c / 16;
                let wide = (padded - block * 16).min(16);
                let word = base + block * 16 * rows * map.width + pixel * wide + c % 16;
                each(word, ((y * map.width + x) * padded + c) as u32);
            }
        }
    }

    fn write_rows(&mut self, map: &Map, value: u32, rows: std::ops::Range<usize>) {
        for y in rows {
            Self::row(map, y, true, |word, element| self.write(word, (value, element)));
        }
    }

    fn read_rows(&self, live: &Live, rows: std::ops::Range<usize>, what: &str) {
        for y in rows {
            Self::row(&live.map, y, false, |word, element| self.read(word, (live.value, element), what));
        }
    }

    fn fill(&mut self, offset: usize, bytes: usize, value: u32) {
        assert!(offset.is_multiple_of(64));
        for word in 0..bytes / 4 {
            self.write(offset / 4 + word, (value, word as u32));
        }
    }

    fn expect(&self, offset: usize, bytes: usize, value: u32, what: &str) {
        for word in 0..bytes / 4 {
            self.read(offset / 4 + word, (value, word as u32), what);
        }
    }
}

/// Input rows under the window of output rows, inside the map.
fn under(window: &Window, rows: &std::ops::Range<usize>, height: usize) -> std::ops::Range<usize> {
    let pad = window.pads[0] as usize;
    let low = (rows.start * window.stride[0]).saturating_sub(pad);
    let high = (rows.end - 1) * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
    low.min(height)..high.saturating_sub(pad).min(height)
}

fn blocks(map: &Map) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
    let Map { height, group, .. } = *map;
    (0..height).step_by(group).map(move |y| y..(y + group).min(height))
}

/// Plays all steps.
pub(super) fn play(plan: &Plan) {
    let mut shadow = Shadow::new(plan.arena_bytes);
    let mut live: Option<Live> = None;
    for (i, step) in plan.steps.iter().enumerate() {
        let what = format!("step {i} ({})", step.kernel.name());
        let reading = |map: &Map| {
            let live = live.as_ref().expect("a map was written");
            assert_eq!(live.map, *map, "{what} reads the map written last");
            assert!(map.is_whole());
            Live { map: *map, value: live.value }
        };
        match &step.kernel {
            Kernel::Stem { input, window, output, scratch, .. } => {
                let value = shadow.fresh();
                let staging = stem_scratch_bytes(input.channels, window, output.width).unwrap();
                for rows in blocks(output) {
                    let staged = shadow.fresh();
                    shadow.fill(*scratch, staging, staged);
                    shadow.write_rows(output, value, rows);
                    shadow.expect(*scratch, staging, staged, &what);
                }
                live = Some(Live { map: *output, value });
            }
            Kernel::Separable { input, window, output, scratch, .. } => {
                let from = reading(input);
                let value = shadow.fresh();
                for rows in blocks(output) {
                    separable(&mut shadow, &from, window, output, *scratch, value, rows, &what);
                }
                live = Some(Live { map: *output, value });
            }
            Kernel::Depthwise { input, window, output, .. } | Kernel::Conv { input, window, output, .. } => {
                let from = reading(input);
                let value = shadow.fresh();
                for rows in blocks(output) {
                    let needed = under(window, &rows, input.height);
                    // The block's own writes may not spoil what it reads, whatever their order.
                    shadow.write_rows(output, value, rows);
                    shadow.read_rows(&from, needed, &what);
                }
                live = Some(Live { map: *output, value });
            }
            Kernel::Pointwise { input, output, .. } => {
                assert_eq!(input.group, output.group);
                let from = reading(input);
                let value = shadow.fresh();
                for rows in blocks(output) {
                    shadow.write_rows(output, value, rows.clone());
                    shadow.read_rows(&from, rows, &what);
                }
                live = Some(Live { map: *output, value });
            }
            Kernel::GlobalAveragePool { input, output } => {
                let from = reading(input);
                let next = vector(&mut shadow, output, input.channels);
                shadow.read_rows(&from, 0..input.height, &what);
                live = next;
            }
            Kernel::Dense { input, k, n, output, .. } => {
                let from = live.take().expect("something was written");
                assert_eq!((from.map.offset, from.map.bytes().div_ceil(32)), (*input, (k * 4).div_ceil(32)));
                let next = vector(&mut shadow, output, *n);
                shadow.read_rows(&from, 0..from.map.height, &what);
                live = next;
            }
            Kernel::Softmax { at, n, .. } => match (at, &live) {
                (Target::Arena(offset), Some(from)) => {
                    assert_eq!((from.map.offset, from.map.channels), (*offset, *n));
                    shadow.read_rows(from, 0..1, &what);
                }
                (Target::Output, None) => {}
                _ => panic!("{what}: the vector is elsewhere"),
            },
            Kernel::Export { input, .. } => shadow.read_rows(&reading(input), 0..input.height, &what),
            Kernel::Import { output, .. } => {
                let value = shadow.fresh();
                shadow.write_rows(output, value, 0..output.height);
                live = Some(Live { map: *output, value });
            }
            Kernel::Stream { steps } => live = Some(stream(&mut shadow, steps, &what)),
        }
    }
}

/// Writes a vector: a map of one pixel, unless it goes to the caller.
fn vector(shadow: &mut Shadow, target: &Target, n: usize) -> Option<Live> {
    let Target::Arena(offset) = *target else { return None };
    let map = Map { offset, height: 1, width: 1, channels: n, group: 1, ring: 1 };
    let value = shadow.fresh();
    shadow.write_rows(&map, value, 0..1);
    Some(Live { map, value })
}

#[expect(clippy::too_many_arguments, reason = "one block of one kernel")]
fn separable(
    shadow: &mut Shadow,
    from: &Live,
    window: &Window,
    output: &Map,
    scratch: usize,
    value: u32,
    rows: std::ops::Range<usize>,
    what: &str,
) {
    let bytes = rows.len() * output.width * from.map.channels.div_ceil(8) * 32;
    let block = shadow.fresh();
    shadow.fill(scratch, bytes, block);
    shadow.read_rows(from, under(window, &rows, from.map.height), what);
    shadow.write_rows(output, value, rows);
    shadow.expect(scratch, bytes, block, what);
}

/// Recursion as the runtime does it: each block first asks its input's producer for the rows it needs.
fn stream(shadow: &mut Shadow, steps: &[Step], what: &str) -> Live {
    let values: Vec<u32> = steps.iter().map(|_| shadow.fresh()).collect();
    let mut done = vec![0; steps.len()];
    let last = steps.len() - 1;
    let output = *steps[last].kernel.output().unwrap();
    for _ in blocks(&output) {
        next_block(shadow, steps, &values, &mut done, last, what);
    }
    assert!(output.is_whole());
    Live { map: output, value: values[last] }
}

fn next_block(shadow: &mut Shadow, steps: &[Step], values: &[u32], done: &mut [usize], i: usize, what: &str) {
    let output = *steps[i].kernel.output().unwrap();
    let rows = done[i]..(done[i] + output.group).min(output.height);
    match &steps[i].kernel {
        Kernel::Stem { input, window, scratch, .. } => {
            let staging = stem_scratch_bytes(input.channels, window, output.width).unwrap();
            if done[i] == 0 {
                shadow.fill(*scratch, staging, values[i]);
            }
            shadow.write_rows(&output, values[i], rows.clone());
            shadow.expect(*scratch, staging, values[i], what);
        }
        Kernel::Separable { input, window, scratch, .. } => {
            let needed = under(window, &rows, input.height);
            while done[i - 1] < needed.end {
                next_block(shadow, steps, values, done, i - 1, what);
            }
            let from = Live { map: *input, value: values[i - 1] };
            assert_eq!(*steps[i - 1].kernel.output().unwrap(), *input);
            separable(shadow, &from, window, &output, *scratch, values[i], rows.clone(), what);
        }
        other => panic!("{} in a stream", other.name()),
    }
    done[i] = rows.end;
}

fn models() -> [CostModel; 3] {
    let base = CostModel::default();
    [
        CostModel { l1_bytes: 512, l2_bytes: 4096, stream: Choice::Always, ..base.clone() },
        CostModel { l1_bytes: 2048, l2_bytes: 1 << 16, stream: Choice::Never, ..base.clone() },
        CostModel { l1_bytes: 1024, l2_bytes: 1 << 14, separable: Choice::Never, ..base },
    ]
}

#[test]
fn no_live_value_is_overwritten() {
    let mut overlapping = 0;
    let mut planned = 0;
    for seed in 0..600 {
        let network = random_network(seed);
        for (m, model) in models().iter().enumerate() {
            let plan = match plan(network.clone(), model) {
                Ok(plan) => plan,
                Err(error) => panic!("seed {seed}: {error}"),
            };
            println!("seed {seed} model {m}\n{plan}");
            play(&plan);
            planned += 1;
            overlapping += plan.to_string().matches("over its input").count();
        }
    }
    assert!(planned == 1800 && overlapping > 1000, "{overlapping} overlaps in {planned} plans");
}

#[test]
fn no_live_value_of_a_mobilenet_is_overwritten() {
    let mut random = Random(3);
    for _ in 0..6 {
        let alpha = [0.25, 0.5, 0.75][random.within(0, 2)];
        let resolution = random.within(32, 96);
        for choice in [Choice::Auto, Choice::Always, Choice::Never] {
            let cost = CostModel { l1_bytes: 1 << 12, l2_bytes: 1 << 15, stream: choice, ..CostModel::default() };
            play(&plan(mobilenet_v1(alpha, resolution, 10), &cost).unwrap());
        }
    }
}
