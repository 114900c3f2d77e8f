//! The path has a typo.
mobilenet_runtime::mobilenet_model!("../ui-models/residul.onnx", struct Net);

fn main() {
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(&[0.0; Net::INPUT_LEN], &mut scores, &mut Net::new_arena());
}
