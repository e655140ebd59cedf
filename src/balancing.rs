//! Which instance of an agent gets the next task.
//!
//! The [`Balancer`] is an actor that owns who belongs to which agent and publishes it; choosing
//! happens on the caller's thread, from the published snapshot and the live load of each mailbox,
//! without a message. Eligibility comes first and is never part of a score: an instance that is
//! stopped, full, behind an open breaker or already tried is not there. One whose last health
//! check failed is chosen only when no other is left.

mod balancer;
mod pool;
mod strategies;

pub use balancer::{Balancer, Muster, Pools};
pub use pool::Pool;
pub use strategies::{
    Algorithm, Candidate, LeastConnections, RoundRobin, Strategy, Weighted, WeightedRoundRobin,
};

/// How instances are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalancingConfig {
    /// Whether load counts at all; otherwise the first eligible instance is taken.
    pub enabled: bool,
    /// The rule.
    pub algorithm: Algorithm,
}

impl Default for BalancingConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            algorithm: Algorithm::WeightedRoundRobin,
        }
    }
}
