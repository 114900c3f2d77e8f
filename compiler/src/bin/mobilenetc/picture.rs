//! An image file to the model's input: crop, resize, normalise, lay out.

use crate::adapt::Adapt;
use crate::args::{Fit, Normalize};
use crate::failure::Failure;
use image::{DynamicImage, ImageReader, Limits};
use mobilenet_compiler::graph::DType;
use mobilenet_compiler::network::{Layout, Port};
use mobilenet_compiler::{Problem, text};
use std::io::Cursor;
use std::path::Path;

/// Rows and columns of an image file.
const MAX_SIDE: u32 = 16_384;
/// Memory that decoding may take.
const MAX_BYTES: u64 = 256 << 20;

/// The image axes of a model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (luma) or 3 (red, green, blue).
    pub channels: usize,
    layout: Layout,
    element: DType,
}

impl Shape {
    /// The shape of one image of a model's input, or why it takes none.
    pub fn of(port: &Port) -> Result<Self, Failure> {
        let shape = match (port.shape.as_slice(), port.layout) {
            (&[_, channels, height, width], Layout::Nchw) => Some((height, width, channels)),
            (&[_, height, width, channels], Layout::Nhwc) => Some((height, width, channels)),
            _ => None,
        };
        match shape {
            Some((height, width, channels)) if matches!(channels, 1 | 3) => {
                Ok(Self { height, width, channels, layout: port.layout, element: port.dtype })
            }
            _ => Err(Failure::Other(
                Problem::new(format!("the input {:?} does not take images", port.name))
                    .expected("1 (grey) or 3 (RGB) channels", format!("shape {:?}", port.shape))
                    .hint("use `mobilenetc verify --input file.npy` to run it on arrays"),
            )),
        }
    }
}

/// Affine map from pixels 0..=255 to input values, per channel: `pixel * factor + offset`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling(Vec<(f32, f32)>);

impl Scaling {
    /// What the options ask for, for this input; the text says it in words.
    pub fn new(options: &Normalize, adapt: &Adapt, shape: &Shape) -> Result<(Self, String), Failure> {
        let given = options.mean.is_some() || options.std.is_some() || options.scale.is_some();
        if given && adapt.normalise.is_some() {
            return Err(Failure::Usage(
                Problem::new("--mean, --std and --scale can't be used with --normalise")
                    .expected("pixels from 0 to 1", "a second normalisation"),
            ));
        }
        match shape.element {
            DType::U8 | DType::I8 if given => Err(Failure::Usage(
                Problem::new("--mean, --std and --scale are for models with a float input")
                    .expected("pixels as they are", "a byte input: its scaling is part of the model"),
            )),
            DType::U8 => Ok((Self(vec![(1.0, 0.0); shape.channels]), "the pixels themselves".to_string())),
            DType::I8 => Ok((Self(vec![(1.0, -128.0); shape.channels]), "pixel - 128".to_string())),
            _ if adapt.normalise.is_some() => {
                Ok((Self(vec![(1.0 / 255.0, 0.0); shape.channels]), "pixel / 255".to_string()))
            }
            _ => Self::float(options, shape.channels),
        }
    }

    fn float(options: &Normalize, channels: usize) -> Result<(Self, String), Failure> {
        if let Some(scale) = options.scale {
            return Ok((Self(vec![(scale, 0.0); channels]), format!("pixel * {scale}")));
        }
        let mean = per_channel("--mean", options.mean.as_deref().unwrap_or(&[0.5]), channels)?;
        let std = per_channel("--std", options.std.as_deref().unwrap_or(&[0.5]), channels)?;
        let words = format!("(pixel / 255 - {}) / {}", list(&mean), list(&std));
        let maps = mean.iter().zip(&std).map(|(mean, std)| (1.0 / (255.0 * std), -mean / std));
        Ok((Self(maps.collect()), words))
    }
}

fn per_channel(option: &str, values: &[f32], channels: usize) -> Result<Vec<f32>, Failure> {
    match values {
        &[one] => Ok(vec![one; channels]),
        values if values.len() == channels => Ok(values.to_vec()),
        values => Err(Failure::Usage(
            Problem::new(format!("{option} does not fit the model's input"))
                .expected(format!("1 or {channels} values"), values.len().to_string()),
        )),
    }
}

