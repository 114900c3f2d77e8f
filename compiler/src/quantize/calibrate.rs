//! The range of each value that its codes cover: all that was seen, all but a share of it, or what loses least information.

use super::layers::{LayerKind, Layers, ValueId};
use super::run;

/// How ranges follow from what the calibration pictures give.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Method {
    /// From the smallest to the largest value.
    #[default]
    MinMax,
    /// The share of values, in percent, that lies inside; what is left out is cut in equal parts on both sides.
    Percentile(f64),
    /// The bound behind which cutting costs the least information: the divergence of Kullback and Leibler between the
    /// values and their codes.
    Entropy,
}

/// Bins of a histogram.
pub const BINS: usize = 2048;

/// What was seen of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The smallest.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

impl Seen {
    const NOTHING: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn add(&mut self, values: &[f32]) {
        // Lanes of their own, of which compilers make vectors.
        let mut low = [self.low; 8];
        let mut high = [self.high; 8];
        let (chunks, rest) = values.as_chunks::<8>();
        for chunk in chunks {
            low.iter_mut().zip(chunk).for_each(|(low, x)| *low = if *x < *low { *x } else { *low });
            high.iter_mut().zip(chunk).for_each(|(high, x)| *high = if *x > *high { *x } else { *high });
        }
        self.low = low.iter().chain(rest).copied().fold(self.low, f32::min);
        self.high = high.iter().chain(rest).copied().fold(self.high, f32::max);
    }

