//! Spells the innermost loops: tiles whose accumulators are named variables, so that every compiler keeps them in registers.

use super::isa::{Factor, Form, Isa};
use super::text::list;
use std::fmt::Write;

/// Which partial blocks of input channels the model has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tails {
    /// Whole blocks of 16.
    pub whole: bool,
    /// At most 8 channels in the last block.
    pub narrow: bool,
    /// 9 to 15 channels in the last block.
    pub wide: bool,
    /// A number of channels that is no multiple of 4.
    pub odd: bool,
}

/// Registers of one tile: `rows` pixels by `vectors` vectors.
struct Tile {
    f: String,
    /// Type, load and multiply-add of the factor.
    by: [String; 3],
    lanes: usize,
    rows: usize,
    /// Width of a panel's rows.
    panel: usize,
    /// Columns computed at once.
    columns: usize,
    /// Registers for the factors and one vector, not for all vectors of a tap.
    tight: bool,
}

impl Tile {
    fn new(isa: &Isa, rows: usize, width: usize) -> Self {
        let lanes = isa.lanes_of(width);
        let columns = if width == 32 { 32 } else { width.min(isa.columns) };
        let f = format!("f{lanes}");
        Self { by: isa.by(&f), f, lanes, rows, panel: width.min(16), columns, tight: isa.is_tight() }
    }

    fn vectors(&self) -> usize {
        self.columns / self.lanes
    }

    /// `base + offset` of vector `v` in row `row` of the panel (two panels wide: `pair` is the second one's name).
    fn at(&self, first: &str, second: &str, v: usize, row: &str) -> String {
        let column = v * self.lanes;
        let base = if column < 16 { first } else { second };
        match (row, column % 16) {
            ("", 0) => base.to_string(),
            ("", c) => format!("{base} + {c}"),
            (row, 0) => format!("{base} + {row}"),
            (row, c) => format!("{base} + {row} + {c}"),
        }
    }

    /// Loads the bias row into all accumulators.
    fn bias(&self, indent: &str, first: &str, second: &str) -> String {
        let f = &self.f;
        let mut text = String::new();
        let start: Vec<_> =
            (0..self.vectors()).map(|v| format!("c0_{v} = {f}_load({})", self.at(first, second, v, ""))).collect();
        let _ = writeln!(text, "{indent}{f} {};", start.join(", "));
        for r in 1..self.rows {
            let row: Vec<_> = (0..self.vectors()).map(|v| format!("c{r}_{v} = c0_{v}")).collect();
            let _ = writeln!(text, "{indent}{f} {};", row.join(", "));
        }
        text
    }

    /// The statements of one tap: the input at `a` and those of the other rows, `stride` apart; row `u` of the panel from `b` on.
    fn tap(&self, a: &str, u: &str, stride: &str) -> Vec<String> {
        let (f, [_, splat, fma]) = (&self.f, &self.by);
        let from = |v| format!("{f}_load({});", self.at("b", "d", v, &format!("({u} + 1) * {}", self.panel)));
        let factor = |r: usize| match r {
            0 => format!("{splat}({a});"),
            r => format!("{splat}({a} + {r} * {stride});"),
        };
        if self.tight {
            let factors: Vec<_> = (0..self.rows).map(|r| format!("x{r} = {}", factor(r))).collect();
            let products = |v| (0..self.rows).map(move |r| format!(" c{r}_{v} = {fma}(x{r}, b0, c{r}_{v});"));
            let vectors =
                (0..self.vectors()).map(|v| format!("b0 = {}{} @@FENCE", from(v), products(v).collect::<String>()));
            return [factors.join(" ")].into_iter().chain(vectors).collect();
        }
        let loads: Vec<_> = (0..self.vectors()).map(|v| format!("b{v} = {}", from(v))).collect();
        let mut lines = vec![loads.join(" ")];
        for r in 0..self.rows {
            let mut line = format!("x = {}", factor(r));
            for v in 0..self.vectors() {
                let _ = write!(line, " c{r}_{v} = {fma}(x, b{v}, c{r}_{v});");
            }
            lines.push(line);
        }
        lines
    }

