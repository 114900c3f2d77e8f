//! From pictures to a model's input: resizing, normalisation, axis order and element type in one pass.

use core::fmt;

use crate::{Element, Elements, Layout, Model};

/// A picture in memory: `[H, W, C]`, row-major, channels interleaved.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    pixels: Samples<'a>,
    height: usize,
    width: usize,
    channels: usize,
}

#[derive(Debug, Clone, Copy)]
enum Samples<'a> {
    Bytes(&'a [u8]),
    Floats(&'a [f32]),
}

impl<'a> Image<'a> {
    /// Bytes `[H, W, C]` of any channel count; `size` is `[H, W]`.
    ///
    /// # Errors
    /// [`ImageError::Length`] where there are not `H * W * C` of them, or none.
    pub fn new(pixels: &'a [u8], size: [usize; 2], channels: usize) -> Result<Self, ImageError> {
        Self::checked(Samples::Bytes(pixels), pixels.len(), size, channels)
    }

    /// Red, green, blue bytes; `size` is `[H, W]`.
    ///
    /// # Errors
    /// [`ImageError::Length`] where there are not `H * W * 3` of them, or none.
    pub fn rgb8(pixels: &'a [u8], size: [usize; 2]) -> Result<Self, ImageError> {
        Self::new(pixels, size, 3)
    }

    /// As [`grey8`](Self::grey8).
    ///
    /// # Errors
    /// As [`grey8`](Self::grey8).
    pub fn gray8(pixels: &'a [u8], size: [usize; 2]) -> Result<Self, ImageError> {
        Self::grey8(pixels, size)
    }

    /// Grey bytes; `size` is `[H, W]`.
    ///
    /// # Errors
    /// [`ImageError::Length`] where there are not `H * W` of them, or none.
    pub fn grey8(pixels: &'a [u8], size: [usize; 2]) -> Result<Self, ImageError> {
        Self::new(pixels, size, 1)
    }

    /// Floats `[H, W, C]`; `size` is `[H, W]`.
    ///
    /// # Errors
    /// [`ImageError::Length`] where there are not `H * W * C` of them, or none.
    pub fn floats(pixels: &'a [f32], size: [usize; 2], channels: usize) -> Result<Self, ImageError> {
        Self::checked(Samples::Floats(pixels), pixels.len(), size, channels)
    }

    fn checked(
        pixels: Samples<'a>,
        found: usize,
        [height, width]: [usize; 2],
        channels: usize,
    ) -> Result<Self, ImageError> {
        let expected = height.checked_mul(width).and_then(|area| area.checked_mul(channels)).unwrap_or(usize::MAX);
        if expected == found && found > 0 {
            Ok(Self { pixels, height, width, channels })
        } else {
            Err(ImageError::Length { expected, found })
        }
    }
}

/// What becomes of a pixel: `(pixel * scale - mean[c]) / std[c]`. A `mean` or `std` of one entry serves all channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization<'a> {
    /// Factor of the pixel, before anything else: `1 / 255` where mean and std are given for pixels from 0 to 1.
    pub scale: f32,
    /// Subtracted, per channel.
    pub mean: &'a [f32],
    /// Divided by, per channel.
    pub std: &'a [f32],
}

/// As [`Normalization`].
pub type Normalisation<'a> = Normalization<'a>;

impl Normalization<'static> {
    /// The pixel itself: for models that scale it with operators of their own, and for floats that are scaled already. A model that
    /// does neither refuses bytes as they are, with [`ImageError::Unscaled`].
    pub const RAW: Self = Self { scale: 1.0, mean: &[0.0], std: &[1.0] };
    /// Bytes to `0..=1`.
    pub const UNIT: Self = Self { scale: 1.0, mean: &[0.0], std: &[255.0] };
    /// Bytes to `-1..=1`: `byte / 127.5 - 1`, as MobileNets from TensorFlow are trained.
    pub const SIGNED: Self = Self { scale: 1.0, mean: &[127.5], std: &[127.5] };
    /// RGB bytes by ImageNet's mean and standard deviation, as torchvision's models are trained.
    pub const IMAGENET: Self = Self { scale: 1.0 / 255.0, mean: &[0.485, 0.456, 0.406], std: &[0.229, 0.224, 0.225] };
}

