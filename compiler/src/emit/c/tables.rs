//! What the kernels read about the steps: constant tables of maps, windows, passes and links, which refer to each other by number.

use super::codes;
use super::links::Kind;
use super::needs::{Needs, is_whole_mean, tiled};
use super::passes::{self, Pass};
use super::rows;
use super::source::kernel;
use super::stem::pad;
use super::text::float;
use crate::graph::Window;
use crate::plan::{Link, Map, Op, Plan};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Different rows, in the order in which they came.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Table {
    fn add(&mut self, row: String) -> usize {
        let next = self.rows.len();
        let number = *self.numbers.entry(row.clone()).or_insert(next);
        if number == next {
            self.rows.push(row);
        }
        number
    }

    fn number(&self, row: &str) -> usize {
        self.numbers.get(row).copied().unwrap_or(0)
    }

    fn print(&self, ty: &str, name: &str) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let rows: String = self.rows.iter().map(|row| format!("    {row},\n")).collect();
        format!("static const @{ty} @{name}[{}] = {{\n{rows}}};\n\n", self.rows.len())
    }
}

/// The tables of a plan.
pub(super) struct Tables<'a> {
    needs: &'a Needs<'a>,
    maps: Table,
    windows: Table,
    passes: Table,
    codes: Table,
    links: Vec<String>,
    /// The number of each step's first link.
    first: Vec<usize>,
}

impl<'a> Tables<'a> {
    pub(super) fn of(plan: &Plan, needs: &'a Needs<'a>) -> Self {
        let (maps, windows, passes, codes) = Default::default();
        let mut tables = Self { needs, maps, windows, passes, codes, links: Vec::new(), first: Vec::new() };
        let mut stems = 0;
        for step in &plan.steps {
            tables.first.push(tables.links.len());
            match &step.op {
                Op::Convert { .. } => {}
                Op::Copy { input, output, .. } => {
                    tables.maps.add(map(input));
                    tables.maps.add(map(output));
                }
                Op::Export { input: one, .. } | Op::Import { output: one, .. } => {
                    tables.maps.add(map(one));
                }
                op => {
                    if let Some(map_alone) =
                        op.links().first().filter(|_| is_whole_mean(op)).and_then(|mean| mean.input)
                    {
                        tables.maps.add(map(&map_alone));
                        continue;
                    }
                    for link in op.links() {
                        let row = tables.link(link, Kind::of(link, stems));
                        tables.links.push(row);
                        stems += usize::from(link.source().is_some());
                    }
                }
            }
        }
        // A stem alone has its window in its own table, but the kernels look at this one.
        let missing = !tables.links.is_empty() && tables.windows.rows.is_empty();
        if let Some(link) = plan.links().next().filter(|_| missing) {
            tables.windows.add(window(&link.window, false));
        }
        for pass in needs.passes() {
            tables.passes.add(pass.row(needs));
        }
        tables
    }

    fn link(&mut self, link: &Link, kind: Kind) -> String {
        let Link { input, window: w, weights, epilogue, output, .. } = link;
        let input_row = input.as_ref().map(|input| self.maps.add(map(input)));
        // The groups that a mean takes are those of its input.
        let output_row = match (kind, input_row) {
            (Kind::Mean, Some(input)) => input,
            _ => self.maps.add(map(output)),
        };
        let window_row = input.as_ref().map(|input| {
            let tiled = kind == Kind::Depthwise && tiled(w, input, output).is_some();
            self.windows.add(window(w, tiled))
        });
        let [lo, hi] = passes::clamp(epilogue.activation).map(float);
        let mut row = format!(
            "{{{}, {}, {output_row}, {}, {}, {{{lo}, {hi}}}",
            kind.constant(),
            input_row.unwrap_or(0),
            window_row.unwrap_or(0),
            weights.unwrap_or(0) / 4
        );
        let none = || "@@NONE".to_string();
        if self.needs.sums() {
            row += &format!(", {}", epilogue.add.map_or_else(none, |add| self.maps.add(map(&add)).to_string()));
        }
        if has_gate(self.needs) {
            let unit = if link.codes.is_some() { 1 } else { 4 };
            row += &format!(", {}", epilogue.gate.map_or_else(none, |gate| (gate / unit).to_string()));
        }
        if has_groups(self.needs) {
            let groups = link.op.traits().groups.unwrap_or(0);
            row += &format!(", {groups}");
        }
        if !self.needs.map_passes.is_empty() {
            let pass = Pass::behind(epilogue, output.channels).filter(|_| kind != Kind::Mean);
            let number = pass.map(|pass| self.passes.add(pass.row(self.needs)));
            row += &format!(", {}", number.map_or_else(none, |number| number.to_string()));
        }
        if self.needs.codes.links() {
            let number = link.codes.as_ref().map_or(0, |of| self.codes.add(codes::row(of)));
            row += &format!(", {number}");
        }
        row + "}"
    }

