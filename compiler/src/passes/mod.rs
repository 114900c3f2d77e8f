//! Rewrites of the graph, each of which keeps what the graph computes.
//!
//! [`list`] gives the passes in the order in which [`run`] sweeps them over the graph, again and again until none fires. A pass
//! visits the nodes once, in order, and may look back at what was emitted before; see `sweep::Sweep`.
//! What is left is the canonical graph: convolutions, pooling, fully connected layers and softmax, activations inside
//! the operator that computes their argument, at most a cast and a transpose at the model's input, and views (`Reshape`).

mod activation;
mod affine;
mod affine_after;
mod affine_before;
mod average;
mod border;
mod channels;
mod clamp;
mod colours;
mod constant;
mod dense;
mod hard_swish;
mod identity;
mod integer_input;
mod integers;
mod norm;
pub(crate) mod numbers;
mod pad;
mod piecewise;
mod pool;
mod prelu;
mod relus;
mod reshape;
mod sigmoid;
mod softmax;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod transpose;

use crate::diagnostic::{Error, Problem};
use crate::graph::{Graph, Node};
use std::fmt;
use sweep::Sweep;

/// A rewrite with a name.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// Short name, kebab-case.
    pub name: &'static str,
    /// What it does and why.
    pub rationale: &'static str,
    rewrite: fn(&mut Sweep, Node),
}

/// One rewrite that took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The pass that did it.
    pub pass: &'static str,
    /// The ONNX node that was rewritten.
    pub node: String,
    /// What became of it and why that is the same.
    pub reason: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}: {}", self.pass, self.node, self.reason)
    }
}