/// What a model takes for the pixels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pixels {
    /// Bytes from 0 to 255 as they are.
    Bytes,
    /// Signed bytes: the pixel less 128.
    SignedBytes,
    /// Floats from 0 to 1: the option `normalise` has folded in the rest.
    Unit,
    /// Floats that the model scales with operators of its own.
    Scaled,
    /// Floats that the caller normalises as the model was trained.
    Normalized,
}

/// In place of a [`Normalization`] for models that have theirs folded in, or take bytes: nothing is left to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Folded;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Folded {}
    impl Sealed for super::Normalization<'_> {}
}

/// What [`prepare`] is told of a model's pixels: a [`Normalization`], or [`Folded`] where that is part of the model. Sealed.
#[diagnostic::on_unimplemented(message = "a model's pixels are told by a `Normalization`, or by `Folded`")]
pub trait Normalize: sealed::Sealed {
    #[doc(hidden)]
    fn of(&self, pixels: Pixels, bytes: bool) -> Result<Normalization<'_>, ImageError>;
}

impl Normalize for Folded {
    fn of(&self, pixels: Pixels, bytes: bool) -> Result<Normalization<'_>, ImageError> {
        Ok(match pixels {
            Pixels::SignedBytes => Normalization { scale: 1.0, mean: &[128.0], std: &[1.0] },
            Pixels::Unit if bytes => Normalization::UNIT,
            _ => Normalization::RAW,
        })
    }
}

impl Normalize for Normalization<'_> {
    fn of(&self, pixels: Pixels, bytes: bool) -> Result<Normalization<'_>, ImageError> {
        let raw = bytes && pixels == Pixels::Normalized && *self == Normalization::RAW;
        if raw { Err(ImageError::Unscaled) } else { Ok(*self) }
    }
}

/// Why a picture can't become a model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// A slice of pixels, or of the input, has the wrong length.
    Length {
        /// Elements that the shape asks for.
        expected: usize,
        /// Elements that there are.
        found: usize,
    },
    /// The picture has neither the model's number of channels nor one (which is repeated), or the normalisation has not.
    Channels {
        /// The model's.
        expected: usize,
        /// The picture's, or the length of `mean` or `std`.
        found: usize,
    },
    /// The model's input is not a picture: its shape has not four axes.
    NotAnImage,
    /// Bytes as they are ([`Normalization::RAW`]) are for a model that scales them itself; this one does not.
    Unscaled,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "expected {expected} elements, found {found}"),
            Self::Channels { expected, found } => write!(f, "expected {expected} channels (or one), found {found}"),
            Self::NotAnImage => f.write_str("the model's input is not a picture"),
            Self::Unscaled => f.write_str(
                "the model has no operator that scales pixels from 0 to 255: name the normalisation of its training, such as \
                 Normalization::SIGNED or IMAGENET",
            ),
        }
    }
}

impl core::error::Error for ImageError {}

