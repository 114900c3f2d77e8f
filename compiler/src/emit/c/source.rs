//! `net.c`.

use super::isa::Form;
use super::kernels::kernels;
use super::links::{self, Kind};
use super::needs::{Needs, order};
use super::outputs::Outputs;
use super::stem::stage_row;
use super::steps::{Calls, run_steps};
use super::tables::{self, Tables};
use super::text::{expand, float, instantiate, own_vectors};
use super::tiles::stem_name;
use super::{COptions, Kernels, Target, WeightStorage, classes, codes, passes, rows, weights};
use crate::graph::DType;
use crate::network::Layout;
use crate::plan::{Element, Op, Plan};

/// A kernel text by name.
macro_rules! kernel {
    ($name:literal) => {
        include_str!(concat!("kernels/", $name, ".c"))
    };
}
pub(super) use kernel;

pub(super) fn source(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let needs = Needs::of(plan);
    let (tables, outputs) = (Tables::of(plan, &needs), Outputs::of(plan));
    let calls = Calls { needs: &needs, tables: &tables, outputs: &outputs };
    let mut steps = String::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if let Op::Dense { k, n, weights, epilogue, .. } = &step.op {
            let [lo, hi] = passes::clamp(epilogue.activation).map(float);
            let fields = format!("{{{k}, {n}, {}, {{{lo}, {hi}}}}}", weights / 4);
            steps += &format!("static const @dense @step{index} = {fields};\n");
        }
    }
    for (isa, guard) in options.target.isas() {
        let steps_of = run_steps(plan, &calls, options.stage_hooks, isa.form == Form::Compact);
        let code = instantiate(&(own_vectors(&kernels(&isa, &needs, plan.packing)) + &steps_of), &isa);
        steps += &if guard.is_empty() { format!("\n{code}") } else { format!("\n#if {guard}\n\n{code}#endif\n") };
    }
    steps += &entry(plan, options, &needs, &outputs);
    let types = used(&types(&needs, &tables), &steps);
    let mut text = String::from("#include \"@h\"\n\n#include <string.h>\n\n");
    text += &overrides(options);
    text += &needs.codes.guard(options.target);
    let math = if (types.clone() + &steps).contains("@@INFINITY") { kernel!("vectors/math") } else { "" };
    text += &own_vectors(&options.target.vectors().replace("%MATH%", math).replace("%CODES%", needs.codes.vnni()[1]));
    text += &weights_access(plan, options);
    text += &types;
    text += &steps;
    format!("{banner}{}", expand(&text, prefix))
}

/// Paragraphs of a text but for functions that nothing behind them calls.
fn used(text: &str, behind: &str) -> String {
    let mut kept = String::new();
    for paragraph in text.split_inclusive("\n\n").collect::<Vec<_>>().into_iter().rev() {
        let called = |name: &str| behind.contains(name) || kept.contains(name);
        if function(paragraph).is_none_or(called) {
            kept.insert_str(0, paragraph);
        }
    }
    kept
}

/// The name of the function that a paragraph defines, with its parenthesis.
fn function(paragraph: &str) -> Option<&str> {
    let line = paragraph.lines().find(|line| line.starts_with("static "))?;
    let end = line.find('(')? + 1;
    line.get(line[..end].rfind('@')?..end)
}

