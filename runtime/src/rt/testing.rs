//! Every kernel on every instruction set of this machine against naive loops in f64.

mod chains;
mod codes;
mod dense;
mod naive;
mod rows;
mod spatial;
mod stages;
mod streams;

use super::image::{Image, Pixels};
use super::isa;
use super::kernel::{Kernels, padded_channels};
use super::*;
use naive::Tensor;
use stages::{Separable, Stage, Stream};
use std::boxed::Box;
use std::vec::Vec;

/// Rounds of random shapes per test.
const ROUNDS: usize = if cfg!(miri) { 4 } else { 300 };

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A size in `low..=high`, for Miri a small one.
    fn within(&mut self, low: usize, high: usize) -> usize {
        self.within_exactly(low, if cfg!(miri) { low + (high - low).div_ceil(4) } else { high })
    }

    /// A number in `low..=high`.
    fn within_exactly(&mut self, low: usize, high: usize) -> usize {
        low + self.next() as usize % (high - low + 1)
    }

    /// A float in `-1.0..1.0`.
    fn float(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 31) as f32 - 1.0
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    fn tensor(&mut self, height: usize, width: usize, channels: usize) -> Tensor {
        Tensor { height, width, channels, data: self.floats(height * width * channels) }
    }

    fn clamp(&mut self) -> Clamp {
        match self.within(0, 2) {
            0 => Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY },
            1 => Clamp { lo: 0.0, hi: f32::INFINITY },
            _ => Clamp { lo: 0.0, hi: 1.5 },
        }
    }
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

/// 64-byte aligned memory, filled with NaN so that a stray read shows.
struct Memory(Vec<Line>);

impl Memory {
    fn new(bytes: usize) -> Self {
        Self(std::vec![Line { _bytes: [0xff; 64] }; bytes.div_ceil(64)])
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: lines are plain bytes, one after the other.
        unsafe { core::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 64) }
    }

    fn float(&mut self, byte: usize) -> f32 {
        f32::from_le_bytes(self.bytes()[byte..byte + 4].try_into().unwrap())
    }

    fn set(&mut self, byte: usize, x: f32) {
        self.bytes()[byte..byte + 4].copy_from_slice(&x.to_le_bytes());
    }
}

/// Lays out maps, vectors and scratch one after the other, with a line between them.
#[derive(Default)]
struct Layouter {
    end: usize,
}

impl Layouter {
    fn take(&mut self, bytes: usize) -> usize {
        let at = self.end;
        self.end = (at + bytes).next_multiple_of(64) + 64;
        at
    }

    fn map(&mut self, [height, width, channels]: [usize; 3], group: usize) -> Map {
        let offset = self.take(height * width * padded_channels(channels) * 4);
        Map { offset, height, width, channels, group, ring: height.div_ceil(group), bytes: 4 }
    }
}

/// Byte address of a value: the layout's definition, spelled independently of the kernels.
fn address(map: &Map, y: usize, x: usize, c: usize) -> usize {
    let padded = padded_channels(map.channels);
    let (q, in_group) = (y / map.group, y % map.group);
    let rows = map.group.min(map.height - q * map.group);
    let block = c / 16;
    let width = if padded - block * 16 == 8 { 8 } else { 16 };
    let group = (q % map.ring) * map.group * map.width * padded;
    map.offset + 4 * (group + block * 16 * rows * map.width + (in_group * map.width + x) * width + c % 16)
}

fn write(memory: &mut Memory, map: &Map, tensor: &Tensor) {
    for y in 0..map.height {
        for x in 0..map.width {
            for c in 0..map.channels {
                memory.set(address(map, y, x, c), tensor.at(y, x, c));
            }
        }
    }
}

fn read(memory: &mut Memory, map: &Map) -> Tensor {
    let mut tensor = Tensor { height: map.height, width: map.width, channels: map.channels, data: Vec::new() };
    for y in 0..map.height {
        for x in 0..map.width {
            for c in 0..map.channels {
                tensor.data.push(memory.float(address(map, y, x, c)));
            }
        }
    }
    tensor
}

