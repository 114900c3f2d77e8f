//! 16-bit floats as bits, and rounding to every float width.

use super::DType;

/// The value of IEEE binary16 bits.
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * f32::from_bits(0x3380_0000),
        0x1f if bits & 0x3ff == 0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        exponent => f32::from_bits(
            u32::from(bits & 0x8000) << 16 | (u32::from(exponent) + 112) << 23 | u32::from(bits & 0x3ff) << 13,
        ),
    }
}

/// The value of bfloat16 bits.
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE binary16 bits of a value that binary16 can hold (see [`round`]).
pub fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    if value.is_nan() {
        return sign | 0x7e00;
    }
    let exponent = ((bits >> 23) & 0xff) as i32 - 127;
    match exponent {
        16.. => sign | 0x7c00,
        -14..=15 => sign | ((exponent + 15) as u16) << 10 | (bits >> 13) as u16 & 0x3ff,
        _ => sign | (value.abs() * f32::from_bits(0x4b80_0000)) as u16,
    }
}

/// bfloat16 bits of a value that bfloat16 can hold (see [`round`]).
pub fn f32_to_bf16(value: f32) -> u16 {
    (value.to_bits() >> 16) as u16
}

/// Rounds to the nearest value of a float type, ties to even; other types come back unchanged.
pub fn round(dtype: DType, value: f64) -> f64 {
    match dtype {
        DType::F32 => f64::from(value as f32),
        DType::F16 => narrow(value, 10, -14, 65504.0),
        DType::Bf16 => narrow(value, 7, -126, f64::from(f32::from_bits(0x7f7f_0000))),
        _ => value,
    }
}

fn narrow(value: f64, fraction_bits: i32, min_exponent: i32, max: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let exponent = ((value.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let quantum = 2f64.powi(exponent.max(min_exponent) - fraction_bits);
    let rounded = (value / quantum).round_ties_even() * quantum;
    if rounded.abs() > max { f64::INFINITY.copysign(value) } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            if value.is_nan() {
                assert!(f16_to_f32(f32_to_f16(value)).is_nan());
            } else {
                assert_eq!(f32_to_f16(value), bits, "{value}");
                assert_eq!(round(DType::F16, f64::from(value)), f64::from(value));
            }
        }
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        assert_eq!(round(DType::F16, 2049.0), 2048.0);
        assert_eq!(round(DType::F16, 2051.0), 2052.0);
        assert_eq!(round(DType::F16, 65519.0), 65504.0);
        assert_eq!(round(DType::F16, 65520.0), f64::INFINITY);
        assert_eq!(round(DType::F16, 2f64.powi(-25)), 0.0);
        assert_eq!(round(DType::F16, 1.5 * 2f64.powi(-24)), 2f64.powi(-23));
        assert_eq!(round(DType::Bf16, 257.0), 256.0);
        assert_eq!(round(DType::Bf16, 259.0), 260.0);
    }
}
