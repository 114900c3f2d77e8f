//! Random links, one at a time and in chains over rings, and the steps that convert.

use super::super::rows::give;
use super::*;

const SUMS: [LinkKind; 2] = [LinkKind::Conv, LinkKind::Pointwise];

/// A link of a test, and what it computes.
struct Part {
    kind: LinkKind,
    groups: usize,
    window: Window,
    shape: [usize; 3],
    codes: Codes,
    /// `[n][taps]`, taps kh, kw, c.
    weights: Vec<Vec<i32>>,
    bias: Vec<i32>,
    multiplier: Vec<f32>,
    table: Vec<u8>,
    second: Option<Second>,
}

enum Second {
    Map(Tensor),
    Gate(Vec<u8>),
}

fn window(random: &mut Random, kernel: [usize; 2]) -> Window {
    let square = random.within_exactly(1, 2);
    let stride = [square, if random.within_exactly(0, 3) == 0 { 3 - square } else { square }];
    let dilation = if random.within_exactly(0, 5) == 0 { [2, 2] } else { [1, 1] };
    let pad = [0, 1].map(|axis| random.within_exactly(0, (kernel[axis] - 1) * dilation[axis]));
    Window { kernel, stride, dilation, pad }
}

fn output(random: &mut Random, window: &Window, [h, w]: [usize; 2]) -> Option<[usize; 2]> {
    let far = [0, 1].map(|axis| random.within_exactly(0, window.kernel[axis] - 1));
    naive::output(window, [h, w], far)
}

impl Part {
    fn random(random: &mut Random, kind: LinkKind, [h, w, c]: [usize; 3]) -> Self {
        let (window, [oh, ow]) = if matches!(kind, LinkKind::Pointwise | LinkKind::Elementwise) {
            (Window::ONE, [h, w])
        } else if kind == LinkKind::Mean {
            (Window::ONE, [1, 1])
        } else {
            loop {
                let kernel = [[1, 1], [3, 3], [3, 3], [5, 5], [5, 5], [2, 3], [7, 7]][random.within_exactly(0, 6)];
                let window = window(random, kernel);
                if let Some(out) = output(random, &window, [h, w]) {
                    break (window, out);
                }
            }
        };
        let n = if SUMS.contains(&kind) { random.within(1, 100) } else { c };
        let taps = match kind {
            LinkKind::Conv => window.kernel[0] * window.kernel[1] * c,
            LinkKind::Depthwise => window.kernel[0] * window.kernel[1],
            LinkKind::Pointwise => c,
            _ => 0,
        };
        let nine = random.within_exactly(0, 3) == 0;
        let mut weights: Vec<Vec<i32>> = (0..n).map(|_| (0..taps).map(|_| weight(random, 127)).collect()).collect();
        if nine {
            weights
                .iter_mut()
                .flatten()
                .filter(|_| random.within_exactly(0, 9) == 0)
                .for_each(|w| *w = w.signum() * 255);
        }
        let codes = codes(random);
        let mut part = Self {
            kind,
            groups: if kind == LinkKind::AveragePool { random.within_exactly(0, 1) } else { 1 },
            window,
            shape: [oh, ow, n],
            codes,
            weights,
            bias: Vec::new(),
            multiplier: (0..n).map(|_| (0.2 + random.float().abs()) * 0.02 / (taps.max(1) as f32).sqrt()).collect(),
            table: Vec::new(),
            second: None,
        };
        // Some biases lie at the end of i32, as far as the sums let them.
        for row in &part.weights {
            let sums = |x: i64| row.iter().map(|&w| (i64::from(w) * x).max(0)).sum::<i64>();
            let zero = i64::from(codes.input.zero);
            let most = sums(255 - zero).max(sums(-zero)) + row.iter().map(|w| i64::from(w.abs())).sum::<i64>() * 255;
            part.bias.push(match random.within_exactly(0, 5) {
                0 => (i64::from(i32::MAX) - most) as i32,
                1 => (i64::from(i32::MIN) + most) as i32,
                _ => random.next() as i32 % 4000,
            });
        }
        if kind == LinkKind::Elementwise {
            part.codes.second = quant(random);
            match random.within_exactly(0, 3) {
                0 => part.table = (0..256).map(|_| random.next() as u8).collect(),
                1 => {
                    part.codes.product = 1;
                    part.second = Some(Second::Gate((0..c).map(|_| code(random)).collect()));
                }
                both => {
                    part.codes.product = both as u32 - 2;
                    part.second = Some(Second::Map(Tensor::random(random, part.shape)));
                }
            }
        }
        part
    }

