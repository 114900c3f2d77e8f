//! The kernels of one instruction set, as far as the plan needs them.

use super::isa::{Form, Isa};
use super::needs::Needs;
use super::source::kernel;
use super::stem::stem_kernels;
use super::{arrays, compact, tiles};
use std::fmt::Write;

/// All kernels of an instruction set that the plan needs.
pub(super) fn kernels(isa: &Isa, needs: &Needs) -> String {
    let mut text = String::new();
    for stem in needs.stems.iter().take(1) {
        text += &stem_kernels(isa, stem, needs);
    }
    if needs.kernel_rows > 0 {
        text += &depthwise_kernels(isa, needs);
    }
    if !needs.products.is_empty() {
        text += &pointwise_kernels(isa, needs);
    }
    if needs.separable {
        text += kernel!("separable");
        if needs.separable_alone {
            text += kernel!("separable_all");
        }
    }
    if needs.depthwise {
        text += kernel!("depthwise_single");
    }
    if needs.pointwise {
        text += kernel!("pointwise_single");
    }
    if needs.conv {
        text += kernel!("conv");
    }
    if needs.pool {
        text += kernel!("pool");
    }
    if !needs.dense.is_empty() {
        text += &dense_kernels(isa, needs);
    }
    text
}

fn depthwise_kernels(isa: &Isa, needs: &Needs) -> String {
    if isa.form == Form::Compact {
        return compact::depthwise_kernels(isa, needs);
    }
    let tile = |size, stride, width| match isa.form {
        Form::Arrays => arrays::depthwise(size, stride, width),
        _ => tiles::depthwise(isa, size, stride, Some(width)),
    };
    let mut text = String::new();
    let mut cases = Vec::new();
    let kinds: std::collections::BTreeSet<_> = needs.rows.iter().map(|&(s, w, _)| (s, w)).collect();
    for (stride, width) in kinds {
        let sizes: Vec<_> = needs.tile_pixels(isa, stride, width).into_iter().collect();
        for &size in &sizes {
            text += &tile(size, stride, width);
        }
        text += &tiles::depthwise_row(isa, &sizes, stride, width);
        let tiled = if needs.any_window { "w->tiled && " } else { "" };
        cases.push((
            format!("{tiled}w->stride[1] == {stride} && block == {width}"),
            format!("@depthwise_s{stride}x{width}_$I(&d, out);"),
        ));
    }
    text + &depthwise_block(needs, cases)
}

/// The loop over rows and channels around what computes one row of one block: conditions and calls in order.
pub(super) fn depthwise_block(needs: &Needs, mut cases: Vec<(String, String)>) -> String {
    let mut text = String::new();
    if needs.any_window {
        text += kernel!("depthwise_any");
        cases.push((String::new(), "@depthwise_any_$I(&d, block, out);".into()));
    }
    let last = cases.len().saturating_sub(1);
    let mut dispatch = String::new();
    for (i, (condition, call)) in cases.iter().enumerate() {
        dispatch += &match (i, last) {
            (0, 0) => format!("                {call}\n"),
            (0, _) => format!("                if ({condition}) {{\n                    {call}\n"),
            (i, last) if i == last => {
                format!("                }} else {{\n                    {call}\n                }}\n")
            }
            _ => format!("                }} else if ({condition}) {{\n                    {call}\n"),
        };
    }
    text + &kernel!("depthwise_block")
        .replace("%DISPATCH%", &dispatch)
        .replace("@@CHUNK", &needs.chunk().to_string())
        .replace("@@KERNEL_ROWS", &needs.kernel_rows.to_string())
}

fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
    match isa.form {
        Form::Tiles => {}
        Form::Compact => return compact::pointwise_kernels(isa),
        Form::Arrays => return arrays::pointwise_kernels(isa, needs),
    }
    let mut text = String::new();
    let mut panels = String::new();
    for width in [32, 16, 8] {
        let sizes = needs.tile_rows(isa, width);
        if sizes.is_empty() {
            continue;
        }
        let mut cases = String::new();
        for &rows in &sizes {
            text += &tiles::pointwise(isa, rows, width, needs.tails);
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
    text + &kernel!("pointwise_block").replace("%PANELS%", &panels)
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

fn dense_kernels(isa: &Isa, needs: &Needs) -> String {
    if isa.form == Form::Compact && !needs.products.is_empty() {
        return kernel!("compact/dense").into();
    }
    let mut text = String::new();
    let mut runs = String::new();
    let tile = |width| if isa.form == Form::Arrays { arrays::dense(width) } else { tiles::dense(isa, width) };
    let rests: Vec<_> = needs.dense.iter().map(|n| n % 16).collect();
    let (wide, narrow) = (rests.iter().any(|&n| n > 8), rests.iter().any(|&n| (1..=8).contains(&n)));
    let whole = needs.dense.iter().any(|&n| n >= 16);
    if whole || wide {
        text += &tile(16);
    }
    if whole {
        runs += "    for (; c + 16 <= s->n; c += 16, panel += (1 + s->k) * 16) {\n        \
                 @dense16_$I(a, s->k, panel, s->clamp, out + c);\n    }\n";
    }
    if narrow {
        text += &tile(8);
    }
    if wide || narrow {
        let (first, second) =
            ("@dense16_$I(a, s->k, panel, s->clamp, last);", "@dense8_$I(a, s->k, panel, s->clamp, last);");
        let call = match (wide, narrow) {
            (true, true) => {
                format!(
                    "if (s->n - c > 8) {{\n            {first}\n        }} else {{\n            {second}\n        }}"
                )
            }
            (true, false) => first.into(),
            _ => second.into(),
        };
        let _ = writeln!(
            runs,
            "    if (c < s->n) {{\n        float last[16];\n        {call}\n        memcpy(out + c, last, (s->n - c) * sizeof(float));\n    }}"
        );
    }
    let start = if wide || narrow || whole { "    size_t c = 0;\n" } else { "" };
    text + &kernel!("dense_run").replace("%START%", start).replace("%RUNS%", &runs)
}
