//! `net.c`.

use super::isa::{self, Isa};
use super::needs::{Needs, Stem, is_tiled, target};
use super::text::{expand, float, instantiate};
use super::tiles::{self, StemTaps};
use super::{COptions, Target, WeightStorage, names, weights};
use crate::graph::Window;
use crate::network::Layout;
use crate::plan::{Clamp, Kernel, Map, Plan, Source, Step};
use std::fmt::Write;

macro_rules! kernel {
    ($name:literal) => {
        include_str!(concat!("kernels/", $name, ".c"))
    };
}

pub(super) fn source(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let needs = Needs::of(plan);
    let isas = isas(options.target);
    let mut text = String::from("#include \"@h\"\n\n#include <string.h>\n\n");
    text += &prelude(plan, options, &needs);
    for step in plan.flat_steps() {
        text += &descriptor(&name_of(plan, step), &step.kernel);
    }
    for isa in &isas {
        let _ = writeln!(text, "\n#if {}\n", isa.guard);
        text += &instantiate(&kernels(isa, &needs), isa);
        text += &instantiate(&run_steps(plan), isa);
        text += "#endif\n";
    }
    text += &entry(plan, options, &isas);
    format!("{banner}{}", expand(&text, prefix))
}

/// The instruction sets to spell, with guards that leave exactly one where the CPU is not asked.
fn isas(target: Target) -> Vec<Isa> {
    match target {
        Target::Auto => vec![isa::AVX512, isa::AVX2, isa::NEON, isa::V128, isa::PLAIN],
        Target::Portable => vec![Isa { guard: "1", ..isa::PLAIN }],
    }
}

fn prelude(plan: &Plan, options: &COptions, needs: &Needs) -> String {
    let mut text = String::from(kernel!("config"));
    text += kernel!("vectors");
    text += &weights_declaration(plan, options);
    text += kernel!("types");
    text += kernel!("row");
    if needs.kernel_rows > 0 {
        text += &kernel!("depthwise").replace("@@KERNEL_ROWS", &needs.kernel_rows.to_string());
    }
    if !needs.rows.is_empty() {
        text += "static const float @zeros[16] = {0.0f};\n\n";
    }
    if !needs.products.is_empty() {
        text += kernel!("pointwise");
    }
    if needs.separable {
        text += kernel!("separable_type");
    }
    if needs.depthwise || needs.pointwise || needs.conv {
        text += kernel!("single_type");
    }
    if needs.stream && needs.separable {
        text += kernel!("stream");
    }
    if !needs.dense.is_empty() {
        text += kernel!("dense");
    }
    if let Some(stem) = needs.stems.first() {
        text += &kernel!("stem").replace("%STAGE%", &stage_row(stem));
    }
    if let Some(input) = &needs.import {
        text += &kernel!("import").replace("%AT%", &index(input.layout, input.height, input.width, input.channels));
    }
    if let Some((map, layout)) = &needs.export {
        text += &kernel!("export").replace("%AT%", &index(*layout, map.height, map.width, map.channels));
    }
    if needs.softmax || needs.log_softmax {
        text += kernel!("exp");
    }
    if needs.softmax {
        text += kernel!("softmax");
    }
    if needs.log_softmax {
        text += kernel!("log_softmax");
    }
    text
}

fn weights_declaration(plan: &Plan, options: &COptions) -> String {
    match options.weights {
        WeightStorage::C => format!(
            "#ifndef @@WEIGHTS_LINKAGE\n#define @@WEIGHTS_LINKAGE extern\n#endif\n\
             #ifndef @@WEIGHTS_STORAGE\n#define @@WEIGHTS_STORAGE const\n#endif\n\
             union @weights {};\n@@WEIGHTS_LINKAGE @@WEIGHTS_STORAGE union @weights @weights;\n\n",
            weights::union(plan.weights.len(), "float", 4)
        ),
        WeightStorage::Incbin => "extern const float @weights[];\n\n".into(),
        WeightStorage::Bin => weights::load(&plan.weights),
    }
}

