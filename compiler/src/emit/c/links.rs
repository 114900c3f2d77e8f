//! The kinds of links that have a function each: how it is called, and what it is.

use super::isa::{Form, Isa};
use super::needs::Needs;
use super::panels::Cases;
use super::source::kernel;
use super::stem::stem_kernels;
use super::{arrays, codes, compact, panels, tiles};
use crate::plan::{Link, LinkOp};

/// Kinds of links that have a function each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// By its number: each is spelled with its own numbers.
    Stem(usize),
    Conv,
    GroupedConv,
    Depthwise,
    Pointwise,
    MaxPool,
    AveragePool,
    Elementwise,
    Mean,
    /// On codes.
    Codes(codes::Kind),
}

impl Kind {
    /// What its function's name begins with; in capitals, its constant's.
    pub(super) fn name(self) -> String {
        match self {
            Self::Stem(number) => tiles::stem_name(number),
            Self::Conv => "conv".into(),
            Self::GroupedConv => "grouped_conv".into(),
            Self::Depthwise => "depthwise".into(),
            Self::Pointwise => "pointwise".into(),
            Self::MaxPool => "max_pool".into(),
            Self::AveragePool => "average_pool".into(),
            Self::Elementwise => "elementwise".into(),
            Self::Mean => "mean".into(),
            Self::Codes(kind) => kind.name(),
        }
    }

    /// The kind of a link; of a first convolution, that of this number.
    pub(super) fn of(link: &Link, stem: usize) -> Self {
        if link.codes.is_some() {
            return Self::Codes(codes::Kind::of(link, stem));
        }
        match link.op {
            LinkOp::Stem { .. } => Self::Stem(stem),
            LinkOp::Conv { groups: 1 } => Self::Conv,
            LinkOp::Conv { .. } => Self::GroupedConv,
            LinkOp::Depthwise => Self::Depthwise,
            LinkOp::Pointwise => Self::Pointwise,
            LinkOp::MaxPool => Self::MaxPool,
            LinkOp::AveragePool { .. } => Self::AveragePool,
            LinkOp::Elementwise => Self::Elementwise,
            LinkOp::Mean { .. } => Self::Mean,
        }
    }

    /// Whether its function reads what the plan says as `groups`.
    pub(super) fn has_groups(self) -> bool {
        matches!(self, Self::GroupedConv | Self::AveragePool | Self::Codes(codes::Kind::AveragePool))
    }

    /// What its functions for all instruction sets call.
    fn common(self) -> &'static str {
        match self {
            Self::GroupedConv => kernel!("conv_grouped"),
            _ => "",
        }
    }

    /// Its function for one instruction set.
    fn function(self, isa: &Isa, needs: &Needs) -> String {
        match self {
            Self::Stem(number) => stem_kernels(isa, &needs.stems[number], needs),
            Self::Depthwise => depthwise(isa, needs),
            Self::Pointwise => pointwise(isa, needs),
            Self::Conv | Self::GroupedConv => conv(needs, self),
            Self::MaxPool | Self::AveragePool => pool(needs, self),
            Self::Elementwise => elementwise(needs),
            Self::Mean => mean(isa, needs),
            Self::Codes(_) => String::new(),
        }
    }

    pub(super) fn constant(self) -> String {
        format!("@@{}", self.name().to_ascii_uppercase())
    }
}

/// The functions of all kinds that the plan has, for one instruction set. The tiles come first.
pub(super) fn functions(isa: &Isa, needs: &Needs) -> String {
    let tiled = |kind: &Kind| matches!(kind, Kind::Stem(_) | Kind::Depthwise | Kind::Pointwise);
    let (first, rest): (Vec<Kind>, Vec<Kind>) = needs.functions().partition(tiled);
    first.into_iter().chain(rest).map(|kind| kind.function(isa, needs)).collect()
}

