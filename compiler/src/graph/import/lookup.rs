//! Which operators are known, and what to say about the others.

use super::call::Call;
use super::lower::Lowering;
use super::{branch, constants, elementwise, fold, linear, qlinear, reduce, shape, window};
use crate::diagnostic::Problem;
use crate::onnx::{Node, OPSETS, schema};

/// Lowers one node.
pub(super) type Lower = fn(&mut Lowering, &Call) -> Result<(), Problem>;

/// How to lower an operator.
pub(super) fn operator(domain: &str, op: &str) -> Option<Lower> {
    Some(match (domain, op) {
        ("", "Conv") => window::conv,
        ("com.microsoft", "FusedConv") => window::fused_conv,
        ("", "AveragePool") => window::average_pool,
        ("", "MaxPool") => window::max_pool,
        ("", "GlobalAveragePool") => window::global_average_pool,
        ("", "GlobalMaxPool") => window::global_max_pool,
        ("", "Pad") => window::pad,
        ("", "BatchNormalization") => linear::batch_norm,
        ("", "Gemm") => linear::gemm,
        ("com.microsoft", "FusedGemm") => linear::fused_gemm,
        ("", "MatMul") => linear::matmul,
        ("", "Softmax") => linear::softmax,
        ("", "LogSoftmax") => linear::log_softmax,
        ("", "ReduceMean") => linear::reduce_mean,
        ("", "LpNormalization") => linear::lp_normalization,
        ("", "ArgMax") => linear::arg_max,
        ("" | "com.microsoft", "QuantizeLinear") => linear::quantize,
        ("" | "com.microsoft", "DequantizeLinear") => linear::dequantize,
        ("" | "com.microsoft", "QLinearConv") => qlinear::conv,
        ("", "QLinearMatMul") => qlinear::matmul,
        ("com.microsoft", "QGemm") => qlinear::gemm,
        ("com.microsoft", "QLinearAdd" | "QLinearMul") => qlinear::binary,
        ("com.microsoft", "QLinearGlobalAveragePool") => qlinear::global_average_pool,
        ("com.microsoft", "QLinearAveragePool") => qlinear::average_pool,
        ("com.microsoft", "QLinearReduceMean") => qlinear::reduce_mean,
        ("com.microsoft", "QLinearConcat") => qlinear::concat,
        ("com.microsoft", "QLinearSigmoid" | "QLinearLeakyRelu") => qlinear::activation,
        ("com.microsoft", "QLinearSoftmax") => qlinear::softmax,
        ("", "Add" | "Sub" | "Mul" | "Div") => elementwise::binary,
        ("", "Pow") => elementwise::pow,
        ("", "Min" | "Max" | "Sum") => elementwise::variadic,
        ("", "Relu" | "HardSwish" | "Sigmoid" | "Tanh" | "Sqrt" | "Reciprocal" | "Neg" | "Exp" | "Log") => {
            elementwise::unary
        }
        ("", "HardSigmoid") => elementwise::hard_sigmoid,
        ("", "LeakyRelu") => elementwise::leaky_relu,
        ("", "PRelu") => elementwise::prelu,
        ("", "Clip") => elementwise::clip,
        ("com.microsoft", "QuickGelu") => elementwise::quick_gelu,
        ("", "Identity" | "Dropout") => elementwise::identity,
        ("", "Cast" | "CastLike") => elementwise::cast,
        ("", "Reshape") => shape::reshape,
        ("", "Flatten") => shape::flatten,
        ("", "Squeeze") => shape::squeeze,
        ("", "Unsqueeze") => shape::unsqueeze,
        ("", "Transpose") => shape::transpose,
        ("", "Concat") => shape::concat,
        ("", "Slice") => shape::slice,
        ("", "Split") => shape::split,
        ("", "Gather") => shape::gather,
        ("", "Expand") => shape::expand,
        ("", "Resize") => shape::resize,
        ("", "Tile") => shape::tile,
        ("", "Constant") => constants::constant,
        ("", "ConstantOfShape") => constants::constant_of_shape,
        ("", "Shape" | "Size") => constants::shape,
        ("", "Range") => constants::range,
        ("", "If") => branch::choose,
        ("", "Where") => fold::choose,
        ("", "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Mod") => fold::compare,
        ("", "Not" | "Abs" | "Floor" | "Ceil") => fold::pointwise,
        ("", "ReduceSum" | "ReduceSumSquare" | "ReduceL1" | "ReduceL2") => reduce::sum,
        ("", "ReduceMax") => reduce::largest,
        ("", "ReduceProd" | "ReduceMin") => fold::reduce,
        _ => return None,
    })
}

/// The problem of an operator that is not known.
pub(super) fn unknown(node: &Node) -> Problem {
    let op = node.operator();
    let unsupported = Problem::new(format!("the operator {op} is not supported")).at(node.label(), &op);
    match (node.domain.as_str(), node.op_type.as_str()) {
        ("com.microsoft.nchwc" | "com.ms.internal.nhwc", _) => {
            Problem::new("this file was optimised by onnxruntime for one machine").at(node.label(), &op).hint(
                "give the model that it was made from, or save it again with \
                 graph_optimization_level = ORT_ENABLE_BASIC",
            )
        }
        ("", name) if schema::row("", name).is_none() => {
            Problem::new(format!("ONNX has no operator {op}, up to opset {}", OPSETS.end()))
                .at(node.label(), &op)
                .hint("if it is of another domain, name that in the node; else export the model again in operators of ONNX")
        }
        ("", "Loop" | "Scan") => unsupported
            .hint("control flow can't be compiled: simplify the model, or export it with constant folding"),
        ("" | "com.microsoft", "ConvInteger" | "MatMulInteger" | "DynamicQuantizeLinear" | "DynamicQuantizeMatMul" | "MatMulIntegerToFloat") => unsupported
            .hint("scales that are computed at run time have no integer form: quantise the model statically, with calibration data (onnxruntime.quantization.quantize_static)"),
        ("com.microsoft", name) if name.starts_with("QLinear") => {
            unsupported.hint("quantise the model in the form of QuantizeLinear and DequantizeLinear (QDQ)")
        }
        ("", "NonMaxSuppression" | "TopK" | "RoiAlign" | "MaxRoiPool") => unsupported
            .hint("leave what is done with the network's results to the program"),
        ("", "LSTM" | "GRU" | "RNN" | "Attention" | "RotaryEmbedding" | "LinearAttention") => {
            unsupported.hint("recurrent networks and transformers need another tool: compile an image network")
        }
        ("", "Resize" | "Upsample") => {
            unsupported.hint("resize the image before it is given to the network, and end the model in front of a map that grows")
        }
        ("", name) if name.starts_with("Random") || matches!(name, "Bernoulli" | "Multinomial") => {
            unsupported.hint("it belongs to training: export the model for inference")
        }
        (domain, _) if !domain.is_empty() && domain != "com.microsoft" => {
            unsupported.hint("it is no operator of ONNX: export the model with standard operators alone")
        }
        _ => unsupported.hint("export the model without it"),
    }
}
