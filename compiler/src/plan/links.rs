//! The kinds of links, and what each of them is to code that does not care which one it has.

use super::{Source, Target};
use crate::network::integer::IntegerKind;
use crate::network::{Over, StageKind};

/// What a link computes.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkOp {
    /// First convolution, straight from the model's input: the first link of its chain.
    Stem {
        /// The model's input.
        source: Source,
        /// Border value per input channel.
        pad_values: Vec<f32>,
        /// Arena offset of the staging rows: `kh_span` padded input rows as f32.
        scratch: usize,
        /// Their size, see [`stem_scratch_bytes`](super::stem_scratch_bytes), and that of the row which [`RowsIn`](super::RowsIn)
        /// is about.
        scratch_bytes: usize,
    },
    /// A convolution; the border is zero.
    Conv {
        /// Groups of input channels; 1 for a dense convolution.
        groups: usize,
    },
    /// One filter per channel; the border is zero.
    Depthwise,
    /// A 1x1 convolution of stride 1: reads group `q` to write group `q`.
    Pointwise,
    /// Largest value under the window; the border never wins.
    MaxPool,
    /// Mean under the window.
    AveragePool {
        /// Whether the border counts as zeros, or not at all.
        count_include_pad: bool,
    },
    /// The epilogue alone: reads group `q` to write group `q`.
    Elementwise,
    /// Mean over the whole map: the last link of its chain. The sums are kept, the map in front need not exist whole.
    /// The link's `output` is the map of one pixel.
    Mean {
        /// Where the vector of means goes; in the arena, at the offset of the link's `output`.
        to: Target,
    },
}

/// What a kind is, as data.
pub(crate) struct Traits {
    /// Name in dumps.
    pub name: &'static str,
    /// What it reads to write a group.
    pub reads: Reads,
    /// What one of its filters goes over, if it has some.
    pub over: Option<Over>,
    /// The runtime's `LinkKind`; a stem has a descriptor of its own.
    pub runtime: &'static str,
    /// The descriptor's `groups`, where the kind gives it a meaning.
    pub groups: Option<usize>,
}

/// What a link reads of its input to write group `q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// What lies under the windows of the group's rows.
    Windows,
    /// Group `q` and nothing else.
    Group,
    /// Group `q` of so many, for a result of one pixel that is there behind the last.
    Whole,
}

impl LinkOp {
    /// What is asked of every kind.
    pub(crate) fn traits(&self) -> Traits {
        let weightless = |name, reads, runtime| Traits { name, reads, over: None, runtime, groups: None };
        let by = |over, of| Traits { over: Some(over), ..of };
        match *self {
            Self::Stem { .. } => by(Over::Group(1), weightless("stem", Reads::Windows, "Stem")),
            Self::Conv { groups } => {
                let of = by(Over::Group(groups), weightless("conv", Reads::Windows, "Conv"));
                Traits { groups: Some(groups), ..of }
            }
            Self::Depthwise => by(Over::Channel, weightless("depthwise", Reads::Windows, "Depthwise")),
            Self::Pointwise => by(Over::Group(1), weightless("pointwise", Reads::Group, "Pointwise")),
            Self::MaxPool => weightless("max pool", Reads::Windows, "MaxPool"),
            Self::AveragePool { count_include_pad } => {
                let of = weightless("average pool", Reads::Windows, "AveragePool");
                Traits { groups: Some(usize::from(count_include_pad)), ..of }
            }
            Self::Elementwise => weightless("elementwise", Reads::Group, "Elementwise"),
            Self::Mean { .. } => weightless("mean", Reads::Whole, "Mean"),
        }
    }