/// Writes `image` into `input`, one image of the model's batch, in the model's axis order and element type: resized
/// bilinearly (half-pixel centres, no antialiasing) where the sizes differ, a grey picture repeated over all channels,
/// a picture in colours made grey (ITU-R BT.601) for a model of one channel, each pixel normalised.
///
/// A model whose type has its normalisation folded in, or takes bytes, is told [`Folded`] instead; a [`Normalization`] on top does
/// not compile.
///
/// Each value depends on at most four pixels. To shrink a photograph by much more than 2, filter it with an image
/// library first.
///
/// ```
/// # use mobilenet_runtime::{Arena, Element, Layout, Model};
/// # struct Classifier;
/// # impl Model for Classifier {
/// #     type Input = f32; type Output = f32; type InputArray = [f32; 12]; type OutputArray = [f32; 1]; type Arena = Arena<64>;
/// #     type Normalization = mobilenet_runtime::image::Normalization<'static>;
/// #     const INPUT_SHAPE: &'static [usize] = &[1, 3, 2, 2]; const OUTPUT_SHAPE: &'static [usize] = &[1, 1];
/// #     const INPUT_LAYOUT: Layout = Layout::Nchw; const BATCH: usize = 1; const INPUT_LEN: usize = 12; const OUTPUT_LEN: usize = 1;
/// #     const ARENA_BYTES: usize = 64; const WEIGHT_BYTES: usize = 0; const MULT_ADDS: u64 = 0;
/// #     fn run(_: &[f32; 12], _: &mut [f32; 1], _: &mut Arena<64>) {}
/// # }
/// use mobilenet_runtime::image::{prepare, Image, Normalization};
///
/// // Classifier::INPUT_SHAPE is [1, 3, 2, 2]
/// let mut input = [0.0; Classifier::INPUT_LEN];
/// let picture = Image::rgb8(&[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255], [2, 2])?;
/// prepare::<Classifier>(&picture, &Normalization::SIGNED, &mut input)?;
/// assert_eq!(input[..4], [1.0, -1.0, -1.0, 1.0]); // the red plane
/// # Ok::<(), mobilenet_runtime::image::ImageError>(())
/// ```
///
/// # Errors
/// [`ImageError`] where channel counts or the length of `input` don't fit the model's shape; `input` is untouched then.
pub fn prepare<M: Model>(
    image: &Image<'_>,
    normalization: &M::Normalization,
    input: &mut (impl Elements<M::Input> + ?Sized),
) -> Result<(), ImageError> {
    let &[_, a, b, c] = M::INPUT_SHAPE else { return Err(ImageError::NotAnImage) };
    let [channels, height, width] = match M::INPUT_LAYOUT {
        Layout::Nchw => [a, b, c],
        Layout::Nhwc => [c, a, b],
    };
    let shape = Shape { height, width, channels, layout: M::INPUT_LAYOUT };
    let normalization = normalization.of(M::PIXELS, matches!(image.pixels, Samples::Bytes(_)))?;
    M::Input::fill(input.elements_mut(), &Fill { image: *image, normalization, shape })
}

/// One image of a model's input.
#[derive(Debug, Clone, Copy)]
struct Shape {
    height: usize,
    width: usize,
    channels: usize,
    layout: Layout,
}

/// A checked or unchecked order to fill an input.
#[derive(Debug)]
pub struct Fill<'a> {
    image: Image<'a>,
    normalization: Normalization<'a>,
    shape: Shape,
}