    /// The definition.
    fn naive(&self, input: &Tensor) -> Tensor {
        let (codes, window) = (&self.codes, &self.window);
        let [kh, kw] = window.kernel;
        let zero = i64::from(codes.input.zero);
        let [h, w, n] = self.shape;
        let mut data = Vec::new();
        for i in 0..h * w * n {
            let (y, x, o) = (i / n / w, i / n % w, i % n);
            let taps = || (0..kh * kw).map(|t| [t / kw, t % kw]);
            let sum = |c: usize| taps().map(move |t| input.under(window, [y, x], t, c, zero) - zero);
            let accumulator = |sum: i64| store(sum as f32 * self.multiplier[o], codes);
            data.push(match self.kind {
                LinkKind::Depthwise => {
                    let sum: i64 = sum(o).zip(&self.weights[o]).map(|(x, &w)| x * i64::from(w)).sum();
                    accumulator(i64::from(self.bias[o]) + sum)
                }
                LinkKind::Conv | LinkKind::Pointwise => {
                    let c = input.shape[2];
                    let products = taps().enumerate().flat_map(|(t, at)| {
                        let row = &self.weights[o][t * c..][..c];
                        row.iter()
                            .enumerate()
                            .map(move |(c, &w)| (input.under(window, [y, x], at, c, zero) - zero) * i64::from(w))
                    });
                    let sum: i64 = i64::from(self.bias[o]) + products.sum::<i64>();
                    assert!(i32::try_from(sum).is_ok());
                    accumulator(sum)
                }
                LinkKind::MaxPool => {
                    let most = taps().map(|t| input.under(window, [y, x], t, o, 0)).max().unwrap_or(0) as i32;
                    most.clamp(codes.lo, codes.hi) as u8
                }
                LinkKind::AveragePool | LinkKind::Mean => {
                    let whole = self.kind == LinkKind::Mean;
                    let pixels = input.shape[0] * input.shape[1];
                    let sum = match whole {
                        true => (0..pixels).map(|i| i64::from(input.data[i * n + o]) - zero).sum(),
                        false => sum(o).sum::<i64>(),
                    };
                    let inside = taps().filter(|&t| input.under(window, [y, x], t, o, -1) >= 0).count().max(1);
                    let count = if whole {
                        pixels
                    } else if self.groups == 0 {
                        inside
                    } else {
                        kh * kw
                    };
                    store(sum as f32 * (codes.input.scale / (codes.output.scale * count as f32)), codes)
                }
                _ => {
                    let a = input.data[i];
                    let number = |code| number(code, codes.second);
                    let from = super::number(a, codes.input);
                    match &self.second {
                        None => self.table[usize::from(a)],
                        Some(Second::Gate(gate)) => store(from * number(gate[o]) / codes.output.scale, codes),
                        Some(Second::Map(b)) if codes.product == 1 => {
                            store(from * number(b.data[i]) / codes.output.scale, codes)
                        }
                        Some(Second::Map(b)) => store((from + number(b.data[i])) / codes.output.scale, codes),
                    }
                }
            });
        }
        Tensor { shape: self.shape, data }
    }

