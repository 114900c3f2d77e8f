//! Links of codes on every instruction set against sums in i64 and the rules of `docs/quantization.md`, code for code.

mod links;
mod refused;

use super::*;

/// `[H][W][C]`
#[derive(Debug, Clone)]
struct Tensor {
    shape: [usize; 3],
    data: Vec<u8>,
}

impl Tensor {
    /// Codes, many of them the smallest or the largest.
    fn random(random: &mut Random, shape: [usize; 3]) -> Self {
        let codes = (0..shape.iter().product()).map(|_| code(random));
        Self { shape, data: codes.collect() }
    }

    fn at(&self, y: usize, x: usize, c: usize) -> u8 {
        self.data[(y * self.shape[1] + x) * self.shape[2] + c]
    }

    /// The code under a tap, or what the border holds.
    fn under(&self, window: &Window, [y, x]: [usize; 2], [i, j]: [usize; 2], c: usize, border: i64) -> i64 {
        let row = (y * window.stride[0] + i * window.dilation[0]).wrapping_sub(window.pad[0]);
        let column = (x * window.stride[1] + j * window.dilation[1]).wrapping_sub(window.pad[1]);
        let inside = row < self.shape[0] && column < self.shape[1];
        if inside { i64::from(self.at(row, column, c)) } else { border }
    }
}

fn code(random: &mut Random) -> u8 {
    match random.within_exactly(0, 3) {
        0 => 0,
        1 => 255,
        _ => random.next() as u8,
    }
}

fn weight(random: &mut Random, most: i32) -> i32 {
    match random.within_exactly(0, 3) {
        0 => most,
        1 => -most - 1,
        _ => random.next() as i32 % (2 * most + 2) - most - 1,
    }
    .clamp(-most - 1, most)
}

/// The rule "store".
fn store(quanta: f32, codes: &Codes) -> u8 {
    let [lo, hi] = [codes.lo, codes.hi].map(|bound| (bound - codes.output.zero) as f32);
    (codes.output.zero + quanta.max(lo).min(hi).round_ties_even() as i32) as u8
}

fn number(code: u8, quant: Quant) -> f32 {
    (i32::from(code) - quant.zero) as f32 * quant.scale
}

fn quant(random: &mut Random) -> Quant {
    let zero = [0, 255, 128, i32::from(random.next() as u8)][random.within_exactly(0, 3)];
    Quant { scale: 0.003 + 0.02 * random.float().abs(), zero }
}

fn codes(random: &mut Random) -> Codes {
    let bounds = [random.next() as u8, random.next() as u8].map(i32::from);
    let [lo, hi] = if random.within_exactly(0, 1) == 0 { [0, 255] } else { bounds };
    let [input, output] = [quant(random), quant(random)];
    let (lo, hi) = (lo.min(hi), lo.max(hi));
    Codes { input, second: Quant::NONE, output, lo, hi, product: 0, extras: 0, table: NONE }
}

impl Layouter {
    fn codes(&mut self, [height, width, channels]: [usize; 3], group: usize) -> Map {
        let offset = self.take(height * width * padded_channels(channels));
        Map { offset, height, width, channels, group, ring: height.div_ceil(group), bytes: 1 }
    }
}

/// Byte address of a code: of a map of floats at this place, a quarter as far.
fn place(map: &Map, y: usize, x: usize, c: usize) -> usize {
    map.offset + address(&Map { offset: 0, ..*map }, y, x, c) / 4
}

fn put(memory: &mut Memory, map: &Map, tensor: &Tensor) {
    for (y, x, c) in places(map) {
        memory.bytes()[place(map, y, x, c)] = tensor.at(y, x, c);
    }
}

fn get(memory: &mut Memory, map: &Map) -> Vec<u8> {
    places(map).map(|(y, x, c)| memory.bytes()[place(map, y, x, c)]).collect()
}

fn places(map: &Map) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let Map { height, width, channels, .. } = *map;
    (0..height * width * channels).map(move |i| (i / channels / width, i / channels % width, i % channels))
}

/// A weight in parts of 8 bits, three of them at most.
fn part(weight: i32, index: usize) -> i32 {
    (0..index).fold(weight, |rest, _| rest - rest.clamp(-128, 127)).clamp(-128, 127)
}

