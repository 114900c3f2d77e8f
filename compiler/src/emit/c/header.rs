//! `net.h`.

use super::text::expand;
use super::{COptions, WeightStorage};
use crate::graph::DType;
use crate::network::{Layout, Port};
use crate::plan::Plan;

/// The C type of an element.
pub(super) fn c_type(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F32 => Some("float"),
        DType::U8 => Some("uint8_t"),
        DType::I8 => Some("int8_t"),
        _ => None,
    }
}

fn port(direction: &str, port: &Port, len: usize) -> String {
    let shape: Vec<_> = port.shape.iter().map(ToString::to_string).collect();
    let layout = match (port.shape.len(), port.layout) {
        (4, Layout::Nchw) => "NCHW",
        (4, Layout::Nhwc) => "NHWC",
        _ => "NC",
    };
    let ty = c_type(port.dtype).unwrap_or("float");
    format!(
        "#define @@{direction}_TYPE {ty}\n#define @@{direction}_RANK {}\n#define @@{direction}_SHAPE {{{}}}\n\
         #define @@{direction}_LAYOUT \"{layout}\"\n#define @@{direction}_LEN {len}\n\n",
        port.shape.len(),
        shape.join(", ")
    )
}

pub(super) fn header(plan: &Plan, options: &COptions, prefix: &str, banner: &str) -> String {
    let (input_len, output_len) = plan.lengths();
    let mut text = String::from("#ifndef @@H\n#define @@H\n\n#include <stddef.h>\n#include <stdint.h>\n\n");
    text += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    text += "/* Elements and axes as in the ONNX model, the batch included. */\n";
    text += &port("INPUT", &plan.network.input, input_len);
    text += &port("OUTPUT", &plan.network.output, output_len);
    text += &format!(
        "#define @@BATCH {}\n#define @@ARENA_BYTES {}\n#define @@WEIGHT_BYTES {}\n\
         /* Multiplications with addition of one image: convolutions and dense layers. */\n#define @@MULT_ADDS {}u\n\n",
        plan.network.batch,
        plan.arena_bytes,
        plan.weights.len(),
        plan.mult_adds()
    );
    text += "#define @@OK 0\n#define @@ERROR_NULL 1 /* a pointer is null */\n";
    if options.weights == WeightStorage::Bin {
        text += "#define @@ERROR_NOT_LOADED 2 /* no weights: call @load first */\n\
                 #define @@ERROR_ALIGNMENT 3  /* the weights lie at an address that is no multiple of 4 */\n\
                 #define @@ERROR_FORMAT 4     /* not a file of weights */\n\
                 #define @@ERROR_SIZE 5       /* weights of another model, or cut short */\n\
                 #define @@ERROR_HASH 6       /* weights of another model, or damaged */\n";
    }
    text += "\n/* Scratch memory of one inference at a time; it may lie at any address. */\ntypedef struct @arena {\n";
    if options.weights == WeightStorage::Bin {
        text += "    const void *weights; /* set by @load */\n";
    }
    text += "    unsigned char bytes[@@ARENA_BYTES + 63];\n} @arena;\n\n";
    text += "/* Reads @@INPUT_LEN elements, writes @@OUTPUT_LEN. No allocation, no I/O, no failure. */\n\
             void @run(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena);\n\n\
             /* The same, with a check of the arguments: @@OK or an error from above. */\n\
             int @run_checked(const @@INPUT_TYPE *input, @@OUTPUT_TYPE *output, @arena *arena);\n";
    if options.weights == WeightStorage::Bin {
        text += &format!(
            "\n/* Checks the contents of {prefix}.bin, which must stay where they are, best at a multiple of 64. */\n\
             int @load(@arena *arena, const void *blob, size_t size);\n"
        );
    }
    if options.self_test.is_some() {
        text += "\n/* Runs the vector that is embedded in @test.c: 0 when its output comes out, else 1 plus the first wrong element. */\n\
                 int @self_test(@arena *arena);\n"
            .replace("@test.c", &format!("{prefix}_test.c"))
            .as_str();
    }
    text += "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
    format!("{banner}{}", expand(&text, prefix))
}
