//! How instances are chosen, guarded, queued for and stood in for, as configured.

use std::time::Duration;

use agent_orchestrator::Settings;
use agent_orchestrator::balancing::{Algorithm, Choices};

use super::{assert_mistakes, directory};

#[test]
fn balancing_and_breakers_are_as_is_said() {
    let orchestrator = "
orchestrator:
  admission_wait_ms: 0
  load_balancing: {algorithm: weighted, legacy: true, choices: two, slow_start: 5,
                   max_ejection: 0.25, panic_threshold: 1}
  circuit_breaker: {failure_rate: none, slow_call_rate: 1, slow_call_duration_ms: 250,
                    minimum_calls: 20, window: 60, success_threshold: 1, initial_backoff: 0.5,
                    recovery_timeout: 2}
";
    let settings = Settings::load(directory(Some(orchestrator), None).path()).unwrap();
    assert_eq!(settings.pipeline.admission_wait, Duration::ZERO);
    let balancing = settings.balancing;
    assert_eq!(balancing.algorithm, Algorithm::Weighted);
    assert!(balancing.legacy);
    assert_eq!(balancing.choices, Choices::Two);
    assert_eq!(balancing.slow_start, Duration::from_secs(5));
    assert!((balancing.max_ejection - 0.25).abs() < 1e-9);
    assert!((balancing.panic_threshold - 1.0).abs() < 1e-9);
    let breaker = settings.house.breaker;
    assert_eq!(
        (breaker.failure_rate, breaker.slow_call_rate),
        (None, Some(1.0))
    );
    assert_eq!(breaker.slow_call_duration, Duration::from_millis(250));
    assert_eq!((breaker.minimum_calls, breaker.success_threshold), (20, 1));
    assert_eq!(breaker.window, Duration::from_secs(60));
    assert_eq!(breaker.initial_backoff, Duration::from_millis(500));
    assert_eq!(breaker.recovery_timeout, Duration::from_secs(2));
}

#[test]
fn every_algorithm_has_a_name() {
    for (name, algorithm) in Algorithm::NAMES {
        let text = format!("orchestrator: {{load_balancing: {{algorithm: {name}}}}}");
        let settings = Settings::load(directory(Some(&text), None).path()).unwrap();
        assert_eq!(settings.balancing.algorithm, *algorithm);
        assert!(settings.balancing.strategy().is_some());
    }
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place() {
    let orchestrator = "
orchestrator:
  admission_wait_ms: -1
  load_balancing: {legacy: true, choices: three, max_ejection: 0, panic_threshold: 1.5}
  circuit_breaker: {failure_rate: some, slow_call_rate: 0, minimum_calls: 21, succes_threshold: 1}
";
    let agents = "
agents:
  - {name: chat_agent, kind: builtin, hedge: true}
  - {name: a, kind: http, urls: [\"http://x/\"], queue: {min: 9, max: 3}}
  - {name: b, kind: http, urls: [\"http://x/\"], queue: {least: 9}, fallback: chat_agent}
";
    assert_mistakes(
        &directory(Some(orchestrator), Some(agents)),
        &[
            ("agents: agents[0].hedge", "`retry_safe: true`"),
            ("agents: agents[1].queue", "max to be at least min"),
            ("agents: agents[2].fallback", "expected an array"),
            ("agents: agents[2].queue.least", "unknown"),
            (
                "orchestrator: orchestrator.admission_wait_ms",
                "from 0 to 60000",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.failure_rate",
                "`none`",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.minimum_calls",
                "from 1 to 20",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.slow_call_rate",
                "greater than 0",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.succes_threshold",
                "did you mean `success_threshold`?",
            ),
            ("orchestrator: orchestrator.load_balancing.choices", "`two`"),
            (
                "orchestrator: orchestrator.load_balancing.legacy",
                "only the algorithm `weighted`",
            ),
            (
                "orchestrator: orchestrator.load_balancing.max_ejection",
                "greater than 0",
            ),
            (
                "orchestrator: orchestrator.load_balancing.panic_threshold",
                "at most 1",
            ),
        ],
    );
}
