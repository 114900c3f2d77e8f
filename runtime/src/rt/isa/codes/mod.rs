//! What the kernels of codes are written over, and a token per instruction set.

#[cfg(target_arch = "x86_64")]
pub(in crate::rt) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(in crate::rt) mod avx512vnni;
#[cfg(target_arch = "x86_64")]
pub(in crate::rt) mod avxvnni;
pub(in crate::rt) mod portable;

use crate::rt::kernel::codes::Bounds;

/// A token for an instruction set: sums of products of codes and weights. Holding a value proves that the CPU has it.
///
/// A panel of 16 channels is computed whole or, where it has two [parts](Self::PARTS), in halves of 8; a part's lanes are in the
/// order of its channels.
pub(crate) trait Dot: Copy {
    /// The sums of one pixel while products are added; its lanes may hold parts of sums.
    type Sums: Copy;
    /// The finished sums of one pixel, 32 bits each.
    type Lanes: Copy;
    /// Weights of a quad: four for each channel of a part.
    type Weights: Copy;
    /// The codes of four quads of a pixel: in a register, or their address.
    type Four: Copy;
    /// The codes of a quad of a pixel, for each channel.
    type Quad: Copy;
    /// Codes of a part's channels in two rows, ready to be multiplied with pairs of weights.
    type Pair: Copy;
    /// Parts of a panel: 1 or 2.
    const PARTS: usize;
    /// Byte in a panel of the row that sums begin with: that of codes, of codes less 128, or that of the XOR form.
    const BIAS: usize;
    /// Prefetches per four quads of a pointwise tile.
    const PREFETCHES: usize;
    /// Whether there are loops for the four quads of a block of channels and for usual first convolutions, unrolled.
    const UNROLLED: bool = true;
    /// Pixels of a depthwise tile: 2 or 4.
    const PIXELS: usize;

    /// The token.
    ///
    /// # Safety
    /// The CPU must have the instruction set and the operating system must save its registers.
    unsafe fn assume() -> Self;
    /// Nothing yet.
    fn zero(self) -> Self::Sums;
    /// # Safety
    /// `p` must be readable for a part's channels.
    unsafe fn bias(self, p: *const i32) -> Self::Sums;
    /// # Safety
    /// `p` must be readable for four bytes per channel of a part.
    unsafe fn weights(self, p: *const i8) -> Self::Weights;
    /// # Safety
    /// `p` must be readable for 16 codes, now and at each [`Self::lane`].
    unsafe fn four(self, p: *const u8) -> Self::Four;
    /// Quad `L` of four.
    ///
    /// # Safety
    /// The memory of the four must still be readable and unchanged.
    unsafe fn lane<const L: i32>(self, four: Self::Four) -> Self::Quad;
    /// # Safety
    /// `p` must be readable for 4 codes.
    unsafe fn quad(self, p: *const u8) -> Self::Quad;
    /// Adds the products of a quad.
    fn dot(self, sums: Self::Sums, weights: Self::Weights, quad: Self::Quad) -> Self::Sums;
    /// `a + b`
    fn add(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// The sums, whole.
    fn finish(self, sums: Self::Sums) -> Self::Lanes;
    /// # Safety
    /// `p` must be readable for a part's channels.
    unsafe fn lanes(self, p: *const i32) -> Self::Lanes;
    /// A part's channels of two rows, of which the first `W` (16 or 8) exist.
    ///
    /// # Safety
    /// Both must be readable for these, or for a part's channels where that is less.
    unsafe fn rows<const W: usize>(self, upper: *const u8, lower: *const u8) -> Self::Pair;
    /// The same of one row; that below is not multiplied.
    ///
    /// # Safety
    /// As for [`Self::rows`].
    unsafe fn row<const W: usize>(self, upper: *const u8) -> Self::Pair;
    /// Adds `upper * w.0 + lower * w.1` for the 16-bit halves of each number at `w`, the lower one first.
    ///
    /// # Safety
    /// `w` must be readable for a part's channels.
    unsafe fn pairs(self, sums: Self::Lanes, codes: Self::Pair, w: *const i32) -> Self::Lanes;
    /// Codes of 16 channels in four columns, of which four at a time are `border` where a bit of `inside` is 0.
    ///
    /// # Safety
    /// `p` must be readable for the others.
    unsafe fn columns(self, p: *const u8, _inside: u16, _border: u8) -> Self::Pair {
        // SAFETY: as for this function.
        unsafe { self.row::<8>(p) }
    }
    /// Adds the products of four columns and of the bytes of each number at `w`, which have signs; where depthwise tiles take columns by fours: only with panels of one part.
    ///
    /// # Safety
    /// `w` must be readable for 16 channels.
    unsafe fn fours(self, sums: Self::Lanes, _: Self::Pair, _: *const i32) -> Self::Lanes {
        sums
    }
    /// Requantises pixels that lie `W` bytes apart: channels of a part, or 8 where `W` is 8.
    ///
    /// # Safety
    /// `multiplier` must be readable for a part's channels, `out` writable for the pixels.
    unsafe fn store<const P: usize, const W: usize>(
        self,
        pixels: &[Self::Lanes; P],
        multiplier: *const f32,
        bounds: Bounds,
        out: *mut u8,
    );
    /// Hints that the line at `p` will be read; any address is allowed.
    fn prefetch(self, p: *const u8);
}
