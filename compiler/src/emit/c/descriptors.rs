//! What the kernels read about each step: constant structures.

use super::needs::is_tiled;
use super::stem::pad;
use super::text::float;
use crate::graph::Window;
use crate::plan::{Clamp, Kernel, Map, Plan, Step};

pub(super) fn name_of(plan: &Plan, step: &Step) -> String {
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

pub(super) fn descriptor(name: &str, kernel: &Kernel) -> String {
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
