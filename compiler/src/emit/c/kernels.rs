//! The kernels of one instruction set, as far as the plan needs them.

use super::isa::{Form, Isa};
use super::needs::{Kind, Needs};
use super::source::kernel;
use super::stem::stem_kernels;
use super::{arrays, compact, passes, tiles};
use std::fmt::Write;

/// All kernels of an instruction set that the plan needs.
pub(super) fn kernels(isa: &Isa, needs: &Needs) -> String {
    let mut text = String::new();
    for stem in &needs.stems {
        text += &stem_kernels(isa, stem, needs);
    }
    if needs.kernel_rows > 0 {
        text += &depthwise_kernels(isa, needs);
    }
    if !needs.products.is_empty() {
        text += &pointwise_kernels(isa, needs);
        text += &kernel!("pointwise_link").replace("%SUM%", sum(needs, Kind::Pointwise, "s->add != @@NONE, "));
    }
    for kind in [Kind::Conv, Kind::GroupedConv].into_iter().filter(|kind| needs.kinds.contains(kind)) {
        text += &conv(needs, kind);
    }
    for kind in [Kind::MaxPool, Kind::AveragePool].into_iter().filter(|kind| needs.kinds.contains(kind)) {
        text += &pool(needs, kind);
    }
    if needs.kinds.contains(&Kind::Elementwise) {
        text += &elementwise(needs);
    }
    if needs.whole_mean || needs.mean_by_parts {
        text += &mean(isa, needs);
    }
    text += &passes::functions(needs);
    if !needs.kinds.is_empty() {
        text += &chain(isa, needs);
    }
    if !needs.dense.is_empty() {
        text += &dense_kernels(isa, needs);
    }
    text
}

/// A text where links of a kind may add a map, nothing elsewhere.
fn sum(needs: &Needs, kind: Kind, text: &'static str) -> &'static str {
    if needs.adds(kind) { text } else { "" }
}

/// What is added to `name` before it is stored at `at`.
fn summed(needs: &Needs, kind: Kind, indent: &str, condition: &str, name: &str, at: &str) -> String {
    let places = [(name.to_string(), at.to_string())];
    if needs.adds(kind) { tiles::sums("$F", indent, condition, &places) } else { String::new() }
}

/// Keeps a function's frame out of its caller's, where vectors make it large; in compact code the call is what costs.
fn apart(isa: &Isa) -> &'static str {
    if isa.form == Form::Compact { "" } else { "@@NOINLINE " }
}

/// What runs the links of chains, and the function of one link.
fn chain(isa: &Isa, needs: &Needs) -> String {
    let call = |kind: Kind| match kind {
        Kind::Mean => format!("@{}_$I(image, q, q + 1);", kind.name()),
        _ => format!("@{}_$I(s, image, q);", kind.name()),
    };
    let kinds: Vec<_> = needs.kinds.iter().copied().collect();
    let mut body = String::new();
    if needs.begins_sums() {
        let others = if needs.adds(Kind::Elementwise) { " && s->kind != @@ELEMENTWISE" } else { "" };
        let _ = write!(body, "    if (s->add != @@NONE{others}) {{\n        @begin_sum(s, image, q);\n    }}\n");
    }
    body += &match kinds[..] {
        [kind] => format!("    {}\n", call(kind)),
        _ => {
            let case =
                |&kind: &Kind| format!("    case {}:\n        {}\n        break;\n", kind.constant(), call(kind));
            let cases: String = kinds.iter().map(case).collect();
            format!("    switch (s->kind) {{\n{cases}    default:\n        break;\n    }}\n")
        }
    };
    if !needs.map_passes.is_empty() {
        body += "    if (s->pass != @@NONE) {\n        @pass_group_$I(s, image, q);\n    }\n";
    }
    let run = if needs.runs_ahead { kernel!("chain") } else { kernel!("chain_abreast") };
    let staged = if needs.stems.is_empty() { "" } else { "    image->staged = 0;\n" };
    kernel!("link_group").replace("%BODY%", &body)
        + &run.replace("%APART%", apart(isa)).replace("%LINKS%", &needs.longest.to_string()).replace("%STAGED%", staged)
}

