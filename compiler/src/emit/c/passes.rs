//! What follows the clamping of values: activations of other kinds, and what each channel has of its own.

use super::needs::Needs;
use super::source::kernel;
use super::text::float;
use crate::graph::Activation;
use crate::plan::{Epilogue, padded_channels};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    activation: Option<Activation>,
    /// Float offset of a slope per channel in the weights.
    slopes: Option<usize>,
    /// Float offsets of a scale and of an offset per channel.
    affine: Option<[usize; 2]>,
}

/// A kind of activation: its constant, and its parameters.
fn spelled(activation: Activation) -> (&'static str, [f32; 2]) {
    match activation {
        Activation::Clamp { lo, hi } => ("@@CLAMP", [lo, hi]),
        Activation::HardSwish => ("@@HARD_SWISH", [0.0; 2]),
        Activation::HardSigmoid { alpha, beta } => ("@@HARD_SIGMOID", [alpha, beta]),
        Activation::Sigmoid => ("@@SIGMOID", [0.0; 2]),
        Activation::Swish => ("@@SWISH", [0.0; 2]),
        Activation::Tanh => ("@@TANH", [0.0; 2]),
        Activation::LeakyRelu { alpha } => ("@@LEAKY_RELU", [alpha, 0.0]),
    }
}

/// The bounds that a kernel keeps to while values are in registers.
pub(super) fn clamp(activation: Activation) -> [f32; 2] {
    match activation {
        Activation::Clamp { lo, hi } => [lo, hi],
        _ => [f32::NEG_INFINITY, f32::INFINITY],
    }
}

impl Pass {
    /// What follows the clamping of a map's or a vector's n channels.
    pub(super) fn behind(epilogue: &Epilogue, n: usize) -> Option<Self> {
        let clamped = matches!(epilogue.activation, Activation::Clamp { .. });
        Self::new((!clamped).then_some(epilogue.activation), epilogue, n)
    }

    /// The whole epilogue of n values that no kernel clamps.
    pub(super) fn of_vector(epilogue: &Epilogue, n: usize) -> Option<Self> {
        Self::new(Some(epilogue.activation).filter(|&activation| activation != Activation::NONE), epilogue, n)
    }

    /// An activation alone.
    pub(super) fn activation(activation: Activation) -> Option<Self> {
        Self::of_vector(&Epilogue::activation(activation), 0)
    }

    fn new(activation: Option<Activation>, epilogue: &Epilogue, n: usize) -> Option<Self> {
        let slopes = epilogue.slopes.map(|offset| offset / 4);
        let affine = epilogue.affine.map(|offset| [offset / 4, offset / 4 + padded_channels(n)]);
        let pass = Self { activation, slopes, affine };
        (activation.is_some() || slopes.is_some() || affine.is_some()).then_some(pass)
    }

    /// The row of the table.
    pub(super) fn row(&self, needs: &Needs) -> String {
        let fields = Fields::of(needs);
        let mut values = Vec::new();
        let (name, parameters) = self.activation.map_or(("@@NO_ACTIVATION", [0.0; 2]), spelled);
        if !fields.activations.is_empty() {
            values.push(name.to_string());
        }
        if fields.parameters() {
            values.extend(parameters.map(float));
        }
        let offset = |offset: Option<usize>| offset.map_or("@@NONE".to_string(), |offset| offset.to_string());
        if fields.slopes {
            values.push(offset(self.slopes));
        }
        if fields.affine {
            values.extend([offset(self.affine.map(|a| a[0])), offset(self.affine.map(|a| a[1]))]);
        }
        format!("{{{}}}", values.join(", "))
    }
}

/// What the passes of a plan have between them.
struct Fields {
    activations: BTreeSet<&'static str>,
    slopes: bool,
    affine: bool,
}

impl Fields {
    fn of(needs: &Needs) -> Self {
        let activations = needs.passes().filter_map(|pass| Some(spelled(pass.activation?).0)).collect();
        let slopes = needs.passes().any(|pass| pass.slopes.is_some());
        Self { activations, slopes, affine: needs.passes().any(|pass| pass.affine.is_some()) }
    }

    /// Whether an activation has parameters.
    fn parameters(&self) -> bool {
        ["@@CLAMP", "@@HARD_SIGMOID", "@@LEAKY_RELU"].iter().any(|name| self.activations.contains(name))
    }
}

