//! Links on 8-bit codes: their kinds, their functions, and what they read.
//!
//! A panel's columns are summed by one function, `dot`, which each form spells in its own way: sums of a few pixels by 16 columns
//! over runs of quads. Pointwise layers, convolutions and the first one differ in where the runs are.

use super::Target;
use super::isa::{Codes as Form, Isa};
use super::needs::{Needs, Stem, order};
use super::source::{index, kernel};
use super::stem::{Staged, input_row, pad};
use super::text::float;
use crate::network::Layout;
use crate::plan::{Codes, Element, ImageSource, Link, LinkOp, Map, Op, Packing, Quant, Source, padded_channels};
use std::collections::BTreeSet;

/// Kinds of links on codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// By its number among all first convolutions.
    Stem(usize),
    Conv,
    Depthwise,
    Pointwise,
    MaxPool,
    AveragePool,
    Elementwise,
    Mean,
}

/// What a plan asks of the functions on codes.
#[derive(Debug, Default)]
pub(super) struct CodesNeeds {
    kinds: BTreeSet<Kind>,
    /// Weights that need more than 8 bits, of sums over channels.
    extras: bool,
    table: bool,
    sum: bool,
    product: bool,
    pub gate: bool,
    to_numbers: bool,
    to_codes: bool,
    copy: bool,
    /// Port and what it becomes.
    pub import: Option<ImageSource>,
    exports: BTreeSet<&'static str>,
    /// Blocks of the channels that a layer sums over; taps and rows of a window.
    blocks: usize,
    taps: usize,
    rows: usize,
    /// Quads under a filter that are summed in one go.
    quads: usize,
}

impl Kind {
    pub(super) fn of(link: &Link, stem: usize) -> Self {
        match link.op {
            LinkOp::Stem { .. } => Self::Stem(stem),
            LinkOp::Conv { .. } => Self::Conv,
            LinkOp::Depthwise => Self::Depthwise,
            LinkOp::Pointwise => Self::Pointwise,
            LinkOp::MaxPool => Self::MaxPool,
            LinkOp::AveragePool { .. } => Self::AveragePool,
            LinkOp::Elementwise => Self::Elementwise,
            LinkOp::Mean { .. } => Self::Mean,
        }
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Stem(number) => stem_name(number),
            Self::Conv => "codes_conv".into(),
            Self::Depthwise => "codes_depthwise".into(),
            Self::Pointwise => "codes_pointwise".into(),
            Self::MaxPool => "codes_max_pool".into(),
            Self::AveragePool => "codes_average_pool".into(),
            Self::Elementwise => "codes_elementwise".into(),
            Self::Mean => "codes_mean".into(),
        }
    }

    /// Its call for group `q` of a link `s`.
    pub(super) fn call(self) -> String {
        let name = self.name();
        match self {
            Self::Stem(_) | Self::Conv | Self::Depthwise | Self::Pointwise => format!("@{name}_$I(s, image, q);"),
            Self::AveragePool | Self::Elementwise => format!("@{name}(s, image, q);"),
            Self::MaxPool => format!("@{name}(image, q);"),
            Self::Mean => format!("@{name}(s, image);"),
        }
    }
}

fn stem_name(number: usize) -> String {
    if number == 0 { "codes_stem".into() } else { format!("codes_stem{number}") }
}

