//! The kernels of one instruction set, as far as the plan needs them.

use super::isa::{Form, Isa};
use super::links::{self, Kind};
use super::needs::Needs;
use super::source::kernel;
use super::{arrays, codes, passes, tiles};
use crate::plan::Packing;
use std::fmt::Write;

/// All kernels of an instruction set that the plan needs.
pub(super) fn kernels(isa: &Isa, needs: &Needs, packing: Packing) -> String {
    let mut text = links::functions(isa, needs);
    text += &codes::functions(isa, needs, packing);
    text += &passes::functions(needs);
    if !needs.kinds.is_empty() {
        text += &chain(isa, needs);
    }
    if !needs.dense.is_empty() {
        text += &dense_kernels(isa, needs);
    }
    text
}

/// What runs the links of chains, and the function of one link.
fn chain(isa: &Isa, needs: &Needs) -> String {
    let call = |kind: Kind| match kind {
        Kind::Mean => format!("@{}_$I(image, q, q + 1);", kind.name()),
        Kind::Codes(kind) => kind.call(),
        _ => format!("@{}_$I(s, image, q);", kind.name()),
    };
    let kinds: Vec<_> = needs.kinds.iter().copied().collect();
    let mut body = String::new();
    if needs.begins_sums() {
        let own =
            [Kind::Elementwise, Kind::Codes(codes::Kind::Elementwise)].into_iter().filter(|&kind| needs.adds(kind));
        let others: String = own.map(|kind| format!(" && s->kind != {}", kind.constant())).collect();
        let _ = write!(body, "    if (s->add != @@NONE{others}) {{\n        @begin_sum(s, image, q);\n    }}\n");
    }
    body += &match kinds[..] {
        [kind] => format!("    {}\n", call(kind)),
        _ => {
            let case =
                |&kind: &Kind| format!("    case {}:\n        {}\n        break;\n", kind.constant(), call(kind));
            let cases: String = kinds.iter().map(case).collect();
            format!("    switch (s->kind) {{\n{cases}    default:\n        break;\n    }}\n")
        }
    };
    if !needs.map_passes.is_empty() {
        body += "    if (s->pass != @@NONE) {\n        @pass_group_$I(s, image, q);\n    }\n";
    }
    let run = if needs.runs_ahead { kernel!("chain") } else { kernel!("chain_abreast") };
    let staged = if needs.stems.is_empty() { "" } else { "    image->staged = 0;\n" };
    kernel!("link_group").replace("%BODY%", &body)
        + &run
            .replace("%APART%", isa.apart())
            .replace("%LINKS%", &needs.longest.to_string())
            .replace("%STAGED%", staged)
}

fn dense_kernels(isa: &Isa, needs: &Needs) -> String {
    let (padding, whole_blocks) = match needs.dense_inside {
        true => ("int padding, ", true),
        false => ("", false),
    };
    if isa.form == Form::Compact && !needs.products.is_empty() {
        let sum = if needs.adds(Kind::Pointwise) { "0, " } else { "" };
        let whole = if whole_blocks { "padding ? s->n : s->n / 16 * 16" } else { "s->n / 16 * 16" };
        let text = kernel!("compact/dense").replace("%PADDING%", padding).replace("%SUM%", sum);
        return text.replace("%WHOLE%", whole);
    }
    let mut text = String::new();
    let mut runs = String::new();
    let tile = |width| if isa.form == Form::Arrays { arrays::dense(width) } else { tiles::dense(isa, width) };
    let rests: Vec<_> = needs.dense.iter().map(|n| n % 16).collect();
    let (wide, narrow) = (rests.iter().any(|&n| n > 8), rests.iter().any(|&n| (1..=8).contains(&n)));
    let whole = needs.dense.iter().any(|&n| n >= 16);
    if whole || wide {
        text += &tile(16);
    }
    if whole {
        runs += "    for (; c + 16 <= s->n; c += 16, panel += (1 + s->k) * 16) {\n        \
                 @dense16_$I(a, s->k, panel, s->clamp, out + c);\n    }\n";
    }
    if narrow {
        text += &tile(8);
    }
    if wide || narrow {
        let (first, second) =
            ("@dense16_$I(a, s->k, panel, s->clamp, last);", "@dense8_$I(a, s->k, panel, s->clamp, last);");
        let call = match (wide, narrow) {
            (true, true) => {
                format!(
                    "if (s->n - c > 8) {{\n            {first}\n        }} else {{\n            {second}\n        }}"
                )
            }
            (true, false) => first.into(),
            _ => second.into(),
        };
        let rest = if whole_blocks { "(padding ? @block(s->n, c) : s->n - c)" } else { "(s->n - c)" };
        let _ = writeln!(
            runs,
            "    if (c < s->n) {{\n        float last[16];\n        {call}\n        memcpy(out + c, last, {rest} * sizeof(float));\n    }}"
        );
    } else if whole_blocks {
        runs += "    (void)padding;\n";
    }
    let start = if wide || narrow || whole { "    size_t c = 0;\n" } else { "" };
    text + &kernel!("dense_run").replace("%PADDING%", padding).replace("%START%", start).replace("%RUNS%", &runs)
}
