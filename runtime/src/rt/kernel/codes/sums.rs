//! Sums over channels: what first convolution, convolution and pointwise kernels share.

use super::Bounds;
use crate::rt::isa::Dot;

/// Panels of sums over channels: for 16 output channels each, one behind the other,
///
/// | bytes | |
/// |---|---|
/// | 64 | i32 bias for sums of codes times weights |
/// | 64 | i32 bias for sums of (codes less 128) times weights |
/// | 64 | i32 bias for sums of the weights' magnitudes times codes, XOR 0x80 where the weight is not negative, else XOR 0x7f, as signed bytes |
/// | 64 | f32 multiplier |
/// | `64 * quads` | i8 weights `[quads][16][4]` |
/// | `64 * extras` | i8 weights `[extras][16][4]` of quads again: what a weight has beyond 8 bits |
/// | `2 * extras`, to a multiple of 64 | u16 which quad each of them is of |
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panels {
    base: *const u8,
    pub quads: usize,
    pub extras: usize,
}

/// Bytes in front of a panel's weights.
const HEAD: usize = 256;

impl Panels {
    /// # Safety
    /// The panels that are asked for must exist.
    pub(crate) unsafe fn new(base: *const u8, quads: usize, extras: usize) -> Self {
        Self { base, quads, extras }
    }

    /// Bytes of a panel; saturates.
    pub(crate) const fn bytes(quads: usize, extras: usize) -> usize {
        let indices = extras.saturating_mul(2).saturating_add(63) / 64 * 64;
        quads.saturating_add(extras).saturating_mul(64).saturating_add(HEAD).saturating_add(indices)
    }

    #[inline(always)]
    pub(super) fn size(&self) -> usize {
        Self::bytes(self.quads, self.extras)
    }

    /// Panel `index`.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize) -> *const u8 {
        self.base.wrapping_add(index * self.size())
    }
}

/// Quads of pixels at equal distances.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The first pixel's first quad.
    pub a: *const u8,
    /// Bytes from pixel to pixel.
    pub pixel: usize,
    /// How many, one behind the other.
    pub quads: usize,
}

/// The sums of `P` pixels in `N` panels, or in one part of a panel, while they are computed.
pub(super) struct Tile<D: Dot, const P: usize, const N: usize> {
    d: D,
    sums: [[D::Sums; N]; P],
    /// The first panel, at the part's bytes of its rows.
    head: *const u8,
    /// Weights of the next quad in the first panel.
    w: *const i8,
    panels: Panels,
    part: usize,
}

