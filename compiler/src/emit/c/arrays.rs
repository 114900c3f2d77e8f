//! Kernels whose sums are arrays: their loops over channels are short, of constant length and too large to be unrolled, which
//! makes compilers turn them into vectors of whatever the processor has. Named sums (`tiles`) stay scalars with gcc.

use super::compact::input_blocks;
use super::isa::Isa;
use super::links::Kind;
use super::needs::Needs;
use super::panels::pointwise_block;
use super::source::kernel;
use super::text::list;
use super::tiles::{Row, StemTaps};
use std::fmt::Write;

/// Pixels of a pointwise tile and taps added at a time: with fewer, sums are loaded and stored more often than multiplied; with
/// more, clang unrolls the loop.
const TILES: [(usize, usize); 2] = [(3, 4), (1, 8)];

/// `for` over the channels of a panel.
fn each(indent: &str, width: usize, lines: impl IntoIterator<Item = String>) -> String {
    let body: String = lines.into_iter().map(|line| format!("{indent}    {line}\n")).collect();
    format!("{indent}for (v = 0; v < {width}; v++) {{\n{body}{indent}}}\n")
}

/// `sum` and products of a factor and a weight each, added in order.
fn chain(sum: &str, products: impl IntoIterator<Item = [String; 2]>) -> String {
    products.into_iter().fold(sum.to_owned(), |sum, [x, b]| format!("f1_fma({x}, {b}, {sum})"))
}

fn plus(base: &str, offset: usize) -> String {
    if offset == 0 { base.into() } else { format!("{offset} + {base}") }
}

/// The sums of a tile, begun with its biases.
fn begin(indent: &str, rows: usize, width: usize, bias: &str) -> String {
    let sums = list(rows, |r| format!("c{r}[{width}]"));
    let start: String = (0..rows).map(|r| format!("c{r}[v] = ")).collect();
    format!("{indent}float {sums};\n{}", each(indent, width, [format!("{start}{bias}[v];")]))
}

/// The sums of a tile, clamped, where they belong; on top of what is there, under the condition `sum`.
fn end(indent: &str, rows: usize, width: usize, sum: Option<&str>) -> String {
    let add = |sum: &str| {
        let lines = (0..rows).map(|r| format!("c{r}[v] += out[{}];", plus("v", r * width)));
        format!("{indent}if ({sum}) {{\n{}{indent}}}\n", each(&format!("{indent}    "), width, lines))
    };
    sum.map_or_else(String::new, add)
        + &each(indent, width, (0..rows).map(|r| format!("out[{}] = f1_clamp(c{r}[v], lo, hi);", plus("v", r * width))))
}

/// Adds `taps` products to each of the sums: `factor(row, tap)`, and `taps` rows of the panel from `b` on.
fn add(indent: &str, rows: usize, width: usize, taps: usize, factor: impl Fn(usize, usize) -> String) -> String {
    let name = |r: usize, u: usize| format!("x{r}{u}");
    let mut text = String::new();
    for r in 0..rows {
        let _ = writeln!(text, "{indent}const float {};", list(taps, |u| format!("{} = {}", name(r, u), factor(r, u))));
    }
    let sums = (0..rows).map(|r| {
        let products = (0..taps).map(|u| [name(r, u), format!("b[{}]", plus("v", u * width))]);
        format!("c{r}[v] = {};", chain(&format!("c{r}[v]"), products))
    });
    text + &each(indent, width, sums)
}

pub(super) fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
    let sum = needs.adds(Kind::Pointwise);
    let widths: Vec<_> = [16, 8].into_iter().filter(|&width| !needs.tile_rows(isa, width).is_empty()).collect();
    let mut text = String::new();
    for &width in &widths {
        text.extend(TILES.map(|(rows, taps)| pointwise_tile(rows, taps, width, sum)));
        text += &kernel!("arrays/panel").replace("%W%", &width.to_string());
    }
    let panel = match widths[..] {
        [width] => format!("        @panel{width}_$I(&g, pixels, panel, out);\n"),
        _ => kernel!("arrays/panels").into(),
    };
    text + &pointwise_block(kernel!("pointwise_panels"), sum).replace("        %PANEL%\n", &panel)
}

fn pointwise_tile(rows: usize, taps: usize, width: usize, sum: bool) -> String {
    let step = |taps: usize| list(rows, |r| format!("a{r} += {taps}"));
    let mut text = format!(
        "/* Pixels from m on, {rows} by {width} channels. */\n\
         static @@NOINLINE void @pointwise{rows}x{width}_$I(const @gemm *g, size_t m, const float *panel, float *out)\n{{\n\
         \x20   const float lo = g->clamp.lo, hi = g->clamp.hi, *a = g->a, *b = panel + {width};\n    size_t k = g->k, v;\n"
    );
    text += &begin("    ", rows, width, "panel");
    text += &input_blocks(rows);
    for taps in [taps, 1] {
        let condition = if taps == 1 { "k > end".into() } else { format!("k >= end + {taps}") };
        let _ = writeln!(text, "        for (; {condition}; k -= {taps}, b += {}, {}) {{", taps * width, step(taps));
        text += &add("            ", rows, width, taps, |r, u| format!("a{r}[{u}]"));
        text += "        }\n";
    }
    text += "        a += g->pixels * block;\n    }\n";
    text + &end("    ", rows, width, sum.then_some("g->sum")) + "}\n\n"
}