    /// The link from a map to another, what it points to in memory.
    fn place(
        &self,
        random: &mut Random,
        blob: &mut Bytes,
        layout: &mut Layouter,
        input: Map,
        values: &mut Vec<(usize, u8)>,
    ) -> Link {
        let [h, _, n] = self.shape;
        let same = matches!(self.kind, LinkKind::Pointwise | LinkKind::Elementwise);
        let output = layout.codes(self.shape, if same { input.group } else { random.within(1, h) });
        let c = input.channels;
        let mut codes = self.codes;
        // A kernel's sums are of codes: the zero point goes into the bias.
        let zero = codes.input.zero;
        let bias: Vec<i32> = (self.bias.iter().zip(&self.weights))
            .map(|(bias, row)| bias.wrapping_sub(zero.wrapping_mul(row.iter().sum())))
            .collect();
        let weights = match self.kind {
            LinkKind::Depthwise => {
                let (at, extras) = blob.filters(&self.weights, &bias, &self.multiplier);
                codes.extras = extras as u32;
                at
            }
            LinkKind::Conv | LinkKind::Pointwise => {
                // Each tap's channels to a multiple of 8.
                let padded = |row: &Vec<i32>| {
                    let taps = row
                        .chunks(c)
                        .flat_map(|tap| tap.iter().copied().chain(std::iter::repeat_n(0, padded_channels(c) - c)));
                    taps.collect()
                };
                let rows: Vec<Vec<i32>> = self.weights.iter().map(padded).collect();
                let (at, extras) = blob.sums(&rows, &bias, &self.multiplier);
                codes.extras = extras as u32;
                at
            }
            _ => NONE,
        };
        if !self.table.is_empty() {
            codes.table = blob.0.len();
            blob.0.extend(&self.table);
        }
        let mut link = link(self.kind, input, self.window, weights, output, Box::leak(Box::new(codes)));
        link.groups = self.groups;
        match &self.second {
            None => {}
            Some(Second::Gate(gate)) => {
                link.epilogue.gate = layout.take(padded_channels(n));
                values.extend(gate.iter().enumerate().map(|(i, &code)| (link.epilogue.gate + i, code)));
            }
            Some(Second::Map(tensor)) => {
                let group = if random.within_exactly(0, 1) == 0 { output.group } else { random.within(1, h) };
                let map = layout.codes(self.shape, group);
                link.epilogue.add = map;
                values.extend(places(&map).map(|(y, x, c)| (place(&map, y, x, c), tensor.at(y, x, c))));
            }
        }
        link
    }
}

fn check(random: &mut Random, parts: &[Part], input: &Tensor, what: impl core::fmt::Display) {
    let (mut blob, mut layout, mut values) = (Bytes::default(), Layouter::default(), Vec::new());
    let first = layout.codes(input.shape, random.within(1, input.shape[0]));
    let mut links: Vec<Link> = Vec::new();
    let mut want = input.clone();
    for part in parts {
        let map = links.last().map_or(first, |link| link.output);
        links.push(part.place(random, &mut blob, &mut layout, map, &mut values));
        want = part.naive(&want);
    }
    let mut memory = Memory::new(layout.end);
    put(&mut memory, &first, input);
    values.into_iter().for_each(|(at, code)| memory.bytes()[at] = code);
    let written: Vec<_> = links.iter().map(|link| link.output.extent()).collect();
    let output = links[links.len() - 1].output;
    let blob = blob.leak();
    let rings = super::super::chains::ringed(&links);
    for (links, threads) in [(&links, 1), (&rings, 1), (&links, 2), (&rings, 3)] {
        if parts.last().is_some_and(|part| part.kind == LinkKind::Mean) && links.len() > 1 {
            return;
        }
        let body = |run: &mut Run| run.chain(None, links, Image::F32(Pixels::Whole(&[])), None);
        let check = |isa: &'static Kernels, memory: &mut Memory| {
            assert_eq!(get(memory, &output), want.data, "{}: {what}, {threads} threads, {links:?}", isa.name);
        };
        if threads == 1 {
            on(every(), &memory, blob, &written, body, check);
        } else {
            for isa in every() {
                let mut copy = Memory(memory.0.clone());
                on_threads(threads, || {
                    Run::with_kernels(blob, copy.bytes(), isa).chain(None, links, Image::F32(Pixels::Whole(&[])), None)
                });
                check(isa, &mut copy);
            }
        }
    }
}

#[test]
fn links_match() {
    let mut random = Random(71);
    for kind in 0..7 {
        for round in 0..if cfg!(miri) { 3 } else { 120 } {
            let shape = [random.within(1, 9), random.within(1, 19), random.within(1, 70)];
            let part = Part::random(&mut random, LinkKind(kind), shape);
            let input = Tensor::random(&mut random, shape);
            check(&mut random, &[part], &input, format_args!("kind {kind}, round {round}"));
        }
    }
}

#[test]
fn chains_match() {
    let mut random = Random(72);
    for round in 0..if cfg!(miri) { 2 } else { 100 } {
        let shape = [random.within(1, 12), random.within(1, 16), random.within(1, 40)];
        let input = Tensor::random(&mut random, shape);
        let (mut parts, mut now): (Vec<Part>, _) = (Vec::new(), shape);
        for _ in 0..random.within_exactly(2, 5) {
            let kind = LinkKind(random.within_exactly(0, 5) as u32);
            parts.push(Part::random(&mut random, kind, now));
            now = parts[parts.len() - 1].shape;
        }
        check(&mut random, &parts, &input, format_args!("round {round}"));
    }
}

