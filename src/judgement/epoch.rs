use std::time::{Duration, Instant};

/// The moment from which an organ counts its time, so that moments fit into atomics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch(Instant);

impl Epoch {
    pub(super) fn new(start: Instant) -> Self {
        Self(start)
    }

    /// Nanoseconds from the start, for five hundred years; 0 for what was before.
    pub(super) fn nanos(self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.0);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The seconds between a moment that was counted and a later one.
    pub(super) fn seconds_since(self, nanos: u64, now: Instant) -> f64 {
        let span = self.nanos(now).saturating_sub(nanos);
        Duration::from_nanos(span).as_secs_f64()
    }
}
