//! What every compiled model offers.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

use crate::image::{Normalize, Pixels};
pub use crate::rt::Layout;
use crate::{Element, Zeroable};

/// A compiled model. [`mobilenet_model!`](crate::mobilenet_model) implements it for the type that it defines, which has
/// the same constants and functions of its own; generic code (image preparation, ranking, timing) asks for `M: Model`.
///
/// ```
/// use mobilenet_runtime::Model;
///
/// /// How many images per inference, and how much memory for them.
/// fn describe<M: Model>() -> String {
///     format!("{:?} -> {:?}, {} bytes of arena", M::INPUT_SHAPE, M::OUTPUT_SHAPE, M::ARENA_BYTES)
/// }
/// ```
pub trait Model {
    /// Element of the input: `f32`, or `u8` or `i8` where the model takes bytes.
    type Input: Element;
    /// Element of the output.
    type Output: Element;
    /// `[Input; INPUT_LEN]`
    type InputArray: Zeroable + AsRef<[Self::Input]> + AsMut<[Self::Input]>;
    /// `[Output; OUTPUT_LEN]`
    type OutputArray: Zeroable + AsRef<[Self::Output]> + AsMut<[Self::Output]>;
    /// [`Arena<ARENA_BYTES>`](crate::Arena)
    type Arena: Zeroable;
    /// What [`prepare`](crate::image::prepare) needs to be told: a [`Normalization`](crate::image::Normalization), or
    /// [`Folded`](crate::image::Folded) where that is part of the model or its input is bytes.
    type Normalization: Normalize;

    /// Shape of the input, batch and options included: `[N, C, H, W]` or `[N, H, W, C]`, row-major.
    const INPUT_SHAPE: &'static [usize];
    /// Shape of the output, batch and options included, row-major.
    const OUTPUT_SHAPE: &'static [usize];
    /// Which of the two the input is.
    const INPUT_LAYOUT: Layout;
    /// What the model takes for the pixels of a picture.
    const PIXELS: Pixels = Pixels::Normalized;
    /// Images per inference. Input and output hold them one after the other.
    const BATCH: usize;
    /// Elements of the input, the whole batch.
    const INPUT_LEN: usize;
    /// Elements of the output, the whole batch.
    const OUTPUT_LEN: usize;
    /// Bytes of working memory, the same for every instruction set.
    const ARENA_BYTES: usize;
    /// Bytes of packed weights in the binary.
    const WEIGHT_BYTES: usize;
    /// Multiply-adds of convolutions and dense layers for one image, biases not counted.
    const MULT_ADDS: u64;
    /// Names of the classes, in the order of the scores; empty unless the option `labels` gave them.
    const LABELS: &'static [&'static str] = &[];

    /// One inference. Allocates nothing, never panics, does no I/O; NaN and infinity propagate as IEEE arithmetic has it.
    fn run(input: &Self::InputArray, output: &mut Self::OutputArray, arena: &mut Self::Arena);

    /// Working memory on the heap, without passing through the stack.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn new_arena() -> Box<Self::Arena> {
        Zeroable::boxed()
    }

    /// A zeroed input on the heap, without passing through the stack.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn new_input() -> Box<Self::InputArray> {
        Zeroable::boxed()
    }

    /// A zeroed output on the heap, without passing through the stack.
    #[cfg(feature = "alloc")]
    #[must_use]
    fn new_output() -> Box<Self::OutputArray> {
        Zeroable::boxed()
    }
}