/// The packed blob of a test.
#[derive(Default)]
struct Blob(Vec<f32>);

impl Blob {
    /// Appends panels of `weights[n][taps]` and returns their byte offset.
    fn panels(&mut self, n: usize, taps: usize, bias: &[f32], weights: impl Fn(usize, usize) -> f32) -> usize {
        self.0.resize(self.0.len().next_multiple_of(16), 0.0);
        let at = self.0.len() * 4;
        let padded = padded_channels(n);
        for first in (0..padded).step_by(16) {
            let width = (padded - first).min(16);
            for tap in 0..=taps {
                for c in first..first + width {
                    self.0.push(match (tap, bias.get(c).filter(|_| c < n)) {
                        (_, None) => 0.0,
                        (0, Some(bias)) => *bias,
                        _ => weights(c, tap - 1),
                    });
                }
            }
        }
        at
    }

    /// Appends a vector and its padding, and returns its byte offset.
    fn vector(&mut self, values: &[f32]) -> usize {
        self.0.resize(self.0.len().next_multiple_of(16), 0.0);
        let at = self.0.len() * 4;
        self.follow(values);
        at
    }

    /// Appends a vector and its padding behind what is there.
    fn follow(&mut self, values: &[f32]) {
        self.0.extend_from_slice(values);
        self.0.resize(self.0.len().next_multiple_of(8), 0.0);
    }

    /// The blob, for good.
    fn leak(self) -> &'static [u8] {
        let mut memory = Memory::new(self.0.len() * 4);
        for (i, x) in self.0.iter().enumerate() {
            memory.set(i * 4, *x);
        }
        Box::leak(Box::new(memory)).bytes()
    }
}

/// The instruction sets of this machine.
fn every() -> impl Iterator<Item = &'static Kernels> {
    isa::available()
}

/// Those whose kernels of floats differ.
fn available() -> impl Iterator<Item = &'static Kernels> {
    every().filter(|kernels| !kernels.name.ends_with("vnni"))
}

/// Runs `body` once per instruction set on a copy of `memory`; nothing outside the `written` byte ranges may change.
fn on_all(
    memory: &Memory,
    weights: &'static [u8],
    written: &[core::ops::Range<usize>],
    body: impl FnMut(&mut Run),
    check: impl FnMut(&'static Kernels, &mut Memory),
) {
    on(available(), memory, weights, written, body, check);
}

/// The same for some instruction sets.
fn on(
    sets: impl Iterator<Item = &'static Kernels>,
    memory: &Memory,
    weights: &'static [u8],
    written: &[core::ops::Range<usize>],
    mut body: impl FnMut(&mut Run),
    mut check: impl FnMut(&'static Kernels, &mut Memory),
) {
    for kernels in sets {
        let mut copy = Memory(memory.0.clone());
        body(&mut Run::with_kernels(weights, copy.bytes(), kernels));
        let mut before = Memory(memory.0.clone());
        for (i, (a, b)) in before.bytes().iter().zip(copy.bytes().iter()).enumerate() {
            assert!(a == b || written.iter().any(|r| r.contains(&i)), "{}: stray write at byte {i}", kernels.name);
        }
        check(kernels, &mut copy);
    }
}

/// Runs `body` with the help of threads, where the feature is on.
fn on_threads(threads: usize, body: impl FnOnce() + Send) {
    #[cfg(feature = "threads")]
    crate::with_pool(&crate::threads::Exactly(threads), body);
    #[cfg(not(feature = "threads"))]
    {
        let _ = threads;
        body();
    }
}

fn extent(map: &Map) -> core::ops::Range<usize> {
    let rows = map.height.min(map.group * map.ring);
    map.offset..map.offset + rows * map.width * padded_channels(map.channels) * 4
}

/// Asserts that every value is within rounding of the expected one.
fn close(got: &[f32], want: &[f64], scale: f64, what: impl core::fmt::Display) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let near = (f64::from(*got) - want).abs() <= 2e-6 * scale;
        assert!(near || f64::from(*got) == *want || (got.is_nan() && want.is_nan()), "{what}: [{i}] {got} != {want}");
    }
}