fn index(layout: Layout, height: usize, width: usize, channels: usize) -> String {
    match layout {
        Layout::Nchw => format!("(c * {height} + y) * {width} + x"),
        Layout::Nhwc => format!("(y * {width} + x) * {channels} + c"),
    }
}

/// Shape of a stem's staged rows.
struct Staged {
    span: usize,
    columns: usize,
    row: usize,
    left: usize,
    copied: usize,
}

impl Staged {
    fn of(stem: &Stem) -> Self {
        let window = &stem.window;
        let columns = (stem.output.width - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1;
        let left = pad(window)[1].min(columns);
        Self {
            span: (window.kernel[0] - 1) * window.dilation[0] + 1,
            columns,
            row: (stem.input.channels * columns).next_multiple_of(16),
            left,
            copied: stem.input.width.min(columns - left),
        }
    }
}

fn pad(window: &Window) -> [usize; 2] {
    [window.pads[0].max(0) as usize, window.pads[1].max(0) as usize]
}

fn stage_row(stem: &Stem) -> String {
    let Source { height, width, channels, layout, .. } = stem.input;
    let Staged { columns, left, copied, .. } = Staged::of(stem);
    let top = pad(&stem.window)[0];
    let border: Vec<_> = (0..channels).map(|c| float(stem.pad_values.get(c).copied().unwrap_or(0.0))).collect();
    let inside = if top > 0 { format!("y >= {top} && y - {top} < {height}") } else { format!("y < {height}") };
    let line = if top > 0 { format!("(y - {top})") } else { "y".into() };
    let (planes, unit) = match layout {
        Layout::Nchw => (channels, 1),
        Layout::Nhwc => (1, channels),
    };
    let mut text = format!("    static const float border[{channels}] = {{{}}};\n", border.join(", "));
    let _ = writeln!(text, "    const int inside = {inside};\n    size_t plane, x;");
    let _ = writeln!(text, "    for (plane = 0; plane < {planes}; plane++, row += {}) {{", columns * unit);
    let value = match (layout, channels) {
        (Layout::Nchw, _) => "border[plane]",
        (Layout::Nhwc, 1) => "border[0]",
        (Layout::Nhwc, _) => &format!("border[x % {channels}]"),
    };
    text += "        x = 0;\n        if (inside) {\n";
    let from = match layout {
        Layout::Nchw => format!("(plane * {height} + {line}) * {width}"),
        Layout::Nhwc => format!("{line} * {}", width * channels),
    };
    let _ = writeln!(text, "            const @@INPUT_TYPE *const from = input + {from};");
    if left > 0 {
        let _ = writeln!(
            text,
            "            for (; x < {}; x++) {{\n                row[x] = {value};\n            }}",
            left * unit
        );
    }
    let at = if left > 0 { format!("x - {}", left * unit) } else { "x".into() };
    let _ = writeln!(
        text,
        "            for (; x < {}; x++) {{\n                row[x] = (float)from[{at}];\n            }}\n        }}",
        (left + copied) * unit
    );
    let _ = writeln!(
        text,
        "        for (; x < {}; x++) {{\n            row[x] = {value};\n        }}\n    }}",
        columns * unit
    );
    text
}

fn name_of(plan: &Plan, step: &Step) -> String {
    let position = plan.flat_steps().position(|s| std::ptr::eq(s, step)).unwrap_or(0);
    format!("@step{position}")
}

fn map(m: &Map) -> String {
    format!("{{{}, {}, {}, {}, {}, {}}}", m.offset / 4, m.height, m.width, m.channels, m.group, m.ring)
}

fn window(w: &Window, tiled: bool) -> String {
    let pair = |p: [usize; 2]| format!("{{{}, {}}}", p[0], p[1]);
    format!("{{{}, {}, {}, {}, {}}}", pair(w.kernel), pair(w.stride), pair(w.dilation), pair(pad(w)), i32::from(tiled))
}

fn clamp(c: &Clamp) -> String {
    format!("{{{}, {}}}", float(c.lo), float(c.hi))
}

fn descriptor(name: &str, kernel: &Kernel) -> String {
    let single = |input: &Map, w: &Window, weights: usize, c: &Clamp, output: &Map| {
        let tiled = is_tiled(w, input, output);
        let fields = [map(input), window(w, tiled), (weights / 4).to_string(), clamp(c), map(output)];
        ("single", fields.join(",\n    "))
    };
    let unit = Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] };
    let (ty, fields) = match kernel {
        Kernel::Stem { weights, clamp: c, output, scratch, .. } => {
            ("stem", format!("{},\n    {},\n    {},\n    {}", weights / 4, clamp(c), map(output), scratch / 4))
        }
        Kernel::Separable { input, window: w, depthwise, depthwise_clamp, pointwise, clamp: c, output, scratch } => {
            let fields = [
                map(input),
                window(w, is_tiled(w, input, output)),
                (depthwise / 4).to_string(),
                clamp(depthwise_clamp),
                (pointwise / 4).to_string(),
                clamp(c),
                map(output),
                (scratch / 4).to_string(),
            ];
            ("separable", fields.join(",\n    "))
        }
        Kernel::Depthwise { input, window: w, weights, clamp: c, output }
        | Kernel::Conv { input, window: w, weights, clamp: c, output } => single(input, w, *weights, c, output),
        Kernel::Pointwise { input, weights, clamp: c, output } => single(input, &unit, *weights, c, output),
        Kernel::GlobalAveragePool { input, .. } | Kernel::Export { input, .. } => {
            return format!("static const @map {name} = {};\n", map(input));
        }
        Kernel::Import { output, .. } => return format!("static const @map {name} = {};\n", map(output)),
        Kernel::Dense { k, n, weights, clamp: c, .. } => ("dense", format!("{k}, {n}, {}, {}", weights / 4, clamp(c))),
        Kernel::Softmax { .. } | Kernel::Stream { .. } => return String::new(),
    };
    format!("static const @{ty} {name} = {{\n    {fields}\n}};\n")
}