    /// The statements of four taps by the lanes of one vector per row.
    fn four_by_lane(&self, stride: &str) -> Vec<String> {
        let f = &self.f;
        let mut lines = vec![];
        for r in 0..self.rows {
            lines.push(format!("x{r} = {f}_load(a + {r} * {stride});"));
        }
        for u in 0..4 {
            for v in 0..self.vectors() {
                let at = self.at("b", "d", v, &format!("{}", (u + 1) * self.panel));
                let mut line = format!("b{v} = {f}_load({at});");
                for r in 0..self.rows {
                    let _ = write!(line, " c{r}_{v} = {f}_fma_lane(c{r}_{v}, b{v}, x{r}, {u});");
                }
                lines.push(line);
            }
        }
        lines
    }

    /// The sums where they belong; on top of what is there, under the condition `sum`.
    fn stores(&self, indent: &str, first: &str, second: &str, sum: Option<&str>) -> String {
        let (f, rows) = (&self.f, self.rows);
        let places: Vec<_> = (0..rows).flat_map(|r| (0..self.vectors()).map(move |v| (r, v))).collect();
        let at = |&(r, v): &(usize, usize)| {
            let row = if r == 0 { String::new() } else { (r * self.panel).to_string() };
            (format!("c{r}_{v}"), self.at(first, second, v, &row))
        };
        let places: Vec<_> = places.iter().map(at).collect();
        let mut text = sum.map_or_else(String::new, |sum| sums(f, indent, sum, &places));
        for (c, at) in places {
            let _ = writeln!(text, "{indent}{f}_store({at}, {f}_clamp({c}, lo, hi));");
        }
        text
    }

    fn registers(&self) -> String {
        if self.tight {
            return format!("{} {}; {} b0", self.by[0], list(self.rows, |r| format!("x{r}")), self.f);
        }
        format!("{} x; {} {}", self.by[0], self.f, list(self.vectors(), |v| format!("b{v}")))
    }

    fn define(name: &str, lines: &[String]) -> String {
        format!("#define {name} \\\n    {}\n", lines.join(" \\\n    "))
    }
}

/// Adds to sums what is where they go, under a condition.
pub(super) fn sums(f: &str, indent: &str, condition: &str, places: &[(String, String)]) -> String {
    let add = |(c, at): &(String, String)| format!("{indent}    {c} = {f}_add({c}, {f}_load({at}));\n");
    format!("{indent}if ({condition}) {{\n{}{indent}}}\n", places.iter().map(add).collect::<String>())
}

