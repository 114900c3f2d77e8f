//! Which operators are known, and what to say about the others.

use super::call::Call;
use super::lower::Lowering;
use super::{branch, constants, elementwise, fold, linear, shape, window};
use crate::diagnostic::Problem;
use crate::onnx::Node;

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
        ("", "QuantizeLinear") => linear::quantize,
        ("", "DequantizeLinear") => linear::dequantize,
        ("", "Add" | "Sub" | "Mul" | "Div") => elementwise::binary,
        ("", "Pow") => elementwise::pow,
        ("", "Min" | "Max" | "Sum") => elementwise::variadic,
        ("", "Relu" | "HardSwish" | "Sigmoid" | "Tanh" | "Sqrt" | "Reciprocal" | "Neg" | "Exp") => elementwise::unary,
        ("", "HardSigmoid") => elementwise::hard_sigmoid,
        ("", "LeakyRelu") => elementwise::leaky_relu,
        ("", "PRelu") => elementwise::prelu,
        ("", "Clip") => elementwise::clip,
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
        ("", "Constant") => constants::constant,
        ("", "ConstantOfShape") => constants::constant_of_shape,
        ("", "Shape" | "Size") => constants::shape,
        ("", "Range") => constants::range,
        ("", "If") => branch::choose,
        ("", "Where") => fold::choose,
        ("", "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Mod") => fold::compare,
        ("", "Not" | "Abs" | "Floor" | "Ceil") => fold::pointwise,
        ("", "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin") => fold::reduce,
        _ => return None,
    })
}

/// The problem of an operator that is not known.
pub(super) fn unknown(node: &Node) -> Problem {
    let op = if node.domain.is_empty() { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
    let problem = Problem::new("this operator is not supported").at(node.label(), &op);
    match node.op_type.as_str() {
        "Loop" | "Scan" => {
            problem.hint("control flow can't be compiled: simplify the model, or export it with constant folding")
        }
        name if name.starts_with("QLinear") || name.ends_with("Integer") => {
            problem.hint("quantised operators are read in the QuantizeLinear/DequantizeLinear form")
        }
        _ => problem.hint("the compiler knows the operators of MobileNets"),
    }
}
