//! `net.h`.

use super::outputs::Outputs;
use super::source::kernel;
use super::text::{expand, float};
use super::{COptions, Kernels, WeightStorage, classes, names, rows, steps};
use crate::graph::{DType, Quant};
use crate::network::Port;
use crate::plan::Plan;

/// The C type of an element.
pub(super) fn c_type(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F32 => Some("float"),
        DType::U8 => Some("uint8_t"),
        DType::I8 => Some("int8_t"),
        DType::F16 => Some("uint16_t"),
        DType::I64 => Some("int64_t"),
        _ => None,
    }
}

fn port(direction: &str, port: &Port, len: usize) -> String {
    let shape: Vec<_> = port.shape.iter().map(ToString::to_string).collect();
    let layout = port.axes();
    let ty = c_type(port.dtype).unwrap_or("float");
    format!(
        "#define @@{direction}_TYPE {ty}\n#define @@{direction}_RANK {}\n#define @@{direction}_SHAPE {{{}}}\n\
         #define @@{direction}_LAYOUT \"{layout}\"\n#define @@{direction}_LEN {len}\n\n",
        port.shape.len(),
        shape.join(", ")
    )
}

pub(super) fn header(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let outputs = Outputs::of(plan);
    let mut text = String::from("#ifndef @@H\n#define @@H\n\n#include <stddef.h>\n#include <stdint.h>\n\n");
    text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    text += &elements(plan);
    text += &port("INPUT", &plan.network.input, plan.lengths().0);
    text += &output_ports(&outputs);
    text += &quanta(plan, &outputs);
    text += &format!(
        "#define @@BATCH {}\n#define @@ARENA_BYTES {}\n#define @@WEIGHT_BYTES {}\n\
         /* Multiplications with addition of one image: convolutions and dense layers. */\n#define @@MULT_ADDS {}u\n\n",
        plan.network.batch,
        plan.arena_bytes,
        plan.weights.len(),
        plan.mult_adds()
    );
    text += &errors(options, outputs.ports.iter().all(|port| port.dtype == DType::F16));
    text += &structure(&outputs);
    text += &arena(options, &outputs);
    if options.stage_hooks {
        text += &stages(plan);
    }
    text += &functions(plan, options, &outputs, prefix);
    text += &helpers(plan, &outputs);
    text += &classes::declarations(plan);
    text += "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
    format!("{banner}{}", expand(&text, prefix))
}

/// What input and output are, in a comment.
fn elements(plan: &Plan) -> String {
    let Some(input) = plan.describe_input() else {
        return "/* Elements and axes after all options, the batch included. */\n".into();
    };
    let lines = input.replace("; ", ";\n *   ");
    format!("/*\n * Elements and axes after all options, the batch included. The input is\n *   {lines}.\n */\n")
}

fn errors(options: &COptions, halves: bool) -> String {
    let alignment = if halves { "float16 at an odd address" } else { "floats at an address that is no multiple of 4" };
    let mut text = format!(
        "#define @@OK 0\n\
         #define @@ERROR_NULL 1       /* a pointer is null */\n\
         #define @@ERROR_ALIGNMENT 3  /* {alignment} */\n",
    );
    if options.weights == WeightStorage::Bin {
        text += "#define @@ERROR_NOT_LOADED 2 /* no weights: call @load first */\n\
                 #define @@ERROR_FORMAT 4     /* not a file of weights */\n\
                 #define @@ERROR_SIZE 5       /* weights of another model, or cut short */\n";
    }
    if options.weights == WeightStorage::Bin || options.self_test.is_some() {
        text += "#define @@ERROR_HASH 6       /* weights of another model, or damaged */\n";
    }
    if options.self_test.is_some() {
        text += "#define @@ERROR_OUTPUT 64    /* plus i: element i of the self-test's output is wrong */\n";
    }
    if options.kernels == Kernels::Runtime {
        text += "#define @@ERROR_RUNTIME 7    /* the runtime library is not that of the code */\n";
    }
    text + "\n"
}

/// Element types, shapes and lengths of the outputs.
fn output_ports(outputs: &Outputs) -> String {
    if !outputs.are_several() {
        return outputs.ports.iter().map(|one| port("OUTPUT", one, outputs.len(0))).collect();
    }
    let count = format!("#define @@OUTPUTS {}\n\n", outputs.ports.len());
    let ports = outputs.ports.iter().enumerate();
    count + &ports.map(|(i, one)| port(&format!("OUTPUT{i}"), one, outputs.len(i))).collect::<String>()
}

/// Ports of codes: what their constants and functions are called, and what the codes stand for.
fn ports_of_codes(plan: &Plan, outputs: &Outputs) -> Vec<(String, Quant)> {
    let input = plan.input_quant().map(|quant| ("INPUT".to_string(), quant));
    let several = outputs.are_several();
    let output = plan.network.outputs.iter().enumerate().filter_map(|(i, output)| {
        let name = if several { format!("OUTPUT{i}") } else { "OUTPUT".into() };
        Some((name, plan.output_quant(output)?))
    });
    input.into_iter().chain(output).collect()
}

