//! `net.c` without kernels: descriptors for the static library of `mobilenet-runtime-capi`, and calls into it.

use super::COptions;
use super::source::{checked, kernel, overrides, weights_access, weights_address};
use super::stem::pad;
use super::steps::hooked;
use super::text::{expand, float};
use crate::emit::rust::ABI;
use crate::graph::{DType, Window};
use crate::network::Layout;
use crate::plan::{Clamp, Kernel, Map, Plan, Source, Step, Target};

pub(super) fn source(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let mut body = weights_access(plan, options);
    for (index, step) in plan.steps.iter().enumerate() {
        body += &descriptor(&name(index), &step.kernel);
    }
    body += "\n";
    body += &run(plan, options);
    body += &checked(
        plan,
        options,
        "    return @infer(input, output, arena) == MOBILENET_RT_OK ? @@OK : @@ERROR_RUNTIME;\n",
    );
    let mut text = String::from("#include \"@h\"\n\n#include <mobilenet_runtime.h>\n#include <string.h>\n\n");
    text += &format!(
        "#if MOBILENET_RT_ABI != {ABI}\n\
         #error \"this code was generated for another version of mobilenet-runtime-capi: use the compiler and the runtime of one version\"\n\
         #endif\n\n"
    );
    text += &overrides(options);
    if body.contains("@@INFINITY") {
        text += kernel!("infinity");
    }
    format!("{banner}{}", expand(&(text + &body), prefix))
}

fn name(index: usize) -> String {
    format!("@step{index}")
}

/// `net_infer` and `net_run`.
fn run(plan: &Plan, options: &COptions) -> String {
    let (input, output) = plan.lengths();
    let batch = plan.network.batch.max(1);
    let lengths = [input / batch, output / batch];
    let steps = hooked(plan, options.stage_hooks, |index, step| format!("    {}\n", call(&name(index), step, lengths)));
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    kernel!("runtime")
        .replace("%WEIGHTS%", &weights_address(plan, options))
        .replace("%STEPS%", &steps)
        .replace("%IN%", &lengths[0].to_string())
        .replace("%OUT%", &lengths[1].to_string())
}

fn call(name: &str, step: &Step, [input, output]: [usize; 2]) -> String {
    let (function, arguments) = match &step.kernel {
        Kernel::Stem { input: source, .. } => (typed("stem", source), format!("&{name}, input, {input}")),
        Kernel::Stream { .. } => match step.kernel.source() {
            Some(source) => (typed("stream", source), format!("&{name}, input, {input}")),
            None => ("stream_f32".into(), format!("&{name}, NULL, 0")),
        },
        Kernel::Import { input: source, .. } => {
            (typed("import", source), format!("&{name}_source, &{name}, input, {input}"))
        }
        Kernel::Separable { .. } => ("separable".into(), format!("&{name}")),
        Kernel::Depthwise { .. } => ("depthwise".into(), format!("&{name}")),
        Kernel::Pointwise { .. } => ("pointwise".into(), format!("&{name}")),
        Kernel::Conv { .. } => ("conv".into(), format!("&{name}")),
        Kernel::GlobalAveragePool { output: to, .. } => vector("pool", &format!("&{name}"), *to, output),
        Kernel::Dense { output: to, .. } => vector("dense", &format!("&{name}"), *to, output),
        Kernel::Softmax { at: Target::Arena(offset), n, log } => {
            ("softmax".into(), format!("{offset}, 1, {n}, 1, {}", i32::from(*log)))
        }
        Kernel::Softmax { at: Target::Output, n, log } => {
            ("softmax_out".into(), format!("output, {output}, {n}, 1, {}", i32::from(*log)))
        }
        Kernel::Export { layout, .. } => {
            ("export".into(), format!("&{name}, {}, output, {output}", layout_macro(*layout)))
        }
    };
    format!("mobilenet_rt_run_{function}(&run, {arguments});")
}

fn typed(function: &str, source: &Source) -> String {
    let element = match source.element {
        DType::U8 => "u8",
        DType::I8 => "i8",
        _ => "f32",
    };
    format!("{function}_{element}")
}

/// A step that writes a vector, to the arena or to the caller.
fn vector(function: &str, descriptor: &str, to: Target, output: usize) -> (String, String) {
    match to {
        Target::Arena(offset) => (function.into(), format!("{descriptor}, {offset}")),
        Target::Output => (format!("{function}_out"), format!("{descriptor}, output, {output}")),
    }
}

