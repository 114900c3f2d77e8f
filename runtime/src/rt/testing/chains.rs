//! Chains of random links: whole maps against the definitions, rings and threads against whole maps, bit for bit.

use super::naive::{self, Tensor};
use super::*;

/// What a link of a test is made of.
struct Part {
    kind: LinkKind,
    groups: usize,
    window: Window,
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Of the output.
    shape: [usize; 3],
    gate: Option<Vec<f32>>,
    add: Option<Add>,
    activation: Activation,
    slopes: Option<Vec<f32>>,
    affine: Option<[Vec<f32>; 2]>,
}

/// A residual.
enum Add {
    /// A map of its own.
    Apart(Tensor),
    /// What the part with this number writes.
    Part(usize),
    /// The chain's input.
    Input,
}

fn activation(random: &mut Random) -> Activation {
    let clamp = random.clamp();
    match random.within_exactly(0, 8) {
        1 => Activation { kind: ActivationKind::HardSwish, a: 0.0, b: 0.0 },
        2 => Activation { kind: ActivationKind::HardSigmoid, a: 0.25, b: 0.4 },
        3 => Activation { kind: ActivationKind::Sigmoid, a: 0.0, b: 0.0 },
        4 => Activation { kind: ActivationKind::Swish, a: 0.0, b: 0.0 },
        5 => Activation { kind: ActivationKind::Tanh, a: 0.0, b: 0.0 },
        6 => Activation { kind: ActivationKind::LeakyRelu, a: -0.3, b: 0.0 },
        _ => Activation::clamp(clamp.lo, clamp.hi),
    }
}

fn window(random: &mut Random, shape: [usize; 2], keep: bool) -> (Window, [usize; 2]) {
    loop {
        let size = [1, 3, 3, 5, 5, 7][random.within_exactly(0, 5)];
        let dilation = if random.within_exactly(0, 5) == 0 { 2 } else { 1 };
        let stride = if keep { 1 } else { random.within_exactly(1, 2) };
        let (low, high) = (0, (size - 1) * dilation);
        let mut pad = || if keep { high / 2 } else { random.within_exactly(low, high.min(3)) };
        let window = Window { kernel: [size; 2], stride: [stride; 2], dilation: [dilation; 2], pad: [pad(), pad()] };
        if let Some(out) = naive::output(&window, shape, if keep { [high / 2; 2] } else { window.pad }) {
            return (window, out);
        }
    }
}

impl Part {
    fn random(random: &mut Random, parts: &[Part], input: [usize; 3]) -> Self {
        let [h, w, c] = parts.last().map_or(input, |part| part.shape);
        let kind = LinkKind([0, 1, 1, 1, 2, 2, 2, 3, 4, 5][random.within_exactly(0, 9)]);
        let plain = matches!(kind, LinkKind::Pointwise | LinkKind::Elementwise);
        let keep = random.within_exactly(0, 2) > 0;
        let (window, [oh, ow]) = if plain { (Window::ONE, [h, w]) } else { window(random, [h, w], keep) };
        let (mut n, mut groups) = (c, 1);
        match kind {
            LinkKind::Conv => {
                groups = [1, c, if c.is_multiple_of(2) { 2 } else { 1 }][random.within_exactly(0, 2)];
                n = groups * random.within(1, 40).div_ceil(groups);
            }
            LinkKind::Pointwise => n = random.within(1, 70),
            LinkKind::AveragePool => groups = random.within_exactly(0, 1),
            _ => {}
        }
        let taps = match kind {
            LinkKind::Conv => window.kernel[0] * window.kernel[1] * (c / groups),
            LinkKind::Depthwise => window.kernel[0] * window.kernel[1],
            _ => c,
        };
        let weighted = matches!(kind, LinkKind::Conv | LinkKind::Depthwise | LinkKind::Pointwise);
        let mut weights = if weighted { random.floats(n * taps) } else { Vec::new() };
        weights.iter_mut().for_each(|x| *x *= 2.0 / (taps as f32).sqrt());
        let shape = [oh, ow, n];
        let before: Vec<usize> = (0..parts.len().saturating_sub(1)).filter(|&i| parts[i].shape == shape).collect();
        let add = match random.within_exactly(0, 5) {
            0 => Some(Add::Apart(random.tensor(oh, ow, n))),
            _ if before.is_empty() => (input == shape && !parts.is_empty()).then_some(Add::Input),
            pick => Some(Add::Part(before[pick % before.len()])),
        };
        let rare = |random: &mut Random| random.within_exactly(0, 5) == 0;
        Self {
            kind,
            groups,
            window,
            weights,
            bias: random.floats(n),
            shape,
            gate: rare(random).then(|| random.floats(n)),
            add,
            activation: activation(random),
            slopes: rare(random).then(|| random.floats(n)),
            affine: rare(random).then(|| [random.floats(n), random.floats(n)]),
        }
    }

