use std::time::Duration;

/// How long a task may be worked on, waiting not included, before it counts as hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobTimeout {
    /// As long as one attempt may take.
    #[default]
    AsAttempt,
    /// So long.
    Limit(Duration),
    /// As long as it takes.
    Unlimited,
}

impl JobTimeout {
    /// The limit of an agent whose attempts may take that long.
    pub(super) fn of(self, attempt: Duration) -> Option<Duration> {
        match self {
            Self::AsAttempt => Some(attempt),
            Self::Limit(limit) => Some(limit),
            Self::Unlimited => None,
        }
    }
}

impl From<Duration> for JobTimeout {
    fn from(limit: Duration) -> Self {
        Self::Limit(limit)
    }
}
