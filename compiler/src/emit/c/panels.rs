//! Rows and panels out of tiles: which tile computes what, in which order.

use super::isa::Isa;
use super::links::Kind;
use super::needs::Needs;
use super::source::kernel;
use super::tiles::{self, Row};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What computes a row of one block of a depthwise convolution: conditions and calls, in order.
pub(super) type Cases = Vec<(String, String)>;

/// The rows of a plan's depthwise convolutions by the tiles that `tile(pixels, row, width)` spells.
pub(super) fn depthwise_rows(isa: &Isa, needs: &Needs, tile: impl Fn(usize, Row, usize) -> String) -> (String, Cases) {
    let (mut text, mut cases) = (String::new(), Cases::new());
    let kinds: BTreeSet<_> = needs.rows.iter().map(|&(row, width, _)| (row, width)).collect();
    for (row, width) in kinds {
        let sizes: Vec<_> = needs.tile_pixels(isa, row, width).into_iter().collect();
        text.extend(sizes.iter().map(|&size| tile(size, row, width)));
        text += &depthwise_row(isa, &sizes, row, width);
        cases.push((
            format!("{} && block == {width}", needs.is_row(row)),
            format!("@{}x{width}_$I(&d, out);", row.name()),
        ));
    }
    (text, cases)
}

/// A row of a depthwise convolution, in tiles of the given sizes.
fn depthwise_row(isa: &Isa, sizes: &[usize], row: Row, width: usize) -> String {
    let most = isa.pixels_of(row.kernel);
    let name = row.name();
    let cases: String = sizes
        .iter()
        .map(|n| {
            format!(
                "        case {n}:\n            @{name}_{n}x{width}_$I(d, x, left, right, out);\n            break;\n"
            )
        })
        .collect();
    format!(
        "/* A row of {width} channels, kernel {} wide, stride {}, the middle of each window inside the map. */\n\
         static @@NOINLINE $T void @{name}x{width}_$I(const @depthwise_row *d, float *out)\n{{\n\
         \x20   const size_t tiles = (d->width + {}) / {most}, size = d->width / tiles, larger = d->width % tiles;\n\
         \x20   size_t t, x = 0;\n\
         \x20   for (t = 0; t < tiles; t++) {{\n\
         \x20       const size_t pixels = t < larger ? size + 1 : size;\n\
         {}\
         \x20       switch (pixels) {{\n{cases}\
         \x20       default:\n            break;\n        }}\n\
         \x20       x += pixels;\n        out += pixels * {width};\n    }}\n}}\n\n",
        row.kernel,
        row.stride,
        most - 1,
        row.outside("        ")
    )
}

/// The function of a block of pixels, which may add to what is there.
pub(super) fn pointwise_block(text: &str, sum: bool) -> String {
    let (parameter, set) = if sum { ("int sum, ", "    g.sum = sum;\n") } else { ("", "") };
    text.replace("%SUM%", parameter).replace("%SET%", set)
}

/// Pointwise convolutions in tiles of named sums.
pub(super) fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
    let sum = needs.adds(Kind::Pointwise);
    let mut text = String::new();
    let mut panels = String::new();
    for width in [32, 16, 8] {
        let sizes = needs.tile_rows(isa, width);
        if sizes.is_empty() {
            continue;
        }
        let mut cases = String::new();
        for &rows in &sizes {
            text += &tiles::pointwise(isa, rows, width, needs.tails, sum);
            let _ = write!(
                cases,
                "    case {rows}:\n        @pointwise{rows}x{width}_$I(g, m, count, panel, out);\n        break;\n"
            );
        }
        let _ = writeln!(
            text,
            "static $T void @pointwise{width}_$I(@gemm *g, size_t size, size_t m, size_t count, const float *panel, float *out)\n\
             {{\n    switch (size) {{\n{cases}    default:\n        break;\n    }}\n}}\n"
        );
        panels += &panel_loop(isa, width);
    }
    if isa.prefetches == 0 {
        panels.insert_str(0, "    (void)then;\n");
    }
    text + &pointwise_block(kernel!("pointwise_block"), sum).replace("%PANELS%", &panels)
}

fn panel_loop(isa: &Isa, width: usize) -> String {
    let rows = isa.rows(width);
    // Beyond the last channel that still takes a panel of this width.
    let slack = match width {
        32 => "c + 24",
        16 => "c + 8",
        _ => "c",
    };
    let mut text = format!(
        "    for (; {slack} < n; c += {width}, panel += (1 + k) * {width}, out += pixels * {width}) {{\n\
         \x20       const size_t tiles = (pixels + {}) / {rows}, size = pixels / tiles, larger = pixels % tiles;\n",
        rows - 1
    );
    if isa.prefetches > 0 {
        let _ = writeln!(text, "        g.ahead = (uintptr_t)(c + {width} < n ? panel + (1 + k) * {width} : then);");
        let _ = writeln!(
            text,
            "        g.step = (1 + k) * {} / ((k / 4 + 1) * tiles * {}) + 1;",
            width * 4,
            isa.prefetches
        );
    }
    for column in (0..width).step_by(if width == 32 { 32 } else { isa.columns.min(width) }) {
        let plus = if column == 0 { String::new() } else { format!(" + {column}") };
        let _ = write!(
            text,
            "        if (larger > 0) {{\n            @pointwise{width}_$I(&g, size + 1, 0, larger, panel{plus}, out{plus});\n        }}\n\
             \x20       @pointwise{width}_$I(&g, size, larger * (size + 1), tiles - larger, panel{plus}, out{plus});\n"
        );
    }
    text + "    }\n"
}
