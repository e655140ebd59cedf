//! The rules for choosing among eligible instances: pure types, time and chance come in as
//! arguments.

mod adaptive;
mod least_connections;
mod p2c_ewma;
mod round_robin;
mod seed;
mod weighted;
mod weighted_round_robin;

use std::fmt;
use std::time::Instant;

use fastrand::Rng;

use crate::judgement::Load;

pub use adaptive::Adaptive;
pub use least_connections::LeastConnections;
pub use p2c_ewma::P2cEwma;
pub use round_robin::RoundRobin;
pub use seed::Seed;
pub use weighted::Weighted;
pub use weighted_round_robin::WeightedRoundRobin;

/// An eligible instance, as a strategy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its number in the pool, the same in every choice.
    pub member: usize,
    /// Its share of the work, relative to its siblings; at least 1.
    pub weight: u32,
    /// Tasks in its hands, working and waiting.
    pub taken: usize,
    /// Tasks it works on at once; at least 1.
    pub concurrency: usize,
    /// How well it is, from 0 to 1: 1 at work, half between two lives, 0 when its last health check
    /// failed.
    pub health: f64,
    /// How warm it is, from 0 to 1: less than 1 for a while after it has come.
    pub warmth: f64,
    /// Whether its breaker lets one call at a time through, to see.
    pub on_trial: bool,
    /// What it has done so far.
    pub load: &'a Load,
}

/// A rule for choosing.
pub trait Strategy: fmt::Debug + Send + Sync {
    /// The index, in `candidates`, of the one to take. `candidates` is never empty.
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize;
}

impl Candidate<'_> {
    /// The tasks in its hands for each that it can do at once.
    #[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
    fn pressure(&self) -> f64 {
        self.taken as f64 / self.concurrency as f64
    }
}

/// How many candidates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choices {
    /// All, up to 32 of them; of more, two.
    #[default]
    Auto,
    /// All.
    All,
    /// Two that the lot decides: right where several orchestrators ask the same agents, and would
    /// all find the same one the best.
    Two,
}

impl Choices {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] =
        &[("auto", Self::Auto), ("all", Self::All), ("two", Self::Two)];

    /// Beyond so many, two are as good as all and cost less.
    const MANY: usize = 32;

    fn are_two(self, candidates: usize) -> bool {
        match self {
            Self::Auto => candidates > Self::MANY,
            Self::All => false,
            Self::Two => candidates > 2,
        }
    }
}

/// Two different ones, by lot; there are at least two.
fn two(count: usize, chance: &mut Rng) -> (usize, usize) {
    let one = chance.usize(..count);
    let other = chance.usize(..count - 1);
    (one, if other >= one { other + 1 } else { other })
}

/// Costs within this of each other are equal.
const EQUAL: f64 = 1e-9;

/// The index of the smallest cost, of costs that are not negative. Among equals the lot decides,
/// by their weights.
fn cheapest(
    candidates: &[Candidate<'_>],
    chance: &mut Rng,
    cost: impl Fn(&Candidate<'_>) -> f64,
) -> usize {
    let (mut best, mut best_cost, mut tickets) = (0, f64::INFINITY, 0);
    for (index, candidate) in candidates.iter().enumerate() {
        let (cost, weight) = (cost(candidate), u64::from(candidate.weight));
        if cost < best_cost * (1.0 - EQUAL) {
            (best, best_cost, tickets) = (index, cost, weight);
        } else if cost <= best_cost * (1.0 + EQUAL) {
            tickets += weight;
            if chance.u64(..tickets) < weight {
                best = index;
            }
        }
    }
    best
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::judgement::{CallEnd, Outcome, Pace};

    /// The instances of an agent, as a test wants them to be.
    pub(super) struct Crowd {
        pub now: Instant,
        loads: Vec<Arc<Load>>,
    }

    impl Crowd {
        pub(super) fn of(count: usize) -> Self {
            let (now, pace) = (Instant::now(), Pace::new());
            let loads = (0..count).map(|_| Load::new(&pace, now)).collect();
            Self { now, loads }
        }

        /// That one has answered so many calls, each in so many seconds.
        pub(super) fn answered(&self, member: usize, count: usize, seconds: f64) {
            self.learn(member, count, Outcome::Success, seconds);
        }

        pub(super) fn failed(&self, member: usize, count: usize) {
            self.learn(member, count, Outcome::Failure, 0.001);
        }

        fn learn(&self, member: usize, count: usize, outcome: Outcome, seconds: f64) {
            for _ in 0..count {
                let call = CallEnd::served(outcome, Duration::from_secs_f64(seconds));
                self.loads[member].learn(call, self.now);
            }
        }

        pub(super) fn candidates(&self) -> Vec<Candidate<'_>> {
            let loads = self.loads.iter().enumerate();
            loads
                .map(|(member, load)| Candidate {
                    member,
                    weight: 1,
                    taken: 0,
                    concurrency: 8,
                    health: 1.0,
                    warmth: 1.0,
                    on_trial: false,
                    load,
                })
                .collect()
        }

        /// How often each is chosen in a thousand choices that change nothing.
        pub(super) fn shares(
            &self,
            strategy: &dyn Strategy,
            candidates: &[Candidate<'_>],
        ) -> Vec<usize> {
            let mut chance = Rng::with_seed(7);
            let mut counts = vec![0; candidates.len()];
            for _ in 0..1000 {
                counts[strategy.choose(candidates, self.now, &mut chance)] += 1;
            }
            counts
        }
    }

    #[test]
    fn among_equals_the_lot_decides_by_weight() {
        let crowd = Crowd::of(3);
        let mut candidates = crowd.candidates();
        candidates[2].weight = 2;
        let mut chance = Rng::with_seed(7);
        let mut counts = [0; 3];
        for _ in 0..4000 {
            counts[cheapest(&candidates, &mut chance, |_| 1.0)] += 1;
        }
        let near = |count: usize, expected: usize| count.abs_diff(expected) < 150;
        let fair = near(counts[0], 1000) && near(counts[1], 1000) && near(counts[2], 2000);
        assert!(fair, "{counts:?}");
    }

    #[test]
    fn two_are_always_different_and_each_pair_is_as_likely() {
        let mut chance = Rng::with_seed(7);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let (one, other) = two(3, &mut chance);
            assert_ne!(one, other);
            counts[one] += 1;
            counts[other] += 1;
        }
        assert!(
            counts.iter().all(|count| (1900..2100).contains(count)),
            "{counts:?}"
        );
    }
}
