//! The arena as a picture: steps across, bytes up.

use super::escape::escaped;
use crate::plan::thousands;
use crate::report::table::bytes;
use crate::report::{Buffer, Report};
use std::fmt::Write;

const LEFT: f64 = 70.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 38.0;
const HEIGHT: f64 = 340.0;

/// An SVG of all buffers.
pub fn picture(report: &Report) -> String {
    let steps = report.steps.len().max(1);
    let column = (800.0 / steps as f64).clamp(30.0, 90.0);
    let width = LEFT + RIGHT + column * steps as f64;
    let y = |byte: usize| TOP + HEIGHT * (1.0 - byte as f64 / report.arena_bytes.max(1) as f64);
    let x = |step: usize| LEFT + column * step as f64;
    let mut svg = format!(
        "<svg id=\"picture\" viewBox=\"0 0 {width:.1} {:.1}\" style=\"min-width:{width:.0}px;max-width:{:.0}px\" role=\"group\" \
         aria-label=\"{} buffers in an arena of {} bytes over {steps} steps\">\n",
        TOP + HEIGHT + BOTTOM,
        width * 1.4,
        report.buffers.len(),
        thousands(report.arena_bytes as u64),
    );
    let mut grid = |byte: usize, class: &str| {
        let (y, right) = (y(byte), width - RIGHT);
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" x1=\"{LEFT:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" aria-hidden=\"true\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            bytes(byte),
        );
    };
    let tick = tick(report.arena_bytes);
    let ticks = (0..report.arena_bytes).step_by(tick);
    // The uppermost leaves room for the arena's own size.
    ticks.filter(|byte| report.arena_bytes - byte > tick / 3).for_each(|byte| grid(byte, "grid"));
    grid(report.arena_bytes, "edge");
    for step in (0..steps).step_by(steps.div_ceil(40)) {
        let (x, y) = (x(step) + column / 2.0, TOP + HEIGHT + 16.0);
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" aria-hidden=\"true\">{step}</text>");
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" aria-hidden=\"true\">step</text>",
        LEFT + column * steps as f64 / 2.0,
        TOP + HEIGHT + 32.0
    );
    let mut texts = String::new();
    for buffer in &report.buffers {
        let [first, last] = buffer.steps;
        let (left, top) = (x(first), y(buffer.bytes.end));
        let (wide, high) = (x(last + 1) - left, y(buffer.bytes.start) - top);
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{left:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{high:.2}\" fill-opacity=\"0.85\" \
             tabindex=\"0\" role=\"img\" data-bytes=\"{} {}\" data-steps=\"{first} {last}\" aria-label=\"{}\"/>",
            buffer.holds.name(),
            buffer.bytes.start,
            buffer.bytes.end,
            escaped(&label(buffer)),
        );
        let half = buffer.shape.chars().count() as f64 * 3.2 + 3.0;
        let middle = top + high / 2.0;
        // In the middle or in a column of its own, wherever no other buffer lies.
        let centres = [left + wide / 2.0, x(first) + column / 2.0, x(last) + column / 2.0];
        let free = |&centre: &f64| {
            let within = centre - half >= left && centre + half <= left + wide && high > 15.0;
            within
                && report.buffers.iter().filter(|other| !std::ptr::eq(*other, buffer)).all(|other| {
                    let (above, below) = (y(other.bytes.end), y(other.bytes.start));
                    let (from, to) = (x(other.steps[0]), x(other.steps[1] + 1));
                    to <= centre - half || from >= centre + half || below <= middle - 7.0 || above >= middle + 7.0
                })
        };
        if let Some(centre) = centres.into_iter().find(free) {
            let _ = writeln!(
                texts,
                "<text class=\"on\" x=\"{centre:.2}\" y=\"{:.2}\" text-anchor=\"middle\" aria-hidden=\"true\">{}</text>",
                middle + 4.0,
                escaped(&buffer.shape)
            );
        }
    }
    svg + &texts + "</svg>\n"
}

/// What a buffer is, in words.
fn label(buffer: &Buffer) -> String {
    let steps = if buffer.steps[0] == buffer.steps[1] { "step" } else { "steps" };
    format!(
        "{}: {}; {} to {} ({}), {steps} {}; {}",
        buffer.holds.name(),
        buffer.shape,
        thousands(buffer.bytes.start as u64),
        thousands(buffer.bytes.end as u64),
        bytes(buffer.bytes.len()),
        buffer.steps_text(),
        buffer.nodes.join(", "),
    )
}

/// Between five and twelve of these make up the whole.
fn tick(whole: usize) -> usize {
    let mut unit: usize = 1;
    loop {
        for factor in [1, 2, 5] {
            let tick = unit.saturating_mul(factor);
            if whole / tick <= 8 {
                return tick;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for whole in [1, 64, 98_304, 3_211_264, usize::MAX] {
            let tick = tick(whole);
            assert!((whole / tick) <= 8 && (whole < 8 || whole / tick >= 3), "{whole}: {tick}");
            assert!(tick.to_string().trim_end_matches('0').len() == 1);
        }
    }
}
