//! Circuit breakers: an agent that keeps failing is left alone, and tried again with care.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::{Algorithm, BalancingConfig};
use agent_orchestrator::judgement::{BreakerConfig, BreakerState};
use agent_orchestrator::mailbox::Mailbox;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::{OnFailure, Orchestrator};

use crate::support::server::until;
use crate::support::stage::{
    Stage, answer, app, ask, both, mailbox, request, start, until_holding,
};

const MINUTE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(100);

fn config(failure_threshold: u32, recovery_timeout: Duration) -> BreakerConfig {
    BreakerConfig {
        failure_threshold,
        recovery_timeout,
        initial_backoff: recovery_timeout,
        success_threshold: 1,
        ..BreakerConfig::default()
    }
}

async fn guarded(breaker: BreakerConfig, agent: AgentSpec) -> Orchestrator {
    let mut app = app([agent]);
    app.settings_mut().house.breaker = breaker;
    app.settings_mut().balancing = BalancingConfig {
        algorithm: Algorithm::RoundRobin,
        ..BalancingConfig::default()
    };
    app.start().await.unwrap()
}

async fn until_breaker_is(mailbox: &Mailbox, state: BreakerState) {
    let what = format!("the breaker is {state}");
    until(&what, async || {
        mailbox.breaker_state(Instant::now()) == state
    })
    .await;
}

/// An orchestrator whose agent `a` has failed, and may soon be tried again.
async fn half_open(stage: &Stage) -> (Orchestrator, Arc<Mailbox>) {
    let house = guarded(config(1, MOMENT), stage.agent("a")).await;
    assert_eq!(ask(&house, "a", "fail").await, Err(ErrorType::AgentFailed));
    let inbox = mailbox(&house, "a", 0);
    until_breaker_is(&inbox, BreakerState::HalfOpen).await;
    (house, inbox)
}

#[actix_web::test]
async fn as_many_failures_in_a_row_as_the_threshold_says_open_the_breaker() {
    let stage = Stage::new();
    let house = guarded(config(3, MINUTE), stage.agent("a")).await;
    // A success, or a question that is at fault, in between: no series of three.
    for content in ["fail", "fail", "hello", "fail", "refuse", "fail"] {
        let _ = ask(&house, "a", content).await;
    }
    let inbox = mailbox(&house, "a", 0);
    assert_eq!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
    assert_eq!(ask(&house, "a", "fail").await, Err(ErrorType::AgentFailed));
    assert_eq!(inbox.breaker_state(Instant::now()), BreakerState::Open);

    let refusal = answer(&house, request(&["a"], "unheard"))
        .await
        .unwrap_err();
    assert_eq!(refusal.error_type(), ErrorType::CircuitBreakerOpenError);
    assert!(refusal.is_retryable());
    let seconds = refusal.retry_after_seconds().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(!stage.begun().contains(&"unheard".to_owned()));
    house.shutdown().await;
}

