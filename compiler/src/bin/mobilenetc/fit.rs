//! How a picture of another shape is brought to the model's.

use std::fmt;

/// Short side of the usual evaluation transform, over that of the model's input.
const EVALUATION: (usize, usize) = (256, 224);

/// Ways to bring a picture to the model's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Cut to the model's aspect ratio around the centre, then resize.
    #[default]
    Cover,
    /// Resize to a short side, by default 256/224 of the model's, then cut out the centre: how ImageNet's pictures are
    /// evaluated.
    Crop(Option<usize>),
    /// Resize height and width independently.
    Stretch,
    /// Resize to fit inside, black around it.
    Pad,
}

impl Fit {
    /// As the command line has it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let side = |side: &str| side.parse().ok().filter(|side| (1..=16_384).contains(side));
        match (text, text.strip_prefix("crop:").and_then(side)) {
            ("cover", _) => Ok(Self::Cover),
            ("crop", _) => Ok(Self::Crop(None)),
            ("stretch", _) => Ok(Self::Stretch),
            ("pad", _) => Ok(Self::Pad),
            (_, Some(side)) => Ok(Self::Crop(Some(side))),
            _ => Err("expected cover, crop, crop:SIDE (such as crop:256), stretch or pad".to_string()),
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cover => f.write_str("cover"),
            Self::Crop(None) => f.write_str("crop"),
            Self::Crop(Some(side)) => write!(f, "crop:{side}"),
            Self::Stretch => f.write_str("stretch"),
            Self::Pad => f.write_str("pad"),
        }
    }
}

