//! The summary as one page that needs nothing but itself: no network, no script to be read.

mod escape;
mod network;
mod picture;
mod tables;

use super::table::{bytes, short};
use super::{Holds, Report, Survey, Warning};
use crate::diagnostic::Problem;
use crate::emit::GENERATED;
use crate::network::Port;
use crate::plan::thousands;
use escape::escaped;
use std::fmt::Write;

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The file's name, without its folder.
    pub file: String,
    /// Opset version of the default domain.
    pub opset: i64,
    /// Who wrote it.
    pub producer: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The options of the compilation in words; empty for none.
    pub options: String,
    /// Floating point types in the file other than f32.
    pub other_floats: Vec<String>,
}

/// The page of a compiled model.
pub fn page(report: &Report, head: &Head) -> String {
    let mut sections = vec![("network", "Network"), ("arena", "Arena"), ("shares", "Shares"), ("stages", "Stages")];
    if !report.warnings.is_empty() {
        sections.insert(0, ("warnings", "Warnings"));
    }
    let mut page = opening(head, &report.name, &sections);
    page += &tiles(report);
    page += &warnings(&report.warnings);
    page += &network::section(report);
    page += &arena(report);
    page += &tables::shares(report);
    page += &tables::stages(report);
    closing(page, head)
}

/// The page of a model that can't be compiled: its layers as the file has them, and what is wrong.
pub fn survey_page(survey: &Survey, problems: &[Problem], head: &Head) -> String {
    let mut page = opening(head, survey.name(), &[("problems", "Problems"), ("layers", "Layers")]);
    page += &tables::problems(problems);
    page += &tables::survey(survey);
    closing(page, head)
}

fn opening(head: &Head, graph: &str, sections: &[(&str, &str)]) -> String {
    let file = escaped(&head.file);
    let producer = match head.producer.trim() {
        "" => String::new(),
        producer => format!(", written by {}", escaped(producer)),
    };
    let floats = match &head.other_floats[..] {
        [] => String::new(),
        floats => format!("; the file holds {}, everything is computed in f32", escaped(&floats.join(" and "))),
    };
    let links: Vec<_> = sections.iter().map(|(id, name)| format!("<li><a href=\"#{id}\">{name}</a></li>")).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<!-- {GENERATED}{}; changes are lost. -->\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{file}</title>\n<style>\n{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header><div><h1>{}</h1>\n<p class=\"quiet\">graph {}, opset {}{producer}{floats}</p></div>\n\
         <button type=\"button\" id=\"theme\" hidden>Theme</button></header>\n\
         <nav aria-label=\"Sections\"><ul>{}</ul></nav>\n<main id=\"main\">\n",
        env!("CARGO_PKG_VERSION"),
        include_str!("style.css"),
        file.replace('_', "_<wbr>"),
        escaped(graph),
        head.opset,
        links.join(""),
    )
}

fn closing(page: String, head: &Head) -> String {
    let options = match head.options.as_str() {
        "" => String::new(),
        options => format!("<br>Options: {}", escaped(options)),
    };
    let mut page = page;
    let _ = write!(
        page,
        "</main>\n<footer class=\"quiet small\"><p>mobilenetc {}. KB is 1,000 bytes. Mult-adds are counted as in the paper, \
         arXiv 1704.04861: convolutions and dense layers, without biases.{options}<br>SHA-256 <code>{}</code></p></footer>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        escaped(&head.sha256),
        include_str!("script.js"),
    );
    page
}

/// The figures at the top.
fn tiles(report: &Report) -> String {
    let facts = &report.facts;
    let [height, width] = facts.resolution;
    let alpha = facts.width_multiplier.map_or("none".into(), |alpha| format!("{alpha:?}"));
    let alpha_note = if facts.width_multiplier.is_some() { "" } else { "channels follow no common factor" };
    let image = match report.batch {
        1 => "per image".to_string(),
        n => format!("per image, {n} images one after the other"),
    };
    let mut tiles = vec![
        tile("Mult-adds", &short(facts.mult_adds), &format!("{} {image}", thousands(facts.mult_adds))),
        tile("Parameters", &short(facts.parameters), &thousands(facts.parameters)),
        tile(
            "Weights",
            &bytes(report.weight_bytes),
            &format!("{} bytes, packed", thousands(report.weight_bytes as u64)),
        ),
        tile(
            "Arena",
            &bytes(report.arena_bytes),
            &format!("{} bytes, all working memory", thousands(report.arena_bytes as u64)),
        ),
        tile("Width multiplier α", &alpha, alpha_note),
        tile("Resolution", &format!("{height} × {width}"), report.flat_image.as_deref().unwrap_or_default()),
    ];
    if let Some(measured) = &report.measured {
        let ms = format!("{:.3} ms", 1e3 * measured.median.as_secs_f64());
        let share = 100.0 * measured.share_of_peak(facts.mult_adds, measured.median);
        tiles.push(tile("Latency", &ms, &format!("{share:.1} % of the peak of {:.1} GMAC/s", measured.peak / 1e9)));
    }
    tiles.push(tile("Input", &port_shape(&report.input), &port_words(&report.input)));
    tiles.extend(report.outputs.iter().map(|output| tile("Output", &port_shape(output), &port_words(output))));
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.concat())
}

