//! `net_test.c`: an input, the output that the reference gives, and their comparison.

use super::outputs::Outputs;
use super::source::{kernel, weights_address, weights_declaration};
use super::text::{expand, float};
use super::{COptions, SelfTest, WeightStorage, weights};
use crate::diagnostic::Problem;
use crate::graph::{DType, half};
use crate::plan::{Op, Plan, Step, Target};

/// Elements in a row of the embedded input: some tools take time quadratic in the length of a list.
const ROW: usize = 64;

/// What rounding to float16 may add to a difference: from one number to the next.
const ROUNDING: &str = "6e-8f + 9.765625e-4f * (expected[i] < 0.0f ? -expected[i] : expected[i])";

/// What keeps a self-test from being one of this plan.
pub(super) fn check(plan: &Plan, test: &SelfTest) -> Option<Problem> {
    let (outputs, input) = (Outputs::of(plan), plan.lengths().0);
    let output = outputs.total();
    let expected = (input.saturating_mul(plan.network.input.dtype.bytes()), output);
    let found = (test.input.len(), test.expected.len());
    if expected != found {
        let [expected, found] = [expected, found].map(|(i, o)| format!("{i} bytes in, {o} values out"));
        return Some(Problem::new("the self-test does not fit the model").expected(expected, found));
    }
    let given = floats(&test.input).filter(|_| plan.network.input.dtype == DType::F32);
    let halves = test.input.as_chunks().0.iter().map(|&bits| half::f16_to_f32(u16::from_le_bytes(bits)));
    let halves = halves.filter(|_| plan.network.input.dtype == DType::F16);
    let given = given.chain(halves);
    let odd = given.chain(test.expected.iter().copied()).find(|x| !x.is_finite())?;
    let problem = Problem::new("the self-test holds a value that can't be compared");
    Some(problem.expected("finite inputs and outputs", odd.to_string()).hint("build without a self-test"))
}

pub(super) fn unit(plan: &Plan, test: &SelfTest, options: &COptions, prefix: &str, banner: &str) -> String {
    let mut text = String::from("#include \"@h\"\n\n#include <string.h>\n\n");
    text += kernel!("config");
    text += &weights_declaration(plan, options);
    text += kernel!("hash");
    if plan.network.outputs.iter().any(|output| output.port.dtype == DType::F16) {
        text += &kernel!("half").replace("%NAME%", "expand");
    }
    let rows = plan.lengths().0.div_ceil(ROW);
    text += &format!("static const @@INPUT_TYPE @test_input[{rows}][{ROW}] = {{\n");
    text += &match plan.network.input.dtype {
        DType::U8 => rows_of(test.input.iter().map(ToString::to_string)),
        DType::F16 => {
            rows_of(test.input.as_chunks().0.iter().map(|&bits| format!("0x{:04x}", u16::from_le_bytes(bits))))
        }
        DType::I8 => rows_of(test.input.iter().map(|b| b.cast_signed().to_string())),
        _ => rows_of(floats(&test.input).map(float)),
    };
    text += "};\n\nstatic const float @test_expected[";
    let outputs = Outputs::of(plan);
    text += &format!("{}] = {{\n", outputs.total());
    text += &numbers(test.expected.iter().copied().map(float));
    text += "};\n\n";
    let (mut compare, mut first, mut tails) = (String::new(), 0, "");
    for port in 0..outputs.ports.len() {
        let (tail, allowed) = tolerance(plan, port);
        let own = if outputs.are_several() { port.to_string() } else { String::new() };
        let halves = outputs.ports[port].dtype == DType::F16;
        let (found, allowed) = match halves {
            true => ("@expand(found[i])", format!("{ROUNDING} + ({allowed})")),
            false => ("(float)found[i]", allowed.to_string()),
        };
        compare += &kernel!("compare")
            .replace("(float)found[i]", found)
            .replace("%FIRST%", &if first > 0 { format!(" + {first}") } else { String::new() })
            .replace("%EACH%", &outputs.each(port).to_string())
            .replace("%TYPE%", &format!("@@OUTPUT{own}_TYPE"))
            .replace("%FOUND%", &outputs.whole(port))
            .replace("%ALLOWED%", &allowed);
        first += outputs.len(port);
        tails = if tails.is_empty() { tail } else { tails };
    }
    text += &kernel!("self_test")
        .replace("%TAIL%", tails)
        .replace("%OUTPUT%", outputs.ty())
        .replace("%COMPARE%", &compare)
        .replace("%WEIGHTS%", &weights_address(plan, options))
        .replace("%HASH%", &weights::hash_literal(&plan.weights));
    if options.weights != WeightStorage::Bin {
        text += kernel!("test_main");
    }
    format!("{banner}{}", expand(&text, prefix))
}

/// Most probabilities of a confident softmax are tiny, so they are looked at by their own size: what is wrong with a score
/// is wrong with them all.
fn tolerance(plan: &Plan, port: usize) -> (&'static str, &'static str) {
    let alone = Outputs::of(plan).ports.len() == 1;
    if Outputs::of(plan).ports.get(port).is_some_and(|port| matches!(port.dtype, DType::U8 | DType::I8)) {
        return (", codes\n * exactly", "0.0f");
    }
    let probabilities = |step: &Step| match &step.op {
        Op::Softmax { at: Target::Output { port: of, .. }, log: false, .. } => *of == port,
        Op::Softmax { at: Target::Arena(_), log: false, .. } => alone,
        _ => false,
    };
    if plan.steps.iter().any(probabilities) {
        (
            ",\n * probabilities also within a hundredth of themselves",
            "expected[i] < 1e-2f * largest ? 1e-2f * expected[i] + 1e-30f : 1e-4f * largest",
        )
    } else {
        ("", "1e-4f * largest")
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Lists of [`ROW`] elements in an initialiser.
fn rows_of(values: impl Iterator<Item = String>) -> String {
    let values: Vec<_> = values.collect();
    values.chunks(ROW).map(|row| format!("    {{\n{}    }},\n", numbers(row.iter().cloned()))).collect()
}

/// The lines of an initialiser.
fn numbers(values: impl Iterator<Item = String>) -> String {
    const WIDTH: usize = 116;
    let mut text = String::new();
    let mut column = 0;
    for value in values {
        if column > 0 && column + value.len() + 2 > WIDTH {
            text.push('\n');
            column = 0;
        }
        text.push_str(if column == 0 { "    " } else { " " });
        text.push_str(&value);
        text.push(',');
        column += value.len() + 2 + if column == 0 { 3 } else { 0 };
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_lines() {
        assert_eq!(numbers([1.5f32, -2.0].into_iter().map(float)), "    1.5f, -2.0f,\n");
        let text = numbers((0..200).map(|i| i.to_string()));
        assert!(text.lines().all(|line| line.len() <= 116), "{text}");
        assert!(text.lines().count() < 10, "{text}");
    }
}