/// Scales and zero points of ports of codes.
fn quanta(plan: &Plan, outputs: &Outputs) -> String {
    let ports = ports_of_codes(plan, outputs);
    if ports.is_empty() {
        return String::new();
    }
    let lines = ports.iter().map(|(name, quant)| {
        let (scale, zero) = (float(quant.scale), quant.zero);
        format!("#define @@{name}_SCALE {scale}\n#define @@{name}_ZERO_POINT ({zero})\n")
    });
    format!("/* A code stands for (code - zero point) * scale. */\n{}\n", lines.collect::<String>())
}

/// Functions between codes and numbers.
fn helpers(plan: &Plan, outputs: &Outputs) -> String {
    let function = |(name, quant): &(String, Quant)| {
        let suffix = match name.as_str() {
            "INPUT" => kernel!("codes/header_quantise"),
            _ => kernel!("codes/header_dequantise"),
        };
        let number = name.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let [lo, hi] = quant.range();
        let text = suffix.replace("%PORT%", name).replace("%NUMBER%", number);
        text.replace("%LO%", &format!("({lo})")).replace("%HI%", &hi.to_string())
    };
    ports_of_codes(plan, outputs).iter().map(function).collect()
}

/// The structure of several outputs.
fn structure(outputs: &Outputs) -> String {
    if !outputs.are_several() {
        return String::new();
    }
    let fields = outputs.fields.iter().zip(&outputs.ports).enumerate();
    let fields = fields.map(|(i, (field, port))| {
        format!(
            "    @@OUTPUT{i}_TYPE {field}[@@OUTPUT{i}_LEN]; /* {} */\n",
            names::comment(&port.name).replace(['@', '$', '%'], "_")
        )
    });
    format!(
        "/* The outputs, in the model's order. */\ntypedef struct @output {{\n{}}} @output;\n\n",
        fields.collect::<String>()
    )
}

fn arena(options: &COptions, outputs: &Outputs) -> String {
    let mut text = String::from(
        "/* Scratch memory of one inference at a time; it may lie at any address. */\ntypedef struct @arena {\n",
    );
    if options.weights == WeightStorage::Bin {
        text += "    unsigned char weights[sizeof(const void *) + 8]; /* set by @load */\n";
    }
    text += "    union {\n        unsigned char bytes[@@ARENA_BYTES + 63];\n        float floats[@@ARENA_BYTES / sizeof(float)];\n    } memory;\n";
    if options.self_test.is_some() {
        let (ty, alignment) = match outputs.are_several() {
            true => ("@output values;".to_string(), "sizeof(@output) + 7"),
            false => ("@@OUTPUT_TYPE values[@@OUTPUT_LEN];".to_string(), "@@OUTPUT_LEN * sizeof(@@OUTPUT_TYPE) + 7"),
        };
        text += &format!(
            "    union {{\n        unsigned char bytes[{alignment}];\n        {ty}\n    }} output; /* of @self_test */\n"
        );
    }
    text + "} @arena;\n\n"
}

fn stages(plan: &Plan) -> String {
    let names: Vec<_> = plan.steps.iter().map(|step| format!("    \"{}\"", steps::name(plan, step))).collect();
    format!(
        "/* Steps of one image, with @@STAGE_BEGIN(i) before and @@STAGE_END(i) after each: macros that @@CONFIG may define. */\n\
         #define @@STAGES {}\n#define @@STAGE_NAMES {{ \\\n{} }}\n\n",
        names.len(),
        names.join(", \\\n")
    )
}

fn functions(plan: &Plan, options: &COptions, outputs: &Outputs, prefix: &str) -> String {
    let (ty, writes) = match outputs.are_several() {
        true => (outputs.ty(), "all @@OUTPUTS outputs"),
        false => (outputs.ty(), "@@OUTPUT_LEN"),
    };
    let mut text = format!(
        "/* Reads @@INPUT_LEN elements, writes {writes}. No allocation, no I/O, no failure. */\n\
         void @run(const @@INPUT_TYPE *input, {ty} *output, @arena *arena);\n\n\
         /* The same, with a check of the arguments: @@OK or an error from above. */\n\
         int @run_checked(const @@INPUT_TYPE *input, {ty} *output, @arena *arena);\n",
    );
    text += &rows::declarations(plan, outputs);
    if options.weights == WeightStorage::Bin {
        text += &format!(
            "\n/* Checks the contents of {prefix}.bin, which must stay where they are, best at a multiple of 64. */\n\
             int @load(@arena *arena, const void *blob, size_t size);\n"
        );
    }
    if options.self_test.is_some() {
        text += &format!(
            "\n/* Hashes the weights and runs the input of {prefix}_test.c: @@OK, or an error from above. */\n\
             int @self_test(@arena *arena);\n"
        );
    }
    text
}
