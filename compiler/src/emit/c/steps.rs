//! One image through all steps, as a straight line of calls.

use super::descriptors::name_of;
use super::names;
use super::needs::target;
use crate::plan::{Kernel, Plan, Step};
use std::fmt::Write;

pub(super) fn run_steps(plan: &Plan, hooks: bool) -> String {
    let mut text = String::from(
        "static $T void @run_$I(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, float *arena, const float *weights)\n{\n\
         \x20   (void)weights;\n",
    );
    text += &hooked(plan, hooks, |_, step| call(plan, step));
    text + "}\n\n"
}

/// A call per step, between the hooks of its index if there are any.
pub(super) fn hooked(plan: &Plan, hooks: bool, call: impl Fn(usize, &Step) -> String) -> String {
    let mut text = String::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let (name, call) = (name(plan, step), call(index, step));
        let _ = match hooks {
            true => write!(text, "    @@STAGE_BEGIN({index}); /* {name} */\n{call}    @@STAGE_END({index});\n"),
            false => write!(text, "    /* {name} */\n{call}"),
        };
    }
    text
}

/// The kernel and the ONNX node that a step comes from, fit for comments and strings.
pub(super) fn name(plan: &Plan, step: &Step) -> String {
    let origin = plan.network.stages.get(step.stage).and_then(|stage| stage.origin.first());
    let origin = names::comment(origin.map_or("", |name| name)).replace(['@', '$', '%', '"'], "_");
    format!("{} {origin}", step.kernel.name()).trim_end().into()
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