/// The type of a pass, and the kinds of activations.
pub(super) fn types(needs: &Needs) -> String {
    if needs.passes().next().is_none() {
        return String::new();
    }
    let fields = Fields::of(needs);
    let mut text = String::new();
    if !fields.activations.is_empty() {
        let names: Vec<_> = ["@@NO_ACTIVATION"].iter().chain(&fields.activations).copied().collect();
        let _ = writeln!(text, "enum {{ {} }};\n", names.join(", "));
    }
    let mut lines = String::new();
    if !fields.activations.is_empty() {
        lines += "    int activation;\n";
    }
    if fields.parameters() {
        lines += "    float a, b; /* its parameters */\n";
    }
    if fields.slopes {
        lines += "    size_t slopes; /* what values below zero are multiplied by; @@NONE where there are none */\n";
    }
    if fields.affine {
        lines += "    size_t scales, offsets; /* what values are multiplied by, and what is added then; or @@NONE */\n";
    }
    text + &kernel!("pass").replace("%FIELDS%", &lines)
}

/// The functions that make passes over maps and vectors.
pub(super) fn functions(needs: &Needs) -> String {
    if needs.passes().next().is_none() {
        return String::new();
    }
    let fields = Fields::of(needs);
    let mut body = String::new();
    for name in &fields.activations {
        let _ = write!(body, "    if (p->activation == {name}) {{\n{}    }}\n", loop_of(name));
    }
    if fields.slopes {
        let value = "$F_fma($F_load(by), $F_clamp(value, $F_set(-@@INFINITY), $F_set(0.0f)), \
                     $F_clamp(value, $F_set(0.0f), $F_set(@@INFINITY)))";
        body += &each_channel("p->slopes", "by = weights + p->slopes + c + v", value);
    }
    if fields.affine {
        let pointers = "scale = weights + p->scales + c + v, *const offset = weights + p->offsets + c + v";
        body += &each_channel("p->scales", pointers, "$F_fma($F_load(scale), value, $F_load(offset))");
    }
    let by_channel = fields.slopes || fields.affine;
    let mut start = String::new();
    if !by_channel {
        start += "    (void)weights;\n    (void)c;\n";
    }
    let mut text =
        kernel!("pass_block").replace("%V%", if by_channel { ", v" } else { "" }).replace("%BODY%", &(start + &body));
    if !needs.map_passes.is_empty() {
        text += kernel!("pass_group");
    }
    if !needs.vector_passes.is_empty() {
        text += kernel!("pass_vector");
    }
    text
}

/// One kind of activation over n values from x on.
fn loop_of(name: &str) -> String {
    let vectors = |constants: &str, value: &str| {
        format!(
            "        const $F {constants};\n        for (i = 0; i < n; i += $L) {{\n\
             \x20           const $F value = $F_load(x + i);\n            $F_store(x + i, {value});\n        }}\n"
        )
    };
    let scalars =
        |value: &str| format!("        for (i = 0; i < n; i++) {{\n            x[i] = {value};\n        }}\n");
    match name {
        "@@CLAMP" => vectors("lo = $F_set(p->a), hi = $F_set(p->b)", "$F_clamp(value, lo, hi)"),
        "@@HARD_SWISH" => vectors(
            "zero = $F_set(0.0f), one = $F_set(1.0f), half = $F_set(0.5f), sixth = $F_set(1.0f / 6.0f)",
            "$F_mul(value, $F_clamp($F_fma(value, sixth, half), zero, one))",
        ),
        "@@HARD_SIGMOID" => vectors(
            "zero = $F_set(0.0f), one = $F_set(1.0f), a = $F_set(p->a), b = $F_set(p->b)",
            "$F_clamp($F_fma(value, a, b), zero, one)",
        ),
        "@@LEAKY_RELU" => vectors(
            "zero = $F_set(0.0f), most = $F_set(@@INFINITY), least = $F_set(-@@INFINITY), a = $F_set(p->a)",
            "$F_fma(a, $F_clamp(value, least, zero), $F_clamp(value, zero, most))",
        ),
        "@@SIGMOID" => scalars("@sigmoid(x[i])"),
        "@@SWISH" => scalars("x[i] * @sigmoid(x[i])"),
        "@@TANH" => scalars("@tanh(x[i])"),
        _ => String::new(),
    }
}

/// What depends on the channel alone besides the value.
fn each_channel(field: &str, pointers: &str, value: &str) -> String {
    format!(
        "    for (v = 0; v < block && {field} != @@NONE; v += $L) {{\n        const float *const {pointers};\n\
         \x20       for (i = v; i < n; i += block) {{\n            const $F value = $F_load(x + i);\n\
         \x20           $F_store(x + i, {value});\n        }}\n    }}\n"
    )
}

/// The scalar functions that activations call.
pub(super) fn scalars(needs: &Needs) -> String {
    let fields = Fields::of(needs);
    let mut text = String::new();
    if ["@@SIGMOID", "@@SWISH"].iter().any(|name| fields.activations.contains(name)) {
        text += kernel!("sigmoid");
    }
    if fields.activations.contains("@@TANH") {
        text += kernel!("tanh");
    }
    text
}

/// Whether activations need the exponential function.
pub(super) fn need_exp(needs: &Needs) -> bool {
    !scalars(needs).is_empty()
}
