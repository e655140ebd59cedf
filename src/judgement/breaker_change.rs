use std::fmt;

use super::{BreakerState, Outcome};

/// What a call has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What it says of the agent.
    pub outcome: Outcome,
    /// Whether it took far too long.
    pub slow: bool,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        let slow = false;
        Self { outcome, slow }
    }
}

/// What an operator has decided over a breaker's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// Nothing goes through.
    Open,
    /// Everything goes through.
    Closed,
}

/// A breaker has changed its state, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerChange {
    /// The state that it is in from now on.
    pub state: BreakerState,
    /// Why.
    pub cause: BreakerCause,
}

/// Why a breaker has changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerCause {
    /// So many calls in a row failed.
    FailuresInARow(u32),
    /// Of the recent calls, too many failed.
    FailureRate {
        /// How many failed.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// Of the recent calls, too many were slow.
    SlowCalls {
        /// How many were slow.
        slow: usize,
        /// Of how many.
        of: usize,
    },
    /// The probe failed, was slow, or found the agent busy.
    ProbeFailed,
    /// The agent was left alone for long enough.
    Rested,
    /// The agent was started anew.
    Restarted,
    /// So many probes in a row succeeded.
    Recovered(u32),
    /// An operator wanted it so.
    Operator,
    /// The breaker of another orchestrator before the same agent has opened.
    Elsewhere,
}

impl fmt::Display for BreakerCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailuresInARow(count) => write!(f, "{count} failures in a row"),
            Self::FailureRate { failed, of } => write!(f, "{failed} of {of} calls failed"),
            Self::SlowCalls { slow, of } => write!(f, "{slow} of {of} calls were slow"),
            Self::ProbeFailed => f.write_str("the probe failed"),
            Self::Rested => f.write_str("it was left alone for long enough"),
            Self::Restarted => f.write_str("the agent was started anew"),
            Self::Recovered(count) => write!(f, "{count} probes succeeded"),
            Self::Operator => f.write_str("an operator wanted it so"),
            Self::Elsewhere => f.write_str("that of another orchestrator opened"),
        }
    }
}
