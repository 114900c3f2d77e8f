//! One image through all steps, as a straight line of calls.

use super::codes;
use super::names;
use super::needs::{Needs, order};
use super::outputs::Outputs;
use super::passes::Pass;
use super::tables::Tables;
use super::text::float;
use crate::graph::DType;
use crate::plan::{Chain, Epilogue, Op, Plan, Source, Step, Target, padded_channels};
use std::fmt::Write;

/// What the calls of the steps refer to.
pub(super) struct Calls<'a> {
    pub needs: &'a Needs<'a>,
    pub tables: &'a Tables<'a>,
    pub outputs: &'a Outputs<'a>,
}

/// Chains in a row that a loop takes less code to run than a call each.
const FEWEST_IN_A_LOOP: usize = 3;

pub(super) fn run_steps(plan: &Plan, calls: &Calls, hooks: bool, compact: bool) -> String {
    let count = if calls.outputs.counts_images() { "size_t n, " } else { "" };
    let rows = if calls.needs.rows_in.is_some() { "const @rows *rows, " } else { "" };
    let mut text = format!(
        "static $T void @run_$I(const @@INPUT_TYPE *input, {rows}{} *output, {count}float *arena, const float *weights)\n{{\n",
        calls.outputs.ty()
    );
    if plan.links().next().is_some() {
        text += "    @image image;\n    image.input = input;\n    image.arena = arena;\n    image.weights = weights;\n";
    }
    if calls.needs.rows_in.is_some() {
        text += "    image.rows = rows;\n";
    }
    text += "    (void)input;\n    (void)weights;\n";
    text += &match compact && !hooks {
        true => in_loops(plan, calls),
        false => hooked(plan, hooks, |index, step| calls.call(index, step)),
    };
    text + "}\n\n"
}

/// The calls of the steps, chains in a row by a loop.
fn in_loops(plan: &Plan, calls: &Calls) -> String {
    let is_chain =
        |step: &Step| matches!(&step.op, Op::Chain(chain) if chain.links.iter().all(|l| l.target().is_none()));
    let mut text = String::new();
    let mut steps = plan.steps.iter().enumerate().peekable();
    while let Some((index, step)) = steps.next() {
        let row = plan.steps[index..].iter().take_while(|step| is_chain(step));
        let counts: Vec<_> = row.map(|step| step.op.links().len().to_string()).collect();
        if counts.len() < FEWEST_IN_A_LOOP {
            let _ = write!(text, "    /* {} */\n{}", name(plan, step), calls.call(index, step));
            continue;
        }
        let (count, first) = (counts.len(), calls.tables.first_link(index));
        let _ = write!(
            text,
            "    /* {} and the {} chains behind it */\n    {{\n\
             \x20       static const unsigned char counts[{count}] = {{{}}};\n        const @link *link = &@links[{first}];\n\
             \x20       size_t i;\n        for (i = 0; i < {count}; i++) {{\n\
             \x20           @chain_$I(link, counts[i], &image);\n            link += counts[i];\n        }}\n    }}\n",
            name(plan, step),
            count - 1,
            counts.join(", ")
        );
        steps.nth(count - 2);
    }
    text
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
    format!("{} {origin}", step.label()).trim_end().into()
}

