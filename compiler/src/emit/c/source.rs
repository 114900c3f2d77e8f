//! `net.c`.

use super::descriptors::{descriptor, name_of};
use super::kernels::kernels;
use super::needs::Needs;
use super::stem::stage_row;
use super::steps::run_steps;
use super::text::{expand, instantiate, own_vectors};
use super::{COptions, WeightStorage, classes, weights};
use crate::graph::DType;
use crate::network::Layout;
use crate::plan::Plan;

/// A kernel text by name.
macro_rules! kernel {
    ($name:literal) => {
        include_str!(concat!("kernels/", $name, ".c"))
    };
}
pub(super) use kernel;

pub(super) fn source(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let needs = Needs::of(plan);
    let mut steps = String::new();
    for step in plan.flat_steps() {
        steps += &descriptor(&name_of(plan, step), &step.kernel);
    }
    for (isa, guard) in options.target.isas() {
        let code = instantiate(&(own_vectors(&kernels(&isa, &needs)) + &run_steps(plan, options.stage_hooks)), &isa);
        steps += &if guard.is_empty() { format!("\n{code}") } else { format!("\n#if {guard}\n\n{code}#endif\n") };
    }
    steps += &entry(plan, options);
    let types = used(&types(&needs), &steps);
    let mut text = String::from("#include \"@h\"\n\n#include <string.h>\n\n");
    text += &overrides(options);
    let math = if (types.clone() + &steps).contains("@@INFINITY") { kernel!("vectors/math") } else { "" };
    text += &own_vectors(&options.target.vectors().replace("%MATH%", math));
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

/// Types, and functions without vectors.
fn types(needs: &Needs) -> String {
    let mut text = String::from(kernel!("types"));
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

fn index(layout: Layout, height: usize, width: usize, channels: usize) -> String {
    match layout {
        Layout::Nchw => format!("(c * {height} + y) * {width} + x"),
        Layout::Nhwc => format!("(y * {width} + x) * {channels} + c"),
    }
}

fn entry(plan: &Plan, options: &COptions) -> String {
    let mut text = String::from("\n");
    if options.target.asks_the_cpu() {
        text += kernel!("level");
    }
    let (input_len, output_len) = plan.lengths();
    let batch = plan.network.batch.max(1);
    text += &kernel!("entry")
        .replace("%WEIGHTS%", &weights_address(plan, options))
        .replace("%CALL%\n", &options.target.call())
        .replace(
            "%LEVEL%",
            if options.target.asks_the_cpu() {
                "#if defined(@@X86)\n    const int level = @level();\n#endif\n"
            } else {
                ""
            },
        )
        .replace("%IN%", &(input_len / batch).to_string())
        .replace("%OUT%", &(output_len / batch).to_string());
    text + &checked(plan, options, "    @run(input, output, arena);\n    return @@OK;\n")
}

/// `net_run_checked`, with what it does once the arguments are found good, and what concerns the classes.
pub(super) fn checked(plan: &Plan, options: &COptions, run: &str) -> String {
    let loaded = match options.weights {
        WeightStorage::Bin => "    if (@loaded(arena) == NULL) {\n        return @@ERROR_NOT_LOADED;\n    }\n",
        _ => "",
    };
    let aligned = match plan.network.input.dtype {
        DType::F32 => "((uintptr_t)input | (uintptr_t)output)",
        _ => "(uintptr_t)output",
    };
    let checked = kernel!("checked").replace("%ALIGNED%", aligned).replace("%LOADED%", loaded).replace("%RUN%", run);
    checked + &classes::definitions(plan)
}
