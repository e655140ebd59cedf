//! Whether an agent that ended is started again, and when.
//!
//! The words are OTP's: a child is permanent, transient or temporary; more than `max_restarts`
//! within a sliding `window` and its supervisor gives it up. Two things differ, because an agent
//! is fed by strangers. A life that finished a job was worth starting: its end is laid to the
//! request that killed it, does not count, ends the series of those that did, and is followed by
//! a new life at once. Every other end is followed by a pause that doubles.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Which ends are followed by a new life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// Every one.
    #[default]
    Permanent,
    /// Those that were not intended.
    Transient,
    /// None.
    Temporary,
}

/// How the life of an agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It stopped by itself, having nothing left to do.
    Finished,
    /// It panicked; the panic's message.
    Panicked(String),
    /// It said that it could not go on ([`AgentError::fatal`](crate::AgentError::fatal)).
    Fatal(String),
    /// It could not be started: its factory panicked or its start hook failed.
    StartFailed(String),
    /// The thread it lived on ended.
    ThreadEnded,
    /// It was told to stop.
    Shutdown,
}

impl ExitReason {
    /// Whether nobody wanted it.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Finished | Self::Shutdown)
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("stopped by itself"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Fatal(message) => write!(f, "could not go on: {message}"),
            Self::StartFailed(message) => write!(f, "could not start: {message}"),
            Self::ThreadEnded => f.write_str("its thread ended"),
            Self::Shutdown => f.write_str("was told to stop"),
        }
    }
}

/// A life that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// How it ended.
    pub reason: ExitReason,
    /// How many jobs it had finished.
    pub jobs: u64,
    /// How long it had lasted.
    pub lasted: Duration,
}

/// How often, and how soon, an agent is started again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestartConfig {
    /// Which ends are followed by a new life.
    pub policy: RestartPolicy,
    /// How many restarts are allowed within the window.
    pub max_restarts: usize,
    /// The window that slides with each restart.
    pub window: Duration,
    /// The pauses before restarts.
    pub backoff: BackoffConfig,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::Permanent,
            max_restarts: 3,
            window: Duration::from_secs(5),
            backoff: BackoffConfig::default(),
        }
    }
}

/// The first and the longest pause before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The pause after the first failure.
    pub initial: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(10),
            max: Duration::from_secs(10),
        }
    }
}

/// What a supervisor does about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Start a new life after this pause.
    Restart {
        /// The pause, jitter included.
        after: Duration,
    },
    /// Leave it ended, as the policy says.
    Leave,
    /// Leave it ended: it has been restarted too often.
    GiveUp,
}

impl RestartConfig {
    /// Decides what follows an end. `chance` is a random number in `0.0..1.0` for the jitter.
    #[must_use]
    pub fn decide(
        &self,
        life: &Life,
        intensity: &mut Intensity,
        backoff: &mut Backoff,
        now: Instant,
        chance: f64,
    ) -> Decision {
        let again = match self.policy {
            RestartPolicy::Permanent => life.reason != ExitReason::Shutdown,
            RestartPolicy::Transient => life.reason.is_abnormal(),
            RestartPolicy::Temporary => false,
        };
        if !again {
            return Decision::Leave;
        }
        if life.jobs > 0 {
            intensity.clear();
            backoff.reset();
            return Decision::Restart {
                after: Duration::ZERO,
            };
        }
        if life.lasted > self.window {
            backoff.reset();
        }
        if intensity.add(now, self) {
            let after = backoff.next(self.backoff, chance);
            Decision::Restart { after }
        } else {
            Decision::GiveUp
        }
    }
}

/// The restarts within the window: OTP's `add_restart`.
#[derive(Debug, Default)]
pub struct Intensity {
    restarts: VecDeque<Instant>,
}

