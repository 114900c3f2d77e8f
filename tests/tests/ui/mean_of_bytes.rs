mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Net, normalise = (127.5, 127.5));

fn main() {
    let mut scores = [0.0; Net::OUTPUT_LEN];
    Net::run(&Net::new_input(), &mut scores, &mut Net::new_arena());
}