    /// The number of a step's first link.
    pub(super) fn first_link(&self, step: usize) -> usize {
        self.first.get(step).copied().unwrap_or(0)
    }

    /// A map as an expression.
    pub(super) fn map(&self, m: &Map) -> String {
        format!("&@maps[{}]", self.maps.number(&map(m)))
    }

    /// A pass as an expression.
    pub(super) fn pass(&self, pass: &Pass) -> String {
        format!("&@passes[{}]", self.passes.number(&pass.row(self.needs)))
    }

    pub(super) fn print(&self) -> String {
        let mut text = self.maps.print("map", "maps") + &self.windows.print("window", "windows");
        text += &self.passes.print("pass", "passes");
        text += &self.codes.print("codes", "codes_of");
        if !self.links.is_empty() {
            let rows: String = self.links.iter().map(|row| format!("    {row},\n")).collect();
            let _ = writeln!(text, "static const @link @links[{}] = {{\n{rows}}};\n", self.links.len());
        }
        text
    }
}

fn has_gate(needs: &Needs) -> bool {
    needs.gate || needs.codes.gate
}

fn has_groups(needs: &Needs) -> bool {
    needs.kinds.iter().any(|kind| kind.has_groups())
}

fn map(m: &Map) -> String {
    let offset = if codes::is_codes(m) { m.offset } else { m.offset / 4 };
    format!("{{{offset}, {}, {}, {}, {}, {}}}", m.height, m.width, m.channels, m.group, m.ring)
}

fn window(w: &Window, tiled: bool) -> String {
    let pair = |p: [usize; 2]| format!("{{{}, {}}}", p[0], p[1]);
    format!("{{{}, {}, {}, {}, {}}}", pair(w.kernel), pair(w.stride), pair(w.dilation), pair(pad(w)), i32::from(tiled))
}

/// The types of links and of what they work on.
pub(super) fn types(needs: &Needs) -> String {
    if needs.kinds.is_empty() && !needs.whole_mean {
        return String::new();
    }
    let names: Vec<_> = needs.kinds.iter().map(|kind| kind.constant()).collect();
    let kinds = if names.is_empty() { String::new() } else { format!("enum {{ {} }};\n\n", names.join(", ")) };
    let mut image = String::new();
    if !needs.stems.is_empty() {
        image += "    size_t staged; /* rows of the input that the first convolution has read, border included */\n";
    }
    if needs.rows_in.is_some() {
        image += "    const @rows *rows; /* what reads the input, where it is not whole in memory */\n";
    }
    if needs.whole_mean || needs.mean_by_parts {
        image +=
            "    float *means;  /* where means go, and whether with zeros up to a multiple of 8 */\n    int padding;\n";
    }
    let mut link = String::new();
    for (there, field) in [
        (needs.sums(), "add;    /* the map that is added, or @@NONE */"),
        (has_gate(needs), "gate;   /* where in the arena the factors of its channels are, or @@NONE */"),
        (has_groups(needs), "groups; /* of channels; of an average, whether the border counts */"),
        (!needs.map_passes.is_empty(), "pass;   /* behind all that, or @@NONE */"),
        (needs.codes.links(), "codes;  /* what codes stand for */"),
    ] {
        if there {
            let _ = writeln!(link, "    size_t {field}");
        }
    }
    let text = kinds + &kernel!("link").replace("%IMAGE%", &image).replace("%LINK%", &link);
    rows::types(needs) + &text + &rows::reading(needs)
}
