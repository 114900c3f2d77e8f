//! The network as blocks: what runs as one step, what became part of it, and why.

use super::super::table::bytes;
use super::super::{Layer, Report, Step};
use super::escape::escaped;
use std::fmt::Write;

/// All steps, each of which unfolds.
pub fn section(report: &Report) -> String {
    let class = if report.measured.is_some() { "flow measured" } else { "flow" };
    let steps: String = report.steps.iter().enumerate().map(|(index, one)| step(report, index, one)).collect();
    let measured = report.measured.as_ref().map_or_else(String::new, |measured| {
        format!("<p class=\"small\">Measured: {}.</p>\n", escaped(&measured.summary(report)))
    });
    format!(
        "<section id=\"network\" aria-labelledby=\"h-network\"><div class=\"head\"><h2 id=\"h-network\">Network</h2>\
         <button type=\"button\" id=\"unfold\" hidden>Unfold all</button></div>\n\
         <p class=\"quiet\">{} layers run in {} steps. Each says what was fused into it, and why. The bars are shares of the mult-adds.</p>\n{measured}\
         <ol class=\"{class}\" start=\"0\">\n{steps}</ol></section>\n",
        report.layers.len(),
        report.steps.len(),
    )
}

fn step(report: &Report, index: usize, step: &Step) -> String {
    let of_step = |layer: &&Layer| step.stages.contains(&layer.stage);
    let layers: Vec<&Layer> = report.layers.iter().filter(of_step).collect();
    let shape = match (layers.first(), layers.last()) {
        (Some(first), Some(last)) => format!("{} → {}", first.input, last.output),
        _ => String::new(),
    };
    let share = step.mult_adds as f64 / report.facts.mult_adds.max(1) as f64;
    let (bar, percent) = match step.mult_adds {
        0 => ("<span></span>".into(), String::new()),
        _ => (format!("<span class=\"bar\" style=\"--share:{share:.4}\"></span>"), format!("{:.2} %", 100.0 * share)),
    };
    let time = report.time(index);
    let time = time.map_or_else(String::new, |(measured, time)| {
        let peak = match step.mult_adds {
            0 => String::new(),
            n => format!(", {:.0} % of peak", 100.0 * measured.share_of_peak(n, time)),
        };
        format!("<span class=\"n time\">{:.3} ms{peak}</span>", 1e3 * time.as_secs_f64())
    });
    let mut inside = String::new();
    if !step.reason.is_empty() {
        let _ = writeln!(inside, "<p>{}.</p>", sentence(&step.reason));
    }
    inside += "<ul class=\"layers\">\n";
    layers.iter().for_each(|one| inside += &layer(one));
    inside += "</ul>";
    format!(
        "<li><details><summary><span class=\"index\">{index}</span><b>{}</b><span class=\"shape\">{shape}</span>{bar}\
         <span class=\"n\">{percent}</span>{time}</summary>\n<div class=\"inside\">{inside}</div></details></li>\n",
        escaped(&step.label),
    )
}

fn layer(layer: &Layer) -> String {
    let epilogue = match layer.epilogue.as_str() {
        "" => String::new(),
        epilogue => format!(", then {}", escaped(epilogue)),
    };
    let stride = match layer.stride {
        [1, 1] => String::new(),
        [rows, columns] => {
            format!(", stride {}", if rows == columns { rows.to_string() } else { format!("{rows} x {columns}") })
        }
    };
    let weights = match layer.weight_bytes {
        0 => String::new(),
        n => format!(", {} of weights", bytes(n)),
    };
    let reasons: Vec<&str> =
        [&layer.note, &layer.reason].into_iter().filter(|text| !text.is_empty()).map(String::as_str).collect();
    let nodes = match layer.origin.len() {
        0 => String::new(),
        1 => format!("<p class=\"nodes small\">ONNX node <code>{}</code></p>", escaped(&layer.origin[0])),
        n => {
            let names: Vec<_> = layer.origin.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect();
            format!("<p class=\"nodes small\">{n} ONNX nodes in one: {}</p>", names.join(", "))
        }
    };
    format!(
        "<li><b>{}</b> <span class=\"shape\">{} → {}{stride}{weights}</span>{epilogue}<p class=\"small\">{}.</p>{nodes}</li>\n",
        escaped(&layer.title()),
        layer.input,
        layer.output,
        sentence(&reasons.join("; ")),
    )
    .replace("<p class=\"small\">.</p>", "")
}

/// With a capital at the beginning.
fn sentence(text: &str) -> String {
    escaped(&super::capitalised(text))
}
