//! The circuit breaker that stands before every mailbox.
//!
//! It exists so that an agent that keeps failing is left alone for a while, and callers are told
//! so at once instead of waiting for one more failure.
//!
//! Three habits keep it honest, each the lack of which is known to have wedged or flooded a real
//! breaker. Whoever is let through holds a [`Permit`], and a permit that is dropped without a
//! verdict gives its place back. A permit remembers the epoch it was issued in, and what it
//! reports after the state has changed is ignored: an old failure never extends an outage, an old
//! success never ends one. And while half-open exactly one permit, the probe, is out at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Deadline, Outcome};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Whether it ever opens.
    pub enabled: bool,
    /// How many failures in a row open it; at least 1.
    pub failure_threshold: u32,
    /// How long it stays open before it lets a probe through.
    pub recovery_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            failure_threshold: 5,
            recovery_timeout: Duration::from_secs(60),
        }
    }
}

/// The state of a breaker, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// One call at a time goes through, to see.
    HalfOpen,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// The breaker refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOpen {
    /// When it makes sense to ask again.
    pub retry_after: Duration,
}

/// A circuit breaker; cheap to clone, all clones are the same breaker.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::judgement::{Breaker, BreakerConfig, BreakerState, Outcome};
///
/// let breaker = Breaker::new(BreakerConfig { failure_threshold: 1, ..BreakerConfig::default() });
/// let now = Instant::now();
/// breaker.admit(now).unwrap().settle(Outcome::Failure, now);
/// assert_eq!(breaker.admit(now).unwrap_err().retry_after, Duration::from_secs(60));
/// assert!(breaker.admit(now + Duration::from_secs(60)).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    circuit: Arc<Mutex<Circuit>>,
}

#[derive(Debug)]
struct Circuit {
    epoch: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { probing: bool },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(config: BreakerConfig) -> Self {
        let phase = Phase::Closed { failures: 0 };
        Self {
            config,
            circuit: Arc::new(Mutex::new(Circuit { epoch: 0, phase })),
        }
    }

    /// Lets a call through, or says when to come back.
    ///
    /// # Errors
    /// [`BreakerOpen`] while it is open, and while half-open with the probe still out.
    pub fn admit(&self, now: Instant) -> Result<Permit, BreakerOpen> {
        let mut circuit = self.lock();
        if let Some(open) = circuit.obstacle(now) {
            return Err(open);
        }
        circuit.wake(now);
        if let Phase::HalfOpen { probing } = &mut circuit.phase {
            *probing = true;
        }
        Ok(Permit {
            epoch: circuit.epoch,
            breaker: self.clone(),
            settled: false,
        })
    }

    /// Why [`admit`](Self::admit) would refuse a call; `None` when it would not.
    #[must_use]
    pub fn obstacle(&self, now: Instant) -> Option<BreakerOpen> {
        self.lock().obstacle(now)
    }

