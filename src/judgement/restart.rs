//! Whether an agent that ended is started again, when, and who ends with it.
//!
//! The words are OTP's: a child is permanent, transient or temporary; a supervisor restarts it
//! alone, with all its siblings or with those that were started after it; more than
//! `max_restarts` within a sliding `window` are too many. Three things differ, because an agent
//! is fed by strangers. A life that finished a job was worth starting: its end is laid to the
//! request that killed it, does not count, ends the series of those that did, and is followed by
//! a new life at once ([`Counted::All`] is OTP's strict way). Every other end is followed by a
//! pause that doubles. And when there were too many, the one that ended most often is given up
//! for a while, and not its whole family ([`OnGiveUp::Escalate`] is OTP's way).

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{Backoff, BackoffConfig, Intensity};
use crate::words::{Consequence, ExitReason};

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

impl RestartPolicy {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] = &[
        ("permanent", Self::Permanent),
        ("transient", Self::Transient),
        ("temporary", Self::Temporary),
    ];

    fn restarts_after(self, reason: &ExitReason) -> bool {
        match self {
            Self::Permanent => *reason != ExitReason::Shutdown,
            Self::Transient => reason.is_abnormal(),
            Self::Temporary => false,
        }
    }
}

/// Who is restarted with a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartStrategy {
    /// Nobody else: the children do not depend on one another.
    #[default]
    OneForOne,
    /// All its siblings: they depend on one another.
    OneForAll,
    /// The siblings that were started after it: each depends on those before it.
    RestForOne,
}

impl RestartStrategy {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] = &[
        ("one_for_one", Self::OneForOne),
        ("one_for_all", Self::OneForAll),
        ("rest_for_one", Self::RestForOne),
    ];

    /// Of so many children in the order of their start, those that are restarted when that one
    /// ends.
    ///
    /// ```
    /// use agent_orchestrator::judgement::RestartStrategy;
    /// assert_eq!(RestartStrategy::OneForOne.affected(1, 3), 1..2);
    /// assert_eq!(RestartStrategy::OneForAll.affected(1, 3), 0..3);
    /// assert_eq!(RestartStrategy::RestForOne.affected(1, 3), 1..3);
    /// ```
    #[must_use]
    pub fn affected(self, ended: usize, children: usize) -> Range<usize> {
        match self {
            Self::OneForOne => ended..ended + 1,
            Self::OneForAll => 0..children,
            Self::RestForOne => ended..children,
        }
    }
}

/// Which ends count as restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counted {
    /// Those of lives that finished no job.
    #[default]
    Unproductive,
    /// Every one, as in OTP.
    All,
}

impl Counted {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] = &[("unproductive", Self::Unproductive), ("all", Self::All)];
}

/// What a supervisor does when there were too many restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGiveUp {
    /// It gives up the child that ended most often, for a while.
    #[default]
    Stop,
    /// It ends all its children and leaves the matter to its own supervisor, as in OTP.
    Escalate,
}

impl OnGiveUp {
    /// All of them, by the names that the configuration knows them by.
    pub const NAMES: &[(&str, Self)] = &[("stop", Self::Stop), ("escalate", Self::Escalate)];
}

/// How a supervisor keeps its children alive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisorConfig {
    /// Who is restarted with a child that ended.
    pub strategy: RestartStrategy,
    /// How many restarts are allowed within the window, of all its children together.
    pub max_restarts: usize,
    /// The window that slides with each restart.
    pub window: Duration,
    /// Which ends count.
    pub count: Counted,
    /// The pauses before restarts; they start over after a life that finished a job or lasted
    /// longer than the window.
    pub backoff: BackoffConfig,
    /// What follows when there were too many.
    pub on_give_up: OnGiveUp,
    /// The pauses before one that was given up is tried again.
    pub cool_down: BackoffConfig,
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            strategy: RestartStrategy::default(),
            max_restarts: 3,
            window: Duration::from_secs(5),
            count: Counted::default(),
            backoff: BackoffConfig {
                initial: Duration::from_millis(10),
                max: Duration::from_secs(10),
            },
            on_give_up: OnGiveUp::default(),
            cool_down: BackoffConfig {
                initial: Duration::from_secs(1),
                max: Duration::from_mins(1),
            },
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

/// What there is to remember of one child's earlier lives.
#[derive(Debug, Default)]
pub struct History {
    backoff: Backoff,
    cool_down: Backoff,
}

/// The child that ended, as far as it matters to what follows.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The number that tells it from its siblings.
    pub child: u64,
    /// Its policy.
    pub policy: RestartPolicy,
    /// Its life.
    pub life: &'a Life,
    /// Its earlier lives.
    pub history: &'a mut History,
}

impl SupervisorConfig {
    /// Whether the crash of a life that finished a job is always followed by a new life at once,
    /// and by nothing else, so that nobody need be asked.
    #[must_use]
    pub fn restarts_the_productive_at_once(&self, policy: RestartPolicy) -> bool {
        policy != RestartPolicy::Temporary
            && self.count == Counted::Unproductive
            && self.strategy == RestartStrategy::OneForOne
    }

    /// Decides what follows an end. `chance` is a random number in `0.0..1.0` for the jitter.
    #[must_use]
    pub fn decide(
        &self,
        ended: Ended<'_>,
        intensity: &mut Intensity,
        now: Instant,
        chance: f64,
    ) -> Consequence {
        let Ended {
            child,
            policy,
            life,
            history,
        } = ended;
        if !policy.restarts_after(&life.reason) {
            return Consequence::Leave;
        }
        if life.reason == ExitReason::Displaced {
            return Consequence::AT_ONCE;
        }
        let productive = life.jobs > 0;
        if productive || life.lasted > self.window {
            *history = History::default();
        }
        if productive && self.count == Counted::Unproductive {
            intensity.forget(child);
            return Consequence::AT_ONCE;
        }
        let too_many = intensity.add(child, now, self.window) > self.max_restarts;
        match self.on_give_up {
            OnGiveUp::Escalate if too_many => Consequence::Escalate,
            OnGiveUp::Stop if too_many && intensity.is_most_frequent(child) => {
                intensity.forget(child);
                history.backoff.reset();
                let cool_down = history.cool_down.next(self.cool_down, chance);
                Consequence::GiveUp { cool_down }
            }
            _ => Consequence::Restart {
                after: history.backoff.next(self.backoff, chance),
            },
        }
    }
}

#[cfg(test)]
mod tests;
