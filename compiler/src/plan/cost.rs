//! What a stage costs on the modelled core, in cycles: enough to rank plans, not to predict times.

use super::{Goal, Map, Packing};

/// Shapes fused and split stages are ranked by. Constants, never the building machine's, so that plans are reproducible.
#[derive(Debug, Clone, PartialEq)]
pub struct CostModel {
    /// First-level data cache, bytes.
    pub l1_bytes: usize,
    /// Second-level cache of one core, bytes.
    pub l2_bytes: usize,
    /// Read bandwidth of the second level, bytes per cycle.
    pub l2_bandwidth: f64,
    /// Read bandwidth of the third level, bytes per cycle.
    pub l3_bandwidth: f64,
    /// Share of a cache's transfer time that arithmetic does not hide.
    pub exposed: f64,
    /// Rows of the pointwise micro-kernel's tile.
    pub tile_rows: usize,
    /// Fewest rows that keep the multipliers busy; a smaller tile costs as much.
    pub busy_rows: usize,
    /// Depthwise mult-adds per cycle.
    pub depthwise_rate: f64,
    /// Cycles to begin a block of rows.
    pub block_overhead: f64,
    /// Cycles to begin a panel in a block.
    pub panel_overhead: f64,
    /// Fused or split separables.
    pub separable: Choice,
    /// Stages depth-first by rows.
    pub stream: Choice,
    /// How many times the cycles of the fastest plan one may take that needs less memory.
    pub tolerance: f64,
    /// What the plan is for.
    pub goal: Goal,
    /// How layers on codes are packed.
    pub packing: Packing,
}

/// Whether the model decides or the caller did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// By cost.
    #[default]
    Auto,
    /// Wherever possible.
    Always,
    /// Nowhere.
    Never,
}

impl Default for CostModel {
    /// A desktop core with AVX2: 32 KiB L1, 512 KiB L2, two 8-wide multiply-adds a cycle.
    fn default() -> Self {
        Self {
            l1_bytes: 32 << 10,
            l2_bytes: 512 << 10,
            l2_bandwidth: 32.0,
            l3_bandwidth: 20.0,
            exposed: 0.25,
            tile_rows: 6,
            busy_rows: 4,
            depthwise_rate: 8.0,
            block_overhead: 200.0,
            panel_overhead: 20.0,
            separable: Choice::Auto,
            stream: Choice::Auto,
            tolerance: 1.005,
            goal: Goal::default(),
            packing: Packing::Any,
        }
    }
}

impl CostModel {
    /// A microcontroller: no caches in front of its memory, of which there is little.
    pub fn microcontroller() -> Self {
        // Far more than there is, so that all of it is near.
        const ALL: usize = 1 << 30;
        Self {
            l1_bytes: ALL,
            l2_bytes: ALL,
            tile_rows: 2,
            busy_rows: 1,
            depthwise_rate: 8.0,
            block_overhead: 40.0,
            panel_overhead: 4.0,
            tolerance: 1.03,
            ..Self::default()
        }
    }
}

/// What the cost of a separable stage depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Rows of the output.
    pub height: usize,
    /// Columns of the output.
    pub width: usize,
    /// Channels of the depthwise half.
    pub k: usize,
    /// Channels of the output.
    pub n: usize,
    /// Taps of the depthwise window; 0 for a pointwise alone.
    pub taps: usize,
    /// Bytes of what the stage computes with.
    pub bytes: usize,
}

impl Shape {
    /// Bytes of an element.
    fn element(&self) -> f64 {
        self.bytes as f64
    }
}

/// Rows per block at most.
const MAX_ROWS: usize = 1024;

impl CostModel {
    /// Cycles of a separable stage in blocks of `rows`.
    pub(super) fn fused(&self, shape: &Shape, rows: usize) -> f64 {
        let full = shape.height / rows;
        let rest = shape.height % rows;
        let mut cycles = full as f64 * self.block(shape, rows);
        if rest > 0 {
            cycles += self.block(shape, rest);
        }
        cycles
    }

    /// Cycles of the same stage as two steps: the depthwise map is written whole and read again.
    pub(super) fn split(&self, shape: &Shape, rows: usize) -> f64 {
        let bytes = shape.height as f64 * shape.width as f64 * shape.k as f64 * shape.element();
        self.fused(shape, rows) + 2.0 * self.exposed * bytes / self.bandwidth(bytes) + self.block_overhead
    }

    /// Cycles to write a map of this many bytes and read it again, through a ring or whole.
    pub(super) fn passed(&self, bytes: usize, kept: usize) -> f64 {
        self.transfer(2.0 * bytes as f64, kept as f64)
    }

    /// Cycles of a stage by rows per block, from 1.
    pub(super) fn by_rows(&self, shape: &Shape) -> Vec<f64> {
        let most = MAX_ROWS.min(shape.height.max(1));
        (1..=most).map(|rows| self.fused(shape, rows)).collect()
    }

    /// Rows per block at most where a stage shares the second-level cache with the rest of a stream.
    pub(super) fn most_stream_rows(&self, shape: &Shape) -> usize {
        self.l2_bytes / 8 / shape.width.saturating_mul(shape.k).saturating_mul(shape.bytes).max(1)
    }

    /// Cycles to write a map and read it again where it does not stay in the second-level cache.
    pub(super) fn spill(&self, bytes: usize) -> f64 {
        if bytes <= self.l2_bytes / 2 { 0.0 } else { 2.0 * bytes as f64 / self.l3_bandwidth }
    }

    /// The same for a map that passes through a ring while `working_set` bytes are in use.
    pub(super) fn stream_spill(&self, map: &Map, working_set: usize) -> f64 {
        let bytes = map.height as f64 * map.width as f64 * map.channels as f64 * map.element.bytes() as f64;
        if working_set <= self.l2_bytes { 0.0 } else { 2.0 * bytes / self.l3_bandwidth }
    }

    /// Rows whose bytes fill about half of the first-level cache.
    pub(super) fn streaming_rows(&self, height: usize, row_bytes: usize) -> usize {
        (self.l1_bytes / 2 / row_bytes.max(1)).clamp(1, height.max(1))
    }

    fn block(&self, shape: &Shape, rows: usize) -> f64 {
        let pixels = rows * shape.width;
        let (k, panels) = (shape.k as f64, shape.n.div_ceil(16) as f64);
        let tiles = pixels.div_ceil(self.tile_rows);
        let busy = pixels.max(tiles * self.busy_rows) as f64;
        let block_bytes = pixels as f64 * k * shape.element();
        let weight_bytes = k * shape.n as f64 * shape.element();
        // A lane of 32 bits multiplies four bytes at a time.
        let arithmetic =
            busy * k * panels * (shape.element() / 4.0) + pixels as f64 * k * shape.taps as f64 / self.depthwise_rate;
        let block_reads = panels * self.transfer(block_bytes, block_bytes);
        let weight_reads = self.transfer(weight_bytes, weight_bytes + block_bytes);
        arithmetic + block_reads + weight_reads + self.block_overhead + panels * self.panel_overhead
    }

    /// Visible cycles to read `bytes` that share a cache with a working set.
    fn transfer(&self, bytes: f64, working_set: f64) -> f64 {
        if working_set <= self.l1_bytes as f64 { 0.0 } else { self.exposed * bytes / self.bandwidth(working_set) }
    }

    /// Half of the second level is left to what streams through it: input rows, output rows, the next weights.
    fn bandwidth(&self, working_set: f64) -> f64 {
        if working_set <= self.l2_bytes as f64 / 2.0 { self.l2_bandwidth } else { self.l3_bandwidth }
    }
}
