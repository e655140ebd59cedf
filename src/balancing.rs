//! Which instance of an agent gets the next task.
//!
//! The [`Balancer`] is an actor that owns who belongs to which agent and publishes it; choosing
//! happens on the caller's thread, from the published snapshot and the live load of each mailbox,
//! without a message and, but for the turns of [`WeightedRoundRobin`], without a lock. Eligibility comes first and is never part of a score: an
//! instance that is stopped, full, behind an open breaker or already tried is not there. One whose
//! last health check failed is chosen only when no other is left.

mod balancer;
mod config;
mod eligible;
mod pool;
mod strategies;

pub use balancer::{Balancer, Muster, Pools};
pub use config::{Algorithm, BalancingConfig};
pub use pool::{Member, Pool};
pub use strategies::{
    Adaptive, Candidate, Choices, LeastConnections, P2cEwma, RoundRobin, Seed, Strategy, Weighted,
    WeightedRoundRobin,
};
