//! Repeatable numbers.

/// A SplitMix64 generator (Steele, Lea and Flood 2014).
pub struct Noise(pub u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// So many numbers, uniform between `-bound` and `bound`.
    pub fn within(&mut self, bound: f32, n: usize) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
        (0..n).map(|_| bound * unit(self.bits())).collect()
    }
}