impl CodesNeeds {
    pub(super) fn link(&mut self, link: &Link, codes: &Codes, kind: Kind) {
        let Link { input, window, epilogue, .. } = link;
        self.kinds.insert(kind);
        let [kh, kw] = window.kernel;
        let channels = input.as_ref().map_or(0, |map| map.channels);
        match kind {
            Kind::Conv | Kind::Pointwise => {
                self.blocks = self.blocks.max(padded_channels(channels).div_ceil(16) + 1);
                self.quads = self.quads.max(padded_channels(channels) / 4);
                self.extras |= codes.extras > 0;
            }
            Kind::Stem(_) => self.extras |= codes.extras > 0,
            Kind::Depthwise => {
                self.taps = self.taps.max((kh * kw).next_multiple_of(2));
                self.rows = self.rows.max(kh);
            }
            Kind::Elementwise => {
                self.table |= codes.table.is_some();
                self.sum |= epilogue.add.is_some() && !codes.product;
                self.product |= epilogue.add.is_some() && codes.product;
                self.gate |= epilogue.gate.is_some();
            }
            Kind::MaxPool | Kind::AveragePool | Kind::Mean => {}
        }
    }

    pub(super) fn step(&mut self, op: &Op) {
        match op {
            Op::Convert { input, .. } => match input.element {
                Element::F32 => self.to_codes = true,
                _ => self.to_numbers = true,
            },
            Op::Copy { .. } => self.copy = true,
            Op::Import { source: Source::Image(image), .. } => self.import = Some(*image),
            Op::Export { layout, .. } => {
                self.exports.insert(order(*layout));
            }
            _ => {}
        }
    }

    /// Whether there are links.
    pub(super) fn links(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// What AVX-512 has to come with: in words, for a function's attribute, and asked of the CPU.
    pub(super) fn vnni(&self) -> [&'static str; 3] {
        match self.links() {
            true => {
                let there = " && __builtin_cpu_supports(\"avx512bw\") && __builtin_cpu_supports(\"avx512vl\")\n        \
                    && __builtin_cpu_supports(\"avx512vnni\")";
                [" with BW, VL and VNNI", "avx512bw,avx512vl,avx512vnni,", there]
            }
            false => ["", "", ""],
        }
    }

    fn sums(&self) -> bool {
        self.kinds.iter().any(|kind| matches!(kind, Kind::Stem(_) | Kind::Conv | Kind::Pointwise))
    }

    fn any(&self) -> bool {
        self.links()
            || self.to_codes
            || self.to_numbers
            || self.copy
            || self.import.is_some()
            || !self.exports.is_empty()
    }

    /// What the compiler must not be told, and how a byte of weights is read: where the order of bytes is not known, from words.
    pub(super) fn guard(&self, target: Target) -> String {
        let byte = match target.is_standard() {
            true => "#define @@WEIGHT(w, i) ((int8_t)((w)[(i) / 4] >> (i) % 4 * 8))\n",
            false => "#define @@WEIGHT(w, i) (((const int8_t *)(const void *)(w))[i])\n",
        };
        if self.any() { kernel!("codes/strict").to_string() + byte } else { String::new() }
    }
}

/// A row of the table of codes.
pub(super) fn row(codes: &Codes) -> String {
    let second = codes.second.unwrap_or(Quant { scale: 0.0, zero: 0 });
    let all = [codes.input, second, codes.output];
    let [a, b, c] = all.map(|quant| float(quant.scale));
    let [x, y, z] = all.map(|quant| quant.zero);
    let [lo, hi] = codes.clamp;
    let table = codes.table.map_or("@@NONE".into(), |at| (at / 4).to_string());
    let product = i32::from(codes.product);
    format!("{{{{{a}, {b}, {c}}}, {{{x}, {y}, {z}}}, {lo}, {hi}, {}, {table}, {product}}}", codes.extras)
}

/// Types, in front of the tables.
pub(super) fn types(needs: &Needs) -> &'static str {
    if needs.codes.links() { kernel!("codes/types") } else { "" }
}

