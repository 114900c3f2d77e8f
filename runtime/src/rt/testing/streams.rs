//! Depth-first runs give, bit for bit, what the same stages give one after the other.

use super::*;

/// Groups a consumer keeps of its input so that a group of its output can be computed.
fn ring(consumer: &Separable, producer_group: usize) -> usize {
    let span = (consumer.output.group - 1) * consumer.window.stride[0] + consumer.window.kernel[0];
    let needed = (span - 1).div_ceil(producer_group) + 1;
    needed.min(consumer.input.height.div_ceil(producer_group))
}

#[test]
fn streams_equal_whole_stages() {
    let mut random = Random(21);
    for round in 0..ROUNDS / 4 {
        let [h, w] = [random.within(8, 30), random.within(8, 30)];
        let input = random.floats(h * w * 3);
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let mut shape = [h.div_ceil(2), w.div_ceil(2), random.within(1, 24)];
        let window = |stride| Window { kernel: [3, 3], stride: [stride; 2], dilation: [1, 1], pad: [1, 1] };
        let clamp = Clamp { lo: 0.0, hi: 6.0 };
        let bias = random.floats(64);
        let weights = random.floats(4096);
        let stem = Stem {
            input: Source { height: h, width: w, channels: 3, layout: Layout::Nhwc },
            window: window(2),
            weights: blob.panels(shape[2], 27, &bias, |n, t| weights[n * 27 + t]),
            pad_values: &[0.1, 0.2, 0.3],
            epilogue: Epilogue::clamp(clamp.lo, clamp.hi),
            output: layout.map(shape, random.within(1, shape[0])),
            scratch: layout.take(3 * (w + 3) * 4 * 3 + 192),
            codes: None,
        };
        let mut stages = Vec::new();
        let mut map = stem.output;
        for _ in 0..random.within(1, 4) {
            let stride = random.within(1, 2);
            let k = shape[2];
            shape = [shape[0].div_ceil(stride), shape[1].div_ceil(stride), random.within(1, 40)];
            let output = layout.map(shape, random.within(1, shape[0]));
            stages.push(Separable {
                input: map,
                window: window(stride),
                depthwise: blob.panels(k, 9, &bias, |c, t| weights[c * 9 + t]),
                depthwise_clamp: clamp,
                pointwise: blob.panels(shape[2], k, &bias, |n, t| weights[n * k + t]),
                clamp,
                output,
                scratch: layout.take(output.group * output.width * padded_channels(k) * 4),
            });
            map = output;
        }
        // The same stages over rings.
        let mut ringed = stages.clone();
        let mut ringed_stem = stem;
        for i in 0..ringed.len() {
            let keep = ring(&ringed[i], ringed[i].input.group);
            ringed[i].input.ring = keep;
            match i.checked_sub(1) {
                None => ringed_stem.output.ring = keep,
                Some(before) => ringed[before].output.ring = keep,
            }
        }
        let stream = Stream { stem: Some(ringed_stem), stages: ringed.leak() };
        let weights = blob.leak();
        for kernels in available() {
            let (mut whole, mut streamed) = (Memory::new(layout.end), Memory::new(layout.end));
            let mut run = Run::with_kernels(weights, whole.bytes(), kernels);
            run.stem_f32(&stem, &input);
            stages.iter().for_each(|stage| run.separable(stage));
            Run::with_kernels(weights, streamed.bytes(), kernels).stream_f32(&stream, &input);
            let (whole, streamed) = (read(&mut whole, &map), read(&mut streamed, &map));
            assert!(whole.data.iter().all(|x| x.is_finite()));
            assert_eq!(whole.data, streamed.data, "{} round {round} {stream:?}", kernels.name);
        }
    }
}