/// The constants that a step's call refers to.
fn descriptor(name: &str, kernel: &Kernel) -> String {
    let constant = |ty: &str, fields: &str| format!("static const mobilenet_rt_{ty} {name} = {fields};\n");
    match kernel {
        Kernel::Stem { .. } => stem(name, kernel),
        Kernel::Separable { .. } => constant("separable", &separable(kernel)),
        Kernel::Depthwise { input, window: w, weights, clamp: c, output } => {
            constant("depthwise", &fields(&[map(input), window(w), weights.to_string(), clamp(c), map(output)]))
        }
        Kernel::Conv { input, window: w, weights, clamp: c, output } => {
            constant("conv", &fields(&[map(input), window(w), weights.to_string(), clamp(c), map(output)]))
        }
        Kernel::Pointwise { input, weights, clamp: c, output } => {
            constant("pointwise", &fields(&[map(input), weights.to_string(), clamp(c), map(output)]))
        }
        Kernel::Dense { input, k, n, weights, clamp: c, .. } => {
            constant("dense", &format!("{{{input}, {k}, {n}, {weights}, {}}}", epilogue(c)))
        }
        Kernel::GlobalAveragePool { input, .. } | Kernel::Export { input, .. } => constant("map", &map(input)),
        Kernel::Import { input, output } => {
            let source = format!("static const mobilenet_rt_source {name}_source = {};\n", source_value(input));
            source + &constant("map", &map(output))
        }
        Kernel::Softmax { .. } => String::new(),
        Kernel::Stream { steps } => stream(name, steps),
    }
}

fn stream(name: &str, steps: &[Step]) -> String {
    let (first, rest) = match steps.split_first() {
        Some((first, rest)) if matches!(first.kernel, Kernel::Stem { .. }) => (Some(first), rest),
        _ => (None, steps),
    };
    let mut text = first.map_or_else(String::new, |first| stem(&format!("{name}_stem"), &first.kernel));
    let stem = first.map_or_else(|| "NULL".into(), |_| format!("&{name}_stem"));
    let mut stages = "NULL".to_string();
    if !rest.is_empty() {
        let values: Vec<_> = rest.iter().map(|step| separable(&step.kernel)).collect();
        stages = format!("{name}_stages");
        text += &format!("static const mobilenet_rt_separable {stages}[{}] = {{{}}};\n", rest.len(), values.join(", "));
    }
    text + &format!("static const mobilenet_rt_stream {name} = {{{stem}, {stages}, {}}};\n", rest.len())
}

fn stem(name: &str, kernel: &Kernel) -> String {
    let Kernel::Stem { input, window: w, weights, pad_values, clamp: c, output, scratch } = kernel else {
        return String::new();
    };
    let border: Vec<_> = pad_values.iter().map(|&value| float(value)).collect();
    let border = format!("static const float {name}_border[{}] = {{{}}};\n", border.len(), border.join(", "));
    let fields = fields(&[
        source_value(input),
        window(w),
        weights.to_string(),
        format!("{name}_border"),
        epilogue(c),
        map(output),
        scratch.to_string(),
    ]);
    format!("{border}static const mobilenet_rt_stem {name} = {fields};\n")
}

fn separable(kernel: &Kernel) -> String {
    let Kernel::Separable { input, window: w, depthwise, depthwise_clamp, pointwise, clamp: c, output, scratch } =
        kernel
    else {
        return String::new();
    };
    fields(&[
        map(input),
        window(w),
        depthwise.to_string(),
        clamp(depthwise_clamp),
        pointwise.to_string(),
        clamp(c),
        map(output),
        scratch.to_string(),
    ])
}

fn fields(fields: &[String]) -> String {
    format!("{{\n    {}\n}}", fields.join(",\n    "))
}

fn map(map: &Map) -> String {
    let Map { offset, height, width, channels, group, ring } = map;
    format!("{{{offset}, {height}, {width}, {channels}, {group}, {ring}}}")
}

fn window(window: &Window) -> String {
    let pair = |[rows, columns]: [usize; 2]| format!("{{{rows}, {columns}}}");
    let pairs = [window.kernel, window.stride, window.dilation, pad(window)].map(pair);
    format!("{{{}}}", pairs.join(", "))
}

fn clamp(clamp: &Clamp) -> String {
    format!("{{{}, {}}}", float(clamp.lo), float(clamp.hi))
}

fn epilogue(clamp: &Clamp) -> String {
    format!("MOBILENET_RT_CLAMP({}, {})", float(clamp.lo), float(clamp.hi))
}

fn source_value(source: &Source) -> String {
    let Source { height, width, channels, layout, .. } = source;
    format!("{{{height}, {width}, {channels}, {}}}", layout_macro(*layout))
}

fn layout_macro(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "MOBILENET_RT_NCHW",
        Layout::Nhwc => "MOBILENET_RT_NHWC",
    }
}