/// Types, tables, and functions without vectors.
fn types(needs: &Needs, tables: &Tables) -> String {
    let mut text = String::from(kernel!("types"));
    let passes = passes::types(needs);
    text += &tables::types(needs);
    text += codes::types(needs);
    text += &passes;
    let printed = tables.print();
    if text.contains("@@NONE") || printed.contains("@@NONE") {
        text.insert_str(0, "#define @@NONE ((size_t)-1)\n\n");
    }
    text += &printed;
    text += kernel!("row");
    text += kernel!("select");
    text += kernel!("groups_read");
    if needs.begins_sums() {
        text += kernel!("sum");
    }
    if needs.kernel_rows > 0 {
        let sum = if needs.adds(Kind::Depthwise) { "    int sum; /* on top of what is there */\n" } else { "" };
        text += &kernel!("depthwise").replace("@@KERNEL_ROWS", &needs.kernel_rows.to_string()).replace("%SUM%", sum);
    }
    if !needs.rows.is_empty() {
        text += "static const float @zeros[16] = {0.0f};\n\n";
    }
    if !needs.products.is_empty() {
        let sum = if needs.adds(Kind::Pointwise) {
            "    int sum;                   /* on top of what is there */\n"
        } else {
            ""
        };
        text += &kernel!("pointwise").replace("%SUM%", sum);
    }
    if !needs.dense.is_empty() {
        text += kernel!("dense");
    }
    let image = needs.import.iter().chain(&needs.codes.import).chain(needs.stems.iter().map(|stem| &stem.input));
    if image.into_iter().any(|image| image.element == Element::F16) {
        text += &kernel!("half").replace("%NAME%", "half");
    }
    for stem in needs.stems.iter().filter(|stem| stem.codes.is_none()) {
        text += &kernel!("stem").replace("%NAME%", &stem_name(stem.number)).replace("%STAGE%", &stage_row(stem, needs));
    }
    text += &links::common(needs);
    text += &codes::common(needs);
    if needs.copy {
        text += kernel!("copy");
    }
    if let Some(input) = &needs.import {
        text += &kernel!("import")
            .replace(
                "(float)input[%AT%]",
                if input.element == Element::F16 { "@half(input[%AT%])" } else { "(float)input[%AT%]" },
            )
            .replace("%AT%", index(input.layout));
    }
    for layout in [Layout::Nchw, Layout::Nhwc].into_iter().filter(|layout| needs.exports.contains(order(*layout))) {
        text += &kernel!("export").replace("%ORDER%", order(layout)).replace("%AT%", index(layout));
    }
    text + &arithmetic(needs)
}

/// Functions over plain arrays.
fn arithmetic(needs: &Needs) -> String {
    let mut text = String::new();
    if !needs.softmaxes.is_empty() || passes::need_exp(needs) {
        text += kernel!("exp");
    }
    text += &passes::scalars(needs);
    if needs.softmaxes.iter().any(|&(log, _)| log) {
        text += kernel!("log");
    }
    for &(log, apart) in &needs.softmaxes {
        let (suffix, parameter, at) = if apart { ("_apart", ", size_t stride", "i * stride") } else { ("", "", "i") };
        let kernel = if log { kernel!("log_softmax") } else { kernel!("softmax") };
        text += &kernel.replace("%SUFFIX%", suffix).replace("%PARAMETER%", parameter).replace("%I%", at);
    }
    if needs.norms.contains(&2) {
        text += kernel!("root");
    }
    for p in &needs.norms {
        let (term, root) = match p {
            1 => ("x[i * stride] < 0.0f ? -x[i * stride] : x[i * stride]", ""),
            _ => ("x[i * stride] * x[i * stride]", "    norm = @root(norm);\n"),
        };
        text += &kernel!("normalise").replace("%P%", &p.to_string()).replace("%TERM%", term).replace("%ROOT%", root);
    }
    if needs.halve {
        text += kernel!("halve");
    }
    for last in &needs.arg_maxes {
        let (suffix, which, above) = if *last { ("_last", "last", ">=") } else { ("", "first", ">") };
        text += &kernel!("argmax").replace("%SUFFIX%", suffix).replace("%WHICH%", which).replace("%ABOVE%", above);
    }
    text
}

/// What an integrator may define.
pub(super) fn overrides(options: &COptions) -> String {
    let hooks = if options.stage_hooks { kernel!("hooks") } else { "" };
    [kernel!("config"), hooks].concat()
}

/// The weights' declaration, or what loads them.
pub(super) fn weights_access(plan: &Plan, options: &COptions) -> String {
    let mut text = weights_declaration(plan, options);
    if options.weights == WeightStorage::Bin {
        text += kernel!("hash");
        text += &load(plan);
    }
    text
}