/// What all forms share.
pub(super) fn common(needs: &Needs) -> String {
    let codes = &needs.codes;
    if !codes.any() {
        return String::new();
    }
    let mut text = String::from(kernel!("codes/map"));
    text += kernel!("codes/round");
    if codes.links() {
        text += kernel!("codes/code");
    }
    text += kernel!("codes/quantise");
    text += kernel!("codes/number");
    if codes.sums() {
        let extra = if codes.extras { kernel!("codes/panel_extras") } else { "" };
        text += &kernel!("codes/runs").replace("%EXTRA%", extra);
        text += kernel!("codes/field");
    }
    for stem in needs.stems.iter().filter(|stem| stem.codes.is_some()) {
        text += &stage(stem, needs);
    }
    let functions = [
        (Kind::MaxPool, kernel!("codes/max_pool")),
        (Kind::AveragePool, kernel!("codes/average_pool")),
        (Kind::Mean, kernel!("codes/mean")),
    ];
    text.extend(functions.iter().filter(|(kind, _)| codes.kinds.contains(kind)).map(|(_, text)| *text));
    if codes.kinds.contains(&Kind::Elementwise) {
        text += &elementwise(codes);
    }
    if codes.to_numbers {
        text += kernel!("codes/to_numbers");
    }
    if codes.to_codes {
        text += kernel!("codes/to_codes");
    }
    if codes.copy {
        let copy = kernel!("copy").replace("@copy(", "@copy_codes(").replace("A map into", "A map of codes into");
        text += &of_codes(&copy);
    }
    if let Some(image) = &codes.import {
        let value = value(image, index(image.layout), "scale", "zero");
        let scale = if is_number(image) { "float scale, int zero, " } else { "" };
        text += &kernel!("codes/import").replace("%VALUE%", &value).replace("%SCALE%", scale);
    }
    for layout in [Layout::Nchw, Layout::Nhwc].into_iter().filter(|layout| codes.exports.contains(order(*layout))) {
        text += &kernel!("codes/export").replace("%ORDER%", order(layout)).replace("%AT%", index(layout));
    }
    text
}

/// A text about maps of floats, about maps of codes.
fn of_codes(text: &str) -> String {
    text.replace("@row ", "@codes_row ")
        .replace("@row_at(", "@codes_row_at(")
        .replace("@row_block(", "@codes_block(")
        .replace("const float *", "const unsigned char *")
        .replace("float *const b", "unsigned char *const b")
}

fn elementwise(codes: &CodesNeeds) -> String {
    let mut body = String::new();
    let mut what = Vec::new();
    if codes.table {
        body += kernel!("codes/table");
        what.push("through a table");
    }
    let value = match (codes.sum, codes.product) {
        (true, true) => "(k->product ? x * z : x + z)",
        (false, true) => "x * z",
        _ => "(x + z)",
    };
    if codes.sum || codes.product {
        body += &kernel!("codes/with_map").replace("%VALUE%", value);
        what.push(match (codes.sum, codes.product) {
            (true, true) => "plus or times another",
            (true, false) => "plus another",
            _ => "times another",
        });
    }
    if codes.gate {
        body += kernel!("codes/with_gate");
        what.push("times a vector");
    }
    kernel!("codes/elementwise").replace("%WHAT%", &what.join(", or ")).replace("%BODY%", &body)
}

/// An element of the input as a code.
fn value(image: &ImageSource, at: &str, scale: &str, zero: &str) -> String {
    match image.element {
        Element::F32 => format!("@quantised(input[{at}], {scale}, {zero})"),
        Element::F16 => format!("@quantised(@half(input[{at}]), {scale}, {zero})"),
        Element::I8 => format!("(unsigned char)(input[{at}] + 128)"),
        Element::U8 => format!("input[{at}]"),
    }
}

fn stem_row(stem: &Stem) -> usize {
    (Staged::of(stem).columns * stem.input.channels + 4).next_multiple_of(64)
}

/// Pixels of a row of codes at most that a stack frame holds.
const LONGEST_APART: usize = 512;