#[actix_web::test]
async fn every_kind_of_failure_counts() {
    for deed in ["fail", "boom", "step_boom", "fatal", "wait"] {
        let stage = Stage::new();
        let agent = stage.agent("a").timeout(MOMENT);
        let house = guarded(config(2, MINUTE), agent).await;
        for _ in 0..2 {
            assert!(ask(&house, "a", deed).await.is_err(), "{deed}");
        }
        let refused = ask(&house, "a", "hello").await;
        assert_eq!(refused, Err(ErrorType::CircuitBreakerOpenError), "{deed}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn faults_of_the_question_never_open_the_breaker() {
    let house = guarded(config(1, MINUTE), Stage::new().agent("a")).await;
    for _ in 0..20 {
        let refused = answer(&house, request(&["a"], "refuse")).await.unwrap_err();
        assert_eq!(refused.error_type(), ErrorType::AgentFailed);
        assert!(!refused.is_retryable());
    }
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.shutdown().await;
}

#[actix_web::test]
async fn callers_that_go_away_never_open_the_breaker() {
    let stage = Stage::new();
    let house = guarded(config(1, MINUTE), stage.agent("a")).await;
    for count in 1..=5 {
        let content = format!("wait {count}");
        let mut asked = Box::pin(ask(&house, "a", &content));
        assert!(futures::poll!(&mut asked).is_pending());
        stage.until_begun(&content).await;
        drop(asked);
    }
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.shutdown().await;
}

/// The first agent of the sequence uses up all the time that the request has.
#[actix_web::test]
async fn an_agent_that_was_given_no_time_is_not_to_blame() {
    let (slow, innocent) = (Stage::new(), Stage::new());
    let house = start([
        slow.agent("slow").on_failure(OnFailure::Continue),
        innocent.agent("innocent"),
    ])
    .await;
    for _ in 0..5 {
        let request = OrchestrationRequest {
            timeout: Some(Duration::from_millis(20)),
            ..request(&["slow", "innocent"], "wait")
        };
        let late = answer(&house, request).await.unwrap_err();
        assert_eq!(late.error_type(), ErrorType::DeadlineExceeded);
    }
    let inbox = mailbox(&house, "innocent", 0);
    assert_eq!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
    assert!(ask(&house, "innocent", "hello").await.is_ok());
    house.shutdown().await;
}

#[actix_web::test]
async fn a_half_open_breaker_lets_one_probe_through_and_its_success_closes_it() {
    let stage = Stage::new();
    let (house, inbox) = half_open(&stage).await;
    let probe = ask(&house, "a", "wait");
    let meanwhile = async {
        until_holding(&inbox, 1, 0).await;
        let refused = ask(&house, "a", "unheard").await;
        assert_eq!(refused, Err(ErrorType::CircuitBreakerOpenError));
        stage.let_go(1);
    };
    let (probe, ()) = both(probe, meanwhile).await;
    assert_eq!(probe.as_deref(), Ok("wait"));
    assert_eq!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
    assert!(ask(&house, "a", "hello").await.is_ok());
    assert_eq!(stage.begun(), ["fail", "wait", "hello"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_probe_that_fails_opens_the_breaker_again() {
    for deed in ["fail", "boom"] {
        let stage = Stage::new();
        let (house, inbox) = half_open(&stage).await;
        assert!(ask(&house, "a", deed).await.is_err());
        assert_ne!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
        until_breaker_is(&inbox, BreakerState::HalfOpen).await;
        assert!(ask(&house, "a", "hello").await.is_ok(), "{deed}");
        assert_eq!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn a_probe_that_hangs_opens_the_breaker_again() {
    let stage = Stage::new();
    let agent = stage.agent("a").job_timeout(MOMENT);
    let house = guarded(config(1, MOMENT), agent).await;
    assert!(ask(&house, "a", "fail").await.is_err());
    let inbox = mailbox(&house, "a", 0);
    until_breaker_is(&inbox, BreakerState::HalfOpen).await;
    let hung = ask(&house, "a", "hang").await;
    assert_eq!(hung, Err(ErrorType::DeadlineExceeded));
    assert_ne!(inbox.breaker_state(Instant::now()), BreakerState::Closed);
    until_breaker_is(&inbox, BreakerState::HalfOpen).await;
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_probe_whose_caller_goes_away_makes_room_for_another() {
    let stage = Stage::new();
    let (house, _) = half_open(&stage).await;
    let mut probe = Box::pin(ask(&house, "a", "wait"));
    assert!(futures::poll!(&mut probe).is_pending());
    stage.until_begun("wait").await;
    drop(probe);
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_breaker_that_is_switched_off_never_opens() {
    let off = BreakerConfig {
        enabled: false,
        ..config(1, MINUTE)
    };
    let house = guarded(off, Stage::new().agent("a")).await;
    for _ in 0..20 {
        assert_eq!(ask(&house, "a", "fail").await, Err(ErrorType::AgentFailed));
    }
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.shutdown().await;
}

#[actix_web::test]
async fn an_instance_whose_breaker_is_open_is_passed_over() {
    let agent = AgentSpec::numbered("a", |number| Failing(number == 0));
    let house = guarded(config(3, MINUTE), agent.instances(2)).await;
    let mut failures = 0;
    for _ in 0..20 {
        match ask(&house, "a", "hello").await {
            Ok(_) => {}
            Err(ErrorType::AgentFailed) => failures += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(failures, 3);
    let first = mailbox(&house, "a", 0);
    assert_eq!(first.breaker_state(Instant::now()), BreakerState::Open);
    house.shutdown().await;
}

/// Fails, where it is failing.
struct Failing(bool);

impl Agent for Failing {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        if self.0 {
            return Err(AgentError::failure("out of order"));
        }
        Ok(Reply::text(task.content))
    }
}