fn port_shape(port: &Port) -> String {
    port.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")
}

fn port_words(port: &Port) -> String {
    let axes = if port.shape.len() == 4 { port.axes() } else { "" };
    format!("{} {axes} {}", port.dtype.name(), port.name)
}

fn tile(name: &str, figure: &str, note: &str) -> String {
    let (figure, note) = (escaped(figure), escaped(note));
    format!(
        "<div><dt>{name}</dt><dd><div class=\"figure\">{figure}</div><div class=\"small\">{note}</div></dd></div>\n"
    )
    .replace("<div class=\"small\"></div>", "")
}

fn warnings(warnings: &[Warning]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let mut list = String::new();
    for Warning { kind, stages, message, hint } in warnings {
        let numbers: Vec<_> = stages.iter().map(usize::to_string).collect();
        let stages = if numbers.len() == 1 { "stage" } else { "stages" };
        let _ = writeln!(
            list,
            "<li><b>{}</b> {} <span class=\"quiet\">({stages} {})</span><p class=\"small\">{}.</p></li>",
            capitalised(kind.name()),
            escaped(message),
            numbers.join(", "),
            escaped(hint)
        );
    }
    format!(
        "<section id=\"warnings\" aria-labelledby=\"h-warnings\"><h2 id=\"h-warnings\">Warnings</h2>\n<ul class=\"warnings\">\n{list}</ul></section>\n"
    )
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn arena(report: &Report) -> String {
    let words = |holds: Holds| match holds {
        Holds::Map => "a feature map, whole",
        Holds::Rows => "a map inside of its step, mostly a few rows at a time",
        Holds::Vector => "a vector, or an output's array",
        Holds::Staging => "rows of the input with their borders",
    };
    let legend: String = Holds::ALL
        .iter()
        .filter(|&&holds| report.buffers.iter().any(|buffer| buffer.holds == holds))
        .map(|&holds| {
            format!("<li><span class=\"swatch {}\"></span>{}: {}</li>", holds.name(), holds.name(), words(holds))
        })
        .collect();
    format!(
        "<section id=\"arena\" aria-labelledby=\"h-arena\"><h2 id=\"h-arena\">Arena</h2>\n\
         <p class=\"quiet\">What lies in working memory while a step runs. Where an output eats the rows of its input that are no \
         longer needed, the two overlap in their common step.</p>\n\
         <div class=\"scroll\">{}</div>\n<p id=\"buffer\" class=\"small\" aria-hidden=\"true\">Point at a buffer, or go through them \
         with Tab and the arrow keys.</p>\n<ul class=\"legend\">{legend}</ul>\n{}</section>\n",
        picture::picture(report),
        tables::buffers(report),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// The colours of each theme: light, dark by the button, dark by the system.
    fn palettes() -> Vec<BTreeMap<&'static str, &'static str>> {
        let rules = include_str!("style.css").split('}').filter(|rule| rule.contains("--staging-edge: #"));
        let colour = |part: &'static str| part.trim().strip_prefix("--")?.split_once(": ");
        rules.map(|rule| rule.split(['{', ';']).filter_map(colour).collect()).collect()
    }

    /// WCAG 2.2: relative luminance of an sRGB colour.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.2, level AA: 4.5 for text, 3 for what else must be seen.
    #[test]
    fn every_colour_can_be_read() {
        assert_eq!((contrast("#000000", "#ffffff") * 10.0).round(), 210.0);
        let palettes = palettes();
        assert_eq!(palettes.len(), 3);
        assert_eq!(palettes[1], palettes[2]);
        for palette in palettes {
            for (least, fronts, grounds) in [
                (4.5, &["text", "quiet", "accent"][..], &["ground", "card"][..]),
                (4.5, &["text", "quiet", "warn"], &["warn-ground"]),
                (4.5, &["text"], &["map", "rows", "vector", "staging"]),
                (3.0, &["map-edge", "rows-edge", "vector-edge", "staging-edge", "bar"], &["card"]),
            ] {
                for (front, ground) in fronts.iter().flat_map(|front| grounds.iter().map(move |ground| (front, ground)))
                {
                    let found = contrast(palette[front], palette[ground]);
                    assert!(found >= least, "{front} on {ground}: {found:.2}");
                }
            }
        }
    }
}
