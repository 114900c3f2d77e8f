//! `net.c` without kernels: descriptors for the static library of `mobilenet-runtime-capi`, and calls into it.

use super::outputs::Outputs;
use super::source::{checked, entry_of, kernel, overrides, weights_access};
use super::steps::hooked;
use super::text::{expand, float};
use super::{COptions, Kernels, rows};
use crate::emit::descriptor::{self, Value};
use crate::emit::rust::ABI;
use crate::graph::DType;
use crate::plan::{Chain, Map, Op, Plan, Quant, RowsIn, Step, Target};

pub(super) fn source(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let outputs = Outputs::of(plan);
    let mut body = weights_access(plan, options);
    for (index, step) in plan.steps.iter().enumerate() {
        body += &constants(&name(index), &step.op);
    }
    body += "\n";
    body += &run(plan, options, &outputs);
    body += &checked(
        plan,
        options,
        match plan.rows_in() {
            Ok(_) => "    return @infer(input, NULL, output, arena) == MOBILENET_RT_OK ? @@OK : @@ERROR_RUNTIME;\n",
            Err(_) => "    return @infer(input, output, arena) == MOBILENET_RT_OK ? @@OK : @@ERROR_RUNTIME;\n",
        },
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
fn run(plan: &Plan, options: &COptions, outputs: &Outputs) -> String {
    let input = plan.lengths().0 / plan.network.batch.max(1);
    let rows = plan.rows_in().ok();
    let steps = hooked(plan, options.stage_hooks, |index, step| {
        let call = call(&name(index), step, input, outputs);
        match (&rows, &step.op) {
            (Some(rows), Op::Chain(chain)) if chain.first().is_some_and(|first| first.source().is_some()) => {
                let by_rows = call_by_rows(&name(index), chain, rows, outputs);
                format!("    if (rows == NULL) {{\n        {call}\n    }} else {{\n        {by_rows}\n    }}\n")
            }
            _ => format!("    {call}\n"),
        }
    });
    if rows.is_some() {
        let text = kernel!("runtime_rows").replace("%STEPS%", &steps) + &rows::entries(Kernels::Runtime);
        return kernel!("rows").to_string() + &entry_of(&text, plan, options, outputs);
    }
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    let image = if outputs.counts_images() { "n" } else { "image" };
    entry_of(&kernel!("runtime").replace("%STEPS%", &steps).replace("%N%", image), plan, options, outputs)
}

/// The call of a chain that reads the input, a row at a time.
fn call_by_rows(name: &str, chain: &Chain, rows: &RowsIn, outputs: &Outputs) -> String {
    let mean = match chain.last().and_then(|last| Some((last.target()?, last.output.channels))) {
        Some((to @ Target::Output { .. }, n)) => place(outputs, to, n).1,
        _ => "NULL, 0".into(),
    };
    let (element, offset) = (rows.image.element.name(), rows.offset);
    format!("mobilenet_rt_run_chain_rows_{element}(&run, &{name}, {offset}, rows->read, rows->context, {mean});")
}

fn call(name: &str, step: &Step, input: usize, outputs: &Outputs) -> String {
    let place = |target: Target, len: usize| place(outputs, target, len);
    let (function, arguments) = match &step.op {
        Op::Chain(chain) => {
            let element = chain.first().and_then(|first| first.source()).map(|source| source.image().element.name());
            let read = if element.is_some() { format!("input, {input}") } else { "NULL, 0".into() };
            let function = format!("chain_{}", element.unwrap_or("f32"));
            let mean = chain.last().and_then(|last| Some((last.target()?, last.output.channels)));
            match mean {
                Some((to @ Target::Output { .. }, n)) => {
                    (format!("{function}_mean_out"), format!("&{name}, {read}, {}", place(to, n).1))
                }
                _ => (function, format!("&{name}, {read}")),
            }
        }
        Op::Dense { n, output, .. } => {
            let (suffix, to) = place(*output, *n);
            (format!("dense{suffix}"), format!("&{name}, {to}"))
        }
        Op::Copy { channel, .. } => ("copy".into(), format!("&{name}, &{name}_to, {channel}")),
        Op::Activate { at, n, .. } => match at {
            Target::Arena(offset) => ("activate".into(), format!("&{name}, {offset}, {n}")),
            Target::Output { .. } => ("activate_out".into(), format!("&{name}, {}", place(*at, *n).1)),
        },
        Op::Softmax { at, outer, n, inner, log } => {
            array("softmax", outputs, *at, [*outer, *n, *inner], &i32::from(*log).to_string())
        }
        Op::LpNormalize { at, outer, n, inner, p, epsilon } => {
            array("normalize", outputs, *at, [*outer, *n, *inner], &format!("{p}, {}", float(*epsilon)))
        }
        Op::ArgMax { input, outer, n, inner, select_last, output } => {
            let to = place(*output, outer * inner).1;
            ("argmax".into(), format!("{input}, {outer}, {n}, {inner}, {}, {to}", i32::from(*select_last)))
        }
        Op::Halve { input, n, output } => ("halve".into(), format!("{input}, {}", place(*output, *n).1)),
        Op::Convert { .. } => ("convert".into(), format!("&{name}, &{name}_to, &{name}_codes")),
        Op::Import { source, codes, .. } => {
            let element = source.image().element.name();
            let (on, codes) = match codes {
                Some(_) => ("codes_", format!("&{name}_codes, ")),
                None => ("", String::new()),
            };
            (format!("import_{on}{element}"), format!("&{name}_source, &{name}, {codes}input, {input}"))
        }
        Op::Export { input, layout, output } => {
            let (suffix, to) = match output {
                Target::Arena(offset) => ("_at", offset.to_string()),
                Target::Output { port, .. } => {
                    let suffix = match outputs.ports.get(*port).map(|port| port.dtype) {
                        Some(DType::U8) => "_u8",
                        Some(DType::I8) => "_i8",
                        _ => "",
                    };
                    (suffix, place(*output, input.shape().iter().product()).1)
                }
            };
            (format!("export{suffix}"), format!("&{name}, {}, {to}", value(&descriptor::layout(*layout))))
        }
    };
    format!("mobilenet_rt_run_{function}(&run, {arguments});")
}

/// Where a step writes a vector: what its function's name ends in, and the arguments.
fn place(outputs: &Outputs, target: Target, len: usize) -> (&'static str, String) {
    match target {
        Target::Arena(offset) => ("", offset.to_string()),
        Target::Output { .. } => ("_out", format!("{}, {len}", outputs.place(target))),
    }
}

/// A step that works in place on an array.
fn array(function: &str, outputs: &Outputs, at: Target, sizes: [usize; 3], rest: &str) -> (String, String) {
    let [outer, n, inner] = sizes;
    match at {
        Target::Arena(offset) => (function.into(), format!("{offset}, {outer}, {n}, {inner}, {rest}")),
        Target::Output { .. } => {
            let to = place(outputs, at, outer * n * inner).1;
            (format!("{function}_out"), format!("{to}, {n}, {inner}, {rest}"))
        }
    }
}

/// The constants that a step's call refers to.
fn constants(name: &str, op: &Op) -> String {
    let constant = |ty: &str, name: &str, value: &Value| {
        format!("static const mobilenet_rt_{ty} {name} = {};\n", self::value(value))
    };
    let one_map = |name: &str, map: &Map| constant("map", name, &Value::Map(Some(*map)));
    match op {
        Op::Chain(chain) => self::chain(name, chain),
        Op::Dense { input, k, n, weights, epilogue, .. } => {
            constant("dense", name, &descriptor::dense(*input, *k, *n, *weights, epilogue))
        }
        Op::Activate { activation, .. } => constant("activation", name, &descriptor::activation(*activation)),
        Op::Copy { input, output, .. } => one_map(name, input) + &one_map(&format!("{name}_to"), output),
        Op::Import { source, output, codes } => {
            let codes = codes.map_or_else(String::new, |codes| quant(name, codes));
            constant("source", &format!("{name}_source"), &descriptor::source(source.image()))
                + &one_map(name, output)
                + &codes
        }
        Op::Convert { input, output, codes } => {
            one_map(name, input) + &one_map(&format!("{name}_to"), output) + &quant(name, *codes)
        }
        Op::Export { input, .. } => one_map(name, input),
        Op::Softmax { .. } | Op::LpNormalize { .. } | Op::ArgMax { .. } | Op::Halve { .. } => String::new(),
    }
}

fn quant(name: &str, quant: Quant) -> String {
    format!("static const mobilenet_rt_quant {name}_codes = {};\n", value(&descriptor::quant(Some(quant))))
}

fn chain(name: &str, chain: &Chain) -> String {
    let (stem, links) = descriptor::chain(chain);
    let (mut text, mut stem_at, mut links_at) = (String::new(), "NULL".to_string(), "NULL".to_string());
    if let Some(stem) = &stem {
        stem_at = format!("&{name}_stem");
        let at = Addresses { floats: format!("{name}_border"), structure: format!("{name}_stem_codes") };
        text += &at.values(stem);
        text += &format!("static const mobilenet_rt_stem {name}_stem = {};\n", value_of(stem, &at));
    }
    if !links.is_empty() {
        links_at = format!("{name}_links");
        let at = |i: usize| Addresses { floats: "NULL".into(), structure: format!("{name}_codes{i}") };
        text.extend(links.iter().enumerate().map(|(i, link)| at(i).values(link)));
        let rows: Vec<_> = links.iter().enumerate().map(|(i, link)| value_of(link, &at(i))).collect();
        text += &format!("static const mobilenet_rt_link {links_at}[{}] = {{{}}};\n", links.len(), rows.join(", "));
    }
    text + &format!("static const mobilenet_rt_chain {name} = {{{stem_at}, {links_at}, {}}};\n", links.len())
}

/// What the values are called that a descriptor points to.
struct Addresses {
    floats: String,
    structure: String,
}

impl Addresses {
    /// The values that a descriptor points to.
    fn values(&self, value: &Value) -> String {
        let Value::Struct(_, fields) = value else { return String::new() };
        let pointed = fields.iter().filter_map(|(_, value)| match value {
            Value::Floats(values) if !values.is_empty() => {
                let list: Vec<_> = values.iter().map(|&value| float(value)).collect();
                Some(format!("static const float {}[{}] = {{{}}};\n", self.floats, list.len(), list.join(", ")))
            }
            Value::Pointer(Some(value)) => {
                Some(format!("static const mobilenet_rt_codes {} = {};\n", self.structure, self::value(value)))
            }
            _ => None,
        });
        pointed.collect()
    }
}

fn value(value: &Value) -> String {
    value_of(value, &Addresses { floats: "NULL".into(), structure: "NULL".into() })
}

/// A descriptor as an initialiser.
fn value_of(value: &Value, at: &Addresses) -> String {
    match value {
        Value::Size(value) => value.to_string(),
        Value::Nowhere => "MOBILENET_RT_NONE".into(),
        Value::Float(value) => float(*value),
        Value::Pair([rows, columns]) => format!("{{{rows}, {columns}}}"),
        Value::Floats(values) if values.is_empty() => "NULL".into(),
        Value::Floats(_) => at.floats.clone(),
        Value::Pointer(None) => "NULL".into(),
        Value::Pointer(Some(_)) => format!("&{}", at.structure),
        Value::Constant(ty, name) => constant(ty, name),
        Value::Map(None) => "{0, 0, 0, 0, 0, 0, 0}".into(),
        Value::Map(Some(map)) => {
            let sizes = descriptor::map(map).map(|(_, size)| size.to_string());
            format!("{{{}}}", sizes.join(", "))
        }
        Value::Struct(_, fields) => {
            let fields: Vec<_> = fields.iter().map(|(_, value)| value_of(value, at)).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// The header's macro of a constant: of a layout `MOBILENET_RT_NCHW`, of a kind `MOBILENET_RT_LINK_MAX_POOL`.
fn constant(ty: &str, name: &str) -> String {
    let family = match ty {
        "LinkKind" => "LINK_",
        "ActivationKind" => "ACTIVATION_",
        _ => "",
    };
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_uppercase());
    }
    format!("MOBILENET_RT_{family}{words}")
}