fn stage(stem: &Stem, needs: &Needs) -> String {
    let ImageSource { height, channels, layout, .. } = stem.input;
    let Staged { left, copied, .. } = Staged::of(stem);
    let Quant { scale, zero } = stem.codes.map_or(Quant { scale: 1.0, zero: 0 }, |codes| codes.input);
    let top = pad(&stem.window)[0];
    let (inside, line) = match top {
        0 => (format!("y < {height}"), "y".to_string()),
        _ => (format!("y >= {top} && y - {top} < {height}"), format!("(y - {top})")),
    };
    let (line, apart) = input_row(&stem.input, &line, needs);
    let (from, at) = match layout {
        Layout::Nchw => (format!("c * {apart}"), "x".to_string()),
        Layout::Nhwc => ("c".to_string(), format!("x * {channels}")),
    };
    // Loops apart: gcc makes no vectors of one that quantises and leaves room for other channels.
    let spread = is_number(&stem.input) && layout == Layout::Nchw && channels > 1 && copied <= LONGEST_APART;
    let copy = if spread { kernel!("codes/stem_apart") } else { kernel!("codes/stem_copy") };
    kernel!("codes/stem")
        .replace("%COPY%", copy)
        .replace("%VALUE%", &value(&stem.input, &at, &float(scale), &zero.to_string()).replace("input[", "from["))
        .replace("%FROM%", &from)
        .replace("%LINE%", &line)
        .replace("%NAME%", &stem_name(stem.number))
        .replace("%ZERO%", &zero.to_string())
        .replace("%ROW%", &stem_row(stem).to_string())
        .replace("%INSIDE%", &inside)
        .replace("%CHANNELS%", &channels.to_string())
        .replace("%COPIED%", &copied.to_string())
        .replace("%LEFT%", &left.to_string())
}

/// Runs under a first convolution's filter, and quads of each.
fn stem_runs(stem: &Stem) -> [usize; 2] {
    let ([kh, kw], channels) = (stem.window.kernel, stem.input.channels);
    let [runs, bytes] = if stem.window.dilation[1] == 1 { [kh, kw * channels] } else { [kh * kw, channels] };
    [runs, bytes.div_ceil(4)]
}

fn stem_group(stem: &Stem) -> String {
    let Staged { span, .. } = Staged::of(stem);
    let (w, channels) = (&stem.window, stem.input.channels);
    let adjacent = w.dilation[1] == 1;
    let [runs, quads] = stem_runs(stem);
    let times = |text: &str, by: usize| if by == 1 { text.to_string() } else { format!("{text} * {by}") };
    let (down, across) = match adjacent {
        true => (times("i", w.dilation[0]), String::new()),
        false => {
            let [_, kw] = w.kernel;
            (times(&format!("i / {kw}"), w.dilation[0]), format!(" + i % {kw} * {}", w.dilation[1] * channels))
        }
    };
    kernel!("codes/stem_group")
        .replace("%NAME%", &stem_name(stem.number))
        .replace("%RUNS%", &runs.to_string())
        .replace("%QUADS%", &quads.to_string())
        .replace("%STEP%", &(w.stride[1] * channels).to_string())
        .replace("%SCRATCH%", &stem.scratch.to_string())
        .replace("%SH%", &w.stride[0].to_string())
        .replace("%SPAN%", &span.to_string())
        .replace("%ROW%", &stem_row(stem).to_string())
        .replace("%DOWN%", &down)
        .replace("%ACROSS%", &across)
}

/// The functions for one instruction set.
pub(super) fn functions(isa: &Isa, needs: &Needs, packing: Packing) -> String {
    let codes = &needs.codes;
    let mut text = match isa.codes.condition() {
        None => spelled(isa.codes, needs, packing),
        Some(condition) => {
            let [own, plain] = [isa.codes, Form::Plain].map(|form| spelled(form, needs, packing));
            if own.is_empty() { own } else { format!("#if {condition}\n{own}#else\n{plain}#endif\n\n") }
        }
    };
    if codes.kinds.contains(&Kind::Depthwise) {
        text += &kernel!("codes/depthwise")
            .replace("%TAPS%", &codes.taps.to_string())
            .replace("%ROWS%", &codes.rows.to_string());
    }
    for stem in needs.stems.iter().filter(|stem| stem.codes.is_some()) {
        text += &stem_group(stem);
    }
    let blocks = codes.blocks.to_string();
    for (kind, function) in [(Kind::Pointwise, kernel!("codes/pointwise")), (Kind::Conv, kernel!("codes/conv"))] {
        if codes.kinds.contains(&kind) {
            text += &function.replace("%BLOCKS%", &blocks);
        }
    }
    text
}

