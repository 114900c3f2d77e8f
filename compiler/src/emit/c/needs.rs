//! What a plan asks of the kernels, so that only that is emitted.

use super::codes::{self, CodesNeeds};
use super::isa::Isa;
use super::links::Kind;
use super::passes::Pass;
use super::tiles::{Row, Tails};
use crate::graph::Window;
use crate::network::Layout;
use crate::plan::{Codes, ImageSource, Link, LinkOp, Map, Op, Plan, Reads, RowsIn, Source, Target};
use std::collections::BTreeSet;

/// The first convolution with the numbers its loops are spelled with.
#[derive(Debug, Clone)]
pub(super) struct Stem<'a> {
    pub number: usize,
    pub input: ImageSource,
    pub window: Window,
    pub pad_values: &'a [f32],
    pub scratch: usize,
    pub output: Map,
    pub codes: Option<Codes>,
}

/// Kernels, shapes and bounds of one plan.
#[derive(Debug, Default)]
pub(super) struct Needs<'a> {
    pub stems: Vec<Stem<'a>>,
    /// How the input is read by rows, where it can be.
    pub rows_in: Option<RowsIn>,
    /// Of links in chains.
    pub kinds: BTreeSet<Kind>,
    /// Of links that add a map.
    sums: BTreeSet<Kind>,
    /// A link multiplies by a vector.
    pub gate: bool,
    /// Links of the longest chain.
    pub longest: usize,
    /// A chain some link of which reads other groups than the one before it has just written.
    pub runs_ahead: bool,
    /// A mean of a map that is there as a whole.
    pub whole_mean: bool,
    /// A mean in a chain.
    pub mean_by_parts: bool,
    /// What follows the clamping of maps, and of vectors.
    pub map_passes: Vec<Pass>,
    pub vector_passes: Vec<Pass>,
    /// Whether a logarithm, and whether elements are apart.
    pub softmaxes: BTreeSet<(bool, bool)>,
    /// Degrees of norms.
    pub norms: BTreeSet<u32>,
    /// Whether the last of equal ones counts.
    pub arg_maxes: BTreeSet<bool>,
    /// Whether an array becomes float16.
    pub halve: bool,
    pub import: Option<ImageSource>,
    pub exports: BTreeSet<&'static str>,
    pub copy: bool,
    /// Lengths of the outputs of dense layers.
    pub dense: Vec<usize>,
    /// A dense layer writes to the arena.
    pub dense_inside: bool,
    /// Pixels of a block, input channels, output channels.
    pub products: BTreeSet<(usize, usize, usize)>,
    /// Rows of depthwise convolutions that a tile computes, with the widths of a block and of the row.
    pub rows: BTreeSet<(Row, usize, usize)>,
    /// A depthwise convolution that no tile computes.
    pub any_window: bool,
    pub kernel_rows: usize,
    pub tails: Tails,
    pub codes: CodesNeeds,
}

/// Pixels of a map's groups: full ones and the last.
fn group_pixels(map: &Map) -> impl Iterator<Item = usize> {
    let last = map.height - (map.height - 1) / map.group * map.group;
    [map.group.min(map.height) * map.width, last * map.width].into_iter()
}

/// The rows whose tiles compute this window: the middle of each window is inside the map.
pub(super) fn tiled(window: &Window, input: &Map, output: &Map) -> Option<Row> {
    let row = Row { kernel: window.kernel[1], stride: window.stride[1] };
    let left = usize::try_from(window.pads[1]).ok()?;
    let reach = (output.width - 1) * row.stride + row.kernel;
    let fits = left <= row.half() && reach <= input.width + left + row.half();
    let known = matches!(row.kernel, 3 | 5 | 7) && matches!(row.stride, 1 | 2) && window.dilation[1] == 1;
    (fits && known).then_some(row)
}

/// How a layout's functions are called.
pub(super) fn order(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    }
}

