use super::*;
use crate::graph::{Activation, Binary, Conv, Unary, Window};

fn floats(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor {
    Tensor::from_f64(&Type::new(DType::F64, shape), values.into_iter().collect())
}

fn counting(shape: &[usize]) -> Tensor {
    let ty = Type::new(DType::F64, shape);
    Tensor::from_f64(&ty, (0..ty.len()).map(|i| (i * 37 % 19) as f64 - 9.0).collect())
}

fn eval(op: &Op, inputs: &[&Tensor]) -> Tensor {
    let types: Vec<Type> = inputs.iter().map(|t| t.ty()).collect();
    let types: Vec<Option<&Type>> = types.iter().map(Some).collect();
    let ty = infer::output_type(op, &types, None).unwrap();
    evaluate(op, &inputs.iter().map(|t| Some(*t)).collect::<Vec<_>>(), &ty).unwrap()
}

/// The definition, one output at a time.
fn conv_by_definition(conv: &Conv, x: &Tensor, w: &Tensor, shape: &[usize]) -> Vec<f64> {
    let (input, weights) = (x.to_f64(), w.to_f64());
    let [c, height, width] = [1, 2, 3].map(|i| x.shape[i]);
    let [m, per_group, kh, kw] = [0, 1, 2, 3].map(|i| w.shape[i]);
    let Window { stride, dilation, pads, .. } = conv.window;
    let mut out = Vec::new();
    for i in 0..shape.iter().product::<usize>() {
        let [n, o, y, x] =
            [i / (m * shape[2] * shape[3]), i / (shape[2] * shape[3]) % m, i / shape[3] % shape[2], i % shape[3]];
        let mut sum = 0.0;
        for tap in 0..per_group * kh * kw {
            let [k, dy, dx] = [tap / (kh * kw), tap / kw % kh, tap % kw];
            let channel = o / (m / conv.group) * per_group + k;
            let row = (y * stride[0] + dy * dilation[0]) as i64 - pads[0];
            let column = (x * stride[1] + dx * dilation[1]) as i64 - pads[1];
            let inside = (0..height as i64).contains(&row) && (0..width as i64).contains(&column);
            let border = conv.pad_values.get(channel).map_or(0.0, |&v| f64::from(v));
            let value = if inside {
                input[((n * c + channel) * height + row as usize) * width + column as usize]
            } else {
                border
            };
            sum += value * weights[o * per_group * kh * kw + tap];
        }
        out.push(sum);
    }
    out
}

#[test]
fn convolutions_follow_their_definition() {
    let windows = [
        ([3, 3], [1, 1], [1, 1], [1, 1, 1, 1]),
        ([3, 2], [2, 3], [1, 1], [0, 1, 2, 0]),
        ([2, 3], [1, 2], [3, 2], [4, 0, 1, 5]),
        ([1, 1], [2, 2], [1, 1], [0, 0, 0, 0]),
        ([3, 3], [1, 1], [1, 1], [-1, 2, 1, -2]),
        ([1, 1], [3, 3], [1, 1], [2, 2, 7, 7]),
    ];
    for (kernel, stride, dilation, pads) in windows {
        for (group, pad_values) in [(1, vec![]), (2, vec![0.5, -1.0, 2.0, 3.0]), (4, vec![])] {
            let window = Window { kernel, stride, dilation, pads };
            let conv = Conv { window, group, activation: Activation::NONE, pad_values };
            let (x, w) = (counting(&[2, 4, 7, 9]), counting(&[8, 4 / group, kernel[0], kernel[1]]));
            let found = eval(&Op::Conv(conv.clone()), &[&x, &w]);
            assert_eq!(found.to_f64(), conv_by_definition(&conv, &x, &w, &found.shape), "{conv:?}");
        }
    }
}

#[test]
fn not_a_number_passes_through_activations() {
    let x = floats(&[4], [f64::NAN, -1.0, 3.0, f64::INFINITY]);
    let clamp = |lo, hi| eval(&Op::Unary(Unary::Act(Activation::Clamp { lo, hi })), &[&x]).to_f64();
    assert!(clamp(0.0, 6.0)[0].is_nan());
    assert_eq!(clamp(0.0, 6.0)[1..], [0.0, 3.0, 6.0]);
    assert_eq!(clamp(5.0, 2.0)[1..], [2.0, 2.0, 2.0]);
    let swish = eval(&Op::Unary(Unary::Act(Activation::HardSwish)), &[&x]).to_f64();
    assert_eq!(swish[1..], [-(0.5 - 1.0 / 6.0), 3.0, f64::INFINITY]);
    let least = eval(&Op::Binary(Binary::Min), &[&x, &floats(&[1], [1.0])]).to_f64();
    assert!(least[0].is_nan());
}

#[test]
fn activations_follow_their_formulas() {
    let x = floats(&[4], [-3.0, -0.5, 0.0, 2.0]);
    type Formula = fn(f64) -> f64;
    let cases: [(Activation, Formula); 5] = [
        (Activation::Sigmoid, |x| x.exp() / (x.exp() + 1.0)),
        (Activation::Swish, |x| x * x.exp() / (x.exp() + 1.0)),
        (Activation::Tanh, |x| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
        (Activation::LeakyRelu { alpha: 0.25 }, |x| if x > 0.0 { x } else { x / 4.0 }),
        (Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, |x| (x / 4.0 + 0.5).clamp(0.0, 1.0)),
    ];
    for (activation, formula) in cases {
        let found = eval(&Op::Unary(Unary::Act(activation)), &[&x]).to_f64();
        for (found, x) in found.iter().zip(x.to_f64()) {
            assert!((found - formula(x)).abs() < 1e-12, "{activation} of {x}: {found}");
        }
    }
    let slopes = floats(&[2, 1], [0.5, -1.0]);
    let x = floats(&[2, 2], [-1.0, 2.0, -3.0, 4.0]);
    assert_eq!(eval(&Op::PRelu, &[&x, &slopes]).to_f64(), [-0.5, 2.0, 3.0, 4.0]);
}

#[test]
fn norms_and_the_largest_element_run_along_one_axis() {
    let x = floats(&[1, 2, 3], [3.0, 0.0, -1.0, -4.0, 0.0, 1.0]);
    let normalised = |axis, p, epsilon| eval(&Op::LpNormalize { axis, p, epsilon }, &[&x]).to_f64();
    let half = 0.5f64.sqrt();
    for (found, expected) in normalised(1, 2, 0.25).iter().zip([0.6, 0.0, -half, -0.8, 0.0, half]) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }
    assert_eq!(normalised(2, 1, 0.0), [0.75, 0.0, -0.25, -0.8, 0.0, 0.2]);
    assert_eq!(normalised(2, 1, 8.0), [0.375, 0.0, -0.125, -0.5, 0.0, 0.125], "the bound is larger than both sums");
    let largest = |axis, keep_dims, select_last| eval(&Op::ArgMax { axis, keep_dims, select_last }, &[&x]);
    assert_eq!(largest(1, true, false), Tensor::int(DType::I64, [1, 1, 3], [0, 0, 1]));
    assert_eq!(largest(1, false, true), Tensor::int(DType::I64, [1, 3], [0, 1, 1]));
    assert_eq!(largest(2, false, false), Tensor::int(DType::I64, [1, 2], [0, 2]));
}

#[test]
fn padding_counts_in_an_average_only_if_asked() {
    let window = Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pads: [1, 1, 0, 0] };
    let x = floats(&[1, 1, 3, 3], (1..=9).map(f64::from));
    let pool = |count_include_pad| eval(&Op::AveragePool { window, count_include_pad }, &[&x]).to_f64();
    assert_eq!(pool(false), [1.0, 2.5, 5.5, 7.0]);
    assert_eq!(pool(true), [0.25, 1.25, 2.75, 7.0]);
    assert_eq!(eval(&Op::MaxPool { window }, &[&x]).to_f64(), [1.0, 3.0, 7.0, 9.0]);
}