/// What differs from form to form.
fn spelled(form: Form, needs: &Needs, packing: Packing) -> String {
    let codes = &needs.codes;
    let depthwise = codes.kinds.contains(&Kind::Depthwise);
    let mut text = String::new();
    if codes.sums() || depthwise {
        text += form.common();
    }
    if codes.sums() {
        let (head, bias) = match packing {
            Packing::Any => (64, form.bias()),
            _ => (32, 0),
        };
        let extra = if codes.extras { kernel!("codes/panel_extra") } else { "" };
        text += form.dot();
        text += form.store();
        text += &kernel!("codes/panel")
            .replace("%HEAD%", &head.to_string())
            .replace("%BIAS%", &bias.to_string())
            .replace("%MULTIPLIERS%", &(head - 16).to_string())
            .replace("%EXTRA%", extra);
        let layer = codes.kinds.iter().any(|kind| matches!(kind, Kind::Stem(_) | Kind::Pointwise));
        let [sums, of_layer] = form.sums(codes.extras);
        if !form.spreads() || codes.kinds.contains(&Kind::Conv) {
            text += &sums;
        }
        if layer {
            text += &of_layer;
        }
        let quads = needs.stems.iter().filter(|stem| stem.codes.is_some()).map(|stem| {
            let [runs, quads] = stem_runs(stem);
            runs * quads
        });
        let quads = quads.fold(codes.quads, usize::max);
        // Behind a quad whole vectors are read.
        let bytes = form.pixels() * (4 * quads).next_multiple_of(16) + 16;
        text = text.replace("%QUADS%", &quads.to_string()).replace("%BYTES%", &bytes.to_string());
        text = text.replace("%LINE%", &(4 * quads + 16).next_multiple_of(16).to_string());
        text = text.replace("%PIXELS%", &form.pixels().to_string());
    }
    if depthwise {
        text += form.window();
    }
    text
}

impl Form {
    /// The packing of what its sums begin with.
    pub(super) fn packing(self) -> Packing {
        match self {
            Self::Plain | Self::Dsp | Self::Vnni => Packing::Unsigned,
            Self::Helium | Self::Neon => Packing::Signed,
            Self::Avx2 => Packing::Xor,
        }
    }

    /// Where its biases are, in panels that have all.
    fn bias(self) -> usize {
        match self.packing() {
            Packing::Signed => 16,
            Packing::Xor => 32,
            _ => 0,
        }
    }

