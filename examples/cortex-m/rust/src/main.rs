//! Classifies pictures that lie in flash, and prints what they show.
#![no_std]
#![no_main]

mod semihosting;
mod start;

use core::fmt::Write;
use mobilenet_runtime::{TakeOnce, mobilenet_model, top_k};
use semihosting::Console;

mobilenet_model!(
    "../../classify/model/fashion_a025_64.onnx",
    struct Fashion,
    input = u8,
    grey,
    normalise = (0.5, 0.5)
);

/// Raw bytes, a picture after the other.
static PICTURES: &[u8] = include_bytes!("../../pictures.bin");
/// Names of the classes, one a line.
static LABELS: &str = include_str!("../../../classify/pictures/labels.txt");

static ARENA: TakeOnce<FashionArena> = TakeOnce::new(FashionArena::new());

fn main() -> Result<(), &'static str> {
    let arena = ARENA.take().ok_or("the arena is taken")?;
    let mut scores = [0.0; Fashion::OUTPUT_LEN];
    for (i, picture) in PICTURES.as_chunks().0.iter().enumerate() {
        Fashion::run(picture, &mut scores, arena);
        let [best] = *top_k::<Fashion, 1>(&scores) else { continue };
        let label = LABELS.lines().nth(best.class).ok_or("a class without a name")?;
        writeln!(Console, "picture {i}: {label}").map_err(|_| "no console")?;
    }
    Ok(())
}