impl<'a> Needs<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let mut needs = Needs { rows_in: plan.rows_in().ok(), ..Needs::default() };
        for step in &plan.steps {
            needs.step(&step.op);
        }
        for &(_, k, _) in &needs.products {
            needs.tails.whole |= k >= 16;
            needs.tails.narrow |= (1..=8).contains(&(k % 16));
            needs.tails.wide |= k % 16 > 8;
            needs.tails.odd |= k % 4 != 0;
        }
        needs
    }

    fn step(&mut self, op: &'a Op) {
        match op {
            Op::Chain(chain) => {
                let whole_mean = is_whole_mean(op);
                self.whole_mean |= whole_mean;
                if !whole_mean {
                    self.longest = self.longest.max(chain.links.len());
                }
                self.runs_ahead |= chain.links.iter().skip(1).any(|link| link.op.traits().reads == Reads::Windows);
                for link in &chain.links {
                    self.link(link, whole_mean);
                }
            }
            Op::Dense { n, epilogue, output, .. } => {
                self.dense.push(*n);
                self.dense_inside |= matches!(output, Target::Arena(_));
                self.vector_passes.extend(Pass::behind(epilogue, *n));
            }
            Op::Activate { activation, .. } => self.vector_passes.extend(Pass::activation(*activation)),
            Op::Softmax { inner, log, .. } => {
                self.softmaxes.insert((*log, *inner > 1));
            }
            Op::LpNormalize { p, .. } => {
                self.norms.insert(*p);
            }
            Op::ArgMax { select_last, .. } => {
                self.arg_maxes.insert(*select_last);
            }
            Op::Halve { .. } => self.halve = true,
            Op::Convert { .. } => self.codes.step(op),
            Op::Copy { input: map, .. } | Op::Import { output: map, .. } | Op::Export { input: map, .. }
                if codes::is_codes(map) =>
            {
                self.codes.step(op);
            }
            Op::Copy { .. } => self.copy = true,
            Op::Import { source: Source::Image(image), .. } => self.import = Some(*image),
            Op::Export { layout, .. } => {
                self.exports.insert(order(*layout));
            }
        }
    }

    fn link(&mut self, link: &'a Link, whole_mean: bool) {
        let Link { window, epilogue, output, .. } = link;
        let kind = Kind::of(link, self.stems.len());
        if let (Kind::Codes(kind), Some(codes)) = (kind, &link.codes) {
            self.codes.link(link, codes, kind);
        }
        match (&link.op, &link.input) {
            (LinkOp::Stem { source: Source::Image(input), pad_values, scratch, .. }, _) => {
                let number = self.stems.len();
                let (input, scratch) = (*input, *scratch);
                let (window, output, codes) = (*window, *output, link.codes);
                self.stems.push(Stem { number, input, window, pad_values, scratch, output, codes });
            }
            _ if link.codes.is_some() => {}
            (LinkOp::Depthwise, Some(input)) => self.depthwise(window, input, output),
            (LinkOp::Pointwise, Some(input)) => self.product(output, input.channels),
            (LinkOp::Mean { .. }, _) => {
                self.mean_by_parts |= !whole_mean;
                self.vector_passes.extend(Pass::of_vector(epilogue, output.channels));
            }
            _ => {}
        }
        if !whole_mean {
            self.kinds.insert(kind);
        }
        if kind != Kind::Mean {
            self.map_passes.extend(Pass::behind(epilogue, output.channels));
        }
        self.gate |= epilogue.gate.is_some() && link.codes.is_none();
        if epilogue.add.is_some() {
            self.sums.insert(kind);
        }
    }

    /// The kinds that have a function.
    pub(super) fn functions(&self) -> impl Iterator<Item = Kind> {
        let mean = self.whole_mean && !self.kinds.contains(&Kind::Mean);
        self.kinds.iter().copied().chain(mean.then_some(Kind::Mean))
    }

    /// Whether links of this kind may add a map.
    pub(super) fn adds(&self, kind: Kind) -> bool {
        self.sums.contains(&kind)
    }

    /// Whether any link adds a map.
    pub(super) fn sums(&self) -> bool {
        !self.sums.is_empty()
    }

    /// Whether a link adds to what its own function does not read: a map that is put where its output goes.
    pub(super) fn begins_sums(&self) -> bool {
        self.sums.iter().any(|&kind| !matches!(kind, Kind::Elementwise | Kind::Codes(_)))
    }

    /// All that follows the clamping of values.
    pub(super) fn passes(&self) -> impl Iterator<Item = &Pass> {
        self.map_passes.iter().chain(&self.vector_passes)
    }

    fn product(&mut self, output: &Map, k: usize) {
        self.products.extend(group_pixels(output).map(|pixels| (pixels, k, output.channels)));
    }

    fn depthwise(&mut self, window: &Window, input: &Map, output: &Map) {
        self.kernel_rows = self.kernel_rows.max(window.kernel[0]);
        let Some(row) = tiled(window, input, output) else {
            self.any_window = true;
            return;
        };
        for width in widths(input.channels) {
            self.rows.insert((row, width, output.width));
        }
    }

    /// The condition under which a window is one of these rows.
    pub(super) fn is_row(&self, row: Row) -> String {
        let kernels: BTreeSet<_> = self.rows.iter().map(|(row, ..)| row.kernel).collect();
        let tiled = if self.any_window { "w->tiled && " } else { "" };
        let kernel = if kernels.len() > 1 { format!("w->kernel[1] == {} && ", row.kernel) } else { String::new() };
        format!("{tiled}{kernel}w->stride[1] == {}", row.stride)
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

    /// Pixels of depthwise tiles of a block width.
    pub(super) fn tile_pixels(&self, isa: &Isa, row: Row, width: usize) -> BTreeSet<usize> {
        let uses = self.rows.iter().filter(|(r, w, _)| (*r, *w) == (row, width));
        uses.flat_map(|&(.., pixels)| balanced(pixels, isa.pixels_of(row.kernel))).collect()
    }
}

/// Whether a step is the mean of a map that is there as a whole.
pub(super) fn is_whole_mean(op: &Op) -> bool {
    matches!(op.links(), [Link { op: LinkOp::Mean { .. }, codes: None, .. }])
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