    /// The state at this moment.
    #[must_use]
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.lock().phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until } if until > now => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn settle(&self, epoch: u64, outcome: Outcome, now: Instant) {
        let mut circuit = self.lock();
        if circuit.epoch == epoch && self.config.enabled {
            circuit.learn(outcome, now, self.config);
        }
    }

    fn give_back(&self, epoch: u64) {
        let mut circuit = self.lock();
        if circuit.epoch == epoch
            && let Phase::HalfOpen { probing } = &mut circuit.phase
        {
            *probing = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    fn obstacle(&self, now: Instant) -> Option<BreakerOpen> {
        let retry_after = match self.phase {
            Phase::Open { until } if until > now => until - now,
            Phase::HalfOpen { probing: true } => Duration::from_secs(1),
            _ => return None,
        };
        Some(BreakerOpen { retry_after })
    }

    fn wake(&mut self, now: Instant) {
        if let Phase::Open { until } = self.phase
            && until <= now
        {
            self.enter(Phase::HalfOpen { probing: false });
        }
    }

    fn learn(&mut self, outcome: Outcome, now: Instant, config: BreakerConfig) {
        let open = Phase::Open {
            until: Deadline::after(now, config.recovery_timeout).instant(),
        };
        match (&mut self.phase, outcome) {
            (Phase::Closed { failures }, Outcome::Success) => *failures = 0,
            (Phase::Closed { failures }, Outcome::Failure) => {
                *failures += 1;
                if *failures >= config.failure_threshold {
                    self.enter(open);
                }
            }
            (Phase::HalfOpen { .. }, Outcome::Success) => self.enter(Phase::Closed { failures: 0 }),
            (Phase::HalfOpen { .. }, Outcome::Failure | Outcome::Busy) => self.enter(open),
            (Phase::HalfOpen { probing }, Outcome::UserError | Outcome::Unjudged) => {
                *probing = false;
            }
            (Phase::Closed { .. } | Phase::Open { .. }, _) => {}
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.epoch += 1;
        self.phase = phase;
    }
}

/// Leave to make one call. Dropping it without a verdict counts for nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once admits nobody"]
pub struct Permit {
    epoch: u64,
    breaker: Breaker,
    settled: bool,
}

impl Permit {
    /// Reports how the call ended; ignored when the breaker's state has changed since.
    pub fn settle(mut self, outcome: Outcome, now: Instant) {
        self.settled = true;
        self.breaker.settle(self.epoch, outcome, now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.give_back(self.epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn open_breaker(now: Instant) -> Breaker {
        let breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..5 {
            breaker.admit(now).unwrap().settle(Outcome::Failure, now);
        }
        assert_eq!(breaker.state(now), BreakerState::Open);
        breaker
    }

    #[test]
    fn a_success_ends_the_series_of_failures() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..10 {
            for _ in 0..4 {
                breaker.admit(now).unwrap().settle(Outcome::Failure, now);
            }
            breaker.admit(now).unwrap().settle(Outcome::Success, now);
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[test]
    fn only_failures_open_it() {
        let now = Instant::now();
        for outcome in [Outcome::UserError, Outcome::Busy, Outcome::Unjudged] {
            let breaker = Breaker::new(BreakerConfig::default());
            for _ in 0..100 {
                breaker.admit(now).unwrap().settle(outcome, now);
            }
            assert_eq!(breaker.state(now), BreakerState::Closed, "{outcome:?}");
        }
    }

    #[test]
    fn half_open_lets_one_probe_through_and_its_success_closes() {
        let now = Instant::now();
        let breaker = open_breaker(now);
        assert!(breaker.admit(now + MINUTE / 2).is_err());

        let later = now + MINUTE;
        let probe = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_err());
        probe.settle(Outcome::Success, later);
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_fails_or_finds_it_busy_opens_it_again() {
        for outcome in [Outcome::Failure, Outcome::Busy] {
            let now = Instant::now();
            let breaker = open_breaker(now);
            let later = now + MINUTE;
            breaker.admit(later).unwrap().settle(outcome, later);
            assert_eq!(breaker.admit(later).unwrap_err().retry_after, MINUTE);
        }
    }

    #[test]
    fn a_lost_probe_does_not_wedge_it() {
        let now = Instant::now();
        let breaker = open_breaker(now);
        drop(breaker.admit(now + MINUTE).unwrap());
        assert!(breaker.admit(now + MINUTE).is_ok());
    }

    #[test]
    fn what_an_old_call_reports_is_ignored() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerConfig::default());
        let old_success = breaker.admit(now).unwrap();
        let old_failure = breaker.admit(now).unwrap();
        for _ in 0..5 {
            breaker.admit(now).unwrap().settle(Outcome::Failure, now);
        }
        let later = now + MINUTE;
        let probe = breaker.admit(later).unwrap();
        old_success.settle(Outcome::Success, later);
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        old_failure.settle(Outcome::Failure, later);
        probe.settle(Outcome::Success, later);
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }

    #[test]
    fn disabled_it_never_opens() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerConfig {
            enabled: false,
            ..BreakerConfig::default()
        });
        for _ in 0..100 {
            breaker.admit(now).unwrap().settle(Outcome::Failure, now);
        }
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }

    #[test]
    fn a_thousand_callers_at_once_get_one_probe() {
        let now = Instant::now();
        let breaker = open_breaker(now);
        let probes: usize = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let permits: Vec<_> = (0..125)
                            .filter_map(|_| breaker.admit(now + MINUTE).ok())
                            .collect();
                        permits.into_iter().map(std::mem::forget).count()
                    })
                })
                .collect();
            callers.into_iter().map(|c| c.join().unwrap()).sum()
        });
        assert_eq!(probes, 1);
    }

    proptest! {
        /// Against a list model: it is open exactly after a run of failures of at least the
        /// threshold at the end of the history.
        #[test]
        fn it_opens_after_a_run_of_failures(failures in prop::collection::vec(any::<bool>(), 0..40), threshold in 1_u32..6) {
            let now = Instant::now();
            let breaker = Breaker::new(BreakerConfig { failure_threshold: threshold, ..BreakerConfig::default() });
            let mut run = 0;
            for failed in failures {
                match breaker.admit(now) {
                    Ok(permit) => {
                        permit.settle(if failed { Outcome::Failure } else { Outcome::Success }, now);
                        run = if failed { run + 1 } else { 0 };
                    }
                    Err(_) => prop_assert!(run >= threshold),
                }
                prop_assert_eq!(breaker.state(now) == BreakerState::Open, run >= threshold);
            }
        }
    }
}
