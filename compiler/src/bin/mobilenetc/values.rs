//! Values of options, from text.

use crate::shipped::Asked;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use mobilenet_compiler::arch::Arch;
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::options::{Normalise, Optimise};

pub fn resolution(text: &str) -> Result<[usize; 2], String> {
    let parse = |part: &str| part.parse().ok().filter(|&n: &usize| n > 0);
    let (height, width) = text.split_once(['x', 'X', ',']).unwrap_or((text, text));
    match (parse(height), parse(width)) {
        (Some(height), Some(width)) => Ok([height, width]),
        _ => Err("expected HEIGHTxWIDTH in pixels, such as 160x160".to_string()),
    }
}

pub fn number(text: &str) -> Result<f32, String> {
    let parse = |part: &str| part.trim().parse().ok().filter(|x: &f32| x.is_finite());
    let value = match text.split_once('/') {
        Some((top, bottom)) => parse(top).zip(parse(bottom)).map(|(top, bottom)| top / bottom),
        None => parse(text),
    };
    value.filter(|x| x.is_finite()).ok_or_else(|| "expected a number such as 0.5 or 1/255".to_string())
}

/// A share that can be kept of something.
pub fn percent(text: &str) -> Result<f64, String> {
    let value = text.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
    value
        .filter(|x| *x >= 50.0 && *x <= 100.0)
        .ok_or_else(|| "expected a number from 50 to 100, such as 99.99".to_string())
}

pub fn divisor(text: &str) -> Result<f32, String> {
    number(text).and_then(|x| if x > 0.0 { Ok(x) } else { Err("expected a number above 0".to_string()) })
}

pub fn normalise(text: &str) -> Result<Normalise, String> {
    let list = |text: &str| text.split(',').map(number).collect::<Result<Vec<f32>, _>>();
    let parts = match text.split_once('/') {
        Some((_, std)) if std.contains('/') => Err(String::new()),
        Some((mean, std)) => list(mean).and_then(|mean| Ok((mean, list(std)?))),
        None => list(text).and_then(|values| match values[..] {
            [mean, std] => Ok((vec![mean], vec![std])),
            _ => Err(String::new()),
        }),
    };
    let (mean, std) = parts.map_err(|_| {
        "expected a mean and a standard deviation, such as 0.5,0.5, or a list of each, such as \
         0.485,0.456,0.406/0.229,0.224,0.225"
    })?;
    for std in &std {
        divisor(&std.to_string()).map_err(|_| "expected standard deviations above 0")?;
    }
    Ok(Normalise { mean, std })
}

/// Bytes, or with a suffix multiples of 1024 of them.
pub fn size(text: &str) -> Result<usize, String> {
    const EXPECTED: &str = "expected a size above 0, such as 65536, 64KB or 1.5MB";
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        _ => return Err(EXPECTED.to_string()),
    };
    let bytes = number.parse::<f64>().ok().map(|number| number * unit);
    bytes.filter(|&bytes| (1.0..1e15).contains(&bytes)).map(|bytes| bytes as usize).ok_or_else(|| EXPECTED.to_string())
}

/// What plans are for.
pub fn optimise() -> impl TypedValueParser<Value = Optimise> {
    PossibleValuesParser::new(Optimise::ALL.map(Optimise::name))
        .try_map(|name| Optimise::named(&name).ok_or("no such preference"))
}

/// The processors that C is written for, each with what it has.
pub fn targets() -> impl TypedValueParser<Value = Target> {
    let values = Target::ALL.map(|target| PossibleValue::new(target.name()).help(target.about()));
    PossibleValuesParser::new(values)
        .try_map(|name| Target::ALL.into_iter().find(|target| target.name() == name).ok_or("no such target"))
}

/// The networks that can be drafted.
pub fn arch() -> impl TypedValueParser<Value = Arch> {
    let values = Arch::ALL.map(|arch| PossibleValue::new(arch.name()).help(arch.about()));
    PossibleValuesParser::new(values)
        .try_map(|name| Arch::ALL.into_iter().find(|arch| arch.name() == name).ok_or("no such network"))
}

/// A whole number of something.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number above 0".to_string())
}

/// A target, or all of them.
pub fn asked() -> impl TypedValueParser<Value = Asked> {
    let values = Target::ALL.map(|target| PossibleValue::new(target.name()).help(target.about()));
    PossibleValuesParser::new(values.into_iter().chain([PossibleValue::new("all")])).map(|name| {
        let one = Target::ALL.into_iter().find(|target| target.name() == name);
        one.map_or(Asked::All, Asked::One)
    })
}

/// Adds what the list of possible values does not say: which target serves a processor that is not on it.
pub fn with_hint(mut error: clap::Error) -> clap::Error {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    if error.kind() == ErrorKind::InvalidValue && argument.starts_with("--target") {
        let hint = "'generic' is for every processor that is not listed".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [("65536", 65_536), ("64KB", 65_536), ("64k", 65_536), ("1.5 MiB", 1_572_864), ("7b", 7)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "KB", "0", "-1", "1GB", "1..2", "0.1", "1e3"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resolutions() {
        assert_eq!(resolution("160x128"), Ok([160, 128]));
        assert_eq!(resolution("96"), Ok([96, 96]));
        for bad in ["", "x", "0x5", "-1x5", "axb", "1x2x3", "99999999999999999999x1"] {
            assert!(resolution(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number("1/4"), Ok(0.25));
        assert_eq!(number("-0.5"), Ok(-0.5));
        for bad in ["", "1/0", "nan", "inf", "a", "1//2"] {
            assert!(number(bad).is_err(), "{bad}");
        }
        assert!(divisor("0").is_err());
    }

    #[test]
    fn normalisations() {
        let lists = |text| normalise(text).map(|Normalise { mean, std }| (mean, std));
        assert_eq!(lists("0.5,0.25"), Ok((vec![0.5], vec![0.25])));
        assert_eq!(lists("-1/2"), Ok((vec![-1.0], vec![2.0])));
        assert_eq!(lists("1,2,3/4,5,6"), Ok((vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0])));
        for bad in ["", "1", "1,2,3", "1,0", "1/-1", "a,1", "1,2/3/4", "/", "nan,1", "1,inf"] {
            assert!(normalise(bad).is_err(), "{bad}");
        }
    }
}
