//! Pooling, dense layers, import and export, and what NaN does.

use super::*;

#[test]
fn pool_matches() {
    let mut random = Random(11);
    for round in 0..ROUNDS {
        let [h, w, c] = [random.within(1, 9), random.within(1, 9), random.within(1, 70)];
        let input = random.tensor(h, w, c);
        let mut layout = Layouter::default();
        let map = layout.map([h, w, c], random.within(1, h));
        let vector = layout.take(padded_channels(c) * 4);
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &map, &input);
        let mean = |c: usize| (0..h * w).map(|i| f64::from(input.at(i / w, i % w, c))).sum::<f64>() / (h * w) as f64;
        let want: Vec<f64> = (0..c).map(mean).collect();
        let written = vector..vector + padded_channels(c) * 4;
        let mut out = std::vec![0.0; c];
        let body = |run: &mut Run| {
            run.global_average_pool(&map, vector);
            run.global_average_pool_out(&map, &mut out);
            close(&out, &want, 2.0, round);
        };
        on_all(&memory, &[], &[written], body, |isa, memory| {
            let got: Vec<f32> = (0..c).map(|c| memory.float(vector + 4 * c)).collect();
            close(&got, &want, 2.0, format_args!("{} round {round} {map:?}", isa.name));
        });
    }
}

#[test]
fn dense_matches() {
    let mut random = Random(12);
    for round in 0..ROUNDS {
        let [k, n] = [random.within(1, 200), random.within(1, 100)];
        let (x, weights, bias, clamp) = (random.floats(k), random.floats(n * k), random.floats(n), random.clamp());
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let dense = Dense {
            input: layout.take(k * 4),
            k,
            n,
            weights: blob.panels(n, k, &bias, |n, t| weights[n * k + t]),
            epilogue: Epilogue::clamp(clamp.lo, clamp.hi),
        };
        let vector = layout.take(padded_channels(n) * 4);
        let mut memory = Memory::new(layout.end);
        for (i, x) in x.iter().enumerate() {
            memory.set(dense.input + 4 * i, *x);
        }
        let sum = |n: usize| (0..k).map(|t| f64::from(weights[n * k + t]) * f64::from(x[t])).sum::<f64>();
        let want: Vec<f64> = (0..n).map(|n| naive::clamp(clamp, f64::from(bias[n]) + sum(n))).collect();
        let mut out = std::vec![0.0; n];
        let body = |run: &mut Run| {
            run.dense(&dense, vector);
            run.dense_out(&dense, &mut out);
            close(&out, &want, k as f64, round);
        };
        on_all(&memory, blob.leak(), &[vector..vector + padded_channels(n) * 4], body, |isa, memory| {
            let got: Vec<f32> = (0..n).map(|n| memory.float(vector + 4 * n)).collect();
            close(&got, &want, k as f64, format_args!("{} round {round} {dense:?}", isa.name));
        });
    }
}

#[test]
fn images_survive_import_and_export() {
    let mut random = Random(13);
    for _ in 0..ROUNDS {
        let [h, w, c] = [random.within(1, 9), random.within(1, 9), random.within(1, 40)];
        let tensor = random.tensor(h, w, c);
        for order in [Layout::Nchw, Layout::Nhwc] {
            let source = Source { height: h, width: w, channels: c, layout: order };
            let input = spatial::image(&source, &tensor);
            let mut layout = Layouter::default();
            let map = layout.map([h, w, c], random.within(1, h));
            let mut memory = Memory::new(layout.end);
            let mut output = std::vec![0.0; h * w * c];
            let mut run = Run::new(&[], memory.bytes());
            run.import_f32(&source, &map, &input);
            run.export(&map, order, &mut output);
            assert_eq!(output, input);
            assert_eq!(read(&mut memory, &map).data, tensor.data);
        }
    }
}

/// One NaN in the input reaches every output that depends on it and no other; bounds don't swallow it.
#[test]
fn nan_passes_through() {
    let clamp = Clamp { lo: 0.0, hi: 6.0 };
    for channels in [5, 16, 40] {
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let ones = std::vec![1.0f32; channels];
        let stage = Separable {
            input: layout.map([7, 9, channels], 3),
            window: Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1, 1] },
            depthwise: blob.panels(channels, 9, &ones, |_, _| 1.0),
            depthwise_clamp: clamp,
            pointwise: blob.panels(channels, channels, &ones, |_, _| 1.0),
            clamp,
            output: layout.map([7, 9, channels], 2),
            scratch: layout.take(2 * 9 * padded_channels(channels) * 4),
        };
        let mut memory = Memory::new(layout.end);
        let mut input = Tensor { height: 7, width: 9, channels, data: std::vec![0.5; 63 * channels] };
        input.data[(3 * 9 + 4) * channels + channels - 1] = f32::NAN;
        write(&mut memory, &stage.input, &input);
        on_all(
            &memory,
            blob.leak(),
            &[0..usize::MAX],
            |run| run.separable(&stage),
            |isa, memory| {
                let got = read(memory, &stage.output);
                for y in 0..7usize {
                    for x in 0..9usize {
                        let touched = y.abs_diff(3) <= 1 && x.abs_diff(4) <= 1;
                        for c in 0..channels {
                            assert_eq!(got.at(y, x, c).is_nan(), touched, "{} {y} {x} {c}", isa.name);
                        }
                    }
                }
            },
        );
    }
}

#[test]
#[should_panic(expected = "the output at byte")]
fn a_map_outside_the_arena_is_refused() {
    let mut memory = Memory::new(1024);
    let map = |offset| Map { offset, height: 2, width: 2, channels: 16, group: 2, ring: 1, bytes: 4 };
    let clamp = Clamp { lo: 0.0, hi: 6.0 };
    let stage = Stage { input: map(0), window: Window::ONE, weights: 0, clamp, output: map(832) };
    Run::new(&[], memory.bytes()).pointwise(&stage);
}
