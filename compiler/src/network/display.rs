//! The network as text, one line per stage.

use super::{Epilogue, FeatureMap, Finish, Layout, Network, Output, Port, Stage, StageKind};
use crate::graph::{Activation, Window};
use std::fmt;

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
        for output in &self.outputs {
            self.fmt_output(output, f)?;
        }
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
        if let Some(window) = &stage.kind.profile().window {
            write!(f, "  {}", Spelt(window))?;
        }
        write!(f, "{}{}", stage.kind.details(), stage.epilogue)?;
        match &stage.kind {
            StageKind::Stem(conv) | StageKind::Conv(conv) if conv.pad_values.iter().any(|&v| v != 0.0) => {
                write!(f, " border {:?}", conv.pad_values)?;
            }
            StageKind::Integer(integer) => {
                let output = self.maps[stage.output.0 as usize];
                if let Some(quant) = output.quant {
                    write!(f, "  {quant}")?;
                    if integer.clamp != quant.range() {
                        write!(f, " clamp {}..={}", integer.clamp[0], integer.clamp[1])?;
                    }
                }
            }
            _ => {}
        }
        write!(f, "  {:?}", stage.origin)?;
        write!(f, "  // {}", stage.note)
    }

    fn fmt_output(&self, output: &Output, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "output {}", output.port)?;
        if output.pieces.len() > 1 {
            f.write_str(" of")?;
            for (i, piece) in output.pieces.iter().enumerate() {
                let map = self.maps[piece.map.0 as usize];
                write!(f, "{} {map} {} at {}", if i == 0 { "" } else { "," }, piece.layout, piece.offset)?;
            }
        }
        for finish in &output.finish {
            write!(f, ", {finish}")?;
        }
        writeln!(f)
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
struct Activated(Activation);

impl fmt::Display for Activated {
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

impl fmt::Display for Epilogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.add.is_some() { " + residual" } else { "" })?;
        write!(f, "{}", Activated(self.activation))?;
        f.write_str(if self.slopes.is_some() { " prelu" } else { "" })?;
        f.write_str(if self.affine.is_some() { " scale and offset" } else { "" })
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Softmax { outer, n, inner, log } => {
                write!(f, "{}softmax over {outer}x[{n}]x{inner}", if *log { "log-" } else { "" })
            }
            Self::LpNormalize { outer, n, inner, p, epsilon } => {
                write!(f, "divided by length over {outer}x[{n}]x{inner} p {p} epsilon {epsilon:e}")
            }
            Self::Activate(activation) => write!(f, "each{}", Activated(*activation)),
            Self::Half => f.write_str("as f16"),
            Self::ArgMax { outer, n, inner, select_last } => {
                let which = if *select_last { "last" } else { "first" };
                write!(f, "{which} index of the largest over {outer}x[{n}]x{inner}")
            }
        }
    }
}