/// Every length of sums at the worst codes and weights.
#[test]
fn sums_are_exact_for_every_length() {
    let mut random = Random(73);
    let lengths: Vec<usize> = if cfg!(miri) { std::vec![1, 9, 24] } else { (1..=1024).collect() };
    for k in lengths {
        let pixels = random.within_exactly(1, 3);
        let shape = [1, if k % 50 == 0 { 31 } else { pixels }, k];
        let mut part = Part::random(&mut random, LinkKind::Pointwise, shape);
        let all = [-128, 127, -255, 255][k % 4];
        part.weights.iter_mut().for_each(|row| row.iter_mut().for_each(|w| *w = all));
        part.bias.iter_mut().for_each(|bias| *bias = if all < 0 { i32::MAX - 255 } else { i32::MIN });
        part.codes.input.zero = [0, 255][k / 4 % 2];
        if part.codes.input.zero == 255 {
            part.bias.iter_mut().for_each(|bias| *bias = if all < 0 { i32::MIN } else { i32::MAX });
        }
        let mut input = Tensor::random(&mut random, shape);
        input.data.iter_mut().for_each(|code| *code = if *code < 128 { 0 } else { 255 });
        check(&mut random, &[part], &input, format_args!("{k} channels"));
    }
}

/// Stems from floats and bytes in both orders.
#[test]
fn stems_match() {
    let mut random = Random(74);
    for round in 0..if cfg!(miri) { 4 } else { 200 } {
        let (mut blob, mut layout) = (Bytes::default(), Layouter::default());
        let c = [3, 3, 1, 4, 2][round % 5];
        let shape = [random.within(1, 20), random.within(1, 90), c];
        let codes = codes(&mut random);
        let (window, [oh, ow]) = loop {
            let kernel = [[3, 3], [3, 3], [5, 5], [2, 3]][random.within_exactly(0, 3)];
            let window = window(&mut random, kernel);
            if let Some(out) = output(&mut random, &window, [shape[0], shape[1]]) {
                break (window, out);
            }
        };
        let [kh, kw] = window.kernel;
        let mut part = Part::random(&mut random, LinkKind::Pointwise, [oh, ow, c]);
        (part.kind, part.window, part.codes) = (LinkKind::Conv, window, codes);
        let n = part.shape[2];
        let most = if round % 3 == 0 { 255 } else { 127 };
        part.weights = (0..n).map(|_| (0..kh * kw * c).map(|_| weight(&mut random, most)).collect()).collect();
        part.bias = (0..n).map(|_| random.next() as i32 % 4000).collect();
        let input = Tensor::random(&mut random, shape);
        let want = part.naive(&input);
        // Runs of a kernel row, or of each tap, to a multiple of 4.
        let run = if window.dilation[1] == 1 { kw * c } else { c };
        let rows: Vec<Vec<i32>> = part
            .weights
            .iter()
            .map(|row| {
                let runs = row.chunks(run).map(|run| {
                    let mut run = run.to_vec();
                    run.resize(run.len().next_multiple_of(4), 0);
                    run
                });
                runs.flatten().collect()
            })
            .collect();
        let zero = codes.input.zero;
        let bias: Vec<i32> =
            part.bias.iter().zip(&part.weights).map(|(bias, row)| bias - zero * row.iter().sum::<i32>()).collect();
        let (weights, extras) = blob.sums(&rows, &bias, &part.multiplier);
        let padded = (ow - 1) * window.stride[1] + (kw - 1) * window.dilation[1] + 1;
        let order = if round % 2 == 0 { Layout::Nchw } else { Layout::Nhwc };
        let stem = Stem {
            input: Source { height: shape[0], width: shape[1], channels: c, layout: order },
            window,
            weights,
            pad_values: &[],
            epilogue: Epilogue::clamp(0.0, 0.0),
            output: layout.codes([oh, ow, n], random.within(1, oh)),
            scratch: layout.take(((kh - 1) * window.dilation[0] + 1) * (padded * c + 4).next_multiple_of(64)),
            codes: Some(Box::leak(Box::new(Codes { extras: extras as u32, ..codes }))),
        };
        let image: Vec<u8> = match order {
            Layout::Nhwc => input.data.clone(),
            Layout::Nchw => {
                let [h, w, c] = shape;
                (0..h * w * c).map(|i| input.at(i / w % h, i % w, i / w / h)).collect()
            }
        };
        // Numbers that are quantised to the codes: a little off them, beyond the ends far off.
        let floats: Vec<f32> = (image.iter())
            .map(|&code| match code {
                0 => -1e30,
                255 => 1e30,
                _ => (i32::from(code) - zero) as f32 * codes.input.scale + 0.3 * codes.input.scale * random.float(),
            })
            .collect();
        let signed: Vec<i8> = image.iter().map(|code| (code ^ 0x80) as i8).collect();
        let row = layout.take(shape[1] * c * 4);
        let (memory, blob) = (Memory::new(layout.end), blob.leak());
        let chain = Chain { stem: Some(stem), links: &[] };
        for kind in 0..3 {
            for isa in every() {
                for (threads, rows) in [(1, false), (2, false), (1, true), (2, true)] {
                    let mut copy = Memory(memory.0.clone());
                    on_threads(threads, || {
                        let run = &mut Run::with_kernels(blob, copy.bytes(), isa);
                        match (kind, rows) {
                            (0, false) => run.chain_u8(&chain, &image),
                            (0, true) => run.chain_rows_u8(&chain, row, &mut give(&stem, &image), None),
                            (1, false) => run.chain_i8(&chain, &signed),
                            (1, true) => run.chain_rows_i8(&chain, row, &mut give(&stem, &signed), None),
                            (_, false) => run.chain_f32(&chain, &floats),
                            (_, true) => run.chain_rows_f32(&chain, row, &mut give(&stem, &floats), None),
                        }
                    });
                    assert_eq!(get(&mut copy, &stem.output), want.data, "{} {round} {kind} {rows} {stem:?}", isa.name);
                }
            }
        }
    }
}