/// All kernels of an instruction set that the plan needs.
fn kernels(isa: &Isa, needs: &Needs) -> String {
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

fn stem_kernels(isa: &Isa, stem: &Stem, needs: &Needs) -> String {
    let Staged { span, columns, row, .. } = Staged::of(stem);
    let (w, channels) = (&stem.window, stem.input.channels);
    let (planes, unit) = match stem.input.layout {
        Layout::Nchw => (channels, 1),
        Layout::Nhwc => (1, channels),
    };
    let adjacent = w.dilation[1] == 1;
    let taps = StemTaps {
        rows: w.kernel[0],
        planes,
        plane: columns,
        chunks: if adjacent { 1 } else { w.kernel[1] },
        chunk: w.dilation[1] * unit,
        length: if adjacent { w.kernel[1] * unit } else { unit },
        pixel: w.stride[1] * unit,
    };
    let mut text = String::new();
    let mut panel = String::new();
    for width in [16, 8] {
        let sizes = stem.tile_rows(isa, width);
        if sizes.is_empty() {
            continue;
        }
        for &rows in &sizes {
            text += &tiles::stem(isa, rows, width, &taps);
        }
        let calls = |column: usize| {
            let plus = if column == 0 { String::new() } else { format!(" + {column}") };
            let mut calls = String::new();
            let mut first = 0;
            let tiles = stem.output.width.div_ceil(isa.rows(width));
            let (size, larger) = (stem.output.width / tiles, stem.output.width % tiles);
            for (rows, count) in [(size + 1, larger), (size, tiles - larger)] {
                if count > 0 {
                    let _ = writeln!(
                        calls,
                        "                @stem{rows}x{width}_$I(lines, {first}, {count}, panel{plus}, s->clamp, out{plus});"
                    );
                }
                first += rows * count;
            }
            calls
        };
        let body: String = (0..width).step_by(isa.columns.min(width)).map(calls).collect();
        let _ = write!(panel, "            if (block == {width}) {{\n{body}            }}\n");
    }
    text += &kernel!("stem_group")
        .replace("            %PANEL%\n", &panel)
        .replace("%KH%", &w.kernel[0].to_string())
        .replace("%SH%", &w.stride[0].to_string())
        .replace("%DH%", &w.dilation[0].to_string())
        .replace("%SPAN%", &span.to_string())
        .replace("%ROW%", &row.to_string())
        .replace("%TAPS%", &(w.kernel[0] * w.kernel[1] * channels).to_string());
    if needs.stem_alone {
        text += kernel!("stem_all");
    }
    text
}

fn depthwise_kernels(isa: &Isa, needs: &Needs) -> String {
    let mut text = String::new();
    let mut cases = Vec::new();
    let kinds: std::collections::BTreeSet<_> = needs.rows.iter().map(|&(s, w, _)| (s, w)).collect();
    for (stride, width) in kinds {
        let sizes: Vec<_> = needs.tile_pixels(isa, stride, width).into_iter().collect();
        for &size in &sizes {
            text += &tiles::depthwise(isa, size, stride, width);
        }
        text += &tiles::depthwise_row(isa, &sizes, stride, width);
        let tiled = if needs.any_window { "w->tiled && " } else { "" };
        cases.push((
            format!("{tiled}w->stride[1] == {stride} && block == {width}"),
            format!("@depthwise_s{stride}x{width}_$I(&d, out);"),
        ));
    }
    if needs.any_window {
        text += kernel!("depthwise_any");
        cases.push((String::new(), "@depthwise_any_$I(&d, block, out);".into()));
    }
    let last = cases.len().saturating_sub(1);
    let mut dispatch = String::new();
    for (i, (condition, call)) in cases.iter().enumerate() {
        dispatch += &match (i, last) {
            (0, 0) => format!("            {call}\n"),
            (0, _) => format!("            if ({condition}) {{\n                {call}\n"),
            (i, last) if i == last => format!("            }} else {{\n                {call}\n            }}\n"),
            _ => format!("            }} else if ({condition}) {{\n                {call}\n"),
        };
    }
    text + &kernel!("depthwise_block")
        .replace("%DISPATCH%", &dispatch)
        .replace("@@BLOCK_ROWS", &needs.block_rows.to_string())
}

fn pointwise_kernels(isa: &Isa, needs: &Needs) -> String {
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
    let mut text = String::new();
    let mut runs = String::new();
    let rests: Vec<_> = needs.dense.iter().map(|n| n % 16).collect();
    let (wide, narrow) = (rests.iter().any(|&n| n > 8), rests.iter().any(|&n| (1..=8).contains(&n)));
    let whole = needs.dense.iter().any(|&n| n >= 16);
    if whole || wide {
        text += &tiles::dense(isa, 16);
    }
    if whole {
        runs += "    for (; c + 16 <= s->n; c += 16, panel += (1 + s->k) * 16) {\n        \
                 @dense16_$I(a, s->k, panel, s->clamp, out + c);\n    }\n";
    }
    if narrow {
        text += &tiles::dense(isa, 8);
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

/// One image through all steps.
fn run_steps(plan: &Plan) -> String {
    let mut text = String::from(
        "static $T void @run_$I(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, float *arena, const float *weights)\n{\n\
         \x20   (void)weights;\n",
    );
    for (index, step) in plan.steps.iter().enumerate() {
        let origin = plan.network.stages.get(step.stage).and_then(|s| s.origin.first());
        let origin = names::comment(origin.map_or("", |s| s)).replace(['@', '$', '%'], "_");
        let call = call(plan, step);
        let _ = writeln!(
            text,
            "    @@STAGE_BEGIN({index}); /* {} {origin} */\n{call}    @@STAGE_END({index});",
            step.kernel.name()
        );
    }
    text + "}\n\n"
}

fn call(plan: &Plan, step: &Step) -> String {
    let name = name_of(plan, step);
    match &step.kernel {
        Kernel::Stem { .. } => format!("    @stem_$I(&{name}, input, arena, weights);\n"),
        Kernel::Separable { .. } => format!("    @separable_$I(&{name}, arena, weights);\n"),
        Kernel::Depthwise { .. } => format!("    @depthwise_$I(&{name}, arena, weights);\n"),
        Kernel::Pointwise { .. } => format!("    @pointwise_$I(&{name}, arena, weights);\n"),
        Kernel::Conv { .. } => format!("    @conv_$I(&{name}, arena, weights);\n"),
        Kernel::GlobalAveragePool { output, .. } => {
            let padding = i32::from(matches!(output, crate::plan::Target::Arena(_)));
            format!("    @pool_$I(&{name}, arena, {padding}, {});\n", target(*output))
        }
        Kernel::Dense { input, output, .. } => {
            format!("    @dense_$I(&{name}, arena + {}, weights, {});\n", input / 4, target(*output))
        }
        Kernel::Softmax { at, n, log } => {
            format!("    @{}softmax({}, {n});\n", if *log { "log_" } else { "" }, target(*at))
        }
        Kernel::Import { .. } => format!("    @import(&{name}, input, arena);\n"),
        Kernel::Export { .. } => format!("    @export(&{name}, arena, output);\n"),
        Kernel::Stream { steps } => stream(plan, steps),
    }
}

/// Nested loops: each block of a stage first asks the stage before it for the groups it reads.
fn stream(plan: &Plan, steps: &[Step]) -> String {
    let counters: Vec<_> = steps.iter().map(|step| name_of(plan, step).replace("@step", "done")).collect();
    let declared: Vec<_> = counters.iter().map(|c| format!("{c} = 0")).collect();
    let has_stem = matches!(steps.first().map(|s| &s.kernel), Some(Kernel::Stem { .. }));
    let staged = if has_stem { ", staged = 0" } else { "" };
    let mut text = format!("    {{\n        size_t {}{staged};\n", declared.join(", "));
    let mut closing = Vec::new();
    for (depth, (step, counter)) in steps.iter().zip(&counters).enumerate().rev() {
        let indent = "    ".repeat(2 + steps.len() - 1 - depth);
        let name = name_of(plan, step);
        let bound = match steps.get(depth + 1) {
            None => format!("@groups(&{name}.output)"),
            Some(next) => format!("@input_groups(&{}, {})", name_of(plan, next), counters[depth + 1]),
        };
        let _ = writeln!(text, "{indent}for (; {counter} < {bound}; {counter}++) {{");
        let call = match &step.kernel {
            Kernel::Stem { .. } => format!("@stem_group_$I(&{name}, input, arena, weights, {counter}, &staged);"),
            _ => format!("@separable_group_$I(&{name}, arena, weights, {counter});"),
        };
        closing.push(format!("{indent}    {call}\n{indent}}}\n"));
    }
    text += &closing.into_iter().rev().collect::<String>();
    text + "    }\n"
}

fn entry(plan: &Plan, options: &COptions, isas: &[Isa]) -> String {
    let mut text = String::from("\n");
    if isas.len() > 1 {
        text += kernel!("level");
    }
    let weights = match options.weights {
        WeightStorage::C => "@weights.values",
        WeightStorage::Bin => "(const float *)arena->weights",
        WeightStorage::Incbin => "@weights",
    };
    let (input_len, output_len) = plan.lengths();
    let batch = plan.network.batch.max(1);
    let call = if isas.len() > 1 {
        kernel!("choose").to_string()
    } else {
        format!("        @run_{}(input, output, floats, weights);\n", isas[0].suffix)
    };
    text += &kernel!("entry")
        .replace("%WEIGHTS%", weights)
        .replace("%CALL%\n", &call)
        .replace(
            "%LEVEL%",
            if isas.len() > 1 { "#if defined(@@X86)\n    const int level = @level();\n#endif\n" } else { "" },
        )
        .replace("%IN%", &(input_len / batch).to_string())
        .replace("%OUT%", &(output_len / batch).to_string());
    let loaded = match options.weights {
        WeightStorage::Bin => "    if (arena->weights == NULL) {\n        return @@ERROR_NOT_LOADED;\n    }\n",
        _ => "",
    };
    text + &kernel!("checked").replace("%LOADED%", loaded)
}
