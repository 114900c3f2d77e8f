//! Random networks with one operator broken.

use crate::draft;
use crate::random::draw;
use mobilenet_compiler::onnx::author::Author;

/// The ways in which an operator is broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// An operator that ONNX doesn't have.
    Unknown,
    /// This operator of ONNX in its place.
    Other(&'static str),
    /// The operator of another domain.
    Domain,
    /// Its last input left out.
    FewInputs,
    /// An input more: its first once again.
    ManyInputs,
    /// Its inputs the other way round.
    Reversed,
    /// A first input that nothing computes.
    Undefined,
    /// Its own output as its first input.
    Cycle,
    /// Outputs that it doesn't have.
    ManyOutputs,
    /// No output.
    NoOutput,
    /// The output of the first node as its own.
    TwiceDefined,
    /// An attribute that it doesn't have.
    Attribute,
    /// Its attributes left out.
    NoAttributes,
    /// Its attributes twice.
    TwiceAttributes,
    /// This number in all its attributes.
    Numbers(i64),
    /// This number in all constants that it reads.
    Constants(f32),
    /// Constants of a dimension more.
    Rank,
    /// Constants of no elements.
    Empty,
    /// Its first constant declared, but in no file.
    Missing,
    /// A name as long as a page.
    LongName,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 38] = [
        Self::Unknown,
        Self::Other("Erf"),
        Self::Other("Softmax"),
        Self::Other("Resize"),
        Self::Other("Loop"),
        Self::Other("Conv"),
        Self::Other("ConvTranspose"),
        Self::Other("Mul"),
        Self::Other("Div"),
        Self::Other("MatMul"),
        Self::Other("Transpose"),
        Self::Other("BatchNormalization"),
        Self::Other("QuantizeLinear"),
        Self::Other("LSTM"),
        Self::Other("TopK"),
        Self::Domain,
        Self::FewInputs,
        Self::ManyInputs,
        Self::Reversed,
        Self::Undefined,
        Self::Cycle,
        Self::ManyOutputs,
        Self::NoOutput,
        Self::TwiceDefined,
        Self::Attribute,
        Self::NoAttributes,
        Self::TwiceAttributes,
        Self::Numbers(-1),
        Self::Numbers(0),
        Self::Numbers(7),
        Self::Numbers(i64::MAX),
        Self::Constants(f32::NAN),
        Self::Constants(f32::INFINITY),
        Self::Constants(-3.0e38),
        Self::Rank,
        Self::Empty,
        Self::Missing,
        Self::LongName,
    ];
}

/// The network of a seed with the fault in one of its nodes, which the seed and the fault choose.
///
/// # Panics
/// Never: a network has nodes.
pub fn network(seed: u64, fault: Fault) -> Author {
    let mut author = draft::author(&draw(seed));
    let graph = author.message().graph.mut_or_insert_default();
    let which = Fault::ALL.iter().position(|&other| other == fault).unwrap_or(0) as u64;
    let at = (seed.wrapping_mul(0x9e37_79b9).wrapping_add(which.wrapping_mul(0x85eb_ca6b)) % graph.node.len() as u64)
        as usize;
    let first = graph.node[0].output.first().cloned().unwrap_or_default();
    let node = &mut graph.node[at];
    match fault {
        Fault::Unknown => node.op_type = "Fancy".into(),
        Fault::Other(op) => node.op_type = op.into(),
        Fault::Domain => node.domain = "ai.vendor".into(),
        Fault::FewInputs => drop(node.input.pop()),
        Fault::ManyInputs => node.input.extend(node.input.first().cloned()),
        Fault::Reversed => node.input.reverse(),
        Fault::Undefined => node.input.iter_mut().take(1).for_each(|input| *input = "nothing".into()),
        Fault::Cycle => node.input.iter_mut().take(1).for_each(|input| input.clone_from(&node.output[0])),
        Fault::ManyOutputs => node.output.extend((0..4).map(|i| format!("surplus_{i}"))),
        Fault::NoOutput => node.output.clear(),
        Fault::TwiceDefined => node.output.push(first),
        Fault::Attribute => {
            let mut attribute = node.attribute.first().cloned().unwrap_or_default();
            attribute.name = "private".into();
            node.attribute.push(attribute);
        }
        Fault::NoAttributes => node.attribute.clear(),
        Fault::TwiceAttributes => node.attribute.extend_from_within(..),
        Fault::Numbers(number) => {
            for attribute in &mut node.attribute {
                attribute.i = number;
                attribute.f = number as f32;
                attribute.ints.iter_mut().for_each(|value| *value = number);
            }
        }
        Fault::LongName => {
            node.name = "name".repeat(2000);
            node.op_type = "Op".repeat(2000);
        }
        Fault::Constants(_) | Fault::Rank | Fault::Empty | Fault::Missing => {
            let read = node.input.clone();
            for tensor in graph.initializer.iter_mut().filter(|tensor| read.contains(&tensor.name)) {
                match fault {
                    Fault::Constants(number) => {
                        let bytes = number.to_le_bytes().repeat(tensor.raw_data.len() / 4);
                        tensor.raw_data = bytes;
                    }
                    Fault::Rank => tensor.dims.push(1),
                    Fault::Empty => {
                        tensor.dims.iter_mut().for_each(|dim| *dim = 0);
                        tensor.raw_data.clear();
                    }
                    _ => tensor.raw_data.clear(),
                }
            }
        }
    }
    author
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_fault_changes_the_file() {
        let sound = draft::author(&draw(3)).to_bytes();
        let broken: HashSet<Vec<u8>> = Fault::ALL.iter().map(|&fault| network(3, fault).to_bytes()).collect();
        assert!(broken.iter().filter(|bytes| **bytes != sound).count() > Fault::ALL.len() / 2);
    }
}
