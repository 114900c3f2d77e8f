//! An image file to the model's input: decode, turn, resize, normalise, lay out.

use crate::adapt::Adapt;
use crate::args::Normalize;
use crate::failure::Failure;
use crate::fit::{Fit, Pixels, resize};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use mobilenet_compiler::graph::DType;
use mobilenet_compiler::network::{FeatureMap, Layout, Network};
use mobilenet_compiler::options::{MOST_MEAN, MOST_STD};
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
    /// Whether the colours come the other way round.
    pub reversed: bool,
}

impl Shape {
    /// The shape of one image of a model's input, also of one that is flat, or why it takes none.
    pub fn of(network: &Network) -> Result<Self, Failure> {
        let port = &network.input;
        let FeatureMap { height, width, channels, .. } = network.maps[network.input_map.0 as usize];
        if matches!(channels, 1 | 3) && height * width > 1 {
            return Ok(Self { height, width, channels, layout: port.layout, element: port.dtype, reversed: false });
        }
        let found = format!("{height} x {width} pixels of {channels} channels, shape {:?}", port.shape);
        Err(Failure::Other(
            Problem::new(format!("the input {:?} does not take images", port.name))
                .expected("1 (grey) or 3 (RGB) channels", found)
                .hint("use `mobilenetc verify --input file.npy` to run it on arrays"),
        ))
    }
}

/// Affine map from pixels 0..=255 to input values, per channel: `pixel * factor + offset`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling(Vec<(f32, f32)>);

/// What a model is fed, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// A formula of the pixel.
    pub words: String,
    /// Nobody said so: other exporters have other conventions.
    pub assumed: bool,
}

impl Fed {
    fn known(words: &str) -> Self {
        Self { words: words.to_string(), assumed: false }
    }
}

impl Scaling {
    /// What the options ask for, for this input.
    pub fn new(options: &Normalize, adapt: &Adapt, shape: &Shape) -> Result<(Self, Fed), Failure> {
        check(options, shape)?;
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
            DType::U8 => Ok((Self(vec![(1.0, 0.0); shape.channels]), Fed::known("the pixels themselves"))),
            DType::I8 => Ok((Self(vec![(1.0, -128.0); shape.channels]), Fed::known("pixel - 128"))),
            _ if adapt.normalise.is_some() => {
                Ok((Self(vec![(1.0 / 255.0, 0.0); shape.channels]), Fed::known("pixel / 255")))
            }
            _ => Self::float(options, shape.channels),
        }
    }

    fn float(options: &Normalize, channels: usize) -> Result<(Self, Fed), Failure> {
        if let Some(scale) = options.scale {
            return Ok((Self(vec![(scale, 0.0); channels]), Fed::known(&format!("pixel * {scale}"))));
        }
        let mean = per_channel("--mean", options.mean.as_deref().unwrap_or(&[0.5]), channels)?;
        let std = per_channel("--std", options.std.as_deref().unwrap_or(&[0.5]), channels)?;
        let words = format!("(pixel / 255 - {}) / {}", list(&mean), list(&std));
        let maps = mean.iter().zip(&std).map(|(mean, std)| (1.0 / (255.0 * std), -mean / std));
        Ok((Self(maps.collect()), Fed { words, assumed: options.mean.is_none() && options.std.is_none() }))
    }
}

/// What no model can want.
fn check(options: &Normalize, shape: &Shape) -> Result<(), Failure> {
    for (option, values, most) in [("--mean", &options.mean, MOST_MEAN), ("--std", &options.std, MOST_STD)] {
        if let Some(value) = values.iter().flatten().find(|&&value| value > most) {
            let problem = Problem::new(format!("{option} is of pixels from 0 to 1"));
            let problem = problem.expected(format!("at most {most}"), value.to_string());
            return Err(Failure::Usage(problem.hint(format!("of pixels from 0 to 255 it is {option} {value}/255"))));
        }
    }
    match options.fit {
        Fit::Crop(Some(side)) if side < shape.height.min(shape.width) => {
            let problem = Problem::new("--fit crop cuts the model's input out of the middle of a larger picture");
            let least = shape.height.min(shape.width);
            Err(Failure::Usage(problem.expected(format!("a short side of {least} or more"), side.to_string())))
        }
        _ => Ok(()),
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
    let image = decode(&bytes).map_err(|mut problem| {
        problem.message = format!("can't decode {}: {}", text::path(path), problem.message);
        Failure::Other(problem)
    })?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    // An alpha channel is dropped, 16 bits become 8.
    let colours = image.into_rgb8().into_raw();
    let bytes = match shape.channels {
        1 => colours.as_chunks::<3>().0.iter().copied().map(luma).collect(),
        _ => colours,
    };
    let pixels = Pixels { height, width, channels: shape.channels, values: bytes.into_iter().map(f32::from).collect() };
    let resized = resize(&pixels, shape.height, shape.width, fit);
    Ok(arrange(&resized, shape, scaling))
}

/// Grey of red, green and blue by ITU-R BT.601, rounded: `0.299 R + 0.587 G + 0.114 B` in units of 2^-16, as Pillow's
/// `convert("L")` computes it.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 0x8000) >> 16) as u8
}

