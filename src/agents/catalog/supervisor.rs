//! How a supervisor is configured, wherever that is said: for all, for a group, for an agent.

use std::time::Duration;

use crate::judgement::{
    BackoffConfig, Counted, OnGiveUp, RestartPolicy, RestartStrategy, SupervisorConfig,
};
use crate::words::Reader;

/// The keys that say how a supervisor works.
pub const SUPERVISOR_KEYS: &[&str] = &[
    "strategy",
    "max_restarts",
    "window",
    "count",
    "backoff",
    "on_give_up",
    "cool_down",
];

/// Reads how a supervisor works; where nothing is said, or nothing sound, `common` holds.
#[must_use]
pub fn read_supervisor(place: &Reader<'_>, common: SupervisorConfig) -> SupervisorConfig {
    let choice = |key| place.member(key);
    let strategy = choice("strategy").and_then(|it| it.one_of(RestartStrategy::NAMES));
    let most = choice("max_restarts").and_then(|it| it.count(0));
    let window = choice("window").and_then(|it| it.seconds());
    let count = choice("count").and_then(|it| it.one_of(Counted::NAMES));
    let on_give_up = choice("on_give_up").and_then(|it| it.one_of(OnGiveUp::NAMES));
    SupervisorConfig {
        strategy: strategy.unwrap_or(common.strategy),
        max_restarts: most.unwrap_or(common.max_restarts),
        window: window.unwrap_or(common.window),
        count: count.unwrap_or(common.count),
        backoff: pauses(choice("backoff").as_ref(), common.backoff),
        on_give_up: on_give_up.unwrap_or(common.on_give_up),
        cool_down: pauses(choice("cool_down").as_ref(), common.cool_down),
    }
}

fn pauses(place: Option<&Reader<'_>>, common: BackoffConfig) -> BackoffConfig {
    let Some(place) = place else {
        return common;
    };
    place.allow_only(&["initial_ms", "max_ms"]);
    let pause = |name| {
        let pause = place.member(name).and_then(|it| it.integer(1..=86_400_000));
        pause.map(Duration::from_millis)
    };
    let pauses = BackoffConfig {
        initial: pause("initial_ms").unwrap_or(common.initial),
        max: pause("max_ms").unwrap_or(common.max),
    };
    if pauses.initial > pauses.max {
        place.fault("expected max_ms to be at least initial_ms");
    }
    pauses
}

/// How an agent's entry says that it is to be kept alive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Restart {
    /// Which of its ends are followed by a new life.
    pub policy: RestartPolicy,
    /// Its own supervisor, if it has one.
    pub supervisor: Option<SupervisorConfig>,
}

/// Reads it. An agent that says how its supervisor works has one of its own.
pub(super) fn read_restart(place: &Reader<'_>, common: SupervisorConfig) -> Restart {
    place.allow_only(&[&["policy"], SUPERVISOR_KEYS].concat());
    let policy = place.member("policy");
    let policy = policy.and_then(|it| it.one_of(RestartPolicy::NAMES));
    let mut keys = SUPERVISOR_KEYS.iter();
    let own = keys.any(|key| place.member(key).is_some());
    Restart {
        policy: policy.unwrap_or_default(),
        supervisor: own.then(|| read_supervisor(place, common)),
    }
}