/// A tile of a pointwise convolution, `count` times; with `sum`, on top of what is there where the block asks for it.
pub(super) fn pointwise(isa: &Isa, rows: usize, width: usize, tails: Tails, sum: bool) -> String {
    let tile = Tile::new(isa, rows, width);
    let (panel, two) = (tile.panel, width == 32);
    let by_lane = isa.factor == Factor::Lane;
    let mut text = Tile::define("@@TAP(u, s)", &tile.tap("a + (u)", "(u)", "(s)"));
    if by_lane {
        text += &Tile::define("@@FOUR(s)", &tile.four_by_lane("(s)"));
    } else if isa.rounds {
        text += "#define @@FOUR(s) { size_t t, n = 4; @@UNKNOWN(n); for (t = 0; t < n; t++) { @@TAP(t, s) } }\n";
    } else {
        text += "#define @@FOUR(s) @@TAP(0, s) @@TAP(1, s) @@TAP(2, s) @@TAP(3, s)\n";
    }
    let _ = writeln!(
        text,
        "/* {rows} pixels by {width} channels, count times from pixel m on. */\n\
         static @@NOINLINE $T void @pointwise{rows}x{width}_$I(@gemm *g, size_t m, size_t count, const float *panel, float *out)\n{{"
    );
    let f = &tile.f;
    let _ = writeln!(text, "    const {f} lo = {f}_set(g->clamp.lo), hi = {f}_set(g->clamp.hi);");
    if isa.prefetches > 0 {
        text += "    uintptr_t ahead = g->ahead;\n";
    }
    let _ = writeln!(text, "    out += m * {panel};");
    let _ = writeln!(text, "    for (; count > 0; count--, m += {rows}, out += {}) {{", rows * panel);
    text += "        const float *b = panel;\n";
    if two {
        text += "        const float *const second = panel + (1 + g->k) * 16, *d = second;\n";
        text += "        float *const beside = out + g->stride;\n";
    }
    text += if tails.whole { "        size_t k = g->k, at = m * 16;\n" } else { "        size_t k = g->k;\n" };
    if by_lane {
        let x = list(rows, |r| format!("x{r}"));
        let b = list(tile.vectors(), |v| format!("b{v}"));
        let _ = writeln!(text, "        {f} {}{x};\n        {f} {b};", if tails.odd { "x, " } else { "" });
    } else {
        let _ = writeln!(text, "        {};", tile.registers());
    }
    text += &tile.bias("        ", "panel", "second");
    let next_b =
        |n: usize| if two { format!("b += {}, d += {}", n * panel, n * panel) } else { format!("b += {}", n * panel) };
    if tails.whole {
        text += "        for (; k >= 16; k -= 16, at += g->stride) {\n            const float *a = g->a + at;\n            size_t h;\n";
        let _ = writeln!(text, "            for (h = 0; h < 4; h++, a += 4, {}) {{", next_b(4));
        for _ in 0..isa.prefetches {
            text += "                @@PREFETCH((const void *)ahead);\n                ahead += g->step;\n";
        }
        text += "                @@FOUR(16)\n            }\n        }\n";
    }
    let rest = |text: &mut String, indent: &str, stride: usize| {
        let _ = writeln!(text, "{indent}const float *a = g->tail + m * {stride};");
        let _ = writeln!(text, "{indent}for (; k >= 4; k -= 4, a += 4, {}) {{", next_b(4));
        let _ = writeln!(text, "{indent}    @@FOUR({stride})\n{indent}}}");
        if tails.odd {
            let _ = writeln!(text, "{indent}for (; k > 0; k--, a += 1, {}) {{", next_b(1));
            let _ = writeln!(text, "{indent}    @@TAP(0, {stride})\n{indent}}}");
        }
    };
    let in_tail = |text: &mut String, rest: &dyn Fn(&mut String, &str)| {
        *text += "        if (k > 0) {\n";
        rest(text, "            ");
        *text += "        }\n";
    };
    match (tails.narrow, tails.wide) {
        (true, true) => {
            text += "        if (k > 8) {\n";
            rest(&mut text, "            ", 16);
            text += "        } else if (k > 0) {\n";
            rest(&mut text, "            ", 8);
            text += "        }\n";
        }
        (true, false) => in_tail(&mut text, &|text, indent| rest(text, indent, 8)),
        (false, true) => in_tail(&mut text, &|text, indent| rest(text, indent, 16)),
        (false, false) => {}
    }
    text += &tile.stores("        ", "out", "beside", sum.then_some("g->sum"));
    text += "    }\n";
    if isa.prefetches > 0 {
        text += "    g->ahead = ahead;\n";
    }
    text += "}\n#undef @@TAP\n#undef @@FOUR\n\n";
    text
}