#[test]
fn softmax_is_stable_and_may_span_axes() {
    let x = floats(&[1, 2, 2], [1000.0, 1000.0, 0.0, 0.0]);
    let softmax = |axis, flat, log| eval(&Op::Softmax { axis, flat, log }, &[&x]).to_f64();
    assert_eq!(softmax(2, false, false), [0.5; 4]);
    assert_eq!(softmax(1, true, false), [0.5, 0.5, 0.0, 0.0]);
    assert_eq!(softmax(1, false, true), [0.0, 0.0, -1000.0, -1000.0]);
}

#[test]
fn quantisation_rounds_to_even_and_saturates() {
    let (scale, zero) = (floats(&[], [0.5]), Tensor::int(DType::I8, [], [1]));
    let x = floats(&[5], [0.25, 0.75, -0.25, 100.0, -100.0]);
    let types = [x.ty(), scale.ty(), zero.ty()];
    let op = Op::QuantizeLinear { axis: 0 };
    let ty = infer::output_type(&op, &types.each_ref().map(Some), None).unwrap();
    let quantized = evaluate(&op, &[Some(&x), Some(&scale), Some(&zero)], &ty).unwrap();
    assert_eq!(quantized, Tensor::int(DType::I8, [5], [1, 3, 1, 127, -128]));
    let back = Op::DequantizeLinear { axis: 0 };
    assert_eq!(eval(&back, &[&quantized, &scale, &zero]).to_f64(), [0.0, 1.0, 0.0, 63.0, -64.5]);
}