impl Fill<'_> {
    /// Instantiated in this crate for each [`Element`], so that it is as fast in a user's debug build as this crate is.
    pub(crate) fn run<E: Element>(&self, out: &mut [E]) -> Result<(), ImageError> {
        let Shape { height, width, channels, .. } = self.shape;
        let expected = height * width * channels;
        if out.len() != expected {
            return Err(ImageError::Length { expected, found: out.len() });
        }
        let of_image = if self.greys() { channels } else { self.image.channels };
        for found in [of_image, self.normalization.mean.len(), self.normalization.std.len()] {
            if found != channels && found != 1 {
                return Err(ImageError::Channels { expected: channels, found });
            }
        }
        match self.image.pixels {
            Samples::Bytes(pixels) => self.fill(pixels, out),
            Samples::Floats(pixels) => self.fill(pixels, out),
        }
        Ok(())
    }

    fn fill<P: Element, E: Element>(&self, pixels: &[P], out: &mut [E]) {
        let Shape { height, width, channels, layout } = self.shape;
        let of_channel = |values: &[f32], c: usize| values[if values.len() == 1 { 0 } else { c }];
        let Normalization { scale, mean, std } = self.normalization;
        let (pixel_step, plane_step) = match layout {
            Layout::Nchw => (1, height * width),
            Layout::Nhwc => (channels, 1),
        };
        for y in 0..height {
            let rows = Tap::new(y, self.image.height, height);
            for x in 0..width {
                let columns = Tap::new(x, self.image.width, width);
                for c in 0..channels {
                    let value = self.sample(pixels, &rows, &columns, if self.image.channels == 1 { 0 } else { c });
                    let value = (value * scale - of_channel(mean, c)) / of_channel(std, c);
                    out[(y * width + x) * pixel_step + c * plane_step] = E::from_f32(value);
                }
            }
        }
    }

    /// Whether colours become grey.
    fn greys(&self) -> bool {
        self.image.channels == 3 && self.shape.channels == 1
    }

    fn sample<P: Element>(&self, pixels: &[P], rows: &Tap, columns: &Tap, channel: usize) -> f32 {
        let greys = self.greys();
        let at = |y: usize, x: usize| {
            let first = (y * self.image.width + x) * self.image.channels;
            if greys {
                P::luma([pixels[first], pixels[first + 1], pixels[first + 2]])
            } else {
                pixels[first + channel].to_f32()
            }
        };
        let row = |y: usize| columns.mix(at(y, columns.first), || at(y, columns.second));
        rows.mix(row(rows.first), || row(rows.second))
    }
}

/// The two source positions that one destination position reads, and the share of the second.
#[derive(Debug)]
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

impl Tap {
    /// Half-pixel centres: `(to + 0.5) * source / destination - 0.5`, kept inside the source.
    fn new(to: usize, source: usize, destination: usize) -> Self {
        let position = ((to as f32 + 0.5) * source as f32 / destination as f32 - 0.5).max(0.0);
        let first = (position as usize).min(source - 1);
        Self { first, second: (first + 1).min(source - 1), share: position - first as f32 }
    }

