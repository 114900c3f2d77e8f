//! Numbers as a reader wants them: digits in groups, floats that read back exactly.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// An unsuffixed integer, `1_605_632`.
pub(super) fn int(value: impl Into<u64>) -> Literal {
    let value = value.into();
    let text = crate::plan::thousands(value).replace(',', "_");
    text.parse().unwrap_or_else(|_| Literal::u64_unsuffixed(value))
}

/// An integer that came as a `usize`.
pub(super) fn size(value: usize) -> Literal {
    int(value as u64)
}

/// An expression of a whole number of either sign.
pub(super) fn signed(value: i32) -> TokenStream {
    let digits = int(value.unsigned_abs());
    if value < 0 { quote!(-#digits) } else { quote!(#digits) }
}

/// An expression of type `f32` with exactly these bits (NaN: some NaN).
pub(super) fn float(value: f32) -> TokenStream {
    if value == f32::INFINITY {
        return quote!(f32::INFINITY);
    }
    if value == f32::NEG_INFINITY {
        return quote!(f32::NEG_INFINITY);
    }
    if value.is_nan() {
        return quote!(f32::NAN);
    }
    let text = value.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let whole = grouped(whole, whole.len() % 3);
    let text = format!("{whole}.{}", grouped(fraction, 0));
    let literal = text.parse().unwrap_or_else(|_| Literal::f32_unsuffixed(value.abs()));
    if value.is_sign_negative() { quote!(-#literal) } else { quote!(#literal) }
}

/// Underscores after the first `lead` digits and then after every third.
fn grouped(digits: &str, lead: usize) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (i + 3 - lead).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        assert_eq!(int(1_605_632_u64).to_string(), "1_605_632");
        assert_eq!(int(0_u64).to_string(), "0");
        assert_eq!(float(f32::INFINITY).to_string().replace(' ', ""), "f32::INFINITY");
        let values = [0.0, -0.0, 6.0, 0.1, 123.675, -1_234_567.9, f32::MIN_POSITIVE, f32::MAX, f32::EPSILON, 1e-45];
        for value in values {
            let text = float(value).to_string().replace(['_', ' '], "");
            assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
        assert_eq!(float(1234.5678).to_string(), "1_234.567_7");
    }
}
