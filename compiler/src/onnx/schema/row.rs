//! The table: one line of text per operator, parsed where it is looked up.

use std::ops::RangeInclusive;

const ONNX: &str = include_str!("onnx.txt");
const MICROSOFT: &str = include_str!("microsoft.txt");

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'t> {
    /// Its name.
    pub(super) name: &'t str,
    /// Opsets that have it.
    pub(super) opsets: RangeInclusive<i64>,
    /// Its inputs, of all opsets, in order.
    pub(super) inputs: Vec<Slot<'t>>,
    /// Its outputs, of all opsets, in order.
    pub(super) outputs: Vec<Slot<'t>>,
    /// Its attributes, of all opsets.
    pub(super) attributes: Vec<Slot<'t>>,
}

/// An input, an output or an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot<'t> {
    pub(super) name: &'t str,
    pub(super) count: Count,
    /// The type of an attribute, as ONNX writes it; empty for inputs and outputs.
    pub(super) kind: &'static str,
    pub(super) opsets: RangeInclusive<i64>,
}

/// How many values a slot takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// One that may be omitted.
    Optional,
    /// Exactly one.
    One,
    /// One or more.
    Some,
    /// Any number.
    Any,
}

/// The row of an operator, if the table has one.
pub(crate) fn row(domain: &str, op: &str) -> Option<Row<'static>> {
    rows(domain).find(|(name, _)| *name == op).and_then(|(_, line)| parse(line))
}

/// The rows of a domain, by name.
pub(super) fn rows(domain: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = match domain {
        "" => ONNX,
        "com.microsoft" => MICROSOFT,
        _ => "",
    };
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| Some((line.split([' ', '@']).next()?, line)))
}

pub(super) fn parse(line: &str) -> Option<Row<'_>> {
    let (head, rest) = line.split_once(" (")?;
    let (inputs, rest) = rest.split_once(") (")?;
    let (outputs, attributes) = rest.split_once(')')?;
    let head = slot(head)?;
    Some(Row {
        name: head.name,
        opsets: head.opsets,
        inputs: slots(inputs)?,
        outputs: slots(outputs)?,
        attributes: slots(attributes)?,
    })
}

fn slots(text: &str) -> Option<Vec<Slot<'_>>> {
    text.split_whitespace().map(slot).collect()
}

fn slot(text: &str) -> Option<Slot<'_>> {
    let (text, opsets) = match text.split_once('@') {
        Some((text, opsets)) => (text, range(opsets)?),
        None => (text, range("-")?),
    };
    let (text, kind) = match text.split_once(':') {
        Some((text, kind)) => (text, self::kind(kind)?),
        None => (text, ""),
    };
    let name = text.trim_end_matches(['?', '+', '*', '!']);
    let count = match (&text[name.len()..], kind) {
        ("?", "") => Count::Optional,
        ("+", "") => Count::Some,
        ("*", "") => Count::Any,
        ("", "") => Count::One,
        ("", _) => Count::Optional,
        ("!", _) => Count::One,
        _ => return None,
    };
    Some(Slot { name, count, kind, opsets })
}

/// `A-B` with either end open, or one opset.
fn range(text: &str) -> Option<RangeInclusive<i64>> {
    let number = |text: &str, open: i64| if text.is_empty() { Some(open) } else { text.parse().ok() };
    match text.split_once('-') {
        Some((first, last)) => Some(number(first, 0)?..=number(last, i64::MAX)?),
        None => Some(number(text, 0)?..=number(text, 0)?),
    }
}

fn kind(letters: &str) -> Option<&'static str> {
    Some(match letters {
        "f" => "FLOAT",
        "i" => "INT",
        "s" => "STRING",
        "t" => "TENSOR",
        "g" => "GRAPH",
        "fs" => "FLOATS",
        "is" => "INTS",
        "ss" => "STRINGS",
        "ts" => "TENSORS",
        "gs" => "GRAPHS",
        "st" => "SPARSE_TENSOR",
        "tp" => "TYPE_PROTO",
        _ => return None,
    })
}