/// The bytes of the packed blob of a test.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn section(&mut self) -> usize {
        self.0.resize(self.0.len().next_multiple_of(64), 0);
        self.0.len()
    }

    /// Appends panels of sums of `weights[n][quad * 4 + lane]`, which may need 9 bits, and returns their offset and the extras.
    fn sums(&mut self, weights: &[Vec<i32>], bias: &[i32], multiplier: &[f32]) -> (usize, usize) {
        let at = self.section();
        let quads = weights[0].len() / 4;
        let needs = |rows: &[Vec<i32>], q: usize, index: usize| {
            rows.iter().any(|row| row[4 * q..][..4].iter().any(|&w| part(w, index) != 0))
        };
        let listed = |rows: &[Vec<i32>]| -> Vec<(usize, usize)> {
            let all = (1..3).flat_map(|index| (0..quads).map(move |q| (q, index)));
            all.filter(|&(q, index)| needs(rows, q, index)).collect()
        };
        let extras = weights.chunks(16).map(|rows| listed(rows).len()).max().unwrap_or(0);
        for (p, rows) in weights.chunks(16).enumerate() {
            let row = |c: usize| rows.get(c).cloned().unwrap_or(std::vec![0; quads * 4]);
            let of = |c: usize| bias.get(p * 16 + c).copied().unwrap_or(0);
            let sum = |c: usize| row(c).iter().sum::<i32>();
            let negative = |c: usize| row(c).iter().map(|&w| w.min(0)).sum::<i32>();
            let signed = |c: usize| of(c).wrapping_add(128i32.wrapping_mul(sum(c)));
            (0..16).for_each(|c| self.0.extend(of(c).to_le_bytes()));
            (0..16).for_each(|c| self.0.extend(signed(c).to_le_bytes()));
            (0..16).for_each(|c| self.0.extend(signed(c).wrapping_sub(negative(c)).to_le_bytes()));
            (0..16).for_each(|c| self.0.extend(multiplier.get(p * 16 + c).copied().unwrap_or(0.0).to_le_bytes()));
            let mut quad = |q: usize, index: usize| {
                for c in 0..16 {
                    self.0.extend(row(c)[4 * q..][..4].iter().map(|&w| part(w, index) as i8 as u8));
                }
            };
            (0..quads).for_each(|q| quad(q, 0));
            // A fourth part of any weight is nothing.
            let mut listed = listed(rows);
            listed.resize(extras, (0, 3));
            listed.iter().for_each(|&(q, index)| quad(q, index));
            listed.iter().for_each(|&(q, _)| self.0.extend((q as u16).to_le_bytes()));
            self.section();
        }
        (at, extras)
    }

    /// Appends panels of depthwise filters `weights[c][taps]`, which may need 9 bits, and returns their offset and the extras.
    fn filters(&mut self, weights: &[Vec<i32>], bias: &[i32], multiplier: &[f32]) -> (usize, usize) {
        let at = self.section();
        let nine = weights.iter().flatten().any(|w| !(-128..128).contains(w));
        let rounds = if nine { 3 } else { 1 };
        for first in (0..weights.len()).step_by(16) {
            let of = |c: usize, tap: usize| weights.get(c).and_then(|row| row.get(tap)).copied().unwrap_or(0);
            let lanes = first..first + 16;
            lanes.clone().for_each(|c| self.0.extend(bias.get(c).copied().unwrap_or(0).to_le_bytes()));
            lanes.clone().for_each(|c| self.0.extend(multiplier.get(c).copied().unwrap_or(0.0).to_le_bytes()));
            for round in 0..rounds {
                for tap in (0..weights[0].len()).step_by(2) {
                    for c in lanes.clone() {
                        self.0.push(part(of(c, tap), round) as i8 as u8);
                        self.0.push(part(of(c, tap + 1), round) as i8 as u8);
                    }
                }
            }
        }
        (at, rounds - 1)
    }

    fn leak(self) -> &'static [u8] {
        let mut memory = Memory::new(self.0.len());
        memory.bytes()[..self.0.len()].copy_from_slice(&self.0);
        Box::leak(Box::new(memory)).bytes()
    }
}

/// Requantisation of every remainder and of ties, by each kernel's own spelling: a pointwise link of one channel whose weight is 1 and
/// whose bias is the accumulator.
#[test]
fn accumulators_are_rounded_half_to_even() {
    let edges = [i32::MIN, i32::MIN + 1, -(1 << 24) - 1, (1 << 24) + 1, (1 << 25) + 3, i32::MAX - 255, i32::MAX];
    let near = if cfg!(miri) { -40..=40 } else { -1100..=1100 };
    let accumulators: Vec<i32> = near.chain(edges).collect();
    let multipliers = [0.5f32, 0.25, 1.0, 0.333, 1e-7, 1e-3, 2.5, 1e10, -0.5, f32::INFINITY, f32::NAN];
    for (index, &m) in multipliers.iter().enumerate() {
        let zero = [0, 128, 255, 7][index % 4];
        let out = Quant { scale: 1.0, zero };
        let [lo, hi] = [[0, 255], [zero, 255], [3, 250]][index % 3];
        let input = Quant { scale: 1.0, zero: 0 };
        let codes = Codes { input, second: Quant::NONE, output: out, lo, hi, product: 0, extras: 0, table: NONE };
        let mut blob = Bytes::default();
        let n = accumulators.len();
        let (weights, _) = blob.sums(&std::vec![std::vec![0; 8]; n], &accumulators, &std::vec![m; n]);
        let mut layout = Layouter::default();
        let (from, to) = (layout.codes([1, 1, 8], 1), layout.codes([1, 1, n], 1));
        let codes = Box::leak(Box::new(codes));
        let links = [link(LinkKind::Pointwise, from, Window::ONE, weights, to, codes)];
        let mut memory = Memory::new(layout.end);
        put(&mut memory, &from, &Tensor { shape: [1, 1, 8], data: std::vec![9; 8] });
        let want: Vec<u8> = accumulators.iter().map(|&a| store(a as f32 * m, codes)).collect();
        on(
            every(),
            &memory,
            blob.leak(),
            &[to.extent()],
            |run| run.chain(None, &links, Image::F32(Pixels::Whole(&[])), None),
            |isa, memory| {
                assert_eq!(get(memory, &to), want, "{} times {m}", isa.name);
            },
        );
    }
}

fn link(kind: LinkKind, input: Map, window: Window, weights: usize, output: Map, codes: &'static Codes) -> Link {
    let epilogue = Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY);
    Link { kind, groups: 1, input, window, weights, epilogue, output, codes: Some(codes) }
}
