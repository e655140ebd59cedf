//! Decisions, apart from deeds: when to let a call through, when to start anew, how to count.
//!
//! Nothing here reads a clock, waits, rolls dice or touches an actor: time and chance come in as
//! arguments, so that each rule can be tested as the table it is.

mod backoff;
mod breaker;
mod breaker_change;
mod breaker_config;
mod circuit;
mod deadline;
mod epoch;
mod evidence;
mod intensity;
mod load;
mod notice;
mod outcome;
mod pace;
mod published;
mod restart;
mod retry_budget;
#[cfg(test)]
mod tests;
mod window;

/// What the breaker is built of; a model checker puts its own in their place.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
    pub(super) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
}

pub use crate::words::BreakerState;
pub use backoff::{Backoff, BackoffConfig};
pub use breaker::{Bar, Breaker, BreakerListener, BreakerOpen, Permit};
pub use breaker_change::{BreakerCause, BreakerChange, Forced, Verdict};
pub use breaker_config::BreakerConfig;
pub use deadline::Deadline;
pub use evidence::Evidence;
pub use intensity::Intensity;
pub use load::{CallEnd, Lifetime, Load, LoadReport, Place};
pub use outcome::Outcome;
pub use pace::{Pace, Tempo};
pub use restart::{
    Counted, Ended, History, Life, OnGiveUp, RestartPolicy, RestartStrategy, SupervisorConfig,
};
pub use retry_budget::{RetryBudget, RetryBudgetConfig};