/// Decodes within limits, for a small file can unfold to a huge image, and turns the picture as its EXIF data say.
fn decode(bytes: &[u8]) -> Result<DynamicImage, Problem> {
    let plain = |error: &dyn std::fmt::Display| Problem::new(error.to_string()).hint("PNG and JPEG files are read");
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| plain(&error))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| plain(&error))?;
    let (width, height) = decoder.dimensions();
    let decoded = decoder.total_bytes();
    if width.max(height) > MAX_SIDE || decoded > MAX_BYTES {
        let expected = format!("at most {MAX_SIDE} pixels a side and {} MiB", MAX_BYTES >> 20);
        let found = format!("{width} x {height} pixels, {} MiB", decoded.div_ceil(1 << 20));
        return Err(Problem::new("the picture is too large").expected(expected, found).hint("make it smaller first"));
    }
    if width == 0 || height == 0 {
        return Err(Problem::new("it has no pixels"));
    }
    // Whatever else the EXIF data are, the pixels are there.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| plain(&error))?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Normalises, rounds for byte inputs and puts the axes in the model's order.
fn arrange(pixels: &Pixels, shape: &Shape, Scaling(maps): &Scaling) -> Vec<f32> {
    let bytes = matches!(shape.element, DType::U8 | DType::I8);
    let value = |at: usize, place: usize| {
        let channel = if shape.reversed { pixels.channels - 1 - place } else { place };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What Pillow's `convert("L")` gives.
    #[test]
    fn grey_is_that_of_bt_601() {
        for (colour, grey) in [
            ([250, 20, 30], 90),
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([255, 255, 255], 255),
            ([1, 2, 3], 2),
            ([200, 7, 90], 74),
        ] {
            assert_eq!(luma(colour), grey, "{colour:?}");
        }
    }

    #[test]
    fn layouts_and_scaling() {
        let pixels = Pixels { height: 1, width: 2, channels: 3, values: vec![0., 51., 255., 102., 153., 204.] };
        let mut shape =
            Shape { height: 1, width: 2, channels: 3, layout: Layout::Nchw, element: DType::F32, reversed: false };
        let fifth = Scaling(vec![(1.0 / 51.0, 0.0); 3]);
        assert_eq!(arrange(&pixels, &shape, &fifth), [0., 2., 1., 3., 5., 4.]);
        shape.layout = Layout::Nhwc;
        assert_eq!(arrange(&pixels, &shape, &fifth), [0., 1., 5., 2., 3., 4.]);
        shape.reversed = true;
        assert_eq!(arrange(&pixels, &shape, &fifth), [5., 1., 0., 4., 3., 2.]);
    }

    #[test]
    fn mean_and_deviation_follow_the_channels() {
        let mut options =
            Normalize { mean: Some(vec![0.0, 0.5, 1.0]), std: Some(vec![0.5]), scale: None, fit: Fit::Cover };
        let (Scaling(maps), _) = Scaling::float(&options, 3).expect("three means");
        let top: Vec<f32> = maps.iter().map(|(factor, offset)| 255.0 * factor + offset).collect();
        assert_eq!(top, [2.0, 1.0, 0.0]);
        options.mean = Some(vec![0.0, 0.5]);
        assert!(matches!(Scaling::float(&options, 3), Err(Failure::Usage(_))));
    }
}