/// A tile of the first convolution, `count` times along a row.
pub(super) fn stem(rows: usize, width: usize, taps: &StemTaps) -> String {
    let (name, parameter) = (taps.name(), taps.parameter());
    let at_once = (1..=4).rev().find(|n| taps.length.is_multiple_of(*n)).unwrap_or(1);
    let mut text = format!(
        "/* {rows} pixels by {width} channels, count times from column m on. */\n\
         static @@NOINLINE void @{name}_{rows}x{width}_$I(const float *const *rows, size_t m, size_t count, const float *panel,\n\
         \x20                                      @clamp clamp, {parameter}float *out)\n{{\n\
         \x20   const float lo = clamp.lo, hi = clamp.hi;\n    size_t v;\n"
    );
    let _ = writeln!(text, "    for (out += m * {width}; count > 0; count--, m += {rows}, out += {}) {{", rows * width);
    let _ = writeln!(text, "        const float *b = panel + {width};\n        size_t i, j, l, t;");
    text += &begin("        ", rows, width, "panel");
    let _ = writeln!(text, "        for (i = 0; i < {}; i++) {{", taps.rows);
    let _ = writeln!(text, "            const float *const line = rows[i] + m * {};", taps.pixel);
    let _ = writeln!(text, "            for (j = 0; j < {}; j++) {{", taps.planes);
    let _ = writeln!(text, "                for (l = 0; l < {}; l++) {{", taps.chunks);
    let _ =
        writeln!(text, "                    const float *const a = line + j * {} + l * {};", taps.plane, taps.chunk);
    let _ = writeln!(
        text,
        "                    for (t = 0; t < {}; t += {at_once}, b += {}) {{",
        taps.length,
        at_once * width
    );
    let factor = |r, u| format!("a[{}]", plus("t", r * taps.pixel + u));
    text += &add("                        ", rows, width, at_once, factor);
    text += "                    }\n                }\n            }\n        }\n";
    text + &end("        ", rows, width, taps.sum.then_some("sum")) + "    }\n}\n\n"
}

/// A tile of a row of a depthwise convolution: borders are read as zeros from a constant.
pub(super) fn depthwise(pixels: usize, row: Row, width: usize, sum: bool) -> String {
    let Row { kernel, stride } = row;
    let (name, count) = (row.name(), row.count());
    let last = row.last(pixels);
    let mut text = format!(
        "/* {pixels} pixels of {width} channels, from column at on. */\n\
         static @@NOINLINE void @{name}_{pixels}x{width}_$I(const @depthwise_row *d, size_t at, {count} left, {count} right, float *out)\n{{\n\
         \x20   const float lo = d->clamp.lo, hi = d->clamp.hi, *w = d->weights;\n\
         \x20   const size_t first = (at * {stride} + {} - d->window->pad[1]) * {width};\n    size_t i, v;\n",
        row.half()
    );
    text += &begin("    ", pixels, width, "d->bias");
    let _ = writeln!(text, "    for (i = 0; i < d->rows; i++, w += {}) {{", kernel * width);
    text += "        const float *const p = d->row[i] + first;\n";
    let is_border = |q: usize| q < row.half() || q > last - row.half();
    let borders = (0..=last).filter(|&q| is_border(q));
    let borders = borders.map(|q| format!("*const x{q} = {}", row.column(q, pixels, |n| (n * width).to_string())));
    let _ = writeln!(text, "        const float {};", borders.collect::<Vec<_>>().join(", "));
    let column = |q: usize| match q {
        q if is_border(q) => format!("x{q}[v]"),
        q => format!("p[{}]", plus("v", (q - row.half()) * width)),
    };
    let sums = (0..pixels).map(|k| {
        let products = (0..kernel).map(|j| [format!("w[{}]", plus("v", j * width)), column(k * stride + j)]);
        format!("c{k}[v] = {};", chain(&format!("c{k}[v]"), products))
    });
    text += &each("        ", width, sums);
    text += "    }\n";
    text + &end("    ", pixels, width, sum.then_some("d->sum")) + "}\n\n"
}

/// One panel of a dense layer.
pub(super) fn dense(width: usize) -> String {
    let mut text = format!(
        "/* A panel of {width}, k inputs long. */\n\
         static @@NOINLINE void @dense{width}_$I(const float *a, size_t k, const float *b, @clamp clamp, float *out)\n{{\n\
         \x20   const float lo = clamp.lo, hi = clamp.hi;\n    size_t v;\n"
    );
    text += &begin("    ", 1, width, "b");
    let _ = writeln!(text, "    b += {width};");
    for taps in [8, 1] {
        let _ = writeln!(text, "    for (; k >= {taps}; k -= {taps}, a += {taps}, b += {}) {{", taps * width);
        text += &add("        ", 1, width, taps, |_, u| format!("a[{u}]"));
        text += "    }\n";
    }
    text + &end("    ", 1, width, None) + "}\n\n"
}