fn conv(needs: &Needs, kind: Kind) -> String {
    let grouped = kind == Kind::GroupedConv;
    let (name, own) = (kind.name(), needs.adds(kind));
    let (groups, pixel) = match grouped {
        false => {
            ("", "                @conv_pixel_$I(s, image, panel, block, q * out->group + y, x, to);\n".to_string())
        }
        true => {
            let added = if own { " + (s->add != @@NONE ? to[v] : 0.0f)" } else { "" };
            (" / s->groups", kernel!("conv_lanes").replace("%SUM%", added))
        }
    };
    let mut text = String::new();
    if !grouped {
        let added = summed(needs, kind, "        ", "s->add != @@NONE", "sum", "out + v");
        text += &kernel!("conv").replace("%SUM%", &added);
    }
    text + &kernel!("conv_link").replace("%NAME%", &name).replace("%GROUPS%", groups).replace("%PIXEL%", &pixel)
}

fn pool(needs: &Needs, kind: Kind) -> String {
    let indent = "                    ";
    let added = summed(needs, kind, indent, "s->add != @@NONE", "value", "to + v");
    let text = kernel!("pool").replace("%NAME%", &kind.name()).replace("%SUM%", &added);
    if kind == Kind::MaxPool {
        return text
            .replace("%WHAT%", "The largest value")
            .replace("%BORDER%", "never wins")
            .replace("%START%", "-@@INFINITY")
            .replace("%TAKE%", "$F_clamp($F_load(@row_block(&row, c, block) + (across - w->pad[1]) * block + v), value, $F_set(@@INFINITY))")
            .replace("%COUNT%", "")
            .replace("%COUNTED%", "")
            .replace("%MEAN%", "");
    }
    text.replace("%WHAT%", "The mean")
        .replace("%BORDER%", "counts as zeros where groups says so")
        .replace("%START%", "0.0f")
        .replace("%TAKE%", "$F_add(value, $F_load(@row_block(&row, c, block) + (across - w->pad[1]) * block + v))")
        .replace("%COUNT%", &format!("{indent}size_t count = s->groups * w->kernel[0] * w->kernel[1];\n"))
        .replace("%COUNTED%", &format!("{indent}        count += 1 - s->groups;\n"))
        .replace("%MEAN%", &format!("{indent}value = $F_mul(value, $F_set(1.0f / (float)(count > 0 ? count : 1)));\n"))
}

fn elementwise(needs: &Needs) -> String {
    let (gate, add) = (needs.gate, needs.adds(Kind::Elementwise));
    let what = match (gate, add) {
        (true, true) => ", times a factor of each channel, plus a map",
        (true, false) => ", times a factor of each channel",
        (false, true) => ", plus a map",
        (false, false) => "",
    };
    let (mut addend, mut row, mut factor, mut value) = Default::default();
    if add {
        addend = "        const @row plus = s->add != @@NONE ? @row_at(&@maps[s->add], image->arena, y) : from;\n"
            .to_string();
        row = "            const float *const d = @row_block(&plus, c, block);\n".to_string();
    }
    if gate {
        factor = "                const $F by = s->gate != @@NONE ? $F_load(image->arena + s->gate + c + v) : $F_set(1.0f);\n"
            .to_string();
        value = "                    value = $F_mul(value, by);\n".to_string();
    }
    if add {
        value += "                    if (s->add != @@NONE) {\n                        value = $F_add(value, $F_load(d + i));\n                    }\n";
    }
    let replace = |text: String, (from, to): (&str, &String)| text.replace(from, to);
    [("%ADDEND%", &addend), ("%ROW%", &row), ("%FACTOR%", &factor), ("%VALUE%", &value)]
        .into_iter()
        .fold(kernel!("elementwise").replace("%WHAT%", what), replace)
}

