//! What a plan asks of the kernels, so that only that is emitted.

use super::isa::Isa;
use super::tiles::Tails;
use crate::graph::Window;
use crate::plan::{Kernel, Map, Plan, Source, Target};
use std::collections::BTreeSet;

/// The first convolution with the numbers its loops are spelled with.
#[derive(Debug, Clone)]
pub(super) struct Stem<'a> {
    pub input: Source,
    pub window: Window,
    pub pad_values: &'a [f32],
    pub output: Map,
}

/// Kernels, shapes and bounds of one plan.
#[derive(Debug, Default)]
pub(super) struct Needs<'a> {
    pub stems: Vec<Stem<'a>>,
    /// A stem outside a stream.
    pub stem_alone: bool,
    pub separable: bool,
    /// A separable outside a stream.
    pub separable_alone: bool,
    pub depthwise: bool,
    pub pointwise: bool,
    pub conv: bool,
    pub pool: bool,
    pub softmax: bool,
    pub log_softmax: bool,
    pub stream: bool,
    pub import: Option<Source>,
    pub export: Option<(Map, crate::network::Layout)>,
    pub dense: Vec<usize>,
    /// Pixels of a block, input channels, output channels.
    pub products: BTreeSet<(usize, usize, usize)>,
    /// Rows of depthwise convolutions that a 3 wide tile computes: stride, block width, row width.
    pub rows: BTreeSet<(usize, usize, usize)>,
    /// A depthwise convolution that no tile computes.
    pub any_window: bool,
    pub kernel_rows: usize,
    pub tails: Tails,
}

/// Pixels of a map's groups: full ones and the last.
fn group_pixels(map: &Map) -> impl Iterator<Item = usize> {
    let last = map.height - (map.height - 1) / map.group * map.group;
    [map.group.min(map.height) * map.width, last * map.width].into_iter()
}

/// Whether the 3 wide tiles compute this window.
pub(super) fn is_tiled(window: &Window, input: &Map, output: &Map) -> bool {
    let [_, left, ..] = window.pads;
    let reach = (output.width - 1) * window.stride[1] + 3;
    window.kernel[1] == 3
        && window.dilation[1] == 1
        && matches!(window.stride[1], 1 | 2)
        && (0..=1).contains(&left)
        && reach <= input.width + left as usize + 1
}

impl<'a> Needs<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let mut needs = Needs::default();
        for step in &plan.steps {
            match &step.kernel {
                Kernel::Stem { .. } => needs.stem_alone = true,
                Kernel::Separable { .. } => needs.separable_alone = true,
                Kernel::Stream { .. } => needs.stream = true,
                _ => {}
            }
        }
        for step in plan.flat_steps() {
            needs.add(&step.kernel);
        }
        for &(_, k, _) in &needs.products {
            needs.tails.whole |= k >= 16;
            needs.tails.narrow |= (1..=8).contains(&(k % 16));
            needs.tails.wide |= k % 16 > 8;
            needs.tails.odd |= k % 4 != 0;
        }
        needs
    }

    fn add(&mut self, kernel: &'a Kernel) {
        match kernel {
            Kernel::Stem { input, window, pad_values, output, .. } => {
                self.stems.push(Stem { input: *input, window: *window, pad_values, output: *output });
            }
            Kernel::Separable { input, window, output, .. } => {
                self.separable = true;
                self.depthwise(window, input, output);
                self.product(output, input.channels);
            }
            Kernel::Depthwise { input, window, output, .. } => {
                self.depthwise = true;
                self.depthwise(window, input, output);
            }
            Kernel::Pointwise { input, output, .. } => {
                self.pointwise = true;
                self.product(output, input.channels);
            }
            Kernel::Conv { .. } => self.conv = true,
            Kernel::GlobalAveragePool { .. } => self.pool = true,
            Kernel::Dense { n, .. } => self.dense.push(*n),
            Kernel::Softmax { log, .. } => {
                self.softmax |= !log;
                self.log_softmax |= log;
            }
            Kernel::Import { input, .. } => self.import = Some(*input),
            Kernel::Export { input, layout } => self.export = Some((*input, *layout)),
            Kernel::Stream { .. } => {}
        }
    }

    fn product(&mut self, output: &Map, k: usize) {
        self.products.extend(group_pixels(output).map(|pixels| (pixels, k, output.channels)));
    }

    fn depthwise(&mut self, window: &Window, input: &Map, output: &Map) {
        self.kernel_rows = self.kernel_rows.max(window.kernel[0]);
        if !is_tiled(window, input, output) {
            self.any_window = true;
            return;
        }
        for width in widths(input.channels) {
            self.rows.insert((window.stride[1], width, output.width));
        }
    }

    /// Output rows of a depthwise convolution whose input rows are looked up at a time: few, for the stack's sake.
    pub(super) fn chunk(&self) -> usize {
        (32 / self.kernel_rows.max(1)).clamp(1, 8)
    }

    /// Heights of pointwise tiles of a width.
    pub(super) fn tile_rows(&self, isa: &Isa, width: usize) -> BTreeSet<usize> {
        let uses = self.products.iter().filter(|(_, _, n)| panels(isa, *n)[index(width)]);
        uses.flat_map(|&(pixels, ..)| balanced(pixels, isa.rows(width))).collect()
    }

    /// Pixels of depthwise tiles of a stride and block width.
    pub(super) fn tile_pixels(&self, isa: &Isa, stride: usize, width: usize) -> BTreeSet<usize> {
        let uses = self.rows.iter().filter(|(s, w, _)| (*s, *w) == (stride, width));
        uses.flat_map(|&(.., pixels)| balanced(pixels, isa.pixels)).collect()
    }
}

impl Stem<'_> {
    /// Heights of tiles of a width.
    pub(super) fn tile_rows(&self, isa: &Isa, width: usize) -> BTreeSet<usize> {
        if widths(self.output.channels).any(|w| w == width) {
            balanced(self.output.width, isa.rows(width)).collect()
        } else {
            BTreeSet::new()
        }
    }
}

/// Widths of the blocks of so many channels.
fn widths(channels: usize) -> impl Iterator<Item = usize> {
    let rest = channels % 16;
    let narrow = (1..=8).contains(&rest);
    [(channels >= 16 || rest > 8).then_some(16), narrow.then_some(8)].into_iter().flatten()
}

/// Whether n output channels use panels 8, 16 and 2 x 16 wide.
fn panels(isa: &Isa, n: usize) -> [bool; 3] {
    let full = n / 16 + usize::from(n % 16 > 8);
    let pairs = if isa.rows32 > 0 { full / 2 } else { 0 };
    [(1..=8).contains(&(n % 16)), full > 2 * pairs, pairs > 0]
}

fn index(width: usize) -> usize {
    match width {
        8 => 0,
        16 => 1,
        _ => 2,
    }
}

/// The sizes of `count` split evenly into parts of at most `most`.
fn balanced(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let parts = count.div_ceil(most).max(1);
    let (size, larger) = (count / parts, count % parts);
    [Some(size), (larger > 0).then_some(size + 1)].into_iter().flatten()
}

/// Where a vector lives, as an expression of floats.
pub(super) fn target(target: Target) -> String {
    match target {
        Target::Arena(offset) => format!("arena + {}", offset / 4),
        Target::Output => "output".into(),
    }
}