/// What the functions of all instruction sets share.
pub(super) fn common(needs: &Needs) -> String {
    needs.functions().map(Kind::common).collect()
}

/// A text where links of a kind may add a map, nothing elsewhere.
fn sum(needs: &Needs, kind: Kind, text: &'static str) -> &'static str {
    if needs.adds(kind) { text } else { "" }
}

/// What is added to `name` before it is stored at `at`.
fn summed(needs: &Needs, kind: Kind, indent: &str, condition: &str, name: &str, at: &str) -> String {
    let places = [(name.to_string(), at.to_string())];
    if needs.adds(kind) { tiles::sums("$F", indent, condition, &places) } else { String::new() }
}

fn conv(needs: &Needs, kind: Kind) -> String {
    let grouped = kind == Kind::GroupedConv;
    let (name, own) = (kind.name(), needs.adds(kind));
    let (groups, pixel) = match grouped {
        false => {
            ("", "                @conv_pixel_$I(s, image, panel, block, q * out->group + y, x, to);\n".to_string())
        }
        true => {
            let added = if own { " + (s->add != @@NONE ? to[v] : 0.0f)" } else { "" };
            (" / s->groups", kernel!("conv_lanes").replace("%SUM%", added))
        }
    };
    let mut text = String::new();
    if !grouped {
        let added = summed(needs, kind, "        ", "s->add != @@NONE", "sum", "out + v");
        text += &kernel!("conv").replace("%SUM%", &added);
    }
    text + &kernel!("conv_link").replace("%NAME%", &name).replace("%GROUPS%", groups).replace("%PIXEL%", &pixel)
}

fn pool(needs: &Needs, kind: Kind) -> String {
    let indent = "                    ";
    let added = summed(needs, kind, indent, "s->add != @@NONE", "value", "to + v");
    let text = kernel!("pool").replace("%NAME%", &kind.name()).replace("%SUM%", &added);
    if kind == Kind::MaxPool {
        return text
            .replace("%WHAT%", "The largest value")
            .replace("%BORDER%", "never wins")
            .replace("%START%", "-@@INFINITY")
            .replace("%TAKE%", "$F_clamp($F_load(@row_block(&row, c, block) + (across - w->pad[1]) * block + v), value, $F_set(@@INFINITY))")
            .replace("%COUNT%", "")
            .replace("%COUNTED%", "")
            .replace("%MEAN%", "");
    }
    text.replace("%WHAT%", "The mean")
        .replace("%BORDER%", "counts as zeros where groups says so")
        .replace("%START%", "0.0f")
        .replace("%TAKE%", "$F_add(value, $F_load(@row_block(&row, c, block) + (across - w->pad[1]) * block + v))")
        .replace("%COUNT%", &format!("{indent}size_t count = s->groups * w->kernel[0] * w->kernel[1];\n"))
        .replace("%COUNTED%", &format!("{indent}        count += 1 - s->groups;\n"))
        .replace("%MEAN%", &format!("{indent}value = $F_mul(value, $F_set(1.0f / (float)(count > 0 ? count : 1)));\n"))
}

fn elementwise(needs: &Needs) -> String {
    let (gate, add) = (needs.gate, needs.adds(Kind::Elementwise));
    let what = match (gate, add) {
        (true, true) => ", times a factor of each channel, plus a map",
        (true, false) => ", times a factor of each channel",
        (false, true) => ", plus a map",
        (false, false) => "",
    };
    let (mut addend, mut row, mut factor, mut value) = Default::default();
    if add {
        addend = "        const @row plus = s->add != @@NONE ? @row_at(&@maps[s->add], image->arena, y) : from;\n"
            .to_string();
        row = "            const float *const d = @row_block(&plus, c, block);\n".to_string();
    }
    if gate {
        factor = "                const $F by = s->gate != @@NONE ? $F_load(image->arena + s->gate + c + v) : $F_set(1.0f);\n"
            .to_string();
        value = "                    value = $F_mul(value, by);\n".to_string();
    }
    if add {
        value += "                    if (s->add != @@NONE) {\n                        value = $F_add(value, $F_load(d + i));\n                    }\n";
    }
    let replace = |text: String, (from, to): (&str, &String)| text.replace(from, to);
    [("%ADDEND%", &addend), ("%ROW%", &row), ("%FACTOR%", &factor), ("%VALUE%", &value)]
        .into_iter()
        .fold(kernel!("elementwise").replace("%WHAT%", what), replace)
}

fn mean(isa: &Isa, needs: &Needs) -> String {
    let (parts, earlier, store) = if needs.mean_by_parts {
        (
            "; behind the last group the sums become means",
            "        for (v = 0; v < block; v++) {\n            mean[v] = first > 0 && v < used ? out[c + v] : 0.0f;\n        }\n",
            "            s0 = first > 0 ? $F_add($F_load(mean + v), s0) : s0;\n\
             \x20           $F_store(mean + v, end < @groups(m) ? s0 : $F_mul(s0, $F_set(scale)));\n",
        )
    } else {
        ("", "", "            $F_store(mean + v, $F_mul(s0, $F_set(scale)));\n")
    };
    let text = kernel!("mean").replace("%PARTS%", parts).replace("%EARLIER%", earlier).replace("%STORE%", store);
    text.replace("%APART%", isa.apart())
}

/// Tiles of depthwise convolutions in the form of the instruction set, and the loops around them.
fn depthwise(isa: &Isa, needs: &Needs) -> String {
    let sum = needs.adds(Kind::Depthwise);
    let (text, cases) = match isa.form {
        Form::Compact => compact::depthwise_rows(isa, needs),
        Form::Tiles => {
            panels::depthwise_rows(isa, needs, |size, row, width| tiles::depthwise(isa, size, row, Some(width), sum))
        }
        Form::Arrays => panels::depthwise_rows(isa, needs, |size, row, width| arrays::depthwise(size, row, width, sum)),
    };
    text + &depthwise_link(needs, cases)
}

/// The same of pointwise ones.
fn pointwise(isa: &Isa, needs: &Needs) -> String {
    let text = match isa.form {
        Form::Tiles => panels::pointwise_kernels(isa, needs),
        Form::Compact => compact::pointwise_kernels(isa, needs),
        Form::Arrays => arrays::pointwise_kernels(isa, needs),
    };
    text + &kernel!("pointwise_link").replace("%SUM%", sum(needs, Kind::Pointwise, "s->add != @@NONE, "))
}

/// The loop over rows and channels around what computes one row of one block: conditions and calls in order.
fn depthwise_link(needs: &Needs, mut cases: Cases) -> String {
    let mut text = String::new();
    if needs.any_window {
        let added = summed(needs, Kind::Depthwise, "            ", "d->sum", "sum", "out + v");
        text += &kernel!("depthwise_any").replace("%SUM%", &added);
        cases.push((String::new(), "@depthwise_any_$I(&d, block, out);".into()));
    }
    let last = cases.len().saturating_sub(1);
    let mut dispatch = String::new();
    for (i, (condition, call)) in cases.iter().enumerate() {
        dispatch += &match (i, last) {
            (0, 0) => format!("                {call}\n"),
            (0, _) => format!("                if ({condition}) {{\n                    {call}\n"),
            (i, last) if i == last => {
                format!("                }} else {{\n                    {call}\n                }}\n")
            }
            _ => format!("                }} else if ({condition}) {{\n                    {call}\n"),
        };
    }
    text + &kernel!("depthwise_link")
        .replace("%SUM%", sum(needs, Kind::Depthwise, "    d.sum = s->add != @@NONE;\n"))
        .replace("%DISPATCH%", &dispatch)
        .replace("@@CHUNK", &needs.chunk().to_string())
        .replace("@@KERNEL_ROWS", &needs.kernel_rows.to_string())
}
