//! The sections `load_balancing` and `circuit_breaker` of `orchestrator.yaml`.

use std::time::Duration;

use super::keys::{boolean, seconds, set};
use crate::balancing::{Algorithm, BalancingConfig, Choices};
use crate::judgement::BreakerConfig;
use crate::words::Reader;

pub(super) fn read_balancing(place: &Reader<'_>, balancing: &mut BalancingConfig) {
    place.allow_only(&[
        "enabled",
        "algorithm",
        "legacy",
        "choices",
        "slow_start",
        "max_ejection",
        "panic_threshold",
    ]);
    set(&mut balancing.enabled, boolean(place, "enabled"));
    let algorithm = place.member("algorithm");
    let algorithm = algorithm.and_then(|it| it.one_of(Algorithm::NAMES));
    set(&mut balancing.algorithm, algorithm);
    set(&mut balancing.legacy, boolean(place, "legacy"));
    if let Some(legacy) = place.member("legacy")
        && balancing.legacy
        && balancing.algorithm != Algorithm::Weighted
    {
        legacy.fault("only the algorithm `weighted` has a legacy");
    }
    let choices = place.member("choices");
    let choices = choices.and_then(|it| it.one_of(Choices::NAMES));
    set(&mut balancing.choices, choices);
    set(&mut balancing.slow_start, seconds(place, "slow_start"));
    set(&mut balancing.max_ejection, share(place, "max_ejection"));
    let threshold = share(place, "panic_threshold");
    set(&mut balancing.panic_threshold, threshold);
}

pub(super) fn read_breaker(place: &Reader<'_>, breaker: &mut BreakerConfig) {
    place.allow_only(&[
        "enabled",
        "failure_threshold",
        "failure_rate",
        "slow_call_rate",
        "slow_call_duration_ms",
        "minimum_calls",
        "window",
        "success_threshold",
        "initial_backoff",
        "recovery_timeout",
    ]);
    set(&mut breaker.enabled, boolean(place, "enabled"));
    let threshold = times(place, "failure_threshold");
    set(&mut breaker.failure_threshold, threshold);
    set_rate(&mut breaker.failure_rate, place, "failure_rate");
    set_rate(&mut breaker.slow_call_rate, place, "slow_call_rate");
    let slow = place.member("slow_call_duration_ms");
    let slow = slow.and_then(|it| it.integer(1..=86_400_000));
    set(
        &mut breaker.slow_call_duration,
        slow.map(Duration::from_millis),
    );
    let minimum = place.member("minimum_calls");
    let minimum = minimum.and_then(|it| it.integer(1..=20));
    let minimum = minimum.and_then(|count| usize::try_from(count).ok());
    set(&mut breaker.minimum_calls, minimum);
    set(&mut breaker.window, seconds(place, "window"));
    let successes = times(place, "success_threshold");
    set(&mut breaker.success_threshold, successes);
    set(
        &mut breaker.initial_backoff,
        seconds(place, "initial_backoff"),
    );
    let recovery = seconds(place, "recovery_timeout");
    set(&mut breaker.recovery_timeout, recovery);
}

fn times(place: &Reader<'_>, name: &str) -> Option<u32> {
    let count = place.member(name)?.integer(1..=1_000_000)?;
    u32::try_from(count).ok()
}

fn share(place: &Reader<'_>, name: &str) -> Option<f64> {
    place.member(name)?.share()
}

/// A share, or `none`.
fn set_rate(target: &mut Option<f64>, place: &Reader<'_>, name: &str) {
    match place.member(name) {
        None => {}
        Some(place) if place.is_string() => set(target, place.one_of(&[("none", None)])),
        Some(place) => set(target, place.share().map(Some)),
    }
}