/// What the first convolution's loops over taps look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StemTaps {
    /// Rows of the kernel.
    pub rows: usize,
    /// Planes per row, and floats from one to the next.
    pub planes: usize,
    /// Floats from one plane to the next.
    pub plane: usize,
    /// Runs of adjacent taps.
    pub chunks: usize,
    /// Floats from one run to the next.
    pub chunk: usize,
    /// Taps of a run.
    pub length: usize,
    /// Floats from one output pixel's first tap to the next one's.
    pub pixel: usize,
    /// Which of the model's first convolutions it is.
    pub number: usize,
    /// Whether it may be on top of what is there.
    pub sum: bool,
}

impl StemTaps {
    /// What its functions' names begin with.
    pub(super) fn name(&self) -> String {
        stem_name(self.number)
    }

    /// The parameter that says whether to add.
    pub(super) fn parameter(&self) -> &'static str {
        if self.sum { "int sum, " } else { "" }
    }
}

/// What the names of a first convolution's functions begin with.
pub(super) fn stem_name(number: usize) -> String {
    if number == 0 { "stem".into() } else { format!("stem{}", number + 1) }
}

/// A tile of the first convolution, `count` times along a row.
pub(super) fn stem(isa: &Isa, rows: usize, width: usize, taps: &StemTaps) -> String {
    let tile = Tile::new(isa, rows, width);
    let (f, panel) = (&tile.f, tile.panel);
    let (name, parameter) = (taps.name(), taps.parameter());
    let mut text = Tile::define("@@TAP(u)", &tile.tap("a + (u)", "0", &taps.pixel.to_string()));
    let _ = writeln!(
        text,
        "/* {rows} pixels by {width} channels, count times from column m on. */\n\
         static @@NOINLINE $T void @{name}_{rows}x{width}_$I(const float *const *rows, size_t m, size_t count, const float *panel,\n\
         \x20                                      @clamp clamp, {parameter}float *out)\n{{"
    );
    let _ = writeln!(text, "    const {f} lo = {f}_set(clamp.lo), hi = {f}_set(clamp.hi);");
    let _ = writeln!(text, "    out += m * {panel};");
    let _ = writeln!(text, "    for (; count > 0; count--, m += {rows}, out += {}) {{", rows * panel);
    let _ = writeln!(text, "        const float *b = panel;\n        size_t i;");
    let _ = writeln!(text, "        {};", tile.registers());
    text += &tile.bias("        ", "panel", "");
    let _ = writeln!(text, "        for (i = 0; i < {}; i++) {{", taps.rows);
    let _ =
        writeln!(text, "            const float *line = rows[i] + m * {};\n            size_t j, l, t;", taps.pixel);
    let _ = writeln!(text, "            for (j = 0; j < {}; j++) {{", taps.planes);
    let _ = writeln!(text, "                for (l = 0; l < {}; l++) {{", taps.chunks);
    let _ =
        writeln!(text, "                    const float *const a = line + j * {} + l * {};", taps.plane, taps.chunk);
    let _ = writeln!(text, "                    for (t = 0; t < {}; t++, b += {panel}) {{", taps.length);
    text += "                        @@TAP(t)\n                    }\n                }\n            }\n        }\n";
    text += &tile.stores("        ", "out", "", taps.sum.then_some("sum"));
    text += "    }\n}\n#undef @@TAP\n\n";
    text
}

