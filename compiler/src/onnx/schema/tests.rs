use super::row::{Count, Row, Slot, parse, rows};
use super::{check, row};
use crate::onnx::{Attribute, Node, OPSETS};

const DOMAINS: [&str; 2] = ["", "com.microsoft"];

/// What the operator documents say: in every domain so many operators, and so many of them times the opsets they are in.
/// A row that is lost, added or of another range changes the second number.
const WALKED: [(usize, usize); 2] = [(203, 3736), (38, 836)];

fn all(domain: &'static str) -> impl Iterator<Item = Row<'static>> {
    rows(domain).map(|(name, line)| parse(line).unwrap_or_else(|| panic!("{name}: the row can't be read")))
}

fn value(kind: &str) -> Attribute {
    match kind {
        "FLOAT" => Attribute::Float(0.0),
        "INT" => Attribute::Int(0),
        "STRING" => Attribute::String(String::new()),
        "FLOATS" => Attribute::Floats(vec![]),
        "INTS" => Attribute::Ints(vec![]),
        "STRINGS" => Attribute::Strings(vec![]),
        "TENSOR" => Attribute::Tensor(crate::graph::Tensor::f32([], [0.0])),
        _ => Attribute::Other,
    }
}

fn active<'a>(slots: &'a [Slot<'static>], opset: i64) -> impl Iterator<Item = &'a Slot<'static>> {
    slots.iter().filter(move |slot| slot.opsets.contains(&opset))
}

/// A node with everything that this opset gives the operator, or only what it demands.
fn node(row: &Row<'static>, domain: &str, opset: i64, full: bool) -> Node {
    let wanted = |slot: &&Slot| full || matches!(slot.count, Count::One | Count::Some);
    let names =
        |slots: &[Slot<'static>]| active(slots, opset).map(|s| if wanted(&s) { s.name } else { "" }.into()).collect();
    Node {
        name: "n".into(),
        op_type: row.name.into(),
        domain: domain.into(),
        overload: String::new(),
        opset: None,
        inputs: names(&row.inputs),
        outputs: names(&row.outputs),
        attributes: active(&row.attributes, opset).filter(wanted).map(|s| (s.name.into(), value(s.kind))).collect(),
    }
}

/// Walks every operator through every opset: what its row gives it is taken, everything else is refused.
#[test]
fn every_operator_in_every_opset() {
    for (domain, expected) in DOMAINS.into_iter().zip(WALKED) {
        let (mut operators, mut walked) = (0, 0);
        for row in all(domain) {
            operators += 1;
            for opset in OPSETS {
                let whole = node(&row, domain, opset, true);
                let said =
                    |node: &Node| check(node, &row, opset).into_iter().map(|p| p.to_string()).collect::<Vec<_>>();
                if !row.opsets.contains(&opset) {
                    let [said] = &said(&whole)[..] else { panic!("{} in opset {opset}", row.name) };
                    assert!(said.contains("is an operator"), "{said}");
                    continue;
                }
                walked += 1;
                assert_eq!(said(&whole), [""; 0], "{} in opset {opset}", row.name);
                assert_eq!(said(&node(&row, domain, opset, false)), [""; 0], "{} in opset {opset}", row.name);
                let mut odd = vec![("padding_mode", Attribute::Int(0))];
                odd.extend(
                    row.attributes.iter().filter(|s| !s.opsets.contains(&opset)).map(|s| (s.name, value(s.kind))),
                );
                for (name, value) in odd {
                    let mut node = whole.clone();
                    node.attributes.push((name.into(), value));
                    assert!(
                        said(&node).iter().any(|s| s.contains(&format!("{name:?}"))),
                        "{} {name} {opset}",
                        row.name
                    );
                }
                for (what, slots) in [("inputs", &row.inputs), ("outputs", &row.outputs)] {
                    let mut node = whole.clone();
                    let names = if what == "inputs" { &mut node.inputs } else { &mut node.outputs };
                    names.push("surplus".into());
                    let open = active(slots, opset).last().is_some_and(|s| matches!(s.count, Count::Some | Count::Any));
                    assert_eq!(said(&node).iter().any(|s| s.contains(what)), !open, "{} {what} {opset}", row.name);
                }
            }
        }
        println!("{domain:?}: {operators} operators, {walked} pairs of operator and opset");
        assert_eq!((operators, walked), expected, "{domain:?}");
    }
}

/// Some of what the documents' change logs say, in their words and not the table's.
#[test]
fn the_change_log_is_kept() {
    let brought: [(&str, &str, i64); 13] = [
        ("Clip", "min", 11),
        ("Dropout", "training_mode", 12),
        ("BatchNormalization", "training_mode", 14),
        ("Squeeze", "axes", 13),
        ("Unsqueeze", "axes", 13),
        ("ReduceSum", "axes", 13),
        ("ReduceMean", "axes", 18),
        ("Pad", "pads", 11),
        ("Pad", "axes", 18),
        ("Slice", "starts", 10),
        ("Split", "split", 13),
        ("Reshape", "allowzero", 14),
        ("QuantizeLinear", "axis", 13),
    ];
    for (op, name, opset) in brought {
        let row = row("", op).unwrap();
        let has = |slots: &[Slot], opset| slots.iter().any(|s| s.name == name && s.opsets.contains(&opset));
        let new = if has(&row.inputs, opset) { &row.inputs } else { &row.attributes };
        assert!(has(new, opset) && has(new, *OPSETS.end()) && !has(new, opset - 1), "{op} {name} {opset}");
    }
    let outputs = |opset: i64| active(&row("", "BatchNormalization").unwrap().outputs, opset).count();
    assert_eq!([outputs(13), outputs(14)], [5, 3]);
}

#[test]
fn names_are_in_order_and_once() {
    for domain in DOMAINS {
        let names: Vec<&str> = rows(domain).map(|(name, _)| name).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{domain:?}");
    }
}
