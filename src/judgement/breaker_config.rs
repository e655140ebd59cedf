use std::time::Duration;

use super::BackoffConfig;

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
    /// How long it stays open the first time; then twice as long each time, until it has closed.
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

    /// How long it stays open.
    #[must_use]
    pub fn backoff(&self) -> BackoffConfig {
        BackoffConfig {
            initial: self.initial_backoff,
            max: self.recovery_timeout,
        }
    }
}
