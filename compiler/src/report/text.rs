//! The summary as text.

use super::layers::PAPER_TABLE;
use super::table::{Table, bytes, short};
use super::{Report, Warning, shortened};
use crate::network::{Port, facts::Facts};
use crate::plan::thousands;
use crate::text::elided;
use std::fmt;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_summary(f)?;
        let parts: [fn(&Self, &mut fmt::Formatter<'_>) -> fmt::Result; 4] =
            [Self::write_layers, Self::write_shares, Self::write_steps, Self::write_buffers];
        for part in parts {
            writeln!(f)?;
            part(self, f)?;
        }
        if !self.warnings.is_empty() {
            writeln!(f)?;
        }
        self.write_warnings(f)
    }
}

impl Report {
    fn write_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { mult_adds, parameters, width_multiplier, resolution: [height, width], .. } = &self.facts;
        let alpha = match width_multiplier {
            Some(alpha) => format!("{alpha:?}"),
            None => "none (the channel counts follow no common factor)".to_string(),
        };
        let port = |port: &Port| format!("{:?}, {} {:?}", port.name, port.dtype.name(), port.shape);
        let exact = |bytes: usize| thousands(bytes as u64);
        writeln!(f, "  width multiplier α   {alpha}")?;
        writeln!(f, "  resolution           {height} x {width}")?;
        writeln!(f, "  mult-adds            {} ({}) per image", short(*mult_adds), thousands(*mult_adds))?;
        writeln!(f, "  parameters           {} ({})", short(*parameters), thousands(*parameters))?;
        writeln!(
            f,
            "  weights              {} ({} bytes, packed)",
            bytes(self.weight_bytes),
            exact(self.weight_bytes)
        )?;
        writeln!(f, "  arena                {} ({} bytes)", bytes(self.arena_bytes), exact(self.arena_bytes))?;
        let image = self.flat_image.as_ref().map(|image| format!(": {image}")).unwrap_or_default();
        writeln!(f, "  input                {} {}{image}", port(&self.input), self.input.axes())?;
        for (at, output) in self.outputs.iter().enumerate() {
            writeln!(f, "  {:<20} {}", if at == 0 { "output" } else { "" }, port(output))?;
        }
        if self.batch != 1 {
            writeln!(f, "  batch                {} images, one after the other in one arena", self.batch)?;
        }
        Ok(())
    }

    fn write_layers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "layer",
            "stride",
            ">input",
            ">output",
            ">mult-adds",
            ">%",
            ">parameters",
            ">weights",
            ">map",
            "ONNX node",
        ]);
        let mut block = None;
        for layer in &self.layers {
            // What follows the first layer of a block hangs below it.
            let hook = if layer.block.is_some() && block == layer.block { "└ " } else { "" };
            let (mut mult_adds, mut percent, mut parameters) = (String::new(), String::new(), String::new());
            if layer.weighted {
                mult_adds = thousands(layer.mult_adds);
                percent = format!("{:.2}", 100.0 * layer.mult_adds as f64 / self.facts.mult_adds.max(1) as f64);
                parameters = thousands(layer.parameters);
            }
            table.row([
                format!("{hook}{}", layer.title()),
                layer.stride_text(),
                layer.input.to_string(),
                layer.output.to_string(),
                mult_adds,
                percent,
                parameters,
                if layer.weight_bytes > 0 { bytes(layer.weight_bytes) } else { String::new() },
                bytes(layer.activation_bytes),
                shortened(&layer.name),
            ]);
            block = layer.block;
        }
        write!(f, "{table}")
    }

    fn write_shares(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = self.paper_notes();
        let mut table = match notes.is_empty() {
            false => Table::new(&["layer type", ">% of mult-adds", ">paper", ">% of weights", ">paper"]),
            true => Table::new(&["layer type", ">% of mult-adds", ">% of weights"]),
        };
        let percent = |share: f64| format!("{share:.2}");
        for of_type in &self.facts.layer_types {
            let (mult_adds, weights) =
                (percent(100.0 * of_type.mult_adds_share), percent(100.0 * of_type.weights_share));
            let name = of_type.name.clone();
            match self.paper_share(of_type) {
                Some((m, w)) => table.row([name, mult_adds, percent(m), weights, percent(w)]),
                None => table.row([name, mult_adds, weights]),
            }
        }
        write!(f, "{table}")?;
        if !notes.is_empty() {
            writeln!(f, "\n  \"paper\" is {PAPER_TABLE}. Differences to expect:")?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "  - {note}"))
    }

    fn write_steps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = ["step", ">layers", ">weights", ">result"];
        let mut table = match self.measured {
            Some(_) => Table::new(&[&plain[..], &[">ms", ">% of time", ">% of peak", "why"]].concat()),
            None => Table::new(&[&plain[..], &["why"]].concat()),
        };
        for (index, step) in self.steps.iter().enumerate() {
            let size = |n: usize| if n > 0 { bytes(n) } else { String::new() };
            let name = format!("{index:>2}  {}", step.label);
            let layers = step.stages.len().to_string();
            let (weights, result, why) = (size(step.weight_bytes), size(step.output_bytes), step.reason.clone());
            match self.time(index) {
                Some((measured, time)) => {
                    let peak = match step.mult_adds {
                        0 => String::new(),
                        n => format!("{:.1}", 100.0 * measured.share_of_peak(n, time)),
                    };
                    let of_time = format!("{:.1}", 100.0 * measured.share_of_time(time));
                    let ms = format!("{:.3}", 1e3 * time.as_secs_f64());
                    table.row([name, layers, weights, result, ms, of_time, peak, why]);
                }
                None => table.row([name, layers, weights, result, why]),
            }
        }
        write!(f, "{table}")?;
        self.measured
            .as_ref()
            .map_or(Ok(()), |measured| writeln!(f, "\n  measured             {}", measured.summary(self)))
    }

    fn write_buffers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["arena", ">from byte", ">to byte", ">steps", "what", "first ONNX node"]);
        for buffer in &self.buffers {
            table.row([
                buffer.holds.name().to_string(),
                thousands(buffer.bytes.start as u64),
                thousands(buffer.bytes.end as u64),
                buffer.steps_text(),
                elided(&buffer.shape, 48).into_owned(),
                buffer.nodes.first().map_or_else(String::new, |node| shortened(node)),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_warnings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Warning { kind, message, hint, .. } in &self.warnings {
            writeln!(f, "  {}: {message}\n    {hint}", kind.name())?;
        }
        Ok(())
    }
}