impl Calls<'_> {
    fn call(&self, index: usize, step: &Step) -> String {
        let (tables, outputs) = (self.tables, self.outputs);
        match &step.op {
            Op::Chain(chain) => self.chain(index, chain),
            Op::Dense { input, n, epilogue, output, .. } => {
                let to = outputs.place(*output);
                let padding = match (self.needs.dense_inside, output) {
                    (false, _) => "",
                    (true, Target::Arena(_)) => "1, ",
                    (true, Target::Output { .. }) => "0, ",
                };
                let mut text =
                    format!("    @dense_$I(&@step{index}, arena + {}, weights, {padding}{to});\n", input / 4);
                text += &self.pass(Pass::behind(epilogue, *n), &to, *n);
                text
            }
            Op::Activate { at, n, activation } => {
                let pass = Pass::of_vector(&Epilogue::activation(*activation), *n);
                self.pass(pass, &outputs.place(*at), *n)
            }
            Op::Softmax { at, outer, n, inner, log } => {
                let name =
                    format!("{}softmax{}", if *log { "log_" } else { "" }, if *inner > 1 { "_apart" } else { "" });
                let stride = if *inner > 1 { format!(", {inner}") } else { String::new() };
                each(&outputs.place(*at), *outer, *n, *inner, |x, _| format!("@{name}({x}, {n}{stride});"))
            }
            Op::LpNormalize { at, outer, n, inner, p, epsilon } => {
                let epsilon = float(*epsilon);
                each(&outputs.place(*at), *outer, *n, *inner, |x, _| {
                    format!("@normalise{p}({x}, {n}, {inner}, {epsilon});")
                })
            }
            Op::ArgMax { input, outer, n, inner, select_last, output } => {
                let (from, to) = (format!("arena + {}", input / 4), outputs.place(*output));
                let name = if *select_last { "argmax_last" } else { "argmax" };
                each(&from, *outer, *n, *inner, |x, i| format!("({to})[{i}] = @{name}({x}, {n}, {inner});"))
            }
            Op::Halve { input, n, output } => {
                format!("    @halve(arena + {}, {n}, {});\n", input / 4, outputs.place(*output))
            }
            Op::Copy { input, output, channel } => {
                let name = if codes::is_codes(input) { "copy_codes" } else { "copy" };
                format!("    @{name}({}, {}, {channel}, arena);\n", tables.map(input), tables.map(output))
            }
            Op::Convert { input, output, codes: of } => {
                let (name, from, to) = match codes::is_codes(input) {
                    true => {
                        ("numbers", codes::bytes("const ", input.offset), outputs.place(Target::Arena(output.offset)))
                    }
                    false => ("quantise", outputs.place(Target::Arena(input.offset)), codes::bytes("", output.offset)),
                };
                // Both maps are there as a whole, in the same order.
                let n = input.height * input.width * padded_channels(input.channels);
                format!("    @{name}({from}, {to}, {n}, {});\n", codes::quant(of))
            }
            Op::Import { source: Source::Image(image), output, codes: Some(of) } => {
                let quant = if codes::is_number(image) { codes::quant(of) + ", " } else { String::new() };
                format!("    @import_codes({}, input, {quant}arena);\n", tables.map(output))
            }
            Op::Import { output, .. } => format!("    @import({}, input, arena);\n", tables.map(output)),
            Op::Export { input, layout, output } => {
                let to = outputs.place(*output);
                if codes::is_codes(input) {
                    let signed = i32::from(outputs.dtype(*output) == Some(DType::I8));
                    let (order, map) = (order(*layout), tables.map(input));
                    return format!("    @export_codes_{order}({map}, arena, {signed}, {to});\n");
                }
                format!("    @export_{}({}, arena, {to});\n", order(*layout), tables.map(input))
            }
        }
    }

    fn chain(&self, index: usize, chain: &Chain) -> String {
        let (mut text, first) = (String::new(), self.tables.first_link(index));
        let Some(last) = chain.links.last() else { return text };
        let mean = last
            .target()
            .filter(|_| last.codes.is_none())
            .map(|to| (self.outputs.place(to), matches!(to, Target::Arena(_))));
        if let Some((to, padded)) = &mean {
            let _ = write!(text, "    image.means = {to};\n    image.padding = {};\n", i32::from(*padded));
        }
        let alone = chain.links.len() == 1 && mean.is_some();
        text += &match alone {
            true => {
                let map = last.input.as_ref().map_or_else(String::new, |input| self.tables.map(input));
                format!("    image.in = {map};\n    @mean_$I(&image, 0, {});\n", last.groups())
            }
            false => format!("    @chain_$I(&@links[{first}], {}, &image);\n", chain.links.len()),
        };
        if let Some((to, _)) = &mean {
            let n = last.output.channels;
            text += &self.pass(Pass::of_vector(&last.epilogue, n), to, n);
        }
        text
    }

    fn pass(&self, pass: Option<Pass>, to: &str, n: usize) -> String {
        pass.map_or_else(String::new, |pass| {
            format!("    @pass_vector_$I({}, weights, {to}, {n});\n", self.tables.pass(&pass))
        })
    }
}

/// A statement for each of the vectors along `n` of `[outer][n][inner]`: given the address of its first element, and its number.
fn each(from: &str, outer: usize, n: usize, inner: usize, statement: impl Fn(&str, &str) -> String) -> String {
    if outer * inner == 1 {
        return format!("    {}\n", statement(from, "0"));
    }
    let (place, number) = match inner {
        1 => (format!("{from} + i * {n}"), "i".to_string()),
        _ => (format!("{from} + i * {} + j", n * inner), format!("i * {inner} + j")),
    };
    let call = statement(&place, &number);
    match inner {
        1 => format!(
            "    {{\n        size_t i;\n        for (i = 0; i < {outer}; i++) {{\n            {call}\n        }}\n    }}\n"
        ),
        _ => format!(
            "    {{\n        size_t i, j;\n        for (i = 0; i < {outer}; i++) {{\n            for (j = 0; j < {inner}; j++) {{\n\
             \x20               {call}\n            }}\n        }}\n    }}\n"
        ),
    }
}
