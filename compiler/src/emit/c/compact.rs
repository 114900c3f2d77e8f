//! Kernels in few bytes: one tile of four pixels and one of a single pixel for all widths and depths, which are known when the code
//! runs.

use super::isa::{Form, Isa};
use super::links::Kind;
use super::needs::Needs;
use super::panels::{Cases, pointwise_block};
use super::source::kernel;
use super::text::list;
use super::tiles;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Pixels of the tiles.
const SIZES: [usize; 2] = [4, 1];

/// Channels of a pointwise tile.
const COLUMNS: usize = 4;

pub(super) fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
    let sum = needs.adds(Kind::Pointwise);
    let tiles: String = SIZES.map(|pixels| pointwise_tile(pixels, sum)).concat();
    debug_assert!(isa.form == Form::Compact && isa.lanes == 1);
    let call = "        @panel_$I(&g, width, pixels, panel, out);\n";
    tiles
        + kernel!("compact/panel")
        + &pointwise_block(kernel!("pointwise_panels"), sum).replace("        %PANEL%\n", call)
}

/// The inputs of each pixel are read by a pointer of their own, as many processors load and step in one instruction.
fn pointwise_tile(pixels: usize, sum: bool) -> String {
    let mut text = format!(
        "/* Pixels from m on, {pixels} by {COLUMNS} channels of a panel; width floats from one input channel to the next. */\n\
         static @@NOINLINE void @pointwise{pixels}_$I(const @gemm *g, size_t m, size_t width, const float *b, float *out)\n{{\n\
         \x20   const float lo = g->clamp.lo, hi = g->clamp.hi, *a = g->a;\n    size_t k = g->k;\n"
    );
    for row in 0..pixels {
        let _ = writeln!(text, "    float {};", list(COLUMNS, |c| format!("c{row}{c} = b[{c}]")));
    }
    text += &input_blocks(pixels);
    let _ =
        writeln!(text, "        for (; k > end; k--) {{\n            float x, {};", list(COLUMNS, |c| format!("b{c}")));
    let loads: Vec<_> = (0..COLUMNS).map(|c| format!("b{c} = b[{c}];")).collect();
    let _ = writeln!(text, "            b += width;\n            {}", loads.join(" "));
    for row in 0..pixels {
        let fma: Vec<_> = (0..COLUMNS).map(|c| format!("c{row}{c} = f1_fma(x, b{c}, c{row}{c});")).collect();
        let _ = writeln!(text, "            x = *a{row}++; {}", fma.join(" "));
    }
    text += "        }\n        a += g->pixels * block;\n    }\n";
    for row in 0..pixels {
        if sum {
            let places: Vec<_> = (0..COLUMNS).map(|c| (format!("c{row}{c}"), format!("out + {c}"))).collect();
            text += &tiles::sums("f1", "    ", "g->sum", &places);
        }
        for c in 0..COLUMNS {
            let _ = writeln!(text, "    out[{c}] = f1_clamp(c{row}{c}, lo, hi);");
        }
        if row + 1 < pixels {
            text += "    out += width;\n";
        }
    }
    text + "}\n\n"
}

/// Opens the loop over blocks of input channels, from the pixels of which the last `k - end` channels are to be added.
pub(super) fn input_blocks(pixels: usize) -> String {
    let from = |r: usize| if r == 0 { "*a0 = a + m * block".into() } else { format!("*a{r} = a{} + block", r - 1) };
    format!(
        "    while (k > 0) {{\n        const size_t block = k > 8 ? 16 : 8, end = k < block ? 0 : k - block;\n\
         \x20       const float {};\n",
        list(pixels, from)
    )
}

pub(super) fn depthwise_rows(isa: &Isa, needs: &Needs) -> (String, Cases) {
    let (mut text, mut cases, sum) = (String::new(), Cases::new(), needs.adds(Kind::Depthwise));
    for row in needs.rows.iter().map(|&(row, ..)| row).collect::<BTreeSet<_>>() {
        text.extend(SIZES.map(|size| tiles::depthwise(isa, size, row, None, sum)));
        text += &kernel!("compact/depthwise_row")
            .replace("%NAME%", &row.name())
            .replace("%K%", &row.kernel.to_string())
            .replace("%S%", &row.stride.to_string())
            .replace("%OUTSIDE%", &row.outside("        "));
        cases.push((needs.is_row(row), format!("@{}_$I(&d, block, out);", row.name())));
    }
    (text, cases)
}