    /// The link that computes stages of a kind. Not that of a stem, which says more of the model's input than its stage.
    pub(super) fn of(kind: &StageKind) -> Option<Self> {
        match *kind {
            StageKind::Conv(ref conv) => Some(Self::Conv { groups: conv.groups }),
            StageKind::Dense(_) => Some(Self::Conv { groups: 1 }),
            StageKind::Depthwise(_) => Some(Self::Depthwise),
            StageKind::Pointwise(_) => Some(Self::Pointwise),
            StageKind::MaxPool(_) => Some(Self::MaxPool),
            StageKind::AveragePool { count_include_pad, .. } => Some(Self::AveragePool { count_include_pad }),
            StageKind::GlobalAveragePool => Some(Self::Mean { to: Target::Arena(0) }),
            StageKind::Scale | StageKind::Elementwise => Some(Self::Elementwise),
            StageKind::Integer(ref integer) => Self::on_codes(&integer.kind),
            _ => None,
        }
    }

    /// The link of a stage on codes. Layers in groups are packed as one.
    fn on_codes(kind: &IntegerKind) -> Option<Self> {
        match *kind {
            IntegerKind::Conv { .. } | IntegerKind::Dense(_) => Some(Self::Conv { groups: 1 }),
            IntegerKind::Depthwise { .. } => Some(Self::Depthwise),
            IntegerKind::Pointwise(_) => Some(Self::Pointwise),
            IntegerKind::Add | IntegerKind::Scale | IntegerKind::Table(_) => Some(Self::Elementwise),
            IntegerKind::MaxPool(_) => Some(Self::MaxPool),
            IntegerKind::AveragePool { count_include_pad, .. } => Some(Self::AveragePool { count_include_pad }),
            IntegerKind::GlobalAveragePool => Some(Self::Mean { to: Target::Arena(0) }),
            IntegerKind::Concat => None,
        }
    }

    /// What a stage of a kind wants otherwise, for the verifier: said for itself, not by way of what the planner does.
    pub(super) fn differs(&self, kind: &StageKind) -> Option<&'static str> {
        if let StageKind::Integer(integer) = kind {
            return self.differs_on_codes(&integer.kind);
        }
        let (same, what) = match (self, kind) {
            (Self::Stem { pad_values, .. }, StageKind::Stem(conv)) => {
                (pad_values[..] == conv.pad_values[..], "a border that is not the stage's")
            }
            (Self::Conv { groups }, StageKind::Conv(conv)) => {
                (*groups == conv.groups, "groups that are not the stage's")
            }
            (Self::Conv { groups }, StageKind::Dense(_)) => (*groups == 1, "groups of a dense layer"),
            (Self::AveragePool { count_include_pad: of }, StageKind::AveragePool { count_include_pad: wanted, .. }) => {
                (of == wanted, "a divisor that is not the stage's")
            }
            (Self::Depthwise, StageKind::Depthwise(_))
            | (Self::Pointwise, StageKind::Pointwise(_))
            | (Self::MaxPool, StageKind::MaxPool(_))
            | (Self::Elementwise, StageKind::Elementwise | StageKind::Scale)
            | (Self::Mean { .. }, StageKind::GlobalAveragePool) => (true, ""),
            _ => (false, "a link of another kind than its stage"),
        };
        (!same).then_some(what)
    }

    fn differs_on_codes(&self, kind: &IntegerKind) -> Option<&'static str> {
        let (same, what) = match (self, kind) {
            (
                Self::AveragePool { count_include_pad: of },
                IntegerKind::AveragePool { count_include_pad: wanted, .. },
            ) => (of == wanted, "a divisor that is not the stage's"),
            (Self::Stem { pad_values, .. }, IntegerKind::Conv { groups: 1, .. }) => {
                (pad_values.is_empty(), "a border that is not the zero point")
            }
            (Self::Conv { groups }, IntegerKind::Conv { .. } | IntegerKind::Dense(_)) => {
                (*groups == 1, "groups of a layer that is packed as one")
            }
            (Self::Depthwise, IntegerKind::Depthwise { .. })
            | (Self::Pointwise, IntegerKind::Pointwise(_))
            | (Self::MaxPool, IntegerKind::MaxPool(_))
            | (Self::Elementwise, IntegerKind::Add | IntegerKind::Scale | IntegerKind::Table(_))
            | (Self::Mean { .. }, IntegerKind::GlobalAveragePool) => (true, ""),
            _ => (false, "a link of another kind than its stage"),
        };
        (!same).then_some(what)
    }
}
