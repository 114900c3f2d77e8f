//! Inputs of one inference in the forms that the reference and emitted code take, and random ones.

use mobilenet_compiler::graph::{DType, Tensor, Type, half};
use mobilenet_compiler::network::Port;

/// The reference's form of values in the port's own order; those of byte inputs are whole numbers.
pub fn tensor(port: &Port, values: &[f32]) -> Tensor {
    match port.dtype {
        DType::F32 => Tensor::f32(port.shape.clone(), values),
        DType::F16 => {
            let values = values.iter().map(|&x| half::round(DType::F16, f64::from(x))).collect();
            Tensor::from_f64(&Type::new(DType::F16, port.shape.clone()), values)
        }
        dtype => Tensor::int(dtype, port.shape.clone(), values.iter().map(|&x| x as i64).collect::<Vec<_>>()),
    }
}

/// The little-endian bytes that emitted code reads.
pub fn bytes(port: &Port, values: &[f32]) -> Vec<u8> {
    match port.dtype {
        DType::U8 => values.iter().map(|&x| x as u8).collect(),
        DType::I8 => values.iter().map(|&x| (x as i8).cast_unsigned()).collect(),
        DType::F16 => {
            let half = |&x: &f32| half::f32_to_f16(half::round(DType::F16, f64::from(x)) as f32);
            values.iter().flat_map(|x| half(x).to_le_bytes()).collect()
        }
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// A sequence of pseudo-random numbers that depends on the seed alone (SplitMix64).
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// One inference's input: floats uniform in -1..1, bytes uniform in their range.
    pub fn input(&mut self, port: &Port) -> Vec<f32> {
        let len: usize = port.shape.iter().product();
        let mut value = || match port.dtype {
            DType::U8 => f32::from((self.next() >> 56) as u8),
            DType::I8 => f32::from(((self.next() >> 56) as u8).cast_signed()),
            _ => (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0,
        };
        (0..len).map(|_| value()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mobilenet_compiler::network::Layout;

    fn port(dtype: DType) -> Port {
        Port { name: "x".to_string(), shape: vec![1, 1, 40, 50], dtype, layout: Layout::Nchw }
    }

    #[test]
    fn seeds_repeat_and_differ() {
        let port = port(DType::F32);
        let draw = |seed| Random::new(seed).input(&port);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|x| (-1.0..1.0).contains(x)));
    }

    #[test]
    fn bytes_cover_their_range() {
        for (dtype, low, high) in [(DType::U8, 0.0, 255.0), (DType::I8, -128.0, 127.0)] {
            let values = Random::new(1).input(&port(dtype));
            let (min, max) = values.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
            assert_eq!((min, max), (low, high));
            let back: Vec<f32> = bytes(&port(dtype), &values)
                .iter()
                .map(|&x| if dtype == DType::U8 { f32::from(x) } else { f32::from(x.cast_signed()) })
                .collect();
            assert_eq!(back, values);
        }
    }
}
