//! The plan as text, for `inspect --stage plan` and snapshots.

use super::facts::UNIT;
use super::{Chain, Codes, Element, Epilogue, ImageSource, Link, Map, Op, Plan, Quant, Source, Step, Target};
use crate::network::Layout;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {:?}, {} image(s) per inference", self.network.name, self.network.batch)?;
        for (i, step) in self.steps.iter().enumerate() {
            write_step(f, i, step)?;
        }
        let block = self.steps.iter().filter_map(|step| match &step.op {
            Op::Chain(chain) => Some(chain.block_bytes()),
            _ => None,
        });
        let block = block.max().unwrap_or(0);
        writeln!(
            f,
            "total: {} mult-adds, arena {} B (no order of rows needs less than {} B; largest row block {} B), weights {} B",
            thousands(self.mult_adds()),
            thousands(self.arena_bytes as u64),
            thousands(self.lower_bound as u64),
            thousands(block as u64),
            thousands(self.weights.len() as u64),
        )?;
        match self.rows_in() {
            Ok(rows) => writeln!(f, "rows in: {} elements of input at a time @{}", rows.len(), rows.offset)?,
            Err(why) => writeln!(f, "no rows in: {why}")?,
        }
        writeln!(f, "executed besides: {}", executed(self))
    }
}

/// Says which data movements run, so that their absence is visible too.
fn executed(plan: &Plan) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for step in &plan.steps {
        match step.op {
            Op::Import { .. } => kinds.push("import of the input"),
            Op::Export { .. } => kinds.push("export of the output"),
            _ => {}
        }
    }
    kinds.push("no transpose, no pad, no batch norm, no separate activation");
    kinds.join(", ")
}

fn write_step(f: &mut fmt::Formatter<'_>, index: usize, step: &Step) -> fmt::Result {
    write!(f, "{index:>3}  {:<11}", step.op.name())?;
    match &step.op {
        Op::Chain(chain) => write_ends(f, chain)?,
        Op::Dense { input, k, n, output, weights, .. } => {
            write!(f, " {k} @{input} -> {n} {}, weights @{weights}", target(output))?;
        }
        Op::Copy { input, output, channel } => {
            write!(f, " {} -> channels from {channel} of {}", map(input), map(output))?;
        }
        Op::Activate { at, n, activation } => write!(f, " {activation:?} {n} {}", target(at))?,
        Op::Softmax { at, outer, n, inner, .. } | Op::LpNormalize { at, outer, n, inner, .. } => {
            write!(f, " {} {}", extents(*outer, *n, *inner), target(at))?;
        }
        Op::Halve { input, n, output } => write!(f, " {n} @{input} -> {}", target(output))?,
        Op::ArgMax { input, outer, n, inner, output, .. } => {
            write!(f, " {} @{input} -> {}", extents(*outer, *n, *inner), target(output))?;
        }
        Op::Import { source: from, output, codes } => {
            write!(
                f,
                " {} -> {}{}",
                source(from),
                map(output),
                codes.map_or_else(String::new, |of| format!(", {of}"))
            )?;
        }
        Op::Convert { input, output, codes } => write!(f, " {} -> {}, {codes}", map(input), map(output))?,
        Op::Export { input, layout, output } => {
            write!(f, " {} -> {} {}", map(input), target(output), axes(*layout))?;
        }
    }
    let links = step.op.links();
    if let [only] = links {
        write_details(f, only)?;
    }
    if step.op.mult_adds() > 0 {
        write!(f, ", {} mult-adds", thousands(step.op.mult_adds()))?;
    }
    if !step.reason.is_empty() {
        write!(f, "; {}", step.reason)?;
    }
    writeln!(f)?;
    if links.len() > 1 {
        links.iter().enumerate().try_for_each(|(i, link)| write_link(f, &format!("{index:>3}.{i}"), link))?;
    }
    Ok(())
}

/// What a chain reads first and what it writes last.
fn write_ends(f: &mut fmt::Formatter<'_>, chain: &Chain) -> fmt::Result {
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else { return Ok(()) };
    write!(f, " {} -> {}", read(first), written(last))?;
    if let (Some(input), None) = (&first.input, last.target()) {
        write!(f, ", {}", sharing(input, &last.output))?;
    }
    Ok(())
}

fn write_link(f: &mut fmt::Formatter<'_>, number: &str, link: &Link) -> fmt::Result {
    write!(f, "{number} {:<11} -> {}", link.op.name(), written(link))?;
    write_details(f, link)?;
    if link.mult_adds() > 0 {
        write!(f, ", {} mult-adds", thousands(link.mult_adds()))?;
    }
    if !link.reason.is_empty() {
        write!(f, "; {}", link.reason)?;
    }
    writeln!(f)
}

/// Scratch, window, weights and what happens behind them.
fn write_details(f: &mut fmt::Formatter<'_>, link: &Link) -> fmt::Result {
    if let Some(scratch) = link.scratch() {
        write!(f, ", scratch @{}+{}", scratch.start, scratch.len())?;
    }
    if link.window != UNIT {
        write!(f, ", {}x{}/{}", link.window.kernel[0], link.window.kernel[1], link.window.stride[0])?;
    }
    if let Some(weights) = link.weights {
        write!(f, ", weights @{weights}")?;
    }
    if let Some(Codes { output, clamp: [lo, hi], table, .. }) = &link.codes {
        write!(f, ", {output}")?;
        if [*lo, *hi] != [0, 255] {
            write!(f, " from {lo} to {hi}")?;
        }
        if let Some(table) = table {
            write!(f, ", table @{table}")?;
        }
    }
    let times = if link.codes.is_some_and(|codes| codes.product) { "times" } else { "plus" };
    let Epilogue { gate, add, slopes, affine, .. } = &link.epilogue;
    if let Some(gate) = gate {
        write!(f, ", times gate @{gate}")?;
    }
    if let Some(add) = add {
        let place = if add.offset == link.output.offset { "in place over " } else { "" };
        write!(f, ", {times} {place}{}", map(add))?;
    }
    if let Some(slopes) = slopes {
        write!(f, ", slopes @{slopes}")?;
    }
    if let Some(affine) = affine {
        write!(f, ", affine @{affine}")?;
    }
    Ok(())
}

fn read(link: &Link) -> String {
    match (link.source(), &link.input) {
        (Some(from), _) => source(from),
        (None, Some(input)) => map(input),
        (None, None) => String::new(),
    }
}

fn written(link: &Link) -> String {
    link.target().map_or_else(|| map(&link.output), |to| target(&to))
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scale {:e} zero {}", self.scale, self.zero)
    }
}

fn extents(outer: usize, n: usize, inner: usize) -> String {
    match (outer, inner) {
        (1, 1) => n.to_string(),
        _ => format!("{outer}x{n}x{inner}"),
    }
}

fn map(map: &Map) -> String {
    let Map { offset, height, width, channels, group, ring, .. } = map;
    let ring = if map.is_whole() { String::new() } else { format!(", ring of {ring}") };
    let codes = if map.element == Element::F32 { "" } else { " codes" };
    format!("{height}x{width}x{channels}{codes} @{offset} (by {group}{ring})")
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
    let ImageSource { height, width, channels, layout, element } = source.image();
    format!("input {height}x{width}x{channels} {} {}", axes(*layout), element.name())
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
        Target::Output { port: 0, offset: 0 } => "output".into(),
        Target::Output { port, offset } => format!("output {port} from {offset}"),
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