    fn mix(&self, first: f32, second: impl FnOnce() -> f32) -> f32 {
        if self.share == 0.0 { first } else { first * (1.0 - self.share) + second() * self.share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill<E: Element, const N: usize>(image: Image<'_>, normalization: Normalization<'_>, shape: Shape) -> [E; N] {
        let mut out = [E::default(); N];
        Fill { image, normalization, shape }.run(&mut out).expect("fits");
        out
    }

    const NHWC: Layout = Layout::Nhwc;

    #[test]
    fn bilinear_with_half_pixel_centres() {
        let image = Image::grey8(&[0, 100], [1, 2]).expect("two pixels");
        let shape = Shape { height: 1, width: 4, channels: 1, layout: NHWC };
        assert_eq!(fill::<f32, 4>(image, Normalization::RAW, shape), [0.0, 25.0, 75.0, 100.0]);
        let shape = Shape { height: 1, width: 1, channels: 1, layout: NHWC };
        assert_eq!(fill::<f32, 1>(image, Normalization::RAW, shape), [50.0]);
    }

    #[test]
    fn layouts_channels_and_elements() {
        let image = Image::rgb8(&[1, 2, 3, 4, 5, 6], [1, 2]).expect("two pixels");
        let shape = |layout| Shape { height: 1, width: 2, channels: 3, layout };
        assert_eq!(fill::<u8, 6>(image, Normalization::RAW, shape(Layout::Nchw)), [1, 4, 2, 5, 3, 6]);
        assert_eq!(fill::<u8, 6>(image, Normalization::RAW, shape(NHWC)), [1, 2, 3, 4, 5, 6]);
        let centred = Normalization { scale: 1.0, mean: &[128.0], std: &[1.0] };
        assert_eq!(fill::<i8, 6>(image, centred, shape(NHWC)), [-127, -126, -125, -124, -123, -122]);
        let grey = Image::floats(&[0.5, 1.0], [1, 2], 1).expect("two pixels");
        let per_channel = Normalization { scale: 2.0, mean: &[0.0, 1.0, 2.0], std: &[1.0, 2.0, 4.0] };
        assert_eq!(fill::<f32, 6>(grey, per_channel, shape(NHWC)), [1.0, 0.0, -0.25, 2.0, 0.5, 0.0]);
    }

    /// What Pillow's `convert("L")` makes of the bytes.
    #[test]
    fn colours_become_grey_by_bt_601() {
        let shape = Shape { height: 1, width: 2, channels: 1, layout: NHWC };
        let image = Image::rgb8(&[250, 20, 30, 200, 7, 90], [1, 2]).expect("two pixels");
        assert_eq!(fill::<u8, 2>(image, Normalization::RAW, shape), [90, 74]);
        let image = Image::floats(&[1.0, 0.0, 0.5, 0.25, 0.25, 0.25], [1, 2], 3).expect("two pixels");
        let grey = fill::<f32, 2>(image, Normalization::RAW, shape);
        assert!((grey[0] - (0.299 + 0.057)).abs() < 1e-6 && (grey[1] - 0.25).abs() < 1e-6, "{grey:?}");
    }

    #[test]
    fn what_is_folded_in_is_known() {
        let all = [Pixels::Bytes, Pixels::SignedBytes, Pixels::Unit];
        let of_bytes = all.map(|pixels| Folded.of(pixels, true).map(|n| (255.0 * n.scale - n.mean[0]) / n.std[0]));
        assert_eq!(of_bytes, [Ok(255.0), Ok(127.0), Ok(1.0)]);
        assert_eq!(Folded.of(Pixels::Unit, false), Ok(Normalization::RAW));
    }

    #[test]
    fn bytes_as_they_are_need_a_model_that_scales_them() {
        assert_eq!(Normalization::RAW.of(Pixels::Normalized, true), Err(ImageError::Unscaled));
        for (pixels, bytes) in [(Pixels::Scaled, true), (Pixels::Normalized, false)] {
            assert_eq!(Normalization::RAW.of(pixels, bytes), Ok(Normalization::RAW));
        }
        assert_eq!(Normalization::UNIT.of(Pixels::Normalized, true), Ok(Normalization::UNIT));
    }

    #[test]
    fn the_same_size_keeps_every_pixel() {
        let pixels: [u8; 35] = core::array::from_fn(|i| (i * 7) as u8);
        let image = Image::grey8(&pixels, [5, 7]).expect("35 pixels");
        let shape = Shape { height: 5, width: 7, channels: 1, layout: NHWC };
        assert_eq!(fill::<u8, 35>(image, Normalization::RAW, shape), pixels);
    }

    #[test]
    fn misfits_are_errors() {
        assert_eq!(Image::rgb8(&[0; 5], [1, 2]).err(), Some(ImageError::Length { expected: 6, found: 5 }));
        assert_eq!(Image::grey8(&[], [0, 3]).err(), Some(ImageError::Length { expected: 0, found: 0 }));
        let huge = Image::new(&[0], [usize::MAX, 2], 3).err();
        assert_eq!(huge, Some(ImageError::Length { expected: usize::MAX, found: 1 }));
        let image = Image::new(&[0; 2], [1, 1], 2).expect("one pixel");
        let shape = Shape { height: 1, width: 1, channels: 3, layout: NHWC };
        let run = |normalization, len| Fill { image, normalization, shape }.run(&mut [0.0_f32; 3][..len]);
        assert_eq!(run(Normalization::RAW, 3), Err(ImageError::Channels { expected: 3, found: 2 }));
        assert_eq!(run(Normalization::RAW, 2), Err(ImageError::Length { expected: 3, found: 2 }));
    }
}