impl<D: Dot, const P: usize, const N: usize> Tile<D, P, N> {
    /// Sums that are the bias, in panel `index` and those behind it.
    ///
    /// # Safety
    /// The panels exist.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    pub(super) unsafe fn new(d: D, panels: Panels, index: usize, part: usize) -> Self {
        let head = panels.panel(index).wrapping_add(part * 64 / D::PARTS);
        let w = panels.panel(index).wrapping_add(HEAD + part * 64 / D::PARTS).cast();
        let mut sums = [[d.zero(); N]; P];
        for v in 0..N {
            // SAFETY: as for this function.
            let bias = unsafe { d.bias(head.wrapping_add(v * panels.size() + D::BIAS).cast()) };
            for pixel in &mut sums {
                pixel[v] = bias;
            }
        }
        Self { d, sums, head, w, panels, part }
    }

    /// Adds the products of a run.
    ///
    /// # Safety
    /// Its codes are readable, and the panels have so many quads more.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    pub(super) unsafe fn run(&mut self, run: Run) {
        let (d, size) = (self.d, self.panels.size());
        let mut a = run.a;
        for _ in 0..run.quads {
            // SAFETY: as for this function.
            unsafe {
                let mut weights = [d.weights(self.w); N];
                for v in 1..N {
                    weights[v] = d.weights(self.w.wrapping_add(v * size));
                }
                for (i, sums) in self.sums.iter_mut().enumerate() {
                    let quad = d.quad(a.wrapping_add(i * run.pixel));
                    for v in 0..N {
                        sums[v] = d.dot(sums[v], weights[v], quad);
                    }
                }
            }
            a = a.wrapping_add(4);
            self.w = self.w.wrapping_add(64);
        }
    }

    /// Adds the products of four quads whose pixels are 16 bytes apart.
    ///
    /// # Safety
    /// As for [`Self::run`].
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    pub(super) unsafe fn block(&mut self, a: *const u8) {
        let (d, size) = (self.d, self.panels.size());
        // SAFETY: as for this function.
        unsafe {
            let mut fours = [d.four(a); P];
            for i in 1..P {
                fours[i] = d.four(a.wrapping_add(i * 16));
            }
            macro_rules! lane {
                ($lane:literal) => {
                    let w = self.w.wrapping_add($lane * 64);
                    let mut weights = [d.weights(w); N];
                    for v in 1..N {
                        weights[v] = d.weights(w.wrapping_add(v * size));
                    }
                    for i in 0..P {
                        let quad = d.lane::<$lane>(fours[i]);
                        for v in 0..N {
                            self.sums[i][v] = d.dot(self.sums[i][v], weights[v], quad);
                        }
                    }
                };
            }
            lane!(0);
            lane!(1);
            lane!(2);
            lane!(3);
        }
        self.w = self.w.wrapping_add(256);
    }

    /// Adds the products of the extras; `at` says where a quad's codes lie.
    ///
    /// # Safety
    /// All quads of the panels have been added, or will be.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    pub(super) unsafe fn extras(&mut self, at: impl Fn(usize) -> Run) {
        let (d, Panels { quads, extras, .. }) = (self.d, self.panels);
        for v in 0..N {
            let head = self.head.wrapping_add(v * self.panels.size());
            let weights = head.wrapping_add(HEAD + 64 * quads);
            let indices = weights.wrapping_sub(self.part * 64 / D::PARTS).wrapping_add(64 * extras);
            for e in 0..extras {
                // SAFETY: as for this function; what lies in the weights is no more than a place among the codes, taken modulo the
                // number of quads.
                unsafe {
                    let index = indices.wrapping_add(2 * e).cast::<[u8; 2]>().read();
                    let Run { a, pixel, .. } = at(usize::from(u16::from_le_bytes(index)) % quads);
                    let weights = d.weights(weights.wrapping_add(64 * e).cast());
                    for (i, sums) in self.sums.iter_mut().enumerate() {
                        sums[v] = d.dot(sums[v], weights, d.quad(a.wrapping_add(i * pixel)));
                    }
                }
            }
        }
    }

    /// The tile with sums from elsewhere added.
    #[inline(always)]
    pub(super) fn add(&mut self, others: &[[D::Sums; N]; P]) {
        for (sums, others) in self.sums.iter_mut().zip(others) {
            for v in 0..N {
                sums[v] = self.d.add(sums[v], others[v]);
            }
        }
    }

    #[inline(always)]
    pub(super) fn token(&self) -> D {
        self.d
    }

    /// Address of the next quad's weights in panel `v` of the tile.
    #[inline(always)]
    pub(super) fn next(&self, v: usize) -> *const i8 {
        self.w.wrapping_add(v * self.panels.size())
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, quads: usize) {
        self.w = self.w.wrapping_add(64 * quads);
    }

    /// Requantises and stores, blocks of output channels `block` bytes apart, a pixel of them `width` wide.
    ///
    /// # Safety
    /// The tile's pixels exist in the output.
    #[cfg_attr(not(unoptimised), inline(always))]
    #[cfg_attr(unoptimised, inline(never))]
    pub(super) unsafe fn store(&self, bounds: Bounds, out: *mut u8, block: usize, width: usize) {
        let d = self.d;
        for v in 0..N {
            let multiplier = self.head.wrapping_add(v * self.panels.size() + 192).cast();
            let mut lanes = [d.finish(self.sums[0][v]); P];
            for i in 1..P {
                lanes[i] = d.finish(self.sums[i][v]);
            }
            // SAFETY: as for this function.
            unsafe {
                let out = out.add(v * block + self.part * 8);
                if width == 16 {
                    d.store::<P, 16>(&lanes, multiplier, bounds, out);
                } else {
                    d.store::<P, 8>(&lanes, multiplier, bounds, out);
                }
            }
        }
    }
}