    /// The definition.
    fn naive(&self, input: &Tensor, written: &[Tensor], first: &Tensor) -> Tensor {
        let [h, w, n] = self.shape;
        let none = Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
        let mut data = match self.kind {
            LinkKind::Conv | LinkKind::Pointwise => {
                naive::grouped(input, &self.window, [h, w], n, self.groups, &self.weights, &self.bias)
            }
            LinkKind::Depthwise => {
                let zeros = std::vec![0.0; n];
                naive::conv(input, &self.window, [h, w], n, &self.weights, &self.bias, &zeros, true, none)
            }
            LinkKind::MaxPool => naive::pool(input, &self.window, [h, w], None),
            LinkKind::AveragePool => naive::pool(input, &self.window, [h, w], Some(self.groups == 1)),
            _ => input.data.iter().map(|&x| f64::from(x)).collect(),
        };
        let add = self.add.as_ref().map(|add| match add {
            Add::Apart(tensor) => tensor,
            Add::Part(part) => &written[*part],
            Add::Input => first,
        });
        for (i, x) in data.iter_mut().enumerate() {
            let vector = |v: &Option<Vec<f32>>| v.as_ref().map(|v| f64::from(v[i % n]));
            *x *= vector(&self.gate).unwrap_or(1.0);
            *x += add.map_or(0.0, |add| f64::from(add.data[i]));
            *x = naive::activation(self.activation, *x);
            *x *= vector(&self.slopes).filter(|_| *x < 0.0).unwrap_or(1.0);
            if let Some([scale, offset]) = &self.affine {
                *x = *x * f64::from(scale[i % n]) + f64::from(offset[i % n]);
            }
        }
        naive::tensor(h, w, n, &data)
    }
}

/// A chain in memory.
struct Built {
    memory: Memory,
    links: Vec<Link>,
    weights: &'static [u8],
    written: Vec<core::ops::Range<usize>>,
}

fn build(random: &mut Random, parts: &[Part], input: &Tensor) -> Built {
    let (mut layout, mut blob) = (Layouter::default(), Blob::default());
    let shape = [input.height, input.width, input.channels];
    let mut map = layout.map(shape, random.within(1, input.height));
    let first = map;
    let mut links: Vec<Link> = Vec::new();
    let mut floats: Vec<(usize, Vec<f32>)> = Vec::new();
    let mut maps: Vec<(Map, &Tensor)> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let [h, _, n] = part.shape;
        let same = matches!(part.kind, LinkKind::Pointwise | LinkKind::Elementwise);
        // What a residual adds often has the groups of the output.
        let alike = part.add.as_ref().and_then(|add| match add {
            Add::Part(part) => Some(links[*part].output.group),
            Add::Input => Some(first.group),
            Add::Apart(_) => None,
        });
        let group = alike.filter(|_| random.within_exactly(0, 1) == 0).unwrap_or(random.within(1, h));
        let output = layout.map(part.shape, if same { map.group } else { group });
        let add = match &part.add {
            None => Map::NONE,
            Some(Add::Part(part)) => links[*part].output,
            Some(Add::Input) => first,
            Some(Add::Apart(tensor)) => {
                let group = if random.within_exactly(0, 1) == 0 { output.group } else { random.within(1, h) };
                maps.push((layout.map(part.shape, group), tensor));
                maps[maps.len() - 1].0
            }
        };
        let gate = part.gate.as_ref().map_or(NONE, |gate| {
            floats.push((layout.take(padded_channels(n) * 4), gate.clone()));
            floats[floats.len() - 1].0
        });
        let taps = part.weights.len() / n;
        // Taps in the order kh, kw, c; weights in ONNX order.
        let area = part.window.kernel[0] * part.window.kernel[1];
        let own = taps / area;
        let weights = if taps == 0 {
            NONE
        } else {
            blob.panels(n, taps, &part.bias, |n, t| part.weights[(n * own + t % own) * area + t / own])
        };
        let slopes = part.slopes.as_ref().map_or(NONE, |slopes| blob.vector(slopes));
        let affine = part.affine.as_ref().map_or(NONE, |[scale, offset]| {
            let at = blob.vector(scale);
            blob.follow(offset);
            at
        });
        let epilogue = Epilogue { gate, add, activation: part.activation, slopes, affine };
        let (kind, groups, window) = (part.kind, part.groups, part.window);
        links.push(Link { kind, groups, input: map, window, weights, epilogue, output, codes: None });
        assert_eq!(links.len(), index + 1);
        map = output;
    }
    let mut memory = Memory::new(layout.end);
    write(&mut memory, &first, input);
    maps.iter().for_each(|(map, tensor)| write(&mut memory, map, tensor));
    for (at, values) in floats {
        values.iter().enumerate().for_each(|(i, x)| memory.set(at + 4 * i, *x));
    }
    let written = links.iter().map(|link| extent(&link.output)).collect();
    Built { memory, links, weights: blob.leak(), written }
}

