//! The rules for choosing among eligible instances: pure types, chance comes in as an argument.

mod least_connections;
mod round_robin;
mod weighted;
mod weighted_round_robin;

use std::fmt;

use fastrand::Rng;

pub use least_connections::LeastConnections;
pub use round_robin::RoundRobin;
pub use weighted::Weighted;
pub use weighted_round_robin::WeightedRoundRobin;

/// An eligible instance, as a strategy sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its number in the pool, the same in every choice.
    pub member: usize,
    /// Its share of the work, relative to its siblings; at least 1.
    pub weight: u32,
    /// Tasks in its hands, working and waiting.
    pub taken: usize,
    /// Tasks it works on at once.
    pub concurrency: usize,
    /// Mean time of its recent successful answers, seconds; `None` before the first.
    pub response_time: Option<f64>,
    /// Share of its recent judged calls that succeeded.
    pub success_rate: f64,
    /// Whether its last health check went well.
    pub healthy: bool,
}

/// A rule for choosing.
pub trait Strategy: fmt::Debug + Send + Sync {
    /// The index, in `candidates`, of the one to take. `candidates` is never empty.
    fn choose(&self, candidates: &[Candidate], chance: &mut Rng) -> usize;
}

/// The rules by the names that the configuration knows them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// [`RoundRobin`]
    RoundRobin,
    /// [`WeightedRoundRobin`]
    WeightedRoundRobin,
    /// [`LeastConnections`]
    LeastConnections,
    /// [`Weighted`]
    Weighted,
}

impl Algorithm {
    /// All of them, by name.
    pub const NAMES: &[(&str, Self)] = &[
        ("round_robin", Self::RoundRobin),
        ("weighted_round_robin", Self::WeightedRoundRobin),
        ("least_connections", Self::LeastConnections),
        ("weighted", Self::Weighted),
    ];

    /// A strategy that has chosen nothing yet.
    #[must_use]
    pub fn strategy(self) -> Box<dyn Strategy> {
        match self {
            Self::RoundRobin => Box::<RoundRobin>::default(),
            Self::WeightedRoundRobin => Box::<WeightedRoundRobin>::default(),
            Self::LeastConnections => Box::new(LeastConnections),
            Self::Weighted => Box::new(Weighted),
        }
    }
}

/// The index of the smallest cost; among equals, each is as likely.
fn cheapest(costs: impl Iterator<Item = f64>, chance: &mut Rng) -> usize {
    let (mut best, mut best_cost, mut equals) = (0, f64::INFINITY, 0);
    for (index, cost) in costs.enumerate() {
        if cost < best_cost {
            (best, best_cost, equals) = (index, cost, 1);
        } else if cost.total_cmp(&best_cost).is_eq() {
            equals += 1;
            if chance.usize(..equals) == 0 {
                best = index;
            }
        }
    }
    best
}

#[cfg(test)]
pub(super) fn candidate(member: usize) -> Candidate {
    Candidate {
        member,
        weight: 1,
        taken: 0,
        concurrency: 8,
        response_time: None,
        success_rate: 1.0,
        healthy: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_equally_likely() {
        let mut chance = Rng::with_seed(7);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            counts[cheapest([1.0, 1.0, 1.0].into_iter(), &mut chance)] += 1;
        }
        assert!(
            counts.iter().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }
}
