//! The tables of the page. Each scrolls inside of its place where the window is narrow.

use super::super::layers::PAPER_TABLE;
use super::super::table::bytes;
use super::super::{Layer, Report, Survey};
use super::escape::escaped;
use crate::diagnostic::Problem;
use crate::plan::thousands;
use std::fmt::Write;

/// A table in a region that can be scrolled by keyboard.
fn scrolled(name: &str, table: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\">\n<table>\n{table}</table></div>\n"
    )
}

/// The headings; of figures where one starts with `>`.
fn headings(names: &[&str]) -> String {
    let cell = |name: &&str| match name.strip_prefix('>') {
        None if name.is_empty() => "<td></td>".to_string(),
        Some(name) => format!("<th scope=\"col\" class=\"n\">{name}</th>"),
        None => format!("<th scope=\"col\">{name}</th>"),
    };
    format!("<thead><tr>{}</tr></thead>\n", names.iter().map(cell).collect::<String>())
}

fn number(text: impl std::fmt::Display) -> String {
    format!("<td class=\"n\">{text}</td>")
}

/// Shares by type of layer, with the paper's beside them where this is the paper's network.
pub fn shares(report: &Report) -> String {
    let notes = report.paper_notes();
    let paper = !notes.is_empty();
    let mut names =
        vec!["Layer type", ">Mult-adds", ">% of mult-adds", ">paper", "", ">Weights", ">% of weights", ">paper", ""];
    names.retain(|name| paper || *name != ">paper");
    let mut rows = String::new();
    for of_type in &report.facts.layer_types {
        let bar = |share: f64| format!("<td><span class=\"bar\" style=\"--share:{share:.4}\"></span></td>");
        let theirs = report.paper_share(of_type);
        let share = |own: f64, theirs: Option<f64>| {
            let theirs = theirs.map_or_else(String::new, |theirs| format!("{theirs:.2}"));
            let theirs = if paper { number(theirs) } else { String::new() };
            format!("{}{theirs}{}", number(format!("{:.2}", 100.0 * own)), bar(own))
        };
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th>{}{}{}{}</tr>",
            escaped(&of_type.name),
            number(thousands(of_type.mult_adds)),
            share(of_type.mult_adds_share, theirs.map(|(mult_adds, _)| mult_adds)),
            number(thousands(of_type.weights)),
            share(of_type.weights_share, theirs.map(|(_, weights)| weights)),
        );
    }
    let notes: String = notes.iter().map(|note| format!("<li>{}</li>", escaped(note))).collect();
    let notes = match paper {
        true => format!(
            "<p class=\"small quiet\">“paper” is {PAPER_TABLE}. Differences to expect:</p><ul class=\"small quiet\">{notes}</ul>\n"
        ),
        false => String::new(),
    };
    format!(
        "<section id=\"shares\" aria-labelledby=\"h-shares\"><h2 id=\"h-shares\">Shares by layer type</h2>\n{}{notes}</section>\n",
        scrolled("Shares by layer type", &format!("{}<tbody>\n{rows}</tbody>", headings(&names))),
    )
}

/// All layers, step by step.
pub fn stages(report: &Report) -> String {
    let names = [
        ">#",
        "Layer",
        "Stride",
        ">Input",
        ">Output",
        ">Mult-adds",
        ">%",
        ">Parameters",
        ">Weights",
        ">Map",
        "ONNX node",
    ];
    let mut bodies = String::new();
    let absorbed: Vec<&Layer> = report.layers.iter().filter(|layer| layer.step.is_none()).collect();
    if !absorbed.is_empty() {
        let rows: String = absorbed.iter().map(|one| row(report, one)).collect();
        let _ = writeln!(
            bodies,
            "<tbody><tr class=\"step\"><th colspan=\"11\" scope=\"rowgroup\">Part of the first step</th></tr>\n{rows}</tbody>"
        );
    }
    for (index, step) in report.steps.iter().enumerate() {
        let time = report.time(index);
        let time = time.map_or_else(String::new, |(measured, time)| {
            let peak = match step.mult_adds {
                0 => String::new(),
                n => format!(", {:.1} % of the peak", 100.0 * measured.share_of_peak(n, time)),
            };
            let of_time = 100.0 * measured.share_of_time(time);
            format!(", {:.3} ms, {of_time:.1} % of the time{peak}", 1e3 * time.as_secs_f64())
        });
        let output = match step.output_bytes {
            0 => "to the output".to_string(),
            n => format!("leaves {} in the arena", bytes(n)),
        };
        let rows: String =
            report.layers.iter().filter(|layer| layer.step == Some(index)).map(|one| row(report, one)).collect();
        let _ = writeln!(
            bodies,
            "<tbody><tr class=\"step\"><th colspan=\"11\" scope=\"rowgroup\">Step {index}: {} <span class=\"quiet\">{output}{time}</span></th></tr>\n{rows}</tbody>",
            escaped(&step.label),
        );
    }
    let sum = |of: fn(&Layer) -> u64| report.layers.iter().map(of).sum::<u64>();
    let total = format!(
        "<tfoot><tr><td></td><th scope=\"row\" colspan=\"4\">All</th>{}{}{}{}<td></td><td></td></tr></tfoot>\n",
        number(thousands(sum(|layer| layer.mult_adds))),
        number(""),
        number(thousands(sum(|layer| layer.parameters))),
        number(bytes(sum(|layer| layer.weight_bytes as u64) as usize)),
    );
    format!(
        "<section id=\"stages\" aria-labelledby=\"h-stages\"><h2 id=\"h-stages\">Stages</h2>\n\
         <p class=\"quiet\">Weights are bytes as packed, map is what a layer writes, without the lanes that fill up its last block of \
         channels. Most maps inside of a step never exist whole.</p>\n{}</section>\n",
        scrolled("Stages", &format!("{}{bodies}{total}", headings(&names))),
    )
}

