//! The `no_std` SIMD kernels and types that compiled MobileNets run on.
//!
//! `mobilenet_model!` compiles an ONNX file, while the crate that names it compiles, into a type that implements
//! [`Model`]:
//!
//! ```ignore
//! mobilenet_runtime::mobilenet_model!("models/classifier.onnx");
//!
//! let mut arena = Classifier::new_arena();
//! let mut scores = [0.0; Classifier::OUTPUT_LEN];
//! Classifier::run(&image, &mut scores, &mut arena);
//! ```
//!
//! # Features
//!
//! - `macros` (default): `mobilenet_model!`.
//! - `std` (default): the instruction set can be forced with the environment variable `MOBILENET_ISA`; timing. Implies `alloc`.
//! - `alloc`: arenas, inputs and outputs on the heap.
//! - `threads`: several threads per inference, over the caller's pool, see `with_pool`. Implies `std`.
//!
//! Without features the crate needs neither an allocator nor an operating system; the arena is then a `static`, see [`TakeOnce`].
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod arena;
mod element;
mod elements;
mod half;
pub mod image;
mod model;
#[cfg(target_has_atomic = "8")]
mod once;
mod quantization;
#[doc(hidden)]
pub mod rt;
mod scores;
#[cfg(feature = "threads")]
mod threads;
#[cfg(feature = "std")]
mod timing;

pub use arena::Arena;
pub use element::{Element, Zeroable};
pub use elements::Elements;
pub use half::F16;
pub use model::{Layout, Model};
#[cfg(target_has_atomic = "8")]
pub use once::TakeOnce;
pub use quantization::{Code, Quantization};
pub use scores::{Ranked, TopK, softmax, top_k};
#[cfg(feature = "threads")]
pub use threads::{Pool, ScopedThreads, with_pool};
#[cfg(feature = "std")]
pub use timing::{Latency, latency};

/// Compiles an ONNX MobileNet into a type that implements [`Model`].
///
/// ```ignore
/// mobilenet_model!("models/mobilenet_v1.onnx");
/// mobilenet_model!("net.onnx", pub struct Classifier, resolution = [160, 160], batch = 4);
/// mobilenet_model!("net.onnx", struct Camera, input = u8, normalise = (0.5, 0.5), input_layout = nhwc, softmax);
/// ```
///
/// - The path is relative to the folder of the crate's `Cargo.toml`. The crate is rebuilt when the model or its external
///   data changes.
/// - `pub struct Name` names the type and says who sees it; attributes and doc comments in front of it are kept (it already
///   derives `Debug`, `Clone` and `Copy`). Without it, the type is `pub(crate)` and has the file's stem as its name, in CamelCase.
/// - `resolution = [H, W]` recompiles the model for another input size, `batch = n` for n images per inference.
/// - `input = u8` takes bytes. `normalise = (mean, std)` (or `normalize`) folds `(pixel - mean) / std` into the model, of pixels from
///   0 to 1 or of bytes, which count as `byte / 255`; either may be an array with a value per channel, `([0.485, 0.456, 0.406], [0.229,
///   0.224, 0.225])`, and a number may be a quotient, `127.5 / 255`.
/// - `input_layout = nchw` or `nhwc` is the order of the input's axes, instead of the model's own; `channel_order = bgr` takes the
///   three channels the other way round; `grey` (or `gray`) takes one channel instead of several.
/// - `ports = f16` makes input and outputs of floats [`F16`].
/// - `softmax` makes a model return probabilities that does not end in one. `output = "name"`, or `["a", "b"]`, ends the network
///   at these values of the graph instead of the model's outputs.
/// - `labels = "labels.txt"` gives the type a constant `LABELS` with the names of the classes, from a UTF-8 file with a line per
///   class; `top_k = n` a function `top_k` that returns the n best classes of a row of scores, and the constant `TOP_K`.
/// - `optimise = memory` (or `optimize`), `balanced` or `speed` is what is preferred where memory and time can't both be had; `max_arena =
///   65536` refuses a model whose arena can't be of so few bytes, with the smallest that it can be.
///
/// It defines the type, which implements [`Model`] and has the same constants and functions of its own, and `NameArena`, an
/// alias of its [`Arena`]. A model that can't be compiled gives one error, at the path, that lists everything wrong with it.
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! mobilenet_model {
    ($($input:tt)*) => {
        $crate::__mobilenet_model! { $crate; $($input)* }
    };
}

#[cfg(feature = "macros")]
#[doc(hidden)]
pub use mobilenet_macros::__mobilenet_model;

/// Keeps items of emitted code that need an allocator.
#[cfg(feature = "alloc")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_alloc {
    ($($item:tt)*) => { $($item)* };
}

/// Drops items of emitted code that need an allocator.
#[cfg(not(feature = "alloc"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_alloc {
    ($($item:tt)*) => {};
}
