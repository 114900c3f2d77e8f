use mobilenet_runtime::image::{Image, Normalization, prepare};

mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Net, normalise = (0.5, 0.5));

fn main() {
    let picture = Image::grey8(&[0; 4], [2, 2]).unwrap();
    let mut input = Net::new_input();
    prepare::<Net>(&picture, &Normalization::SIGNED, &mut input).unwrap();
}