const LIST: [Pass; 29] = [
    Pass {
        name: "fold-constants",
        rationale: "a node whose value is known, or whose value nobody reads, need not run",
        rewrite: constant::rewrite,
    },
    Pass {
        name: "form-integers",
        rationale: "what stands between dequantised operands and a quantised result is computed on the codes",
        rewrite: integers::rewrite,
    },
    Pass {
        name: "dequantise-constants",
        rationale: "codes of constants that nothing computes on are numbers known at compile time",
        rewrite: integers::dequantise,
    },
    Pass {
        name: "clamp-codes",
        rationale: "a table that only clamps codes becomes the bounds of the operator in front",
        rewrite: integers::table::rewrite,
    },
    Pass {
        name: "remove-identities",
        rationale: "a node that returns its input is replaced by it",
        rewrite: identity::rewrite,
    },
    Pass {
        name: "merge-reshapes",
        rationale: "row-major order survives reshapes, so a chain of them is one, and a transpose that moves only axes of size 1 is one too",
        rewrite: reshape::rewrite,
    },
    Pass {
        name: "recognise-channels",
        rationale: "channels of the input that are swapped, repeated or chosen in several operators are one gather",
        rewrite: channels::recognise,
    },
    Pass {
        name: "recognise-colours",
        rationale: "weighted sums of the image's channels, such as grey from colours, are one 1x1 convolution",
        rewrite: colours::recognise,
    },
    Pass {
        name: "move-transposes",
        rationale: "transposes to NCHW move towards the input, all others towards the output, until they meet and cancel or become the layout of a port",
        rewrite: transpose::rewrite,
    },
    Pass {
        name: "read-integers",
        rationale: "the cast of an integer input moves in front of everything, so that the first convolution can read bytes",
        rewrite: integer_input::rewrite,
    },
    Pass {
        name: "recognise-pooling",
        rationale: "averages and maxima over the whole map, however they are spelled, are one operator each",
        rewrite: pool::rewrite,
    },
    Pass {
        name: "recognise-softmax",
        rationale: "exponentials divided by their sum are a softmax, which is the same for shifted arguments",
        rewrite: softmax::rewrite,
    },
    Pass { name: "recognise-norms", rationale: "a vector divided by its norm is one operator", rewrite: norm::rewrite },
    Pass {
        name: "recognise-arithmetic",
        rationale: "sums, differences and bounds of ReLUs of one value that amount to an activation are that activation",
        rewrite: relus::rewrite,
    },
    Pass {
        name: "recognise-prelu",
        rationale: "relu(x) - slope * relu(-x) is PReLU, and PReLU of one slope is leaky ReLU",
        rewrite: prelu::rewrite,
    },
    Pass {
        name: "recognise-clamps",
        rationale: "ReLU, clip, minimum and maximum are one activation, and nested ones intersect",
        rewrite: clamp::rewrite,
    },
    Pass {
        name: "recognise-sigmoids",
        rationale: "1 / (1 + exp(-x)) is a sigmoid, and x times its sigmoid is swish",
        rewrite: sigmoid::rewrite,
    },
    Pass {
        name: "recognise-hard-swish",
        rationale: "x * clamp(x + 3, 0, 6) / 6, spelled in several operators, is one activation",
        rewrite: hard_swish::rewrite,
    },
    Pass {
        name: "move-reshapes",
        rationale: "a reshape moves to where the arithmetic beside it meets the convolution or layer that takes it over",
        rewrite: reshape::across_arithmetic,
    },
    Pass {
        name: "move-averages",
        rationale: "an average moves in front of a scale and an offset per channel, which the layer behind takes over",
        rewrite: average::rewrite,
    },
    Pass {
        name: "fold-affine-after",
        rationale: "batch norm and other per-channel scales and offsets of a convolution's output go into its weights and bias",
        rewrite: affine_after::rewrite,
    },
    Pass {
        name: "fuse-activations",
        rationale: "an activation is applied by the operator that computes its argument, before the result is stored",
        rewrite: activation::rewrite,
    },
    Pass {
        name: "move-paddings",
        rationale: "a border of another value is one of zeros around a shifted map; activations move in front of it, pools take it over",
        rewrite: border::rewrite,
    },
    Pass {
        name: "fold-pads",
        rationale: "a padding in front of a convolution is the convolution's own border",
        rewrite: pad::rewrite,
    },
    Pass {
        name: "fold-affine-before",
        rationale: "per-channel scales and offsets of a convolution's input go into its weights and bias, the border keeping its value",
        rewrite: affine_before::rewrite,
    },
    Pass {
        name: "fold-colours",
        rationale: "the convolution behind a 1x1 convolution of the image's channels, or of one channel, takes that into its weights",
        rewrite: colours::fold,
    },
    Pass {
        name: "fold-channels",
        rationale: "the convolution behind channels that are swapped, repeated or chosen takes that into its weights",
        rewrite: channels::fold,
    },
    Pass {
        name: "canonical-dense",
        rationale: "matrix products by constants, and 1x1 convolutions of pooled maps, are fully connected layers",
        rewrite: dense::rewrite,
    },
    Pass {
        name: "remove-dead-code",
        rationale: "a node whose value nobody reads need not run",
        rewrite: |sweep, node| sweep.emit(node),
    },
];

/// Sweeps beyond which a graph is taken as it is; each sweep moves an operator as far as it goes, so real models need a handful.
const MAX_ROUNDS: usize = 32;

/// The passes, in order.
pub fn list() -> &'static [Pass] {
    &LIST
}

/// Brings a graph into canonical form and says what was done.
///
/// # Errors
///
/// In builds with debug assertions, when a pass leaves a graph that the verifier rejects.
pub fn run(graph: &mut Graph) -> Result<Vec<Applied>, Error> {
    let mut applied = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let before = applied.len();
        for pass in &LIST {
            applied.extend(run_one(graph, pass)?);
        }
        if applied.len() == before {
            break;
        }
    }
    Ok(applied)
}

/// Sweeps one pass over the graph once.
///
/// # Errors
///
/// As [`run`].
pub fn run_one(graph: &mut Graph, pass: &Pass) -> Result<Vec<Applied>, Error> {
    let applied = sweep::run(graph, pass.name, pass.rewrite);
    if cfg!(debug_assertions) && !applied.is_empty() {
        graph.verify().map_err(|mut error| {
            error.problems.insert(0, Problem::new(format!("pass {} broke the graph", pass.name)));
            error
        })?;
    }
    Ok(applied)
}
