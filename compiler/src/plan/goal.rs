//! What a plan is for: little memory, little time, or some of both, and how much memory there is.

use std::fmt;

/// What is preferred where memory and time can't both be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Optimise {
    /// The smallest arena; of those the fastest.
    Memory,
    /// The fewest modelled cycles, to a thousandth; of those the smallest arena.
    Speed,
    /// The smallest arena among plans whose modelled time is near the best.
    #[default]
    Balanced,
}

impl Optimise {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Balanced, Self::Speed];

    /// As options spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Speed => "speed",
            Self::Balanced => "balanced",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|optimise| optimise.name() == name)
    }
}

impl fmt::Display for Optimise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the user asked of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Goal {
    /// What is preferred.
    pub optimise: Optimise,
    /// Bytes of the arena at most.
    pub max_arena: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::plan::testing::{mobilenet_v1, mobilenet_v2, on_codes, random_network};
    use crate::plan::{CostModel, Plan, plan};

    fn with(network: &Network, cost: &CostModel, optimise: Optimise, max_arena: Option<usize>) -> Option<Plan> {
        let cost = CostModel { goal: Goal { optimise, max_arena }, ..cost.clone() };
        plan(network.clone(), &cost)
            .map_err(|error| assert!(error.to_string().contains("so little memory"), "{error}"))
            .ok()
    }

    /// Deep streams of small networks: what the verifier, which knows nothing of the planner, must find sound.
    #[test]
    fn every_goal_has_a_sound_plan() {
        for seed in 0..16 {
            let network = random_network(seed);
            let codes = on_codes(&network, seed);
            for network in [&network, &codes] {
                for cost in [CostModel::default(), CostModel::microcontroller()] {
                    let [memory, balanced, speed] = Optimise::ALL.map(|goal| with(network, &cost, goal, None).unwrap());
                    assert!(memory.arena_bytes <= balanced.arena_bytes.min(speed.arena_bytes), "{seed}");
                    assert!(speed.cycles <= balanced.cycles.max(memory.cycles) * 1.001, "{seed}");
                }
            }
        }
    }

    /// One model never needs more memory for a smaller input.
    #[test]
    fn a_smaller_input_needs_no_more() {
        type Family = fn(usize) -> Network;
        let families: [Family; 3] = [
            |size| mobilenet_v1(0.25, size, 10),
            |size| mobilenet_v2(0.35, size, 10),
            |size| on_codes(&mobilenet_v1(0.5, size, 10), 1),
        ];
        for (family, network) in families.into_iter().enumerate() {
            for cost in [CostModel::default(), CostModel::microcontroller()] {
                let mut before = (0, 0);
                for size in [64, 96, 128, 150, 160, 192, 224, 256] {
                    let arena = plan(network(size), &cost).unwrap().arena_bytes;
                    assert!(before.1 <= arena, "family {family}: {before:?}, {:?}", (size, arena));
                    before = (size, arena);
                }
            }
        }
    }

    /// A bound is kept or refused, and what a refusal names is what bisection finds.
    #[test]
    fn bounds_are_kept_or_refused_with_the_least() {
        let networks = [
            mobilenet_v1(0.25, 96, 2),
            on_codes(&mobilenet_v1(0.25, 96, 2), 1),
            on_codes(&mobilenet_v2(0.35, 96, 10), 2),
        ];
        for network in networks {
            let cost = CostModel::microcontroller();
            let of = |most| with(&network, &cost, Optimise::Balanced, Some(most));
            let (mut refused, mut kept) = (0, with(&network, &cost, Optimise::Speed, None).unwrap().arena_bytes);
            while kept - refused > 1 {
                let most = refused.midpoint(kept);
                match of(most) {
                    Some(plan) => {
                        assert!(plan.arena_bytes <= most);
                        kept = most;
                    }
                    None => refused = most,
                }
            }
            let cost = CostModel { goal: Goal { max_arena: Some(refused), ..Goal::default() }, ..cost.clone() };
            let error = plan(network.clone(), &cost).unwrap_err();
            let expected = error.problems[0].expected.clone().unwrap_or_default();
            assert!(expected.starts_with(&format!("at least {kept} bytes")), "{kept}: {error}");
            assert_eq!(error.problems[0].option, Some("max_arena"));
        }
    }
}