/// Imports, exports, copies and conversions.
#[test]
fn steps_match() {
    let mut random = Random(75);
    for round in 0..if cfg!(miri) { 3 } else { 60 } {
        let shape = [random.within(1, 7), random.within(1, 9), random.within(1, 40)];
        let [h, w, c] = shape;
        let mut layout = Layouter::default();
        let group = random.within(1, h);
        let (map, wide) = (layout.codes(shape, group), layout.codes([h, w, c + 21], random.within(1, h)));
        let floats = layout.map(shape, group);
        let channel = random.within(0, 21);
        let again = layout.codes(shape, group);
        let quant = quant(&mut random);
        let tensor = Tensor::random(&mut random, shape);
        let source = Source { height: h, width: w, channels: c, layout: Layout::Nhwc };
        let signed: Vec<i8> = tensor.data.iter().map(|code| (code ^ 0x80) as i8).collect();
        let numbers: Vec<f32> = tensor.data.iter().map(|&code| number(code, quant)).collect();
        let memory = Memory::new(layout.end);
        let written = [map.extent(), wide.extent(), extent(&floats), again.extent()];
        let (mut codes, mut back) = (std::vec![0; h * w * c], std::vec![0; h * w * c]);
        let body = |run: &mut Run| {
            match round % 3 {
                0 => run.import_codes_u8(&source, &map, quant, &tensor.data),
                1 => run.import_codes_i8(&source, &map, quant, &signed),
                _ => run.import_codes_f32(&source, &map, quant, &numbers),
            }
            run.copy(&map, &wide, channel);
            run.convert(&map, &floats, quant);
            run.convert(&floats, &again, quant);
            run.export_u8(&again, Layout::Nhwc, &mut codes);
            run.export_i8(&again, Layout::Nhwc, &mut back);
            assert_eq!((&codes, &back), (&tensor.data, &signed));
        };
        on(every(), &memory, &[], &written, body, |isa, memory| {
            assert_eq!(read(memory, &floats).data, numbers, "{}", isa.name);
            let copied = get(memory, &wide);
            let part: Vec<u8> = copied.chunks(c + 21).flat_map(|pixel| &pixel[channel..channel + c]).copied().collect();
            assert_eq!(part, tensor.data, "{}", isa.name);
        });
    }
}