/// A kind of rows of depthwise convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// Columns of the kernel: 3, 5 or 7.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Row {
    /// What its functions' names begin with.
    pub(super) fn name(&self) -> String {
        let kernel = if self.kernel == 3 { String::new() } else { self.kernel.to_string() };
        format!("depthwise{kernel}_s{}", self.stride)
    }

    /// Columns of the kernel on either side of its middle: as many of a tile's may lie outside the map.
    pub(super) fn half(&self) -> usize {
        self.kernel / 2
    }

    /// The last column that a tile of so many pixels reads.
    pub(super) fn last(&self, pixels: usize) -> usize {
        (pixels - 1) * self.stride + self.kernel - 1
    }

    /// Column `q` of a tile, `block` floats wide, from the middle of the first window at `p`: zeros where it lies outside the map.
    pub(super) fn column(&self, q: usize, pixels: usize, times: impl Fn(usize) -> String) -> String {
        let (half, last) = (self.half(), self.last(pixels));
        let outside = |side: &str, n: usize| if half == 1 { side.to_string() } else { format!("{side} > {n}") };
        match q {
            q if q < half => format!("{} ? @zeros : p - {}", outside("left", q), times(half - q)),
            q if q == half => "p".into(),
            q if q > last - half => format!("{} ? @zeros : p + {}", outside("right", last - q), times(q - half)),
            q => format!("p + {}", times(q - half)),
        }
    }

    /// The sums that column `q` is a factor of, each with the tap's column.
    pub(super) fn sums(&self, q: usize, pixels: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { kernel, stride } = *self;
        let taps = (0..kernel).filter(move |&j| q >= j && (q - j).is_multiple_of(stride) && (q - j) / stride < pixels);
        taps.map(move |j| ((q - j) / stride, j))
    }

    /// Type of the counts of columns outside the map.
    pub(super) fn count(&self) -> &'static str {
        if self.half() == 1 { "int" } else { "size_t" }
    }

    /// How many columns of the tile at pixel `x` lie outside the map, in front and behind.
    pub(super) fn outside(&self, indent: &str) -> String {
        let Self { kernel, stride } = self;
        if self.half() == 1 {
            return format!(
                "{indent}const int left = x < d->window->pad[1];\n\
                 {indent}const int right = (x + pixels - 1) * {stride} + 2 >= d->in_width + d->window->pad[1];\n"
            );
        }
        format!(
            "{indent}const size_t begin = x * {stride}, end = (x + pixels - 1) * {stride} + {kernel};\n\
             {indent}const size_t pad = d->window->pad[1], inside = d->in_width + pad;\n\
             {indent}const size_t left = begin < pad ? pad - begin : 0, right = end > inside ? end - inside : 0;\n"
        )
    }
}

/// A tile of a row of a depthwise convolution: borders are read as zeros from a constant. Without a width it is `block`, known
/// when the code runs.
pub(super) fn depthwise(isa: &Isa, pixels: usize, row: Row, width: Option<usize>, sum: bool) -> String {
    let lanes = width.map_or(isa.lanes, |width| isa.lanes_of(width));
    let f = format!("f{lanes}");
    let times = |n: usize| match (width, n) {
        (Some(width), n) => (n * width).to_string(),
        (None, 1) => "block".into(),
        (None, n) => format!("{n} * block"),
    };
    let (block, stride, count) = (times(1), row.stride, row.count());
    let (name, parameter) = width.map_or(("".into(), "size_t block, "), |width| (format!("x{width}"), ""));
    let mut text = format!(
        "/* {pixels} pixels of {block} channels, from column at on. */\n\
         static {} $T void @{}_{pixels}{name}_$I(const @depthwise_row *d, {parameter}size_t at, {count} left, {count} right, float *out)\n{{\n",
        if isa.form == Form::Compact { "@@NOINLINE" } else { "inline" },
        row.name()
    );
    let _ = writeln!(text, "    const {f} lo = {f}_set(d->clamp.lo), hi = {f}_set(d->clamp.hi);");
    let _ = writeln!(text, "    const size_t first = (at * {stride} + {} - d->window->pad[1]) * {block};", row.half());
    text += "    size_t v, i;\n";
    let _ = writeln!(text, "    for (v = 0; v < {block}; v += {lanes}) {{");
    let names: Vec<_> = (1..pixels).map(|k| format!(", c{k} = c0")).collect();
    let _ = writeln!(text, "        {f} c0 = {f}_load(d->bias + v){};", names.concat());
    let _ = writeln!(text, "        for (i = 0; i < d->rows; i++) {{");
    text += "            const float *const p = d->row[i] + first + v;\n";
    let _ = writeln!(
        text,
        "            const float *const w = d->weights + i * {} + v;",
        parenthesised(&times(row.kernel))
    );
    let weight = |j: usize| match j {
        0 => format!("w0 = {f}_load(w)"),
        j => format!("w{j} = {f}_load(w + {})", times(j)),
    };
    let _ = writeln!(text, "            const {f} {};", list(row.kernel, weight));
    for q in 0..=row.last(pixels) {
        let load = format!("{f}_load({})", row.column(q, pixels, times));
        let _ = write!(text, "            {}x = {load};", if q == 0 { format!("{f} ") } else { String::new() });
        for (k, j) in row.sums(q, pixels) {
            let _ = write!(text, " c{k} = {f}_fma(w{j}, x, c{k});");
        }
        text += if isa.is_tight() { " @@FENCE\n" } else { "\n" };
    }
    text += "        }\n";
    let at = |k: usize| if k == 0 { "out + v".into() } else { format!("out + {} + v", times(k)) };
    let places: Vec<_> = (0..pixels).map(|k| (format!("c{k}"), at(k))).collect();
    if sum {
        text += &sums(&f, "        ", "d->sum", &places);
    }
    for (c, at) in places {
        let _ = writeln!(text, "        {f}_store({at}, {f}_clamp({c}, lo, hi));");
    }
    text += "    }\n}\n\n";
    text
}