fn row(report: &Report, layer: &Layer) -> String {
    let figure = |text: String| number(if layer.weighted { text } else { String::new() });
    format!(
        "<tr>{}<th scope=\"row\">{}</th><td>{}</td>{}{}{}{}{}{}{}<td class=\"name\" title=\"{name}\">{name}</td></tr>\n",
        number(layer.stage),
        escaped(&layer.title()),
        layer.stride_text(),
        number(layer.input),
        number(layer.output),
        figure(thousands(layer.mult_adds)),
        figure(format!("{:.2}", 100.0 * layer.mult_adds as f64 / report.facts.mult_adds.max(1) as f64)),
        figure(thousands(layer.parameters)),
        number(if layer.weight_bytes > 0 { bytes(layer.weight_bytes) } else { String::new() }),
        number(bytes(layer.activation_bytes)),
        name = escaped(&layer.name),
    )
}

/// The buffers of the picture in words.
pub fn buffers(report: &Report) -> String {
    let mut rows = String::new();
    for buffer in &report.buffers {
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th>{}{}{}{}<td>{}</td><td class=\"name\">{}</td></tr>",
            buffer.holds.name(),
            number(thousands(buffer.bytes.start as u64)),
            number(thousands(buffer.bytes.end as u64)),
            number(bytes(buffer.bytes.len())),
            number(buffer.steps_text()),
            escaped(&buffer.shape),
            escaped(&buffer.nodes.join(", ")),
        );
    }
    let names = ["Holds", ">From byte", ">To byte", ">Size", ">Steps", "What", "ONNX node"];
    let table = scrolled("Buffers of the arena", &format!("{}<tbody>\n{rows}</tbody>", headings(&names)));
    format!("<details><summary>The buffers as a table</summary>{table}</details>\n")
}

/// What is wrong with a model.
pub fn problems(problems: &[Problem]) -> String {
    let mut list = String::new();
    for problem in problems {
        let node =
            problem.node.as_deref().map_or_else(String::new, |node| format!(" at <code>{}</code>", escaped(node)));
        let op = problem.op.as_deref().map_or_else(String::new, |op| format!(" ({})", escaped(op)));
        let lines = [
            problem.expected.as_ref().map(|text| format!("expected {text}")),
            problem.found.as_ref().map(|text| format!("found {text}")),
            problem.hint.as_ref().map(|text| format!("hint: {text}")),
        ];
        let lines: String =
            lines.iter().flatten().map(|line| format!("<p class=\"small\">{}</p>", escaped(line))).collect();
        let _ = writeln!(list, "<li><b>{}</b>{node}{op}{lines}</li>", escaped(&problem.message));
    }
    format!(
        "<section id=\"problems\" aria-labelledby=\"h-problems\"><h2 id=\"h-problems\">It can’t be compiled</h2>\n\
         <ul class=\"warnings\">\n{list}</ul></section>\n"
    )
}

/// The layers of a model that can't be compiled.
pub fn survey(survey: &Survey) -> String {
    let (mult_adds, unknown) = survey.mult_adds();
    let beside = if unknown > 0 { format!(" and those of {unknown} of unknown size") } else { String::new() };
    let operators: Vec<_> = survey.operators().iter().map(|(op, n)| format!("{n} {}", escaped(op))).collect();
    let mut rows = String::new();
    for layer in survey.layers() {
        let shape = |shape: &Vec<usize>| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th>{}{}{}<td class=\"name\">{}</td></tr>",
            escaped(&layer.op),
            number(layer.output.as_ref().map_or("?".into(), shape)),
            number(layer.mult_adds.map_or("?".into(), thousands)),
            number(thousands(layer.parameters)),
            escaped(&layer.node),
        );
    }
    let names = ["Layer", ">Output", ">Mult-adds", ">Parameters", "ONNX node"];
    format!(
        "<section id=\"layers\" aria-labelledby=\"h-layers\"><h2 id=\"h-layers\">As the file has it</h2>\n\
         <p>{} mult-adds{beside}, {} parameters.</p>\n<p class=\"quiet small\">Operators: {}</p>\n{}</section>\n",
        thousands(mult_adds),
        thousands(survey.parameters()),
        operators.join(", "),
        scrolled("Layers", &format!("{}<tbody>\n{rows}</tbody>", headings(&names))),
    )
}