/// What a file needs to see before it can name the weights.
pub(super) fn weights_declaration(plan: &Plan, options: &COptions) -> String {
    match options.weights {
        WeightStorage::Source => weights::declaration(&plan.weights, options.target, ""),
        WeightStorage::Incbin => weights::included(&plan.weights),
        WeightStorage::Bin => {
            let loaded = kernel!("loaded").replace("%HASH%", &weights::hash_literal(&plan.weights));
            format!("{}\n{loaded}", weights::ENDIAN)
        }
    }
}

/// The expression for the weights' address, where there is an `arena`.
pub(super) fn weights_address(plan: &Plan, options: &COptions) -> String {
    match options.weights {
        WeightStorage::Source => weights::symbol(&plan.weights) + ".values",
        WeightStorage::Bin => "@loaded(arena)".into(),
        WeightStorage::Incbin => weights::symbol(&plan.weights),
    }
}

fn load(plan: &Plan) -> String {
    let header = weights::header(&plan.weights).map(|b| b.to_string());
    kernel!("load")
        .replace("%HEADER%", &weights::HEADER.to_string())
        .replace("%BYTES%", &header.join(", "))
        .replace("%HASH%", &weights::hash_literal(&plan.weights))
}

pub(super) fn index(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "(c * m->height + y) * m->width + x",
        Layout::Nhwc => "(y * m->width + x) * m->channels + c",
    }
}

fn entry(plan: &Plan, options: &COptions, needs: &Needs, outputs: &Outputs) -> String {
    let mut text = String::from("\n");
    if options.target.asks_the_cpu() {
        let [with, _, there] = needs.codes.vnni();
        text += &kernel!("level").replace("%WITH%", with).replace("%CODES%", there);
    }
    let level = if options.target.asks_the_cpu() {
        "#if defined(@@X86)\n    const int level = @level();\n#endif\n"
    } else {
        ""
    };
    let image = if outputs.counts_images() { "image, " } else { "" };
    let (entry, call) = match plan.rows_in() {
        Ok(_) => (kernel!("entry_rows").to_string() + &rows::entries(Kernels::Inline), call_by_rows(options.target)),
        Err(_) => (kernel!("entry").to_string(), options.target.call()),
    };
    text += &entry.replace("%CALL%\n", &call.replace("%IMAGE%", image)).replace("%LEVEL%", level);
    text = entry_of(&text, plan, options, outputs);
    text + &checked(plan, options, "    @run(input, output, arena);\n    return @@OK;\n")
}

/// The call of one image, which may be read by rows.
fn call_by_rows(target: Target) -> String {
    let call = target.call().replace("(input, output", "(input, rows, output");
    call.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_string() + "\n").collect()
}

/// What the functions that run all images have in common.
pub(super) fn entry_of(text: &str, plan: &Plan, options: &COptions, outputs: &Outputs) -> String {
    let each = if outputs.are_several() { String::new() } else { format!(", output += {}", outputs.each(0)) };
    text.replace("%WEIGHTS%", &weights_address(plan, options))
        .replace("%OUTPUT%", outputs.ty())
        .replace("%IN%", &(plan.lengths().0 / plan.network.batch.max(1)).to_string())
        .replace("%NEXT%", &each)
}

/// `net_run_checked`, with what it does once the arguments are found good, and what concerns the classes.
pub(super) fn checked(plan: &Plan, options: &COptions, run: &str) -> String {
    let loaded = match options.weights {
        WeightStorage::Bin => "    if (@loaded(arena) == NULL) {\n        return @@ERROR_NOT_LOADED;\n    }\n",
        _ => "",
    };
    let outputs = Outputs::of(plan);
    let halves = outputs.ports.iter().all(|port| port.dtype == DType::F16);
    let aligned = match plan.network.input.dtype {
        DType::F32 => "((uintptr_t)input | (uintptr_t)output)",
        DType::F16 if halves => "((uintptr_t)input | (uintptr_t)output)",
        _ => "(uintptr_t)output",
    };
    let checked = kernel!("checked")
        .replace("sizeof(float)", if halves { "sizeof(uint16_t)" } else { "sizeof(float)" })
        .replace("%OUTPUT%", outputs.ty())
        .replace("%ALIGNED%", aligned)
        .replace("%LOADED%", loaded)
        .replace("%RUN%", run);
    checked + &classes::definitions(plan, options)
}