impl Intensity {
    /// Adds a restart; `false` when it is one too many.
    pub fn add(&mut self, now: Instant, config: &RestartConfig) -> bool {
        while let Some(oldest) = self.restarts.front()
            && now.saturating_duration_since(*oldest) > config.window
        {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        self.restarts.len() <= config.max_restarts
    }

    fn clear(&mut self) {
        self.restarts.clear();
    }
}

/// The growing pause before restarts of one child.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause: doubled with each failure up to the longest, then jittered between half
    /// of it and all of it, so that agents that fell together do not rise together.
    pub fn next(&mut self, config: BackoffConfig, chance: f64) -> Duration {
        let doubled = config.initial.saturating_mul(1 << self.failures.min(30));
        self.failures = self.failures.saturating_add(1);
        doubled.min(config.max).mul_f64(0.5 + 0.5 * chance)
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn life(reason: ExitReason, jobs: u64) -> Life {
        Life {
            reason,
            jobs,
            lasted: Duration::from_millis(1),
        }
    }

    fn decide_once(policy: RestartPolicy, reason: ExitReason) -> Decision {
        let config = RestartConfig {
            policy,
            ..RestartConfig::default()
        };
        config.decide(
            &life(reason, 0),
            &mut Intensity::default(),
            &mut Backoff::default(),
            Instant::now(),
            0.0,
        )
    }

    #[test]
    fn the_policy_says_which_ends_are_followed_by_a_new_life() {
        use RestartPolicy::{Permanent, Temporary, Transient};
        let crash = || ExitReason::Panicked("boom".into());
        let cases = [
            (Permanent, ExitReason::Finished, true),
            (Permanent, crash(), true),
            (Permanent, ExitReason::Shutdown, false),
            (Transient, ExitReason::Finished, false),
            (Transient, crash(), true),
            (Transient, ExitReason::StartFailed("no".into()), true),
            (Temporary, ExitReason::Finished, false),
            (Temporary, crash(), false),
        ];
        for (policy, reason, restarted) in cases {
            let shown = format!("{policy:?} {reason}");
            let decision = decide_once(policy, reason);
            assert_eq!(decision != Decision::Leave, restarted, "{shown}");
        }
    }

    #[test]
    fn one_restart_more_than_allowed_gives_up() {
        let config = RestartConfig::default();
        let (mut intensity, mut backoff) = (Intensity::default(), Backoff::default());
        let now = Instant::now();
        let crash = life(ExitReason::Panicked("boom".into()), 0);
        for _ in 0..3 {
            let decision = config.decide(&crash, &mut intensity, &mut backoff, now, 0.5);
            assert!(matches!(decision, Decision::Restart { .. }));
        }
        let decision = config.decide(&crash, &mut intensity, &mut backoff, now, 0.5);
        assert_eq!(decision, Decision::GiveUp);
    }

    #[test]
    fn a_life_that_finished_a_job_does_not_count_and_is_followed_at_once() {
        let config = RestartConfig::default();
        let (mut intensity, mut backoff) = (Intensity::default(), Backoff::default());
        let now = Instant::now();
        let crash = life(ExitReason::Panicked("boom".into()), 1);
        for _ in 0..1000 {
            let decision = config.decide(&crash, &mut intensity, &mut backoff, now, 0.5);
            let after = Duration::ZERO;
            assert_eq!(decision, Decision::Restart { after });
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_over_after_a_healthy_stretch() {
        let config = RestartConfig {
            max_restarts: 100,
            ..RestartConfig::default()
        };
        let (mut intensity, mut backoff) = (Intensity::default(), Backoff::default());
        let mut pause = |lasted, chance| {
            let life = Life {
                lasted,
                ..life(ExitReason::Panicked("boom".into()), 0)
            };
            match config.decide(&life, &mut intensity, &mut backoff, Instant::now(), chance) {
                Decision::Restart { after } => after.as_millis(),
                other => panic!("{other:?}"),
            }
        };
        let brief = Duration::from_millis(1);
        assert_eq!([pause(brief, 1.0), pause(brief, 1.0)], [10, 20]);
        assert_eq!(pause(brief, 0.0), 20);
        for _ in 0..20 {
            pause(brief, 1.0);
        }
        assert_eq!(pause(brief, 1.0), 10_000);
        assert_eq!(pause(Duration::from_secs(6), 1.0), 10);
    }

    proptest! {
        /// Against a list model: allowed while at most `max` restarts lie within the window.
        #[test]
        fn the_window_slides(gaps in prop::collection::vec(0_u64..200, 1..60), max in 0_usize..5) {
            let config = RestartConfig {
                max_restarts: max,
                window: Duration::from_millis(100),
                ..RestartConfig::default()
            };
            let start = Instant::now();
            let (mut intensity, mut at, mut model) = (Intensity::default(), 0, Vec::new());
            for gap in gaps {
                at += gap;
                model.push(at);
                let within = model.iter().filter(|t| at - **t <= 100).count();
                let allowed = intensity.add(start + Duration::from_millis(at), &config);
                prop_assert_eq!(allowed, within <= max);
            }
        }
    }
}
