//! Who is let in.

use std::time::Duration;

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::routing::Mode;
use agent_orchestrator::testkit::PATIENCE;
use agent_orchestrator::{OrchestrationRequest, Orchestrator};
use futures::future::join_all;
use serde_json::Value;

use crate::support::stage::{
    Stage, answer, app, ask, both, mailbox, request, start, until_holding,
};

#[actix_web::test]
async fn only_so_many_requests_are_in_at_once() {
    let stage = Stage::new();
    let mut app = app([stage.agent("a")]);
    app.settings_mut().pipeline.max_concurrent_requests = 2;
    let house = app.start().await.unwrap();
    let asked = join_all([ask(&house, "a", "wait 1"), ask(&house, "a", "wait 2")]);
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 2, 0).await;
        let refused = answer(&house, request(&["a"], "third")).await.unwrap_err();
        assert_eq!(refused.error_type(), ErrorType::Overloaded);
        assert!(refused.is_retryable());
        assert!(refused.retry_after_seconds().unwrap() >= 1);
        stage.let_go(2);
    };
    let (answers, ()) = both(asked, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(ask(&house, "a", "fourth").await.as_deref(), Ok("fourth"));
    assert!(!stage.begun().contains(&"third".to_owned()));
    house.shutdown().await;
}

/// One request may be in, and others wait for as long as it takes.
async fn with_a_narrow_door(stage: &Stage) -> Orchestrator {
    let mut app = app([stage.agent("a")]);
    app.settings_mut().pipeline.max_concurrent_requests = 1;
    app.settings_mut().pipeline.admission_wait = PATIENCE;
    app.start().await.unwrap()
}

#[actix_web::test]
async fn who_finds_the_door_full_waits_for_a_moment_for_others_to_leave() {
    let stage = Stage::new();
    let house = with_a_narrow_door(&stage).await;
    let first = ask(&house, "a", "wait");
    let others = async {
        until_holding(&mailbox(&house, "a", 0), 1, 0).await;
        let mut second = Box::pin(ask(&house, "a", "second"));
        assert!(futures::poll!(&mut second).is_pending());
        // No more may wait than may be in.
        assert_eq!(ask(&house, "a", "third").await, Err(ErrorType::Overloaded));
        // The clock moves on, and it waits still.
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(futures::poll!(&mut second).is_pending());
        stage.let_go(1);
        second.await
    };
    let (first, second) = both(first, others).await;
    assert_eq!(first.as_deref(), Ok("wait"));
    assert_eq!(second.as_deref(), Ok("second"));
    assert_eq!(stage.begun(), ["wait", "second"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_waits_at_the_door_is_told_when_it_closes() {
    let stage = Stage::new();
    let house = with_a_narrow_door(&stage).await;
    let first = ask(&house, "a", "wait");
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 1, 0).await;
        let mut second = Box::pin(ask(&house, "a", "second"));
        assert!(futures::poll!(&mut second).is_pending());
        let ending = house.shutdown();
        let told = async {
            assert_eq!(second.await, Err(ErrorType::ShuttingDown));
            stage.let_go(1);
        };
        both(ending, told).await
    };
    let (first, _) = both(first, meanwhile).await;
    assert_eq!(first.as_deref(), Ok("wait"));
}

#[actix_web::test]
async fn a_request_that_goes_away_makes_room_for_another() {
    let stage = Stage::new();
    let mut app = app([stage.agent("a")]);
    app.settings_mut().pipeline.max_concurrent_requests = 1;
    let house = app.start().await.unwrap();
    for _ in 0..3 {
        let mut asked = Box::pin(ask(&house, "a", "wait"));
        assert!(futures::poll!(&mut asked).is_pending());
        assert_eq!(ask(&house, "a", "x").await, Err(ErrorType::Overloaded));
        drop(asked);
        assert_eq!(ask(&house, "a", "x").await.as_deref(), Ok("x"));
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn after_the_end_nobody_is_let_in() {
    let house = start([Stage::new().agent("a")]).await;
    house.shutdown().await;
    assert_eq!(house.obstacle(), Some("draining"));
    let late = answer(&house, request(&["a"], "hello")).await.unwrap_err();
    assert_eq!(late.error_type(), ErrorType::ShuttingDown);
    assert!(late.retry_after_seconds().is_some());
}

#[actix_web::test]
async fn all_faults_of_a_request_are_told_at_once() {
    let house = start([Stage::new().agent("a")]).await;
    let mut agents: Vec<String> = (0..16).map(|number| format!("agent{number}")).collect();
    agents.push("agent3".to_owned());
    let faulty = OrchestrationRequest {
        agents,
        mode: Some(Mode::Single),
        timeout: Some(Duration::ZERO),
        metadata: [("a/b".to_owned(), "x".repeat(257))].into(),
        ..OrchestrationRequest::new(" \n ")
    };
    let problem = answer(&house, faulty).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::ValidationError);
    assert!(!problem.is_retryable());
    let document = serde_json::to_value(&problem).unwrap();
    assert_eq!(document["status"], 422);
    let errors = document["errors"].as_array().unwrap();
    let pointers: Vec<&Value> = errors.iter().map(|error| &error["pointer"]).collect();
    assert_eq!(
        pointers,
        [
            "/content",
            "/agents",
            "/agents/16",
            "/mode",
            "/timeout_ms",
            "/metadata/a~1b"
        ]
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn limits_include_what_they_name() {
    let stage = Stage::new();
    let mut app = app([stage.agent("a")]);
    let pipeline = &mut app.settings_mut().pipeline;
    pipeline.limits.max_content_chars = 3;
    pipeline.request_timeout = Duration::from_secs(60);
    let house = app.start().await.unwrap();
    let timed = |timeout| OrchestrationRequest {
        timeout: Some(timeout),
        ..OrchestrationRequest::new("x")
    };
    let cases = [
        (OrchestrationRequest::new(" äöü "), true),
        (OrchestrationRequest::new("äöü!"), false),
        (timed(Duration::from_secs(60)), true),
        (timed(Duration::from_millis(60_001)), false),
    ];
    for (request, valid) in cases {
        let case = format!("{request:?}");
        let outcome = answer(&house, request).await;
        let fault = outcome.err().map(|problem| problem.error_type());
        let expected = (!valid).then_some(ErrorType::ValidationError);
        assert_eq!(fault, expected, "{case}");
    }
    house.shutdown().await;
}
