//! The vector operations the kernels are written over.

/// A token for an instruction set. Holding a value proves that the CPU has it, so the arithmetic is safe; only memory
/// accesses are not.
///
/// Every method is `inline(always)`: the kernels' bodies end up inside functions that enable the instruction set.
pub(crate) trait Simd: Copy {
    /// A vector of [`Self::LANES`] floats.
    type V: Copy;
    /// Four consecutive floats whose lanes are multiplied with vectors one after the other: a register where the
    /// instruction set multiplies by lane, an address where it broadcasts from memory.
    type Quad: Copy;
    /// The instruction set for blocks that are 8 wide.
    type Narrow: Simd;
    /// Floats per vector: 4, 8 or 16.
    const LANES: usize;
    /// Prefetches per four steps of the pointwise inner loop.
    const PREFETCHES: usize;
    /// Whether loops take one tap, or one kernel row, per round. For WebAssembly LLVM sorts what it finds in a round by
    /// sums: the factors of all its taps are then alive at once, more than the engine has registers.
    const SHORT_ROUNDS: bool = false;
    /// Pixels of a depthwise tile at most, up to 8.
    const PIXELS: usize;

    /// The token.
    ///
    /// # Safety
    /// The CPU must have the instruction set and the operating system must save its registers.
    unsafe fn assume() -> Self;
    /// The token for 8-wide blocks.
    fn narrow(self) -> Self::Narrow;
    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// `a * b + c`, fused where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger of `v` and `most`, which is no NaN; `most` where `v` is NaN.
    fn max(self, v: Self::V, most: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `2^n` of `1.5 * 2^23 + n`, for whole `n` in `-126..=127`.
    fn power_of_two(self, rounded: Self::V) -> Self::V;
    /// `min(hi, max(lo, v))`, NaN in `v` passing through.
    fn clamp(self, v: Self::V, lo: Self::V, hi: Self::V) -> Self::V;
    /// # Safety
    /// `p` must be readable for `LANES` floats.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// # Safety
    /// `p` must be writable for `LANES` floats.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// # Safety
    /// `p` must be readable for four floats, now and at each [`Self::lane`].
    unsafe fn quad(self, p: *const f32) -> Self::Quad;
    /// Lane `L` of a quad in all lanes.
    ///
    /// # Safety
    /// The quad's memory must still be readable and unchanged.
    unsafe fn lane<const L: i32>(self, q: Self::Quad) -> Self::V;
    /// `*p` in all lanes.
    ///
    /// # Safety
    /// `p` must be readable.
    unsafe fn broadcast(self, p: *const f32) -> Self::V;
    /// Hints that the line at `p` will be read; any address is allowed.
    fn prefetch(self, p: *const u8);
    /// The same, into the second-level cache.
    fn prefetch_far(self, p: *const u8);
}