fn list(values: &[f32]) -> String {
    match values.split_first() {
        Some((first, rest)) if rest.iter().all(|x| x == first) => first.to_string(),
        _ => format!("[{}]", values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Reads an image file into values in the model's own layout; values of a byte input are whole numbers in its range.
pub fn load(path: &Path, shape: &Shape, scaling: &Scaling, fit: Fit) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    let image = decode(&bytes).map_err(|message| {
        Failure::Other(
            Problem::new(format!("can't decode {}: {message}", text::path(path))).hint("PNG and JPEG files are read"),
        )
    })?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let bytes = match shape.channels {
        1 => image.into_luma8().into_raw(),
        _ => image.into_rgb8().into_raw(),
    };
    let pixels =
        Pixels { height, width, channels: shape.channels, values: bytes.iter().copied().map(f32::from).collect() };
    let resized = resize(&pixels, shape.height, shape.width, fit);
    Ok(arrange(&resized, shape, scaling))
}

/// Decodes within limits: a small file can unfold to a huge image.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_BYTES);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    reader.limits(limits);
    let image = reader.decode().map_err(|error| error.to_string())?;
    match (image.width(), image.height()) {
        (0, _) | (_, 0) => Err("it has no pixels".to_string()),
        _ => Ok(image),
    }
}

/// An image as `[H][W][C]`.
struct Pixels {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f32>,
}

/// Normalises, rounds for byte inputs and puts the axes in the model's order.
fn arrange(pixels: &Pixels, shape: &Shape, Scaling(maps): &Scaling) -> Vec<f32> {
    let bytes = !matches!(shape.element, DType::F32);
    let value = |at: usize, channel: usize| {
        let (factor, offset) = maps[channel];
        let pixel = pixels.values[at * pixels.channels + channel];
        // The scale of an 8-bit input is exact, so rounding the pixel rounds the value.
        (if bytes { pixel.round_ties_even() } else { pixel }) * factor + offset
    };
    let area = pixels.height * pixels.width;
    match shape.layout {
        Layout::Nchw => {
            (0..pixels.channels).flat_map(|c| (0..area).map(move |at| (at, c))).map(|(at, c)| value(at, c)).collect()
        }
        Layout::Nhwc => {
            (0..area).flat_map(|at| (0..pixels.channels).map(move |c| (at, c))).map(|(at, c)| value(at, c)).collect()
        }
    }
}

/// Brings an image to `height` x `width`.
fn resize(pixels: &Pixels, height: usize, width: usize, fit: Fit) -> Pixels {
    let (rows, columns) = match fit {
        Fit::Stretch => (pixels.height as f64, pixels.width as f64),
        Fit::Crop => {
            let unit = (pixels.height as f64 / height as f64).min(pixels.width as f64 / width as f64);
            (unit * height as f64, unit * width as f64)
        }
    };
    let vertical = taps(pixels.height, rows, height);
    let horizontal = taps(pixels.width, columns, width);
    let channels = pixels.channels;
    let mut narrow = Vec::with_capacity(pixels.height * width * channels);
    for row in pixels.values.chunks_exact(pixels.width * channels) {
        for (first, weights) in &horizontal {
            for channel in 0..channels {
                let taps = row[first * channels + channel..].iter().step_by(channels);
                narrow.push(taps.zip(weights).map(|(x, w)| x * w).sum::<f32>());
            }
        }
    }
    let mut values = Vec::with_capacity(height * width * channels);
    let stride = width * channels;
    for (first, weights) in &vertical {
        for at in 0..stride {
            let taps = narrow[first * stride + at..].iter().step_by(stride);
            values.push(taps.zip(weights).map(|(x, w)| x * w).sum::<f32>());
        }
    }
    Pixels { height, width, channels, values }
}

/// For each of `to` outputs over the central `span` of `from` inputs: the first input and the weights from there on.
/// A triangle of half-width `max(1, span / to)` around the half-pixel centre, cut at the borders, of sum 1.
fn taps(from: usize, span: f64, to: usize) -> Vec<(usize, Vec<f32>)> {
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
    fn same_size_is_untouched() {
        let values: Vec<f32> = (0..12).map(|x| x as f32).collect();
        assert_eq!(resize(&grey(3, 4, &values), 3, 4, Fit::Crop).values, values);
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
    fn crop_takes_the_centre() {
        let out = resize(&grey(1, 5, &[9.0, 9.0, 1.0, 9.0, 9.0]), 1, 1, Fit::Crop);
        assert_eq!(out.values, [1.0]);
    }

    #[test]
    fn one_pixel_images_work() {
        assert_eq!(resize(&grey(1, 1, &[7.0]), 3, 2, Fit::Crop).values, [7.0; 6]);
    }

    #[test]
    fn layouts_and_scaling() {
        let pixels = Pixels { height: 1, width: 2, channels: 3, values: vec![0., 51., 255., 102., 153., 204.] };
        let mut shape = Shape { height: 1, width: 2, channels: 3, layout: Layout::Nchw, element: DType::F32 };
        let fifth = Scaling(vec![(1.0 / 51.0, 0.0); 3]);
        assert_eq!(arrange(&pixels, &shape, &fifth), [0., 2., 1., 3., 5., 4.]);
        shape.layout = Layout::Nhwc;
        assert_eq!(arrange(&pixels, &shape, &fifth), [0., 1., 5., 2., 3., 4.]);
    }

    #[test]
    fn mean_and_deviation_follow_the_channels() {
        let mut options =
            Normalize { mean: Some(vec![0.0, 0.5, 1.0]), std: Some(vec![0.5]), scale: None, fit: Fit::Crop };
        let (Scaling(maps), _) = Scaling::float(&options, 3).expect("three means");
        let top: Vec<f32> = maps.iter().map(|(factor, offset)| 255.0 * factor + offset).collect();
        assert_eq!(top, [2.0, 1.0, 0.0]);
        options.mean = Some(vec![0.0, 0.5]);
        assert!(matches!(Scaling::float(&options, 3), Err(Failure::Usage(_))));
    }
}
