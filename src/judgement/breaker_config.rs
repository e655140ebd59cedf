use std::time::Duration;

use super::backoff::jittered;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerConfig {
    /// Whether it ever opens by itself.
    pub enabled: bool,
    /// How many failures in a row open it; at least 1.
    pub failure_threshold: u32,
    /// The share of failures among recent calls that opens it, from 0 to 1; `None`: none does.
    pub failure_rate: Option<f64>,
    /// The share of slow ones among recent calls that opens it, from 0 to 1; `None`: none does.
    pub slow_call_rate: Option<f64>,
    /// No call is slow that took less; beyond that, one is that took three times as long as
    /// nineteen of twenty at its agent.
    pub slow_call_duration: Duration,
    /// No share is judged of fewer calls, from 1 to 20. The last 20 are looked at.
    pub minimum_calls: usize,
    /// No older calls are looked at, unless calls may take so long that twice as long is more.
    pub window: Duration,
    /// How many probes in a row must succeed to close it; at least 1.
    pub success_threshold: u32,
    /// How long it stays open at first; see [`pause`](Self::pause).
    pub initial_backoff: Duration,
    /// It never stays open longer, but where the agent itself asks for more.
    pub recovery_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: 5,
            failure_rate: Some(0.5),
            slow_call_rate: Some(0.8),
            slow_call_duration: Duration::from_secs(1),
            minimum_calls: 10,
            window: Duration::from_secs(30),
            success_threshold: 3,
            initial_backoff: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(60),
        }
    }
}

impl BreakerConfig {
    /// Whether a call that took that long was slow, where nineteen of twenty take `usually`.
    /// While nobody knows what is usual, nothing is slow.
    #[must_use]
    pub fn is_slow(&self, took: Duration, usually: Option<Duration>) -> bool {
        usually
            .is_some_and(|usually| took >= self.slow_call_duration.max(usually.saturating_mul(3)))
    }

    /// How long it stays open when its agent has been failing for that long: a third of that, but
    /// no less than the first pause and no more than the longest, jittered between half of it and
    /// all of it. `chance` is a random number in `0.0..1.0`.
    ///
    /// Pauses that simply double grow as long as the outage itself, and may prolong it to twice
    /// its length; these prolong it by no more than a third.
    #[must_use]
    pub fn pause(&self, outage: Duration, chance: f64) -> Duration {
        let pause = (outage / 3).max(self.initial_backoff);
        jittered(pause.min(self.recovery_timeout), chance)
    }
}
