use std::time::{Duration, Instant};

/// The one moment after which a request's answer is worth nothing.
///
/// It is set once, when the request is let in, and every stage may only bring it nearer; there is
/// no other time-out on the way.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::judgement::Deadline;
///
/// let now = Instant::now();
/// let request = Deadline::after(now, Duration::from_secs(300));
/// let attempt = request.no_later_than(Deadline::after(now, Duration::from_secs(30)));
/// assert_eq!(attempt.remaining(now), Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline that lies `span` after `now`, but no more than about a hundred years.
    #[must_use]
    pub fn after(now: Instant, span: Duration) -> Self {
        const CENTURY: Duration = Duration::from_secs(3_200_000_000);
        Self(now + span.min(CENTURY))
    }

    /// The deadline at that moment.
    #[must_use]
    pub fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// The nearer of two deadlines.
    #[must_use]
    pub fn no_later_than(self, other: Self) -> Self {
        self.min(other)
    }

    /// The time left; zero when it has passed.
    #[must_use]
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether, of the time from `since` until it, more than half has passed.
    #[must_use]
    pub fn is_half_spent(self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) > self.remaining(now)
    }

    /// The moment itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }
}
