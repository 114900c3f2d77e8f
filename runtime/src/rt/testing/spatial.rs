//! Depthwise, pointwise, separable and general convolution, stem.

use super::*;

/// A window and output size that fit `[h, w]`.
fn window(random: &mut Random, shape: [usize; 2], plain: bool) -> (Window, [usize; 2]) {
    loop {
        let stride = random.within(1, 2);
        let (window, far) = if plain {
            let kernel = [3, 5][random.within_exactly(0, 1)];
            let mut border = || random.within_exactly(0, kernel / 2);
            let pad = [border(), border()];
            let window = Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], pad };
            (window, [border(), border()])
        } else {
            let mut pair = |low, high| [random.within(low, high), random.within(low, high)];
            (Window { kernel: pair(1, 5), stride: pair(1, 3), dilation: pair(1, 3), pad: pair(0, 6) }, pair(0, 6))
        };
        if let Some(out) = naive::output(&window, shape, far) {
            return (window, out);
        }
    }
}

#[test]
fn depthwise_matches() {
    let mut random = Random(1);
    for round in 0..ROUNDS {
        let [h, w, c] = [random.within(1, 12), random.within(1, 40), random.within(1, 50)];
        let (window, out) = window(&mut random, [h, w], round % 3 > 0);
        let (input, clamp) = (random.tensor(h, w, c), random.clamp());
        let taps = window.kernel[0] * window.kernel[1];
        let (weights, bias) = (random.floats(c * taps), random.floats(c));
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let stage = Stage {
            input: layout.map([h, w, c], random.within(1, h)),
            window,
            weights: blob.panels(c, taps, &bias, |c, t| weights[c * taps + t]),
            clamp,
            output: layout.map([out[0], out[1], c], random.within(1, out[0])),
        };
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &stage.input, &input);
        let want = naive::conv(&input, &window, out, c, &weights, &bias, &std::vec![0.0; c], true, clamp);
        on_all(
            &memory,
            blob.leak(),
            &[extent(&stage.output)],
            |run| run.depthwise(&stage),
            |isa, memory| {
                let got = read(memory, &stage.output);
                close(&got.data, &want, taps as f64, format_args!("{} round {round} {stage:?}", isa.name));
            },
        );
    }
}

#[test]
fn pointwise_matches() {
    let mut random = Random(2);
    for round in 0..ROUNDS {
        let [h, w, k, n] = [random.within(1, 6), random.within(1, 20), random.within(1, 70), random.within(1, 90)];
        let (input, clamp, group) = (random.tensor(h, w, k), random.clamp(), random.within(1, h));
        let (weights, bias) = (random.floats(n * k), random.floats(n));
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
        let stage = Stage {
            input: layout.map([h, w, k], group),
            window,
            weights: blob.panels(n, k, &bias, |n, t| weights[n * k + t]),
            clamp,
            output: layout.map([h, w, n], group),
        };
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &stage.input, &input);
        let want = naive::conv(&input, &window, [h, w], n, &weights, &bias, &[], false, clamp);
        on_all(
            &memory,
            blob.leak(),
            &[extent(&stage.output)],
            |run| run.pointwise(&stage),
            |isa, memory| {
                let got = read(memory, &stage.output);
                close(&got.data, &want, k as f64, format_args!("{} round {round} {stage:?}", isa.name));
            },
        );
    }
}

#[test]
fn separable_matches() {
    let mut random = Random(3);
    for round in 0..ROUNDS {
        let [h, w, k, n] = [random.within(1, 12), random.within(1, 30), random.within(1, 50), random.within(1, 50)];
        let (window, [oh, ow]) = window(&mut random, [h, w], round % 4 > 0);
        let (input, first, second) = (random.tensor(h, w, k), random.clamp(), random.clamp());
        let taps = window.kernel[0] * window.kernel[1];
        let (dw, dw_bias) = (random.floats(k * taps), random.floats(k));
        let (pw, pw_bias) = (random.floats(n * k), random.floats(n));
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let output = layout.map([oh, ow, n], random.within(1, oh));
        let block = output.group * ow * padded_channels(k) * 4;
        let stage = Separable {
            input: layout.map([h, w, k], random.within(1, h)),
            window,
            depthwise: blob.panels(k, taps, &dw_bias, |c, t| dw[c * taps + t]),
            depthwise_clamp: first,
            pointwise: blob.panels(n, k, &pw_bias, |n, t| pw[n * k + t]),
            clamp: second,
            output,
            scratch: layout.take(block),
        };
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &stage.input, &input);
        let middle = naive::conv(&input, &window, [oh, ow], k, &dw, &dw_bias, &std::vec![0.0; k], true, first);
        let middle = naive::tensor(oh, ow, k, &middle);
        let one = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
        let want = naive::conv(&middle, &one, [oh, ow], n, &pw, &pw_bias, &[], false, second);
        let written = [extent(&stage.output), stage.scratch..stage.scratch + block];
        on_all(
            &memory,
            blob.leak(),
            &written,
            |run| run.separable(&stage),
            |isa, memory| {
                let got = read(memory, &stage.output);
                let scale = (k * taps) as f64;
                close(&got.data, &want, scale, format_args!("{} round {round} {stage:?}", isa.name));
            },
        );
    }
}