#[test]
fn matrices_multiply_transposed_and_in_batches() {
    let (a, b, c) = (counting(&[3, 2]), counting(&[4, 3]), floats(&[4], [1.0, 2.0, 3.0, 4.0]));
    let gemm = |alpha, beta| Op::Gemm { alpha, beta, trans_a: true, trans_b: true, activation: Activation::NONE };
    let product = eval(&gemm(1.0, 0.0), &[&a, &b, &c]).to_f64();
    let scaled = eval(&gemm(2.0, 3.0), &[&a, &b, &c]).to_f64();
    let by_hand = |i: usize, j: usize| (0..3).map(|k| a.to_f64()[k * 2 + i] * b.to_f64()[j * 3 + k]).sum::<f64>();
    for (i, (p, s)) in product.iter().zip(&scaled).enumerate() {
        assert_eq!((*p, *s), (by_hand(i / 4, i % 4), 2.0 * p + 3.0 * (i % 4 + 1) as f64));
    }
    let left = counting(&[2, 1, 2, 3]);
    let right = counting(&[4, 3, 2]);
    let batched = eval(&Op::MatMul, &[&left, &right]);
    assert_eq!(batched.shape, [2, 4, 2, 2]);
    let last: f64 = (0..3).map(|k| left.to_f64()[9 + k] * right.to_f64()[18 + 2 * k + 1]).sum();
    assert_eq!(batched.to_f64()[31], last);
}

#[test]
fn integers_keep_their_width() {
    let (a, b) = (Tensor::int(DType::U8, [2], [250, 7]), Tensor::int(DType::U8, [1], [10]));
    assert_eq!(eval(&Op::Binary(Binary::Add), &[&a, &b]).as_int().unwrap()[..], [4, 17]);
    let wide = Tensor::ints([i64::MAX - 1, -7]);
    assert_eq!(eval(&Op::Binary(Binary::Div), &[&wide, &Tensor::ints([2])]).as_int().unwrap()[1], -3);
    let zero = evaluate(&Op::Binary(Binary::Div), &[Some(&wide), Some(&Tensor::ints([0]))], &wide.ty());
    assert!(zero.unwrap_err().contains("division by zero"));
}

#[test]
fn a_cast_rounds_and_nothing_else_does() {
    let x = floats(&[2], [2049.0, -1.5]);
    let cast = |dtype| evaluate(&Op::Cast, &[Some(&x)], &Type::new(dtype, [2])).unwrap();
    assert_eq!(cast(DType::F16).to_f64(), [2048.0, -1.5]);
    assert_eq!(cast(DType::U8).to_f64(), [255.0, 0.0]);
    assert_eq!(cast(DType::I32).to_f64(), [2049.0, -1.0]);
    assert_eq!(cast(DType::Bool).to_f64(), [1.0, 1.0]);
}

#[test]
fn slices_without_elements_may_start_anywhere() {
    let x = counting(&[3, 4]);
    let slice = |starts: [i64; 2], steps: [i64; 2], shape: [usize; 2]| {
        let op = Op::Slice { starts: starts.to_vec(), steps: steps.to_vec() };
        evaluate(&op, &[Some(&x)], &Type::new(DType::F64, shape)).unwrap().to_f64()
    };
    assert!(slice([i64::MAX, 0], [1, 1], [0, 4]).is_empty());
    assert_eq!(slice([1, 3], [i64::MAX, -2], [1, 2]), [x.to_f64()[7], x.to_f64()[5]]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = floats(&[2], [1.0, 2.0]);
    assert!(evaluate(&Op::Identity, &[None], &x.ty()).is_err());
    assert!(evaluate(&Op::Reshape, &[Some(&x)], &Type::new(DType::F64, [3])).is_err());
    let lying = Tensor { shape: vec![5], ..x.clone() };
    assert!(evaluate(&Op::Identity, &[Some(&lying)], &lying.ty()).is_err());
    assert!(
        evaluate(&Op::Gather { axis: 0 }, &[Some(&x), Some(&Tensor::ints([2]))], &Type::new(DType::F64, [1])).is_err()
    );
}