fn parenthesised(product: &str) -> String {
    if product.contains(' ') { format!("({product})") } else { product.into() }
}

/// One panel of a dense layer, its taps dealt to several sums in turn.
pub(super) fn dense(isa: &Isa, width: usize) -> String {
    let lanes = isa.lanes_of(width);
    let (f, sums, vectors) = (format!("f{lanes}"), isa.sums, width / lanes);
    let [x, splat, fma] = &isa.by(&f);
    let plus = |n: usize| if n == 0 { String::new() } else { format!(" + {n}") };
    let mut text = format!(
        "/* A panel of {width}, k inputs long. */\n\
         static @@NOINLINE $T void @dense{width}_$I(const float *a, size_t k, const float *b, @clamp clamp, float *out)\n{{\n"
    );
    let _ = writeln!(text, "    const {f} lo = {f}_set(clamp.lo), hi = {f}_set(clamp.hi);\n    {x} x;");
    for u in 0..sums {
        let each = (0..vectors).map(|v| match u {
            0 => format!("c0_{v} = {f}_load(b{})", plus(v * lanes)),
            u => format!("c{u}_{v} = {f}_set(0.0f)"),
        });
        let _ = writeln!(text, "    {f} {};", each.collect::<Vec<_>>().join(", "));
    }
    let tap = |u: usize| {
        let products = (0..vectors)
            .map(|v| format!(" c{u}_{v} = {fma}(x, {f}_load(b{}), c{u}_{v});", plus(u * width + v * lanes)));
        format!("x = {splat}(a{});{}", plus(u), products.collect::<String>())
    };
    let _ = writeln!(text, "    b += {width};");
    if sums > 1 {
        let _ = writeln!(text, "    for (; k >= {sums}; k -= {sums}, a += {sums}, b += {}) {{", sums * width);
        for u in 0..sums {
            if (u * width).is_multiple_of(16) {
                let _ = writeln!(text, "        @@PREFETCH((const void *)((uintptr_t)b + {}));", 4096 + u * width * 4);
            }
            let _ = writeln!(text, "        {}", tap(u));
        }
        text += "    }\n";
    }
    let _ = writeln!(text, "    for (; k > 0; k--, a++, b += {width}) {{\n        {}\n    }}", tap(0));
    for v in 0..vectors {
        for u in 1..sums {
            let _ = writeln!(text, "    c0_{v} = {f}_add(c0_{v}, c{u}_{v});");
        }
        let _ = writeln!(text, "    {f}_store(out{}, {f}_clamp(c0_{v}, lo, hi));", plus(v * lanes));
    }
    text + "}\n\n"
}
