//! A file of labels for another model, more classes than there are, and values that are none.
mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Short, labels = "../ui-models/labels.txt", top_k = 4);
mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Path, labels = labels.txt, top_k = 0);

fn main() {
    let scores = [0.0; Short::OUTPUT_LEN];
    println!("{} {}", Short::LABELS[0], Short::top_k(&scores)[0].class);
}