/// A picture as `[H][W][C]`.
pub struct Pixels {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

/// For each output position: the first position that it reads, and the weights from there on.
type Taps = Vec<(usize, Vec<f32>)>;

/// Brings a picture to `height` x `width`, over an area where it shrinks.
pub fn resize(pixels: &Pixels, height: usize, width: usize, fit: Fit) -> Pixels {
    let (rows, columns) = (pixels.height as f64, pixels.width as f64);
    match fit {
        Fit::Stretch => sample(pixels, &taps(pixels.height, rows, height), &taps(pixels.width, columns, width)),
        Fit::Cover => {
            let unit = (rows / height as f64).min(columns / width as f64);
            let vertical = taps(pixels.height, unit * height as f64, height);
            sample(pixels, &vertical, &taps(pixels.width, unit * width as f64, width))
        }
        Fit::Crop(side) => {
            let [tall, wide] = covering([pixels.height, pixels.width], [height, width], side);
            let (vertical, horizontal) = (taps(pixels.height, rows, tall), taps(pixels.width, columns, wide));
            sample(pixels, centre(&vertical, height), centre(&horizontal, width))
        }
        Fit::Pad => {
            let unit = (rows / height as f64).max(columns / width as f64);
            let inside = |side: f64, most: usize| ((side / unit).round() as usize).clamp(1, most);
            let (tall, wide) = (inside(rows, height), inside(columns, width));
            let inner = sample(pixels, &taps(pixels.height, rows, tall), &taps(pixels.width, columns, wide));
            framed(&inner, height, width)
        }
    }
}

/// The size of a whole picture whose centre is cut out: as torchvision's `Resize` has it where the model's input is square.
fn covering([rows, columns]: [usize; 2], [height, width]: [usize; 2], side: Option<usize>) -> [usize; 2] {
    let least = height.min(width);
    let side = side.unwrap_or(least * EVALUATION.0 / EVALUATION.1).max(least);
    // Which side of the picture is short, measured in the model's.
    if rows * width <= columns * height {
        let tall = height * side / least;
        [tall, (tall * columns / rows).max(width)]
    } else {
        let wide = width * side / least;
        [(wide * rows / columns).max(height), wide]
    }
}

/// The middle `size` of them; where there is one more on one side, as Python rounds a half.
fn centre(taps: &[(usize, Vec<f32>)], size: usize) -> &[(usize, Vec<f32>)] {
    let first = ((taps.len() - size) as f64 / 2.0).round_ties_even() as usize;
    &taps[first..first + size]
}

fn framed(inner: &Pixels, height: usize, width: usize) -> Pixels {
    let channels = inner.channels;
    let mut values = vec![0.0; height * width * channels];
    let (top, left) = ((height - inner.height) / 2, (width - inner.width) / 2);
    for (y, row) in inner.values.chunks_exact(inner.width * channels).enumerate() {
        let start = ((top + y) * width + left) * channels;
        values[start..start + row.len()].copy_from_slice(row);
    }
    Pixels { height, width, channels, values }
}

fn sample(pixels: &Pixels, vertical: &[(usize, Vec<f32>)], horizontal: &[(usize, Vec<f32>)]) -> Pixels {
    let (height, width, channels) = (vertical.len(), horizontal.len(), pixels.channels);
    let mut narrow = Vec::with_capacity(pixels.height * width * channels);
    for row in pixels.values.chunks_exact(pixels.width * channels) {
        for (first, weights) in horizontal {
            for channel in 0..channels {
                let taps = row[first * channels + channel..].iter().step_by(channels);
                narrow.push(taps.zip(weights).map(|(x, w)| x * w).sum::<f32>());
            }
        }
    }
    let mut values = Vec::with_capacity(height * width * channels);
    let stride = width * channels;
    for (first, weights) in vertical {
        for at in 0..stride {
            let taps = narrow[first * stride + at..].iter().step_by(stride);
            values.push(taps.zip(weights).map(|(x, w)| x * w).sum::<f32>());
        }
    }
    Pixels { height, width, channels, values }
}

/// For each of `to` outputs over the central `span` of `from` inputs: a triangle of half-width `max(1, span / to)` around the
/// half-pixel centre, cut at the borders, of sum 1.
fn taps(from: usize, span: f64, to: usize) -> Taps {
    let scale = span / to as f64;
    let reach = scale.max(1.0);
    let origin = (from as f64 - span) / 2.0;
    (0..to)
        .map(|i| {
            let centre = origin + (i as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).floor().max(0.0) as usize;
            let end = ((centre + reach + 0.5).floor() as usize).clamp(1, from);
            let first = first.min(end - 1);
            let weights = (first..end).map(|x| (1.0 - ((x as f64 + 0.5 - centre) / reach).abs()).max(0.0));
            let weights: Vec<f64> = weights.collect();
            let sum: f64 = weights.iter().sum();
            (first, weights.iter().map(|w| (w / sum) as f32).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize, values: &[f32]) -> Pixels {
        Pixels { height, width, channels: 1, values: values.to_vec() }
    }

    #[test]
    fn fits_are_spelled_as_they_print() {
        for text in ["cover", "crop", "crop:256", "stretch", "pad"] {
            assert_eq!(Fit::parse(text).map(|fit| fit.to_string()).as_deref(), Ok(text));
        }
        for bad in ["", "crop:", "crop:0", "crop:-1", "crop:99999", "fill", "pad:3"] {
            assert!(Fit::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn same_size_is_untouched() {
        let values: Vec<f32> = (0..12).map(|x| x as f32).collect();
        for fit in [Fit::Cover, Fit::Crop(Some(3)), Fit::Stretch, Fit::Pad] {
            assert_eq!(resize(&grey(3, 4, &values), 3, 4, fit).values, values, "{fit}");
        }
    }

    #[test]
    fn upscaling_uses_half_pixel_centres() {
        let out = resize(&grey(1, 2, &[0.0, 100.0]), 1, 4, Fit::Stretch);
        assert_eq!(out.values, [0.0, 25.0, 75.0, 100.0]);
    }

    #[test]
    fn downscaling_averages_an_area() {
        let out = resize(&grey(1, 4, &[0.0, 100.0, 0.0, 100.0]), 1, 1, Fit::Stretch);
        assert!((out.values[0] - 50.0).abs() < 1e-4, "{:?}", out.values);
        let flat = resize(&grey(7, 5, &[3.0; 35]), 2, 3, Fit::Stretch);
        assert!(flat.values.iter().all(|x| (x - 3.0).abs() < 1e-5));
    }

    #[test]
    fn covers_around_the_centre() {
        let out = resize(&grey(1, 5, &[9.0, 9.0, 1.0, 9.0, 9.0]), 1, 1, Fit::Cover);
        assert_eq!(out.values, [1.0]);
    }

    /// Sizes that torchvision's `Resize(256)` gives, and one of another input.
    #[test]
    fn the_evaluation_transform_keeps_the_aspect_ratio() {
        assert_eq!(covering([480, 640], [224, 224], None), [256, 341]);
        assert_eq!(covering([500, 375], [224, 224], None), [341, 256]);
        assert_eq!(covering([224, 224], [224, 224], Some(256)), [256, 256]);
        assert_eq!(covering([1000, 1000], [160, 160], None), [182, 182]);
        assert_eq!(covering([10, 10], [224, 224], Some(100)), [224, 224]);
        assert_eq!(covering([100, 100], [64, 96], None), [109, 109]);
    }

    /// A picture of a formula, and what Pillow 13 makes of it: `resize((12, 8), BILINEAR)`, then `crop((2, 0, 9, 7))`.
    #[test]
    fn the_evaluation_transform_is_that_of_pillow() {
        let level = |i: usize| ((i % 20 * 37 + i / 20 * 59) % 256) as f32;
        let picture = grey(13, 20, &(0..260).map(level).collect::<Vec<_>>());
        let expected = [
            164, 179, 61, 93, 148, 189, 78, 114, 92, 118, 177, 140, 96, 112, 98, 143, 169, 126, 97, 140, 175, 177, 122,
            83, 115, 170, 145, 81, 99, 96, 142, 158, 110, 98, 141, 122, 172, 125, 68, 109, 167, 147, 163, 88, 95, 149,
            180, 95, 97,
        ];
        let found = resize(&picture, 7, 7, Fit::Crop(None)).values;
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            // Pillow rounds to bytes between the passes and behind them.
            assert!((found - expected as f32).abs() <= 1.01, "[{i}]: {found} instead of {expected}");
        }
    }

    #[test]
    fn half_a_pixel_off_centre_rounds_to_even() {
        let numbered: Vec<_> = (0..7).map(|i| (i, Vec::new())).collect();
        assert_eq!(centre(&numbered, 4)[0].0, 2);
        assert_eq!(centre(&numbered, 2)[0].0, 2);
        assert_eq!(centre(&numbered, 6)[0].0, 0);
    }

    #[test]
    fn padding_is_black_and_even() {
        let out = resize(&grey(1, 4, &[8.0; 4]), 4, 4, Fit::Pad);
        assert_eq!(out.values, [[0.0; 4], [8.0; 4], [0.0; 4], [0.0; 4]].concat());
    }

    #[test]
    fn one_pixel_pictures_work() {
        for fit in [Fit::Cover, Fit::Crop(None), Fit::Stretch] {
            assert_eq!(resize(&grey(1, 1, &[7.0]), 3, 2, fit).values, [7.0; 6], "{fit}");
        }
        assert_eq!(resize(&grey(1, 1, &[7.0]), 3, 1, Fit::Pad).values, [0.0, 7.0, 0.0]);
    }
}