    /// Where its instructions are, if not everywhere; C alone does elsewhere.
    fn condition(self) -> Option<&'static str> {
        match self {
            Self::Dsp => {
                Some("defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP) && defined(__thumb2__)")
            }
            Self::Plain | Self::Helium | Self::Avx2 | Self::Vnni | Self::Neon => None,
        }
    }

    /// Whether layers have loops of their own, around codes that are prepared once.
    fn spreads(self) -> bool {
        matches!(self, Self::Dsp | Self::Helium)
    }

    /// Pixels that are summed at a time.
    fn pixels(self) -> usize {
        match self {
            Self::Dsp => 3,
            Self::Vnni => 16,
            Self::Plain | Self::Helium | Self::Avx2 | Self::Neon => 4,
        }
    }

    /// What its other functions call.
    fn common(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dsp => kernel!("codes/dsp"),
            Self::Helium => kernel!("codes/store_helium"),
            Self::Avx2 => kernel!("codes/store_avx2"),
            Self::Vnni => kernel!("codes/store_vnni"),
            Self::Neon => kernel!("codes/store_neon"),
        }
    }

    fn dot(self) -> &'static str {
        match self {
            Self::Plain => kernel!("codes/dot_plain"),
            Self::Dsp => kernel!("codes/dot_dsp"),
            Self::Helium => kernel!("codes/dot_helium"),
            Self::Avx2 => kernel!("codes/dot_avx2"),
            Self::Vnni => kernel!("codes/dot_vnni"),
            Self::Neon => kernel!("codes/dot_neon"),
        }
    }

    fn store(self) -> &'static str {
        match self {
            Self::Plain => kernel!("codes/store_plain"),
            Self::Dsp => kernel!("codes/store_dsp"),
            Self::Helium => kernel!("codes/store4_helium"),
            Self::Avx2 => kernel!("codes/store8_avx2"),
            Self::Vnni => kernel!("codes/store16_vnni"),
            Self::Neon => kernel!("codes/store8_neon"),
        }
    }

    fn window(self) -> &'static str {
        match self {
            Self::Plain => kernel!("codes/window_plain"),
            Self::Dsp => kernel!("codes/window_dsp"),
            Self::Helium => kernel!("codes/window_helium"),
            Self::Avx2 => kernel!("codes/window_avx2"),
            Self::Vnni => kernel!("codes/window_vnni"),
            Self::Neon => kernel!("codes/window_neon"),
        }
    }

    /// Sums of pixels of any convolution, and the loops of layers whose pixels follow each other.
    fn sums(self, extras: bool) -> [String; 2] {
        let with = |text: &str, more: [&str; 2]| {
            let [declare, extra] = if extras { more } else { ["", ""] };
            text.replace("%DECLARE%", declare).replace("%EXTRA%", extra)
        };
        let spread = |codes: &str, how: &str| {
            let more = ["            size_t i;\n", kernel!("codes/layer_extras")];
            let text = with(kernel!("codes/layer_spread"), more).replace("%CODES%", codes);
            text.replace("%SPREAD%", how)
        };
        match self {
            Self::Plain | Self::Avx2 | Self::Vnni | Self::Neon => {
                let more = ["    size_t i;\n", kernel!("codes/extras")];
                [with(kernel!("codes/sums"), more), kernel!("codes/layer").into()]
            }
            Self::Dsp => {
                let more = ["    size_t i;\n", kernel!("codes/extras_spread")];
                let layer = spread(
                    "uint32_t codes[6 * %QUADS%]",
                    "(void)@spread(&f->narrow, m, count, @spread(&f->wide, m, count, codes))",
                );
                [with(kernel!("codes/sums_dsp"), more), layer].map(|text| text.replace("%AT%", "6 * quad"))
            }
            Self::Helium => {
                let more = ["    size_t i;\n", kernel!("codes/extras_spread")];
                let layer = spread("int8_t codes[%BYTES%]", "@spread(f, m, count, codes)");
                [with(kernel!("codes/sums_helium"), more), layer]
                    .map(|text| text.replace("%AT%", "quad / 4 * 64 + quad % 4 * 4"))
            }
        }
    }
}

/// The number of an operation on a map as an argument.
pub(super) fn quant(quant: &Quant) -> String {
    format!("{}, {}", float(quant.scale), quant.zero)
}

/// A place of codes in the arena.
pub(super) fn bytes(constant: &str, offset: usize) -> String {
    format!("({constant}unsigned char *)arena + {offset}")
}

/// Whether a map is one of codes.
pub(super) fn is_codes(map: &Map) -> bool {
    map.element != Element::F32
}

/// Whether elements of the input have to be quantised.
pub(super) fn is_number(image: &ImageSource) -> bool {
    matches!(image.element, Element::F32 | Element::F16)
}