#[test]
fn conv_matches() {
    let mut random = Random(4);
    for round in 0..ROUNDS {
        let [h, w, k, n] = [random.within(1, 9), random.within(1, 24), random.within(1, 40), random.within(1, 50)];
        let (window, [oh, ow]) = window(&mut random, [h, w], round % 2 > 0);
        let (input, clamp) = (random.tensor(h, w, k), random.clamp());
        let [kh, kw] = window.kernel;
        let taps = kh * kw * k;
        let (weights, bias) = (random.floats(n * taps), random.floats(n));
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let stage = Stage {
            input: layout.map([h, w, k], random.within(1, h)),
            window,
            // Taps in the order kh, kw, c; weights in ONNX order.
            weights: blob.panels(n, taps, &bias, |n, t| weights[(n * k + t % k) * kh * kw + t / k]),
            clamp,
            output: layout.map([oh, ow, n], random.within(1, oh)),
        };
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &stage.input, &input);
        let zeros = std::vec![0.0; k];
        let want = naive::conv(&input, &window, [oh, ow], n, &weights, &bias, &zeros, false, clamp);
        on_all(
            &memory,
            blob.leak(),
            &[extent(&stage.output)],
            |run| run.conv(&stage),
            |isa, memory| {
                let got = read(memory, &stage.output);
                close(&got.data, &want, taps as f64, format_args!("{} round {round} {stage:?}", isa.name));
            },
        );
    }
}

/// A stem of random shape; returns the descriptor, the image as `[H][W][C]` and the expected output.
pub(super) fn stem(
    random: &mut Random,
    layout: &mut Layouter,
    blob: &mut Blob,
    bytes: bool,
) -> (Stem, Tensor, Vec<f64>) {
    let [h, w, c, n] = [random.within(1, 12), random.within(1, 40), random.within(1, 4), random.within(1, 50)];
    let plain = random.within(0, 2) > 0;
    let (window, [oh, ow]) = window(random, [h, w], plain);
    let mut input = random.tensor(h, w, c);
    if bytes {
        input.data.iter_mut().for_each(|x| *x = (*x * 127.0).round());
    }
    let (clamp, pads) = (random.clamp(), random.floats(c));
    let [kh, kw] = window.kernel;
    let taps = kh * kw * c;
    let (weights, bias) = (random.floats(n * taps), random.floats(n));
    let order = if random.within(0, 1) == 0 { Layout::Nchw } else { Layout::Nhwc };
    let panels = blob.panels(n, taps, &bias, |n, t| {
        let (i, channel, j) = match order {
            Layout::Nchw => (t / (c * kw), t / kw % c, t % kw),
            Layout::Nhwc => (t / (c * kw), t % c, t / c % kw),
        };
        weights[((n * c + channel) * kh + i) * kw + j]
    });
    let want = naive::conv(&input, &window, [oh, ow], n, &weights, &bias, &pads, false, clamp);
    let rows = (kh - 1) * window.dilation[0] + 1;
    let padded = (ow - 1) * window.stride[1] + (kw - 1) * window.dilation[1] + 1;
    let stem = Stem {
        input: Source { height: h, width: w, channels: c, layout: order },
        window,
        weights: panels,
        pad_values: pads.leak(),
        epilogue: Epilogue::clamp(clamp.lo, clamp.hi),
        output: layout.map([oh, ow, n], random.within(1, oh)),
        scratch: layout.take(rows * (c * padded * 4).next_multiple_of(64)),
        codes: None,
    };
    (stem, input, want)
}

/// The image in the order of its source.
pub(super) fn image(source: &Source, image: &Tensor) -> Vec<f32> {
    match source.layout {
        Layout::Nhwc => image.data.clone(),
        Layout::Nchw => {
            let pixels = image.height * image.width;
            (0..image.channels * pixels).map(|i| image.data[i % pixels * image.channels + i / pixels]).collect()
        }
    }
}

#[test]
fn stem_matches() {
    let mut random = Random(5);
    for round in 0..ROUNDS {
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let (stem, input, want) = stem(&mut random, &mut layout, &mut blob, round % 2 > 0);
        let input = image(&stem.input, &input);
        let memory = Memory::new(layout.end);
        let written = [extent(&stem.output), stem.scratch..layout.end - 64];
        let scale = 130.0 * (stem.window.kernel[0] * stem.window.kernel[1] * stem.input.channels) as f64;
        let body = |run: &mut Run| match round % 4 {
            0 | 2 => run.stem_f32(&stem, &input),
            1 => run.stem_i8(&stem, &input.iter().map(|&x| x as i8).collect::<Vec<_>>()),
            _ => run.stem_f32(&stem, &input),
        };
        on_all(&memory, blob.leak(), &written, body, |isa, memory| {
            let got = read(memory, &stem.output);
            close(&got.data, &want, scale, format_args!("{} round {round} {stem:?}", isa.name));
        });
    }
}

#[test]
fn unsigned_bytes_are_read_as_integers() {
    let mut random = Random(6);
    for _ in 0..ROUNDS.min(20) {
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let (stem, mut input, _) = stem(&mut random, &mut layout, &mut blob, true);
        input.data.iter_mut().for_each(|x| *x = x.abs() * 2.0);
        let input = image(&stem.input, &input);
        let bytes: Vec<u8> = input.iter().map(|&x| x as u8).collect();
        let weights = blob.leak();
        let (mut a, mut b) = (Memory::new(layout.end), Memory::new(layout.end));
        Run::new(weights, a.bytes()).stem_f32(&stem, &input);
        Run::new(weights, b.bytes()).stem_u8(&stem, &bytes);
        assert_eq!(read(&mut a, &stem.output).data, read(&mut b, &stem.output).data);
    }
}
