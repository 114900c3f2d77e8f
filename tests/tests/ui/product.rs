//! A model that is refused, and a program that uses everything it would have had: one error.
use mobilenet_runtime::image::{Image, Normalization, prepare};
use mobilenet_runtime::{Model, TakeOnce, softmax, top_k};

mobilenet_runtime::mobilenet_model!("../ui-models/product.onnx", pub struct Net);

static ARENA: TakeOnce<NetArena> = TakeOnce::new(NetArena::new());

fn generic<M: Model>() -> usize {
    M::INPUT_LEN + M::OUTPUT_LEN + M::ARENA_BYTES + M::WEIGHT_BYTES
}

fn main() {
    let [batch, channels, height, width] = Net::INPUT_SHAPE;
    assert_eq!(batch * channels * height * width, Net::INPUT_LEN);
    let mut input = Net::new_input();
    let picture = Image::grey8(&[0; 4], [2, 2]).unwrap();
    prepare::<Net>(&picture, &Normalization::SIGNED, input.as_mut_slice()).unwrap();
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(&input, &mut scores, ARENA.take().unwrap());
    Net::run(&[0.0; 3 * 16 * 16], &mut scores, &mut Net::new_arena());
    softmax::<Net>(&mut scores);
    let _ = (top_k::<Net, 3>(&scores), generic::<Net>(), Net::MULT_ADDS, Net::INPUT_LAYOUT);
}
