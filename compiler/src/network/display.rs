//! The network as text, one line per stage.

use super::{FeatureMap, Layout, Network, Port, Stage, StageKind};
use crate::graph::{Activation, Window};
use std::fmt;

impl StageKind {
    /// The kind's name in dumps and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stem(_) => "Stem",
            Self::Separable { .. } => "Separable",
            Self::Depthwise(_) => "Depthwise",
            Self::Pointwise(_) => "Pointwise",
            Self::Conv(_) => "Conv",
            Self::GlobalAveragePool => "GlobalAveragePool",
            Self::Dense(_) => "Dense",
            Self::Softmax { log: false } => "Softmax",
            Self::Softmax { log: true } => "LogSoftmax",
            Self::Import => "Import",
            Self::Export => "Export",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nchw => "NCHW",
            Self::Nhwc => "NHWC",
        })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}{:?} {}", self.name, self.dtype, self.shape, self.layout)
    }
}

impl fmt::Display for FeatureMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "network {:?}, batch {}", self.name, self.batch)?;
        writeln!(f, "input {}", self.input)?;
        writeln!(f, "output {}", self.output)?;
        for (i, stage) in self.stages.iter().enumerate() {
            write!(f, "{i:>3}  {:<17} ", stage.kind.name())?;
            self.fmt_stage(stage, f)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Network {
    fn fmt_stage(&self, stage: &Stage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, input) in stage.inputs.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, self.maps[input.0 as usize])?;
        }
        write!(f, " -> {}", self.maps[stage.output.0 as usize])?;
        match &stage.kind {
            StageKind::Stem(conv) | StageKind::Conv(conv) => {
                write!(f, "  {}{}", Spelt(&conv.window), Epilogue(conv.activation))?;
                if conv.pad_values.iter().any(|&v| v != 0.0) {
                    write!(f, " border {:?}", conv.pad_values)?;
                }
            }
            StageKind::Separable { depthwise, pointwise } => {
                let (window, inner) = (Spelt(&depthwise.window), Epilogue(depthwise.activation));
                write!(f, "  {window}{inner}, 1x1{}", Epilogue(pointwise.activation))?;
            }
            StageKind::Depthwise(depthwise) => {
                write!(f, "  {}{}", Spelt(&depthwise.window), Epilogue(depthwise.activation))?;
            }
            StageKind::Pointwise(pointwise) => write!(f, "  1x1{}", Epilogue(pointwise.activation))?,
            StageKind::Dense(dense) => write!(f, "{}", Epilogue(dense.activation))?,
            _ => {}
        }
        write!(f, "  {:?}", stage.origin)?;
        write!(f, "  // {}", stage.note)
    }
}

/// A window: kernel, then what differs from stride 1, dilation 1 and no padding.
struct Spelt<'a>(&'a Window);

impl fmt::Display for Spelt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { kernel: [kh, kw], stride, dilation, pads } = *self.0;
        write!(f, "{kh}x{kw}")?;
        for (name, [a, b]) in [("/", stride), (" dilation ", dilation)] {
            match (a, b) {
                (1, 1) => {}
                (a, b) if a == b => write!(f, "{name}{a}")?,
                (a, b) => write!(f, "{name}{a}x{b}")?,
            }
        }
        if pads != [0; 4] {
            write!(f, " pads {pads:?}")?;
        }
        Ok(())
    }
}

/// An activation, nothing where there is none.
struct Epilogue(Activation);

impl fmt::Display for Epilogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Activation::NONE => Ok(()),
            Activation::Clamp { lo: 0.0, hi: f32::INFINITY } => f.write_str(" relu"),
            Activation::Clamp { lo: 0.0, hi: 6.0 } => f.write_str(" relu6"),
            Activation::Clamp { lo, hi } => write!(f, " clamp {lo}..={hi}"),
            Activation::HardSwish => f.write_str(" hard-swish"),
            other => write!(f, " {other}"),
        }
    }
}