/// The same links over rings as short as they may be: the order of the computation, written down once more.
pub(super) fn ringed(links: &[Link]) -> Vec<Link> {
    struct Walk<'a>(&'a [Link], Vec<usize>, Vec<usize>);
    impl Walk<'_> {
        fn compute(&mut self, index: usize, rows: usize) {
            let link = self.0[index];
            let group = link.output.group;
            while self.1[index] * group < rows {
                let first = self.1[index] * group;
                let last = (first + group).min(link.output.height) - 1;
                if let Some(before) = index.checked_sub(1) {
                    let window = &link.window;
                    let bottom = last * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
                    let needed = bottom.saturating_sub(window.pad[0]).min(link.input.height);
                    self.compute(before, needed);
                    let top = (first * window.stride[0]).saturating_sub(window.pad[0]);
                    self.keep(before, top, needed);
                }
                let add = link.epilogue.add;
                if let Some(source) = self.0[..index].iter().position(|other| !add.is_none() && other.output == add) {
                    self.keep(source, first, last + 1);
                }
                self.1[index] += 1;
            }
        }
        fn keep(&mut self, source: usize, first: usize, end: usize) {
            if first < end {
                self.2[source] = self.2[source].max(self.1[source] - first / self.0[source].output.group);
            }
        }
    }
    let mut walk = Walk(links, std::vec![0; links.len()], std::vec![1; links.len()]);
    walk.compute(links.len() - 1, links[links.len() - 1].output.height);
    let mut result = links.to_vec();
    for i in 0..links.len() - 1 {
        let (whole, ring) = (links[i].output, walk.2[i]);
        let short = Map { ring, ..whole };
        result[i].output = short;
        result[i + 1].input = short;
        result.iter_mut().filter(|link| link.epilogue.add == whole).for_each(|link| link.epilogue.add = short);
    }
    result
}

#[test]
fn chains_match() {
    let mut random = Random(31);
    for round in 0..if cfg!(miri) { 2 } else { ROUNDS } {
        let shape = [random.within(1, 14), random.within(1, 16), random.within(1, 40)];
        let input = random.tensor(shape[0], shape[1], shape[2]);
        let mut parts = Vec::new();
        for _ in 0..random.within_exactly(1, 6) {
            let part = Part::random(&mut random, &parts, shape);
            parts.push(part);
        }
        let mut written: Vec<Tensor> = Vec::new();
        for part in &parts {
            let next = part.naive(written.last().unwrap_or(&input), &written, &input);
            written.push(next);
        }
        let Built { memory, links, weights, written: extents } = build(&mut random, &parts, &input);
        let rings = ringed(&links);
        let want = &written[written.len() - 1];
        let scale = want.data.iter().fold(1.0f64, |most, x| most.max(f64::from(x.abs())));
        let want: Vec<f64> = want.data.iter().map(|&x| f64::from(x)).collect();
        let output = links[links.len() - 1].output;
        let mut whole = Vec::new();
        let body = |run: &mut Run| run.chain(None, &links, Image::F32(Pixels::Whole(&[])), None);
        on_all(&memory, weights, &extents, body, |isa, memory| {
            let got = read(memory, &output);
            close(&got.data, &want, 10.0 * scale, format_args!("{} round {round} {links:?}", isa.name));
            whole.push(got.data);
        });
        let mut whole = whole.into_iter();
        let body = |run: &mut Run| run.chain(None, &rings, Image::F32(Pixels::Whole(&[])), None);
        on_all(&memory, weights, &extents, body, |isa, found| {
            let (want, got) = (whole.next().unwrap(), read(found, &output).data);
            assert_eq!(got, want, "{} round {round} {rings:?}", isa.name);
            if round % 4 == 0 {
                let mut copy = Memory(memory.0.clone());
                on_threads(2, || {
                    Run::with_kernels(weights, copy.bytes(), isa).chain(
                        None,
                        &rings,
                        Image::F32(Pixels::Whole(&[])),
                        None,
                    );
                });
                assert_eq!(read(&mut copy, &output).data, want, "{} threads, round {round} {rings:?}", isa.name);
            }
        });
    }
}

