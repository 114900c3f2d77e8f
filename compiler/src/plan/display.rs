//! The plan as text, for `inspect --stage plan` and snapshots.

use super::{Kernel, Map, Plan, Source, Step, Target};
use crate::network::Layout;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {:?}, {} image(s) per inference", self.network.name, self.network.batch)?;
        for (i, step) in self.steps.iter().enumerate() {
            write_step(f, &format!("{i:>3}"), step)?;
            if let Kernel::Stream { steps } = &step.kernel {
                for (j, inner) in steps.iter().enumerate() {
                    write_step(f, &format!("{i:>3}.{j}"), inner)?;
                }
            }
        }
        let scratch = self.flat_steps().filter_map(|s| s.kernel.scratch()).map(|r| r.len()).max().unwrap_or(0);
        writeln!(
            f,
            "total: {} mult-adds, arena {} B (largest row block {} B), weights {} B",
            thousands(self.mult_adds()),
            thousands(self.arena_bytes as u64),
            thousands(scratch as u64),
            thousands(self.weights.len() as u64),
        )?;
        writeln!(f, "executed besides: {}", executed(self))
    }
}

/// Says which data movements run, so that their absence is visible too.
fn executed(plan: &Plan) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for step in plan.flat_steps() {
        match step.kernel {
            Kernel::Import { .. } => kinds.push("import of the input"),
            Kernel::Export { .. } => kinds.push("export of the output"),
            _ => {}
        }
    }
    kinds.push("no transpose, no pad, no batch norm, no separate activation");
    kinds.join(", ")
}

fn write_step(f: &mut fmt::Formatter<'_>, number: &str, step: &Step) -> fmt::Result {
    let kernel = &step.kernel;
    write!(f, "{number}  {:<11}", kernel.name())?;
    match kernel {
        Kernel::Stem { input, output, .. } | Kernel::Import { input, output } => {
            write!(f, " {} -> {}", source(input), map(output))?;
        }
        Kernel::Separable { input, output, .. }
        | Kernel::Depthwise { input, output, .. }
        | Kernel::Pointwise { input, output, .. }
        | Kernel::Conv { input, output, .. } => {
            write!(f, " {} -> {}, {}", map(input), map(output), sharing(input, output))?;
        }
        Kernel::GlobalAveragePool { input, output } => write!(f, " {} -> {}", map(input), target(output))?,
        Kernel::Dense { input, k, n, output, .. } => write!(f, " {k} @{input} -> {n} {}", target(output))?,
        Kernel::Softmax { at, n, .. } => write!(f, " {n} {}", target(at))?,
        Kernel::Export { input, layout } => write!(f, " {} -> output {}", map(input), axes(*layout))?,
        Kernel::Stream { steps } => {
            let last = kernel.output().map(map).unwrap_or_default();
            write!(f, " {} stages -> {last}", steps.len())?;
        }
    }
    if let Some(scratch) = kernel.scratch() {
        write!(f, ", scratch @{}+{}", scratch.start, scratch.len())?;
    }
    match kernel {
        Kernel::Stem { window, weights, .. }
        | Kernel::Depthwise { window, weights, .. }
        | Kernel::Conv { window, weights, .. } => {
            write!(f, ", {}x{}/{}", window.kernel[0], window.kernel[1], window.stride[0])?;
            write!(f, ", weights @{weights}")?;
        }
        Kernel::Separable { window, depthwise, pointwise, .. } => {
            write!(f, ", {}x{}/{}", window.kernel[0], window.kernel[1], window.stride[0])?;
            write!(f, ", weights @{depthwise} @{pointwise}")?;
        }
        Kernel::Pointwise { weights, .. } | Kernel::Dense { weights, .. } => write!(f, ", weights @{weights}")?,
        _ => {}
    }
    if kernel.mult_adds() > 0 {
        write!(f, ", {} mult-adds", thousands(kernel.mult_adds()))?;
    }
    if !step.reason.is_empty() {
        write!(f, "; {}", step.reason)?;
    }
    writeln!(f)
}

fn map(map: &Map) -> String {
    let Map { offset, height, width, channels, group, ring } = map;
    let ring = if map.is_whole() { String::new() } else { format!(", ring of {ring}") };
    format!("{height}x{width}x{channels} @{offset} (by {group}{ring})")
}

/// How input and output lie to each other. Rows always run downward, top to bottom.
fn sharing(input: &Map, output: &Map) -> String {
    let (a, b) = (input.range(), output.range());
    if a.end <= b.start || b.end <= a.start {
        return "apart".into();
    }
    match input.offset as i64 - output.offset as i64 {
        0 => "downward over its input".into(),
        lead if lead > 0 => format!("downward over its input, {} B below", thousands(lead as u64)),
        lead => format!("downward over its input, {} B above", thousands(lead.unsigned_abs())),
    }
}

fn source(source: &Source) -> String {
    let Source { height, width, channels, layout, element } = source;
    format!("input {height}x{width}x{channels} {} {element:?}", axes(*layout))
}

fn axes(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "NCHW",
        Layout::Nhwc => "NHWC",
    }
}

fn target(target: &Target) -> String {
    match target {
        Target::Arena(offset) => format!("@{offset}"),
        Target::Output => "output".into(),
    }
}

/// Digits in groups of three.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of rows in words.
pub(super) fn rows(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// Modelled cycles, rounded for reading.
pub(super) fn cycles(cycles: f64) -> String {
    match cycles {
        c if c >= 1e6 => format!("{:.2} M", c / 1e6),
        c if c >= 1e3 => format!("{:.1} k", c / 1e3),
        c => format!("{c:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{CostModel, plan, testing};

    #[test]
    fn digits_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(123_456), "123,456");
    }

    #[test]
    fn a_mobilenet_prints_one_line_per_step() {
        let plan = plan(testing::mobilenet_v1(1.0, 224, 1000), &CostModel::default()).unwrap();
        println!("{plan}");
        let text = plan.to_string();
        assert!(text.contains("no transpose, no pad, no batch norm, no separate activation"));
        assert!(text.contains("568,740,352 mult-adds"), "{text}");
    }
}
