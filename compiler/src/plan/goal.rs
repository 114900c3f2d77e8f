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