/// An inverted residual over its own input, and a mean behind a pointwise link.
#[test]
fn residuals_in_place_and_means_over_rings() {
    let mut random = Random(32);
    for round in 0..ROUNDS / 4 {
        let [h, w, c] = [random.within(1, 14), random.within(1, 14), random.within(1, 40)];
        let (k, pad) = [(3, 1), (5, 2)][random.within_exactly(0, 1)];
        let expanded = random.within(1, 100);
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let input = layout.map([h, w, c], random.within(1, h));
        let dilation = [1; 2];
        let window = Window { kernel: [k; 2], stride: [1; 2], dilation, pad: [pad; 2] };
        let floats = random.floats(expanded * c.max(k * k));
        let mut panels = |n: usize, taps: usize| blob.panels(n, taps, &floats, |n, t| floats[n * taps + t] / 8.0);
        let link = |kind, input: Map, window, weights, output: Map| {
            let epilogue = Epilogue::of(Activation { kind: ActivationKind::HardSwish, a: 0.0, b: 0.0 });
            Link { kind, groups: 1, input, window, weights, epilogue, output, codes: None }
        };
        let middle = layout.map([h, w, expanded], input.group);
        let first = link(LinkKind::Pointwise, input, Window::ONE, panels(expanded, c), middle);
        let block = layout.map([h, w, expanded], input.group);
        let second = link(LinkKind::Depthwise, middle, window, panels(expanded, k * k), block);
        let output = layout.map([h, w, c], input.group);
        let mut third = link(LinkKind::Pointwise, block, Window::ONE, panels(c, expanded), output);
        third.epilogue = Epilogue { add: input, ..Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY) };
        let vector = |offset| Map { offset, height: 1, width: 1, channels: c, group: 1, ring: 1, bytes: 4 };
        let means = [(); 2].map(|()| vector(layout.take(padded_channels(c) * 4)));
        let mean = |input, output| link(LinkKind::Mean, input, Window::ONE, NONE, output);
        let whole = [first, second, third];
        let mut place = ringed(&whole);
        place[2].output = input;
        let mut summed = ringed(&whole);
        summed[2].output = Map { ring: 1, ..layout.map([h, w, c], input.group) };
        summed.push(mean(summed[2].output, means[1]));
        let weights = blob.leak();
        let image = random.tensor(h, w, c);
        let mut memory = Memory::new(layout.end);
        write(&mut memory, &input, &image);
        for kernels in available() {
            let run = |links: &[&[Link]], threads: usize| {
                let mut copy = Memory(memory.0.clone());
                on_threads(threads, || {
                    let mut run = Run::with_kernels(weights, copy.bytes(), kernels);
                    links.iter().for_each(|links| run.chain(None, links, Image::F32(Pixels::Whole(&[])), None));
                });
                copy
            };
            let mut apart = run(&[&whole, &[mean(output, means[0])], &summed], 1);
            let mut over = run(&[&place], 1);
            let want = read(&mut apart, &output).data;
            assert_eq!(read(&mut over, &input).data, want, "{} round {round}", kernels.name);
            let [once, ringed] = means.map(|map| read(&mut apart, &map).data);
            let once: Vec<_> = once.iter().map(|&x| f64::from(x)).collect();
            close(&ringed, &once, 4.0, format_args!("{} round {round} {summed:?}", kernels.name));
            if round % 4 == 0 {
                assert_eq!(read(&mut run(&[&whole], 2), &output).data, want);
                assert_eq!(read(&mut run(&[&place], 3), &input).data, want);
                assert_eq!(read(&mut run(&[&summed], 2), &means[1]).data, ringed);
            }
        }
    }
}

