//! Decisions, apart from deeds: when to let a call through, when to start anew, how to count.
//!
//! Nothing here reads a clock, waits, rolls dice or touches an actor: time and chance come in as
//! arguments, so that each rule can be tested as the table it is.

mod backoff;
mod breaker;
mod deadline;
mod intensity;
mod load;
mod outcome;
mod restart;

pub use backoff::{Backoff, BackoffConfig};
pub use breaker::{Breaker, BreakerConfig, BreakerOpen, BreakerState, Permit};
pub use deadline::Deadline;
pub use intensity::Intensity;
pub use load::{Load, LoadReport, Place};
pub use outcome::Outcome;
pub use restart::{
    Counted, Ended, History, Life, OnGiveUp, RestartPolicy, RestartStrategy, SupervisorConfig,
};
