use std::time::Duration;

/// Why a call was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room; when there may be.
    Full {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// The breaker is open.
    Open {
        /// When it makes sense to ask again.
        retry_after: Duration,
    },
    /// An operator lets no work in.
    Paused,
    /// The instance has no life.
    Stopped {
        /// When it is tried again; `None` when it is not.
        retry_after: Option<Duration>,
    },
}
