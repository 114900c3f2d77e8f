//! What there is to choose from in memory, as `inspect --memory` prints it.

use super::table::{Table, bytes};
use crate::plan::{Peak, Plan, TradeOff, TradeOffs, thousands};
use serde_json::{Value, json};
use std::fmt;

/// The trade-off of a model, and what its plan has in memory at the peak.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory<'p> {
    plan: &'p Plan,
    trade_offs: TradeOffs,
    peak: Peak,
}

impl<'p> Memory<'p> {
    /// Of a plan, and of all that could have been chosen instead.
    pub fn new(plan: &'p Plan, trade_offs: TradeOffs) -> Self {
        Self { plan, trade_offs, peak: plan.peak() }
    }

    /// One object.
    pub fn to_json(&self) -> Value {
        let Self { plan, trade_offs: TradeOffs { plans, bound }, peak } = self;
        let stages = |of: &TradeOff| -> Vec<Value> {
            of.streams.iter().map(|&[first, last]| json!([plan.stage_name(first), plan.stage_name(last)])).collect()
        };
        let choice = |of: &TradeOff| {
            let goals: Vec<_> = of.chosen_for.iter().map(|goal| goal.name()).collect();
            json!({ "arena_bytes": of.arena_bytes, "modelled_cycles": of.cycles, "streams": stages(of), "chosen_for": goals })
        };
        let part = |part: &crate::plan::Part| json!({ "name": part.name, "offset": part.range.start, "bytes": part.range.len() });
        json!({
            "arena_bytes": plan.arena_bytes,
            "modelled_cycles": plan.cycles,
            "plans": plans.iter().map(choice).collect::<Vec<_>>(),
            "peak": {
                "step": peak.step,
                "bytes": peak.bytes,
                "parts": peak.parts.iter().map(part).collect::<Vec<_>>(),
            },
            "lower_bound": { "bytes": bound.bytes, "node": plan.stage_name(bound.stage), "row": bound.rows },
        })
    }
}

impl fmt::Display for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, trade_offs: TradeOffs { plans, bound }, peak } = self;
        let fastest = plans.iter().map(|of| of.cycles).fold(f64::INFINITY, f64::min);
        let mut table = Table::new(&[">arena", ">Mcycles", ">over", "stages by rows, of each stream", "chosen for"]);
        for of in plans {
            let more = if fastest > 0.0 { 100.0 * (of.cycles / fastest - 1.0) } else { 0.0 };
            let streams: Vec<_> = of.streams.iter().map(|[first, last]| (last - first + 1).to_string()).collect();
            let goals: Vec<_> = of.chosen_for.iter().map(|goal| goal.name()).collect();
            table.row([
                thousands(of.arena_bytes as u64),
                format!("{:.3}", of.cycles / 1e6),
                format!("{more:.1} %"),
                if streams.is_empty() { "none".into() } else { streams.join(" + ") },
                goals.join(", "),
            ]);
        }
        write!(f, "{table}")?;
        let label = plan.steps.get(peak.step).map_or_else(String::new, crate::plan::Step::label);
        writeln!(
            f,
            "\n  the arena of {} has the most in step {}, {label}: {}\n",
            bytes(plan.arena_bytes),
            peak.step,
            bytes(peak.bytes)
        )?;
        let mut table = Table::new(&[">bytes", ">from", "what"]);
        for part in &peak.parts {
            let (size, from) = (thousands(part.range.len() as u64), thousands(part.range.start as u64));
            table.row([size, from, part.name.clone()]);
        }
        write!(f, "{table}")?;
        writeln!(
            f,
            "\n  no order of rows needs less than {} bytes: while row {} of {} is computed",
            thousands(bound.bytes as u64),
            bound.rows,
            plan.stage_name(bound.stage)
        )
    }
}