    fn merge(&mut self, other: &Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// How often values fall in each of [`BINS`] equal parts of `[low, high]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Left end of the first bin.
    pub low: f32,
    /// Right end of the last.
    pub high: f32,
    /// Values per bin.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Of nothing yet.
    pub fn new(seen: Seen) -> Self {
        Self { low: seen.low, high: seen.high, counts: vec![0; BINS] }
    }

    /// Counts values; those outside are in the bins at the ends.
    pub fn add(&mut self, values: &[f32]) {
        let width = (self.high - self.low) / self.counts.len() as f32;
        let factor = if width > 0.0 { width.recip() } else { 0.0 };
        for value in values {
            let bin = ((value - self.low) * factor) as usize;
            let last = self.counts.len() - 1;
            self.counts[bin.min(last)] += 1;
        }
    }

    fn edge(&self, bin: usize) -> f32 {
        self.low + (self.high - self.low) * bin as f32 / self.counts.len() as f32
    }

    /// The range that holds this many percent of the values. Exact zeros that fill the first bin, which a ReLU leaves, count.
    pub fn percentile(&self, percent: f64) -> [f32; 2] {
        let total: u64 = self.counts.iter().sum();
        let cut = (1.0 - percent / 100.0) / 2.0 * total as f64;
        let until = |bins: &mut dyn Iterator<Item = &u64>| {
            let mut sum = 0;
            bins.take_while(|&&count| {
                sum += count;
                sum as f64 <= cut
            })
            .count()
        };
        let below = until(&mut self.counts.iter());
        let above = until(&mut self.counts.iter().rev());
        [self.edge(below.min(BINS - 1)), self.edge(BINS - above.min(BINS - 1))]
    }

    /// The range whose 256 codes lose the least information, cut on the side or the sides away from 0. What has a code of its own,
    /// the zeros behind a ReLU and the ends of the range, where a cap is, counts like its neighbour.
    pub fn entropy(&self) -> [f32; 2] {
        let mut best = [0, self.counts.len()];
        let mut least = f64::INFINITY;
        let bins = self.counts.len();
        let zero = if self.high > self.low { (-self.low / (self.high - self.low) * bins as f32) as usize } else { 0 };
        let mut counts = self.counts.clone();
        for bin in [zero, 0, bins - 1] {
            let neighbour = if bin + 1 < bins { bin + 1 } else { bins - 2 };
            let (bin, neighbour) = (bin.min(bins - 1), neighbour.min(bins - 1));
            counts[bin] = counts[bin].min(counts[neighbour]);
        }
        // Both ends move towards 0 by the same share, so that one number is searched.
        for step in (CODES / 2..=bins).rev().step_by(16) {
            let share = |distance: usize| distance * step / bins;
            let range = [zero.min(bins) - share(zero.min(bins)), zero.min(bins) + share(bins - zero.min(bins))];
            if range[1] - range[0] < CODES {
                break;
            }
            let loss = divergence(&counts, range, CODES);
            if loss < least {
                (least, best) = (loss, range);
            }
        }
        best.map(|bin| self.edge(bin))
    }
}

const CODES: usize = 256;

/// The divergence of Kullback and Leibler, `sum p ln(p / q)`, of counts cut to a range of bins (what lies outside counts in the bins
/// at its ends) from the same counts when so many codes share the bins of the range: a code's bins that hold something have its
/// mean.
pub fn divergence(counts: &[u64], [start, end]: [usize; 2], codes: usize) -> f64 {
    let inside = &counts[start..end];
    let total: u64 = counts.iter().sum();
    let kept: u64 = inside.iter().sum();
    if kept == 0 || total == 0 {
        return f64::INFINITY;
    }
    let (below, above): (u64, u64) = (counts[..start].iter().sum(), counts[end..].iter().sum());
    let mut loss = 0.0;
    for code in 0..codes {
        let bins = code * inside.len() / codes..(code + 1) * inside.len() / codes;
        let occupied = inside[bins.clone()].iter().filter(|&&count| count > 0).count();
        let sum: u64 = inside[bins.clone()].iter().sum();
        for bin in bins {
            let cut = if bin == 0 { below } else { 0 } + if bin + 1 == inside.len() { above } else { 0 };
            let p = (inside[bin] + cut) as f64 / total as f64;
            if p == 0.0 {
                continue;
            }
            // What was cut into an empty bin has no code of its own: as if half a value had.
            let q = match inside[bin] {
                0 => 0.5 / kept as f64,
                _ => sum as f64 / occupied as f64 / kept as f64,
            };
            loss += p * (p / q).ln();
        }
    }
    loss
}

/// What each channel of each value reaches at most.
pub struct Reach {
    /// Per value the largest magnitude of each channel.
    pub channels: Vec<Vec<f32>>,
}

/// Runs all images and notes what each channel reaches.
pub fn reach(layers: &Layers, images: &[Vec<f32>], step: &(dyn Fn() + Sync)) -> Reach {
    let start = || layers.values.iter().map(|value| vec![0.0_f32; value.channels]).collect::<Vec<_>>();
    let states = run::each(images.len(), start, |most, item| {
        run::run(layers, None, &images[item], |id, values| {
            for pixel in values.chunks(most[id].len().max(1)) {
                most[id].iter_mut().zip(pixel).for_each(|(most, x)| *most = most.max(x.abs()));
            }
        });
        step();
    });
    let mut all = start();
    for state in states {
        for (all, state) in all.iter_mut().zip(&state) {
            all.iter_mut().zip(state).for_each(|(all, x)| *all = all.max(*x));
        }
    }
    Reach { channels: all }
}

/// The range of each value over the images.
pub fn ranges(layers: &Layers, images: &[Vec<f32>], method: Method, step: &(dyn Fn() + Sync)) -> Vec<[f32; 2]> {
    let start = || vec![Seen::NOTHING; layers.values.len()];
    let states = run::each(images.len(), start, |seen, item| {
        run::run(layers, None, &images[item], |id, values| seen[id].add(values));
        step();
    });
    let mut seen = start();
    for state in states {
        seen.iter_mut().zip(&state).for_each(|(seen, other)| seen.merge(other));
    }
    let all: Vec<[f32; 2]> = seen.iter().map(|seen| [seen.low, seen.high]).collect();
    if method == Method::MinMax {
        return all;
    }
    let start = || seen.iter().map(|&seen| Histogram::new(seen)).collect::<Vec<_>>();
    let states = run::each(images.len(), start, |histograms, item| {
        run::run(layers, None, &images[item], |id, values| histograms[id].add(values));
        step();
    });
    let mut histograms = start();
    for state in states {
        for (all, state) in histograms.iter_mut().zip(&state) {
            all.counts.iter_mut().zip(&state.counts).for_each(|(all, count)| *all += count);
        }
    }
    let cut = |(id, histogram): (ValueId, &Histogram)| match method {
        _ if whole(layers, id) => all[id],
        Method::MinMax => all[id],
        Method::Percentile(percent) => histogram.percentile(percent),
        Method::Entropy => histogram.entropy(),
    };
    histograms.iter().enumerate().map(cut).collect()
}

/// Values of which nothing is cut: the scores, whose largest is the answer, and gates, which are few.
fn whole(layers: &Layers, id: ValueId) -> bool {
    let scores =
        layers.is_output(id) || layers.readers(id).any(|layer| matches!(layer.kind, LayerKind::Softmax { .. }));
    let value = &layers.values[id];
    scores || id == 0 || (value.height, value.width) == (1, 1)
}