/// Two threads compute what one does, bit for bit: streamed, whole and dense.
#[cfg(feature = "threads")]
#[test]
#[cfg_attr(miri, ignore = "too large: the chains run on threads, too")]
fn threads_change_nothing() {
    let mut random = Random(22);
    let (mut layout, mut blob) = (Layouter::default(), Blob::default());
    let clamp = Clamp { lo: 0.0, hi: 6.0 };
    let window = |stride| Window { kernel: [3, 3], stride: [stride; 2], dilation: [1, 1], pad: [1, 1] };
    let (bias, weights) = (random.floats(128), random.floats(65536));
    let stem = Stem {
        input: Source { height: 41, width: 111, channels: 3, layout: Layout::Nchw },
        window: window(2),
        weights: blob.panels(24, 27, &bias, |n, t| weights[n * 27 + t]),
        pad_values: &[0.1, 0.2, 0.3],
        epilogue: Epilogue::clamp(clamp.lo, clamp.hi),
        output: layout.map([21, 56, 24], 4),
        scratch: layout.take(3 * 3 * 128 * 4),
        codes: None,
    };
    let separable = Separable {
        input: stem.output,
        window: window(1),
        depthwise: blob.panels(24, 9, &bias, |c, t| weights[c * 9 + t]),
        depthwise_clamp: clamp,
        pointwise: blob.panels(104, 24, &bias, |n, t| weights[n * 24 + t]),
        clamp,
        output: layout.map([21, 56, 104], 4),
        scratch: layout.take(4 * 56 * 24 * 4),
    };
    let large = Separable {
        input: separable.output,
        window: Window { kernel: [5, 5], pad: [2, 2], ..window(1) },
        depthwise: blob.panels(104, 25, &bias, |c, t| weights[c * 25 + t]),
        pointwise: blob.panels(40, 104, &bias, |n, t| weights[n * 104 + t]),
        output: {
            layout.take(2 * 56 * 40 * 4);
            layout.map([21, 56, 40], 2)
        },
        scratch: layout.take(2 * 56 * 104 * 4),
        ..separable
    };
    // Overwrites its input a group at a time.
    let below = large.output.offset - 2 * 56 * 40 * 4;
    let in_place = Separable {
        input: large.output,
        window: window(1),
        depthwise: blob.panels(40, 9, &bias, |c, t| weights[c * 9 + t]),
        pointwise: blob.panels(40, 40, &bias, |n, t| weights[n * 40 + t]),
        output: Map { offset: below, ..large.output },
        scratch: separable.scratch,
        ..separable
    };
    let conv = Stage {
        input: in_place.output,
        window: window(2),
        weights: blob.panels(33, 9 * 40, &bias, |n, t| weights[n * 9 * 40 + t]),
        clamp,
        output: layout.map([11, 28, 33], 3),
    };
    let mean = layout.take(40 * 4);
    let dense = Dense {
        input: mean,
        k: 33,
        n: 100,
        weights: blob.panels(100, 33, &bias, |n, t| weights[n * 33 + t]),
        epilogue: stem.epilogue,
    };
    let (input, blob) = (random.floats(41 * 111 * 3), blob.leak());
    let stream = Stream { stem: Some(stem), stages: std::vec![separable, large].leak() };
    for kernels in available() {
        let once = |streamed: bool| {
            let mut memory = Memory::new(layout.end);
            let mut output = std::vec![0.0; 100];
            let mut run = Run::with_kernels(blob, memory.bytes(), kernels);
            if streamed {
                run.stream_f32(&stream, &input);
            } else {
                run.stem_f32(&stem, &input);
                run.separable(&separable);
                run.separable(&large);
            }
            run.separable(&in_place);
            run.conv(&conv);
            run.global_average_pool(&conv.output, mean);
            run.dense_out(&dense, &mut output);
            output
        };
        let alone = once(false);
        assert!(alone.iter().any(|&x| x > 0.0 && x < 6.0));
        for threads in [1, 2, 3, 9] {
            let pool = crate::threads::Exactly(threads);
            assert_eq!(crate::with_pool(&pool, || [once(false), once(true)]), [alone.clone(), alone.clone()]);
        }
    }
}