/// Descriptors that don't fit each other are refused, and nothing is written beyond the arena: among them the streams of a review,
/// whose ring was longer than its groups and whose second stage read more rows than the first wrote.
#[test]
#[cfg_attr(miri, ignore = "unwinding takes minutes")]
fn links_that_do_not_fit_are_refused() {
    let map = |offset, height, group, ring| Map { offset, height, width: 1, channels: 8, group, ring, bytes: 4 };
    let link = |kind, input, output| Link {
        kind,
        groups: 1,
        input,
        window: Window::ONE,
        weights: 0,
        epilogue: Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY),
        output,
        codes: None,
    };
    let (depthwise, pointwise) = (LinkKind::Depthwise, LinkKind::Pointwise);
    let scratch = |height| map(128, height, 2, 1);
    let whole = map(512, 6, 6, 1);
    let three = Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pad: [1; 2] };
    let with = |link: Link, change: &dyn Fn(&mut Link)| {
        let mut link = link;
        change(&mut link);
        link
    };
    let plain = link(pointwise, map(0, 6, 6, 1), whole);
    let ring = map(0, 6, 1, 2);
    let wide = Map { channels: 40, ..map(0, 1, 1, 1) };
    let cases: &[(&str, &[Link])] = &[
        (
            "is no map",
            &[
                link(depthwise, map(0, 3, 1, 3), scratch(3)),
                link(pointwise, scratch(3), map(1024 - 3 * 8 * 4, 3, 2, 100)),
                link(depthwise, map(256, 6, 2, 3), scratch(6)),
                link(pointwise, scratch(6), whole),
            ],
        ),
        (
            "reads what the one before it writes",
            &[
                link(depthwise, map(0, 3, 1, 3), map(1024 - 3 * 8 * 4, 3, 2, 2)),
                link(depthwise, map(256, 6, 2, 3), scratch(6)),
            ],
        ),
        (
            "are not there",
            &[link(pointwise, map(512, 6, 1, 6), ring), with(link(depthwise, ring, whole), &|l| l.window = three)],
        ),
        (
            "are not there",
            &[
                link(pointwise, map(512, 6, 1, 6), map(0, 6, 1, 1)),
                with(link(depthwise, map(0, 6, 1, 1), map(256, 6, 1, 1)), &|_| {}),
                with(link(depthwise, map(256, 6, 1, 1), whole), &|l| l.epilogue.add = map(0, 6, 1, 1)),
            ],
        ),
        ("don't fit", &[link(pointwise, map(0, 6, 2, 3), whole)]),
        ("don't fit", &[with(plain, &|l| l.window = three)]),
        ("don't fit", &[with(plain, &|l| l.kind = LinkKind(7))]),
        ("don't fit", &[with(plain, &|l| (l.kind, l.groups) = (LinkKind::Conv, 3))]),
        ("don't fit", &[with(plain, &|l| (l.kind, l.groups) = (LinkKind::Conv, 0))]),
        ("don't fit", &[link(LinkKind::Mean, map(0, 6, 6, 1), whole)]),
        (
            "a mean is the last",
            &[link(LinkKind::Mean, map(0, 6, 6, 1), map(512, 1, 1, 1)), link(pointwise, map(512, 1, 1, 1), whole)],
        ),
        ("the weights at byte", &[with(plain, &|l| l.weights = 3732)]),
        ("the weights at byte", &[with(plain, &|l| l.weights = NONE)]),
        ("the gate at byte", &[with(plain, &|l| l.epilogue.gate = 1000)]),
        ("the slopes at byte", &[with(plain, &|l| l.epilogue.slopes = 3990)]),
        ("the affine at byte", &[with(plain, &|l| l.epilogue.affine = 3968)]),
        ("the residual at byte", &[with(plain, &|l| l.epilogue.add = map(960, 6, 6, 1))]),
        ("the output's shape", &[with(plain, &|l| l.epilogue.add = map(0, 5, 5, 1))]),
        ("an unknown activation", &[with(plain, &|l| l.epilogue.activation.kind = ActivationKind(7))]),
        ("the output at byte", &[link(LinkKind::Mean, wide, Map { offset: 928, ..wide })]),
        ("at most 64 links", &[plain; 65]),
    ];
    let weights: &'static [u8] = Box::leak(Box::new(Memory::new(4000))).bytes();
    for (index, (what, links)) in cases.iter().enumerate() {
        for threads in [1, 2] {
            let mut memory = Memory::new(2048);
            let (mine, beyond) = memory.bytes().split_at_mut(1024);
            let links = links.to_vec();
            let refused = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
                on_threads(threads, || {
                    Run::new(&weights[..4000], mine).chain(None, &links, Image::F32(Pixels::Whole(&[])), None)
                });
            }));
            assert!(beyond.iter().all(|&byte| byte == 0xff), "case {index}");
            let reason = refused.expect_err(what);
            let text = match reason.downcast_ref::<std::string::String>() {
                Some(text) => text.as_str(),
                None => reason.downcast_ref::<&str>().unwrap_or(&""),
            };
            assert!(text.contains(what) || threads == 2, "case {index}: {text}");
        }
    }
}