fn mean(isa: &Isa, needs: &Needs) -> String {
    let (parts, earlier, store) = if needs.mean_by_parts {
        (
            "; behind the last group the sums become means",
            "        for (v = 0; v < block; v++) {\n            mean[v] = first > 0 && v < used ? out[c + v] : 0.0f;\n        }\n",
            "            s0 = first > 0 ? $F_add($F_load(mean + v), s0) : s0;\n\
             \x20           $F_store(mean + v, end < @groups(m) ? s0 : $F_mul(s0, $F_set(scale)));\n",
        )
    } else {
        ("", "", "            $F_store(mean + v, $F_mul(s0, $F_set(scale)));\n")
    };
    let text = kernel!("mean").replace("%PARTS%", parts).replace("%EARLIER%", earlier).replace("%STORE%", store);
    text.replace("%APART%", apart(isa))
}

/// The function of a block of pixels, which may add to what is there.
pub(super) fn pointwise_block(text: &str, sum: bool) -> String {
    let (parameter, set) = if sum { ("int sum, ", "    g.sum = sum;\n") } else { ("", "") };
    text.replace("%SUM%", parameter).replace("%SET%", set)
}

fn depthwise_kernels(isa: &Isa, needs: &Needs) -> String {
    if isa.form == Form::Compact {
        return compact::depthwise_kernels(isa, needs);
    }
    let sum = needs.adds(Kind::Depthwise);
    let tile = |size, row, width| match isa.form {
        Form::Arrays => arrays::depthwise(size, row, width, sum),
        _ => tiles::depthwise(isa, size, row, Some(width), sum),
    };
    let mut text = String::new();
    let mut cases = Vec::new();
    let kinds: std::collections::BTreeSet<_> = needs.rows.iter().map(|&(row, width, _)| (row, width)).collect();
    for (row, width) in kinds {
        let sizes: Vec<_> = needs.tile_pixels(isa, row, width).into_iter().collect();
        for &size in &sizes {
            text += &tile(size, row, width);
        }
        text += &tiles::depthwise_row(isa, &sizes, row, width);
        cases.push((
            format!("{} && block == {width}", needs.is_row(row)),
            format!("@{}x{width}_$I(&d, out);", row.name()),
        ));
    }
    text + &depthwise_link(needs, cases)
}

/// The loop over rows and channels around what computes one row of one block: conditions and calls in order.
pub(super) fn depthwise_link(needs: &Needs, mut cases: Vec<(String, String)>) -> String {
    let mut text = String::new();
    if needs.any_window {
        let added = summed(needs, Kind::Depthwise, "            ", "d->sum", "sum", "out + v");
        text += &kernel!("depthwise_any").replace("%SUM%", &added);
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
    text + &kernel!("depthwise_link")
        .replace("%SUM%", sum(needs, Kind::Depthwise, "    d.sum = s->add != @@NONE;\n"))
        .replace("%DISPATCH%", &dispatch)
        .replace("@@CHUNK", &needs.chunk().to_string())
        .replace("@@KERNEL_ROWS", &needs.kernel_rows.to_string())
}

fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
    match isa.form {
        Form::Tiles => {}
        Form::Compact => return compact::pointwise_kernels(isa, needs),
        Form::Arrays => return arrays::pointwise_kernels(isa, needs),
    }
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

fn dense_kernels(isa: &Isa, needs: &Needs) -> String {
    let (padding, whole_blocks) = match needs.dense_inside {
        true => ("int padding, ", true),
        false => ("", false),
    };
    if isa.form == Form::Compact && !needs.products.is_empty() {
        let sum = if needs.adds(Kind::Pointwise) { "0, " } else { "" };
        let whole = if whole_blocks { "padding ? s->n : s->n / 16 * 16" } else { "s->n / 16 * 16" };
        let text = kernel!("compact/dense").replace("%PADDING%", padding).replace("%SUM%", sum);
        return text.replace("%WHOLE%", whole);
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
        let rest = if whole_blocks { "(padding ? @block(s->n, c) : s->n - c)" } else { "(s->n - c)" };
        let _ = writeln!(
            runs,
            "    if (c < s->n) {{\n        float last[16];\n        {call}\n        memcpy(out + c, last, {rest} * sizeof(float));\n    }}"
        );
    } else if whole_blocks {
        runs += "    (void)padding;\n";
    }
    let start = if wide || narrow || whole { "    size_t c = 0;\n" } else { "" };
    text + &kernel!("dense_run").replace("%PADDING%", padding).replace("%START%", start).replace("%RUNS%", &runs)
}
