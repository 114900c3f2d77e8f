//! The first convolution: its rows are staged as floats with their border, its loops spelled with the model's numbers.

use super::arrays;
use super::isa::{Form, Isa};
use super::links::Kind;
use super::needs::{Needs, Stem};
use super::source::kernel;
use super::text::float;
use super::tiles::{self, StemTaps};
use crate::graph::Window;
use crate::network::Layout;
use crate::plan::{Element, ImageSource};
use std::fmt::Write;

/// Shape of a stem's staged rows.
pub(super) struct Staged {
    pub span: usize,
    pub columns: usize,
    row: usize,
    pub left: usize,
    pub copied: usize,
}

impl Staged {
    pub(super) fn of(stem: &Stem) -> Self {
        let window = &stem.window;
        let columns = (stem.output.width - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1;
        let left = pad(window)[1].min(columns);
        Self {
            span: (window.kernel[0] - 1) * window.dilation[0] + 1,
            columns,
            row: (stem.input.channels * columns).next_multiple_of(16),
            left,
            copied: stem.input.width.min(columns - left),
        }
    }
}

pub(super) fn pad(window: &Window) -> [usize; 2] {
    [window.pads[0].max(0) as usize, window.pads[1].max(0) as usize]
}

/// Row `y` of the input, which lies inside, and how far apart in it the planes of channels are.
pub(super) fn input_row(image: &ImageSource, y: &str, needs: &Needs) -> (String, String) {
    let ImageSource { height, width, channels, layout, .. } = *image;
    let row = match (needs.rows_in, layout) {
        (Some(_), _) => format!("@input_row(image, {y})"),
        (None, Layout::Nchw) => format!("image->input + {y} * {width}"),
        (None, Layout::Nhwc) => format!("image->input + {y} * {}", width * channels),
    };
    let plane = match needs.rows_in {
        Some(_) => format!("(image->rows == NULL ? {} : {width})", height * width),
        None => (height * width).to_string(),
    };
    (row, plane)
}

pub(super) fn stage_row(stem: &Stem, needs: &Needs) -> String {
    let ImageSource { height, channels, layout, .. } = stem.input;
    let Staged { columns, left, copied, .. } = Staged::of(stem);
    let top = pad(&stem.window)[0];
    let border: Vec<_> = (0..channels).map(|c| float(stem.pad_values.get(c).copied().unwrap_or(0.0))).collect();
    let inside = if top > 0 { format!("y >= {top} && y - {top} < {height}") } else { format!("y < {height}") };
    let (line, apart) = input_row(&stem.input, &if top > 0 { format!("(y - {top})") } else { "y".into() }, needs);
    let (planes, unit) = match layout {
        Layout::Nchw => (channels, 1),
        Layout::Nhwc => (1, channels),
    };
    let one = border.first().filter(|&first| border.iter().all(|value| value == first));
    let mut text = match one {
        Some(_) => String::new(),
        None => format!("    static const float border[{channels}] = {{{}}};\n", border.join(", ")),
    };
    let _ = writeln!(text, "    const int inside = {inside};");
    let _ = writeln!(text, "    const @@INPUT_TYPE *const line = inside ? {line} : NULL;\n    size_t plane, x;");
    let _ = writeln!(text, "    for (plane = 0; plane < {planes}; plane++, row += {}) {{", columns * unit);
    let value = match (one, layout) {
        (Some(value), _) => value.clone(),
        (None, Layout::Nchw) => "border[plane]".into(),
        (None, Layout::Nhwc) => format!("border[x % {channels}]"),
    };
    text += "        x = 0;\n        if (inside) {\n";
    let from = match layout {
        Layout::Nchw => format!("line + plane * {apart}"),
        Layout::Nhwc => "line".into(),
    };
    let _ = writeln!(text, "            const @@INPUT_TYPE *const from = {from};");
    if left > 0 {
        let _ = writeln!(
            text,
            "            for (; x < {}; x++) {{\n                row[x] = {value};\n            }}",
            left * unit
        );
    }
    let at = if left > 0 { format!("x - {}", left * unit) } else { "x".into() };
    let from = match stem.input.element {
        Element::F16 => format!("@half(from[{at}])"),
        _ => format!("(float)from[{at}]"),
    };
    let _ = writeln!(
        text,
        "            for (; x < {}; x++) {{\n                row[x] = {from};\n            }}\n        }}",
        (left + copied) * unit
    );
    let _ = writeln!(
        text,
        "        for (; x < {}; x++) {{\n            row[x] = {value};\n        }}\n    }}",
        columns * unit
    );
    text
}

pub(super) fn stem_kernels(isa: &Isa, stem: &Stem, needs: &Needs) -> String {
    let Staged { span, columns, row, .. } = Staged::of(stem);
    let (w, channels) = (&stem.window, stem.input.channels);
    let (planes, unit) = match stem.input.layout {
        Layout::Nchw => (channels, 1),
        Layout::Nhwc => (1, channels),
    };
    let adjacent = w.dilation[1] == 1;
    let taps = StemTaps {
        rows: w.kernel[0],
        planes,
        plane: columns,
        chunks: if adjacent { 1 } else { w.kernel[1] },
        chunk: w.dilation[1] * unit,
        length: if adjacent { w.kernel[1] * unit } else { unit },
        pixel: w.stride[1] * unit,
        number: stem.number,
        sum: needs.adds(Kind::Stem(stem.number)),
    };
    let (mut text, mut panel) = (String::new(), String::new());
    let added = if taps.sum { "s->add != @@NONE, " } else { "" };
    for width in [16, 8] {
        let sizes = stem.tile_rows(isa, width);
        if sizes.is_empty() {
            continue;
        }
        for &rows in &sizes {
            text += &match isa.form {
                Form::Arrays => arrays::stem(rows, width, &taps),
                _ => tiles::stem(isa, rows, width, &taps),
            };
        }
        let calls = |column: usize| {
            let plus = if column == 0 { String::new() } else { format!(" + {column}") };
            let mut calls = String::new();
            let mut first = 0;
            let tiles = stem.output.width.div_ceil(isa.rows(width));
            let (size, larger) = (stem.output.width / tiles, stem.output.width % tiles);
            for (rows, count) in [(size + 1, larger), (size, tiles - larger)] {
                if count > 0 {
                    let _ = writeln!(
                        calls,
                        "                @{}_{rows}x{width}_$I(lines, {first}, {count}, panel{plus}, s->clamp, {added}out{plus});",
                        taps.name()
                    );
                }
                first += rows * count;
            }
            calls
        };
        let body: String = (0..width).step_by(isa.columns.min(width)).map(calls).collect();
        let _ = write!(panel, "            if (block == {width}) {{\n{body}            }}\n");
    }
    text + &kernel!("stem_group")
        .replace("%NAME%", &taps.name())
        .replace("%SCRATCH%", &(stem.scratch / 4).to_string())
        .replace("            %PANEL%\n", &panel)
        .replace("%KH%", &w.kernel[0].to_string())
        .replace("%SH%", &w.stride[0].to_string())
        .replace("%DH%", &w.dilation[0].to_string())
        .replace("%SPAN%", &span.to_string())
        .replace("%ROW%", &row.to_string())
        .replace("%TAPS%", &(w.kernel[0] * w.kernel[1] * channels).to_string())
}
