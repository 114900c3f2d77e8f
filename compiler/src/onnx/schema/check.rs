//! A node against the row of its operator.

use super::row::{Count, Row, Slot};
use crate::diagnostic::Problem;
use crate::onnx::{Attribute, Node, OPSETS};
use std::ops::RangeInclusive;

/// What is wrong with the attributes, inputs and outputs of a node of this operator in this opset.
pub(crate) fn check(node: &Node, row: &Row, opset: i64) -> Vec<Problem> {
    if !row.opsets.contains(&opset) {
        let found = format!("opset {opset}");
        let problem = Problem::new(format!("{} is an operator {}", row.name, era(&row.opsets)));
        return vec![declared(problem.expected(wanted(&row.opsets), found), opset)];
    }
    let given: Vec<&(String, Attribute)> = node.attributes.iter().filter(|(name, _)| !is_private(name)).collect();
    let mut problems: Vec<Problem> =
        given.iter().filter_map(|(name, value)| attribute(row, name, value, opset).err()).collect();
    problems.extend(of_other_opsets(row, given.iter().map(|(name, _)| name.as_str()), opset));
    if !problems.is_empty() {
        return problems;
    }
    problems.extend(values("input", &row.inputs, &node.inputs, opset).err());
    problems.extend(values("output", &row.outputs, &node.outputs, opset).err());
    for slot in active(&row.attributes, opset).filter(|slot| slot.count == Count::One) {
        // What is an input in another opset may have been given as one.
        let misplaced = !problems.is_empty() && row.inputs.iter().any(|input| input.name == slot.name);
        if node.attribute(slot.name).is_none() && !misplaced {
            problems
                .push(Problem::new(format!("the attribute {:?} is missing", slot.name)).expected(slot.kind, "none"));
        }
    }
    problems
}

/// Attributes that only other opsets know, the first of each reason.
fn of_other_opsets<'n>(row: &Row, names: impl Iterator<Item = &'n str>, opset: i64) -> Vec<Problem> {
    let mut reasons: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for name in names {
        let known: Vec<&Slot> = row.attributes.iter().filter(|slot| slot.name == name).collect();
        let Some(slot) = known.first().filter(|_| !known.iter().any(|slot| slot.opsets.contains(&opset))) else {
            continue;
        };
        let as_input = row.inputs.iter().find(|input| input.name == name && input.opsets.contains(&opset));
        let reason = match as_input {
            Some(input) => format!("an input {}", era(&input.opsets)),
            None => format!("known only {}", era(&slot.opsets)),
        };
        if reasons.contains(&reason) {
            continue;
        }
        let problem = Problem::new(format!("{} has the attribute {name:?}, {reason}", row.name));
        problems.push(declared(problem.expected(wanted(&slot.opsets), format!("opset {opset}")), opset));
        reasons.push(reason);
    }
    problems
}

/// Attributes that belong to tools, not to operators.
fn is_private(name: &str) -> bool {
    name.starts_with("onnx.")
}

/// An attribute that no opset knows, or one of the wrong type.
fn attribute(row: &Row, name: &str, value: &Attribute, opset: i64) -> Result<(), Problem> {
    let known: Vec<&Slot> = row.attributes.iter().filter(|slot| slot.name == name).collect();
    if let Some(slot) = known.iter().find(|slot| slot.opsets.contains(&opset)) {
        return match kind(value) {
            Some(kind) if kind != slot.kind => {
                Err(Problem::new(format!("the attribute {name:?} is of the wrong type")).expected(slot.kind, kind))
            }
            _ => Ok(()),
        };
    }
    if known.is_empty() {
        let names: Vec<&str> = active(&row.attributes, opset).map(|slot| slot.name).collect();
        let names = if names.is_empty() { "no attribute".into() } else { names.join(", ") };
        return Err(Problem::new(format!("{} has no attribute {name:?} in any opset", row.name))
            .expected(names, name)
            .hint("it can't be ignored: remove it if it means nothing, or export the model in operators of ONNX"));
    }
    Ok(())
}

/// Inputs or outputs.
fn values(what: &str, slots: &[Slot], names: &[String], opset: i64) -> Result<(), Problem> {
    let given = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    let now: Vec<&Slot> = active(slots, opset).collect();
    for (i, slot) in now.iter().enumerate() {
        let present = names.get(i).is_some_and(|name| !name.is_empty());
        if matches!(slot.count, Count::One | Count::Some) && what == "input" && !present {
            return Err(Problem::new(format!("the input {:?} is missing", slot.name))
                .expected(list(&now), format!("{given} of them")));
        }
    }
    let many = now.last().is_some_and(|slot| matches!(slot.count, Count::Some | Count::Any));
    if many || given <= now.len() {
        return Ok(());
    }
    let problem =
        |why: String| Problem::new(format!("too many {what}s{why}")).expected(list(&now), format!("{given} {what}s"));
    let other = slots.iter().find(|slot| {
        let first = (*slot.opsets.start()).max(*OPSETS.start());
        !slot.opsets.contains(&opset) && given <= active(slots, first).count()
    });
    Err(match other {
        Some(slot) => declared(problem(format!(": {:?} is an {what} {}", slot.name, era(&slot.opsets))), opset),
        None => problem(String::new()).hint(format!("no opset has as many: remove those {what}s, or export again")),
    })
}

fn active<'a, 't>(slots: &'a [Slot<'t>], opset: i64) -> impl Iterator<Item = &'a Slot<'t>> {
    slots.iter().filter(move |slot| slot.opsets.contains(&opset))
}

fn list(slots: &[&Slot]) -> String {
    match slots {
        [] => "none".into(),
        slots => slots.iter().map(|slot| slot.name).collect::<Vec<_>>().join(", "),
    }
}

/// "since opset 11", "until opset 10", "from opset 8 to 9".
fn era(opsets: &RangeInclusive<i64>) -> String {
    match (*opsets.start(), *opsets.end()) {
        (first, i64::MAX) => format!("since opset {first}"),
        (0, last) => format!("until opset {last}"),
        (first, last) => format!("from opset {first} to {last}"),
    }
}

/// The same as what was expected.
fn wanted(opsets: &RangeInclusive<i64>) -> String {
    match (*opsets.start(), *opsets.end()) {
        (first, i64::MAX) => format!("opset {first} or newer"),
        (0, last) => format!("opset {last} or older"),
        (first, last) => format!("opset {first} to {last}"),
    }
}

fn declared(problem: Problem, opset: i64) -> Problem {
    problem
        .of_file()
        .hint(format!("is the opset declared wrong? The file says {opset}; declare the one it was written for"))
}

/// The type of an attribute that is read.
fn kind(value: &Attribute) -> Option<&'static str> {
    Some(match value {
        Attribute::Float(_) => "FLOAT",
        Attribute::Int(_) => "INT",
        Attribute::String(_) => "STRING",
        Attribute::Tensor(_) => "TENSOR",
        Attribute::Floats(_) => "FLOATS",
        Attribute::Ints(_) => "INTS",
        Attribute::Strings(_) => "STRINGS",
        _ => return None,
    })
}
