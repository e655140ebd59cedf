use std::time::Duration;

use crate::judgement::{Bar, BreakerOpen};

/// Why a call was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room; when there may be.
    Full {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// There is room, but the answer would come after the deadline.
    TooLate {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// The breaker is open.
    Open {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// The agent has asked to be left alone for a while.
    Cooling {
        /// How long.
        retry_after: Duration,
    },
    /// An operator holds the breaker open.
    HeldOpen,
    /// An operator lets no work in.
    Paused,
    /// The instance has no life.
    Stopped {
        /// When it is tried again; `None` when it is not.
        retry_after: Option<Duration>,
    },
}

impl From<BreakerOpen> for Refusal {
    fn from(open: BreakerOpen) -> Self {
        let retry_after = open.retry_after;
        match open.reason {
            Bar::Failures => Self::Open { retry_after },
            Bar::Cooling => Self::Cooling { retry_after },
            Bar::Operator => Self::HeldOpen,
        }
    }
}
