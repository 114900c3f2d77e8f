//! Each kernel of the runtime alone, on warm data, at the shapes of 1.0-224: `cargo bench --manifest-path benches/Cargo.toml`.
//! Items are mult-adds, so that divan's Gitem/s are GMAC/s. `MOBILENET_ISA` chooses the instruction set.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobilenet_runtime::rt::{Aligned, Chain, Dense, Epilogue, Layout, Link, LinkKind, Map, Run, Source, Stem, Window};

const RELU6: Epilogue = Epilogue::clamp(0.0, 6.0);

fn main() {
    println!("{}", mobilenet_runtime::rt::isa());
    divan::main();
}

/// A cache line of floats.
type Line = Aligned<[f32; 16]>;

/// Lines that hold `floats` small numbers.
fn lines(floats: usize) -> Vec<Line> {
    let value = |i: usize| (i * 37 % 101) as f32 / 1010.0 - 0.05;
    (0..floats.div_ceil(16)).map(|line| Aligned(std::array::from_fn(|lane| value(line * 16 + lane)))).collect()
}

fn bytes(lines: &mut [Line]) -> &mut [u8] {
    let len = size_of_val(lines);
    // SAFETY: lines are floats without gaps, and any bytes are floats.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) }
}

/// Weights for as long as the process lives, and an arena.
struct Memory {
    weights: &'static [u8],
    arena: Vec<Line>,
}

impl Memory {
    fn new(weights: usize, arena: usize) -> Self {
        Self { weights: bytes(lines(weights).leak()), arena: lines(arena) }
    }

    fn run(&mut self) -> Run<'_> {
        Run::new(self.weights, bytes(&mut self.arena))
    }
}

/// A square map of whole rows in groups of `group`, at a number of floats in the arena.
fn map(at: usize, size: usize, channels: usize, group: usize) -> Map {
    Map { offset: at * 4, height: size, width: size, channels, group, ring: size.div_ceil(group), bytes: 4 }
}

fn window(stride: usize) -> Window {
    Window { kernel: [3; 2], stride: [stride; 2], dilation: [1; 2], pad: [if stride == 1 { 1 } else { 0 }; 2] }
}

/// One link with its weights at the start of the blob.
fn chain(kind: LinkKind, input: Map, window: Window, output: Map) -> Chain {
    let link = Link { kind, groups: 1, input, window, weights: 0, epilogue: RELU6, output, codes: None };
    Chain { stem: None, links: vec![link].leak() }
}

/// Size, channels in and out, rows per block.
const POINTWISE: [(usize, usize, usize, usize); 9] = [
    (112, 32, 64, 4),
    (56, 64, 128, 4),
    (56, 128, 128, 4),
    (28, 128, 256, 7),
    (28, 256, 256, 7),
    (14, 256, 512, 7),
    (14, 512, 512, 7),
    (7, 512, 1024, 7),
    (7, 1024, 1024, 7),
];

#[divan::bench(args = POINTWISE)]
fn pointwise(bencher: Bencher, (size, k, n, rows): (usize, usize, usize, usize)) {
    let (input, output) = (map(0, size, k, rows), map(size * size * k, size, n, rows));
    let stage = chain(LinkKind::Pointwise, input, Window::ONE, output);
    let mut memory = Memory::new(n * (1 + k), size * size * (k + n));
    let mut run = memory.run();
    bencher.counter(ItemsCount::new(size * size * k * n)).bench_local(|| run.chain_f32(black_box(&stage), &[]));
}

/// Size of the output, channels, stride.
const DEPTHWISE: [(usize, usize, usize); 9] = [
    (112, 32, 1),
    (56, 64, 2),
    (56, 128, 1),
    (28, 128, 2),
    (28, 256, 1),
    (14, 256, 2),
    (14, 512, 1),
    (7, 512, 2),
    (7, 1024, 1),
];

#[divan::bench(args = DEPTHWISE)]
fn depthwise(bencher: Bencher, (size, channels, stride): (usize, usize, usize)) {
    let (from, floats) = (size * stride, size * size * stride * stride * channels);
    let (input, output) = (map(0, from, channels, from), map(floats, size, channels, size));
    let stage = chain(LinkKind::Depthwise, input, window(stride), output);
    let mut memory = Memory::new(channels * 10, floats + size * size * channels);
    let mut run = memory.run();
    bencher.counter(ItemsCount::new(size * size * channels * 9)).bench_local(|| run.chain_f32(black_box(&stage), &[]));
}

#[divan::bench(args = [Layout::Nchw, Layout::Nhwc])]
fn stem(bencher: Bencher, layout: Layout) {
    let (size, n) = (112, 32);
    let scratch = size * size * n;
    let stem = Stem {
        input: Source { height: 224, width: 224, channels: 3, layout },
        window: window(2),
        weights: 0,
        pad_values: &[0.0; 3],
        epilogue: RELU6,
        output: map(0, size, n, 4),
        scratch: scratch * 4,
        codes: None,
    };
    let stage = Chain { stem: Some(stem), links: &[] };
    let mut memory = Memory::new(n * 28, scratch + 4 * 3 * 240);
    let image = vec![0.5_f32; 224 * 224 * 3];
    let mut run = memory.run();
    bencher.counter(ItemsCount::new(size * size * n * 27)).bench_local(|| run.chain_f32(black_box(&stage), &image));
}

#[divan::bench]
fn dense(bencher: Bencher) {
    let (k, n) = (1024, 1000);
    let stage = Dense { input: 0, k, n, weights: 0, epilogue: Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY) };
    let mut memory = Memory::new(n.next_multiple_of(16) * (1 + k), k);
    let mut output = vec![0.0; n];
    let mut run = memory.run();
    bencher.counter(ItemsCount::new(k * n)).bench_local(|| run.dense_out(black_box(&stage), &mut output));
}
