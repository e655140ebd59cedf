//! Queues are bounded, time is bounded, and nothing is done for callers that are gone.

use std::time::Duration;

use agent_orchestrator::OrchestrationRequest;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;

use crate::support::stage::{
    Stage, answer, app, ask, in_time, mailbox, request, start, until_holding,
};

const SOON: Duration = Duration::from_millis(20);

#[actix_web::test]
async fn an_instance_takes_what_it_may_hold_and_refuses_all_else() {
    let stage = Stage::new();
    let mut app = app([stage.agent("a").concurrency(1).queue(3)]);
    app.settings_mut().pipeline.max_concurrent_requests = 1000;
    let house = app.start().await.unwrap();
    let mut asked: FuturesUnordered<_> = (0..1000)
        .map(|_| answer(&house, request(&["a"], "wait")))
        .collect();
    for _ in 0..996 {
        let refusal = asked.next().await.unwrap().unwrap_err();
        assert_eq!(refusal.error_type(), ErrorType::Overloaded);
        assert!(refusal.is_retryable());
        assert!(refusal.retry_after_seconds().unwrap() >= 1);
    }
    until_holding(&mailbox(&house, "a", 0), 1, 3).await;
    stage.let_go(4);
    let accepted: Vec<_> = in_time(asked.collect()).await;
    assert_eq!(accepted.len(), 4);
    assert!(accepted.iter().all(Result::is_ok));
    assert_eq!(stage.begun().len(), 4);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_task_whose_caller_went_away_before_its_turn_is_never_begun() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let inbox = mailbox(&house, "a", 0);
    let mut first = Box::pin(ask(&house, "a", "wait"));
    assert!(futures::poll!(&mut first).is_pending());
    until_holding(&inbox, 1, 0).await;
    let mut impatient = Box::pin(ask(&house, "a", "impatient"));
    assert!(futures::poll!(&mut impatient).is_pending());
    until_holding(&inbox, 1, 1).await;
    drop(impatient);

    stage.let_go(1);
    assert!(in_time(first).await.is_ok());
    assert_eq!(ask(&house, "a", "last").await.as_deref(), Ok("last"));
    assert_eq!(stage.begun(), ["wait", "last"]);
    until_holding(&inbox, 0, 0).await;
    house.shutdown().await;
}

#[actix_web::test]
async fn callers_that_went_away_before_their_turn_leave_their_places_to_others() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1).queue(2)]).await;
    let inbox = mailbox(&house, "a", 0);
    let mut asked = ["wait", "impatient", "patient"].map(|it| Box::pin(ask(&house, "a", it)));
    for caller in &mut asked {
        assert!(futures::poll!(caller).is_pending());
    }
    until_holding(&inbox, 1, 2).await;
    let [first, impatient, patient] = asked;
    assert_eq!(ask(&house, "a", "x").await, Err(ErrorType::Overloaded));
    drop(impatient);

    let mut last = Box::pin(ask(&house, "a", "last"));
    assert!(futures::poll!(&mut last).is_pending());
    stage.let_go(1);
    for caller in [first, patient, last] {
        assert!(in_time(caller).await.is_ok());
    }
    assert_eq!(stage.begun(), ["wait", "patient", "last"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_caller_that_goes_away_takes_its_running_job_with_it() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    for count in 1..=3 {
        let content = format!("wait {count}");
        let mut asked = Box::pin(ask(&house, "a", &content));
        assert!(futures::poll!(&mut asked).is_pending());
        stage.until_begun(&content).await;
        drop(asked);
        stage.until_dropped(count).await;
        until_holding(&mailbox(&house, "a", 0), 0, 0).await;
    }
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    assert_eq!(stage.lives(), 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn what_an_agent_has_spawned_hears_that_its_caller_went_away() {
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let agent = AgentSpec::from_fn("a", move |_, cx| {
        let heard = heard.clone();
        async move {
            assert!(!cx.is_cancelled());
            heard.send("begun").unwrap();
            actix_web::rt::spawn(async move {
                cx.cancelled().await;
                assert!(cx.is_cancelled());
                heard.send("cancelled").unwrap();
            });
            std::future::pending().await
        }
    });
    let house = start([agent]).await;
    let mut asked = Box::pin(ask(&house, "a", "hello"));
    assert!(futures::poll!(&mut asked).is_pending());
    assert_eq!(in_time(hearing.recv()).await, Some("begun"));
    drop(asked);
    assert_eq!(in_time(hearing.recv()).await, Some("cancelled"));
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_takes_longer_than_it_may_is_cut_off() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1).timeout(SOON)]).await;
    let late = answer(&house, request(&["a"], "wait")).await.unwrap_err();
    assert_eq!(late.error_type(), ErrorType::DeadlineExceeded);
    assert!(late.detail().contains("`a`"), "{late}");
    stage.until_all_dropped().await;
    until_holding(&mailbox(&house, "a", 0), 0, 0).await;
    house.shutdown().await;
}

#[actix_web::test]
async fn a_request_that_has_less_time_than_the_agent_is_cut_off_at_its_own() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let hasty = OrchestrationRequest {
        timeout: Some(SOON),
        ..request(&["a"], "wait")
    };
    let late = answer(&house, hasty).await.unwrap_err();
    assert_eq!(late.error_type(), ErrorType::DeadlineExceeded);
    stage.until_all_dropped().await;
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_knows_how_much_time_it_has() {
    let agent = AgentSpec::from_fn("a", |_, cx| async move {
        Ok(Reply::text(cx.remaining().as_secs().to_string()))
    });
    let house = start([agent.timeout(Duration::from_secs(200))]).await;
    let seconds = |answer: String| answer.parse::<u64>().unwrap();
    let own = seconds(ask(&house, "a", "?").await.unwrap());
    assert!((100..200).contains(&own), "{own}");
    let hasty = OrchestrationRequest {
        timeout: Some(Duration::from_secs(100)),
        ..request(&["a"], "?")
    };
    let given = seconds(answer(&house, hasty).await.unwrap().result.content.clone());
    assert!(given < 100, "{given}");
    house.shutdown().await;
}
