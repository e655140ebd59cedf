//! Permission, health and risk stand between a decision and an agent.

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::Decided;

use super::trained;
use crate::support::stage::{Stage, answer, names, start};

fn permitted(content: &str, agents: &[&str]) -> OrchestrationRequest {
    OrchestrationRequest {
        permitted: Some(agents.iter().map(|name| (*name).into()).collect()),
        ..OrchestrationRequest::new(content)
    }
}

#[actix_web::test]
async fn a_paused_agent_is_stood_in_for_and_both_are_named() {
    let house = start(trained(&Stage::new())).await;
    house.pause("weather").await.unwrap();
    let request = OrchestrationRequest::new("will it rain in Oslo tomorrow");
    let answer = answer(&house, request).await.unwrap();
    let reason = answer.routing.fallback_reason.as_ref().unwrap();
    let stand_in = &answer.agents_used[0];
    assert_ne!(&**stand_in, "weather");
    assert!(reason.contains("weather is paused"), "{reason}");
    assert!(
        reason.contains(&format!("{stand_in} stands in")),
        "{reason}"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn a_remembered_decision_does_not_outlive_a_pause() {
    let house = start(trained(&Stage::new())).await;
    let rain = || OrchestrationRequest::new("will it rain in Oslo tomorrow");
    let ask = async || answer(&house, rain()).await.unwrap();
    assert_eq!(names(&ask().await.agents_used), ["weather"]);
    house.pause("weather").await.unwrap();
    let paused = ask().await;
    assert_ne!(names(&paused.agents_used), ["weather"]);
    assert!(
        paused.routing.cached,
        "what was decided holds, who is asked does not"
    );
    house.resume("weather").await.unwrap();
    let again = ask().await;
    assert_eq!(names(&again.agents_used), ["weather"]);
    assert_eq!(again.routing.fallback_reason, None);
    house.shutdown().await;
}

#[actix_web::test]
async fn the_agents_own_stand_in_comes_first() {
    let stage = Stage::new();
    let [chat, weather, billing, shell] = trained(&stage);
    let house = start([chat, weather.fallback(["billing"]), billing, shell]).await;
    house.pause("weather").await.unwrap();
    let request = OrchestrationRequest::new("will it rain in Oslo tomorrow");
    let answer = answer(&house, request).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["billing"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_can_do_harm_needs_more_confidence() {
    let house = start(trained(&Stage::new())).await;
    let sure = OrchestrationRequest::new("restart the database server");
    let sure = answer(&house, sure).await.unwrap();
    assert_eq!(names(&sure.agents_used), ["shell"]);
    assert!(sure.routing.confidence >= 0.6);

    let stage = Stage::new();
    let [chat, weather, billing, shell] = trained(&stage);
    let house = start([chat, weather, billing, shell.min_confidence(0.999)]).await;
    let request = OrchestrationRequest::new("restart the database server");
    let refused = answer(&house, request).await.unwrap();
    assert_ne!(names(&refused.agents_used), ["shell"]);
    let reason = refused.routing.fallback_reason.as_ref().unwrap();
    assert!(
        reason.contains("shell needs a confidence of 1.00"),
        "{reason}"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn who_may_not_use_an_agent_is_not_routed_to_it() {
    let house = start(trained(&Stage::new())).await;
    let request = permitted("restart the database server", &["chat", "weather"]);
    let answered = answer(&house, request).await.unwrap();
    assert!(["chat", "weather"].contains(&names(&answered.agents_used)[0]));
    let reason = answered.routing.fallback_reason.as_ref().unwrap();
    assert!(
        reason.contains("shell may not be used by this caller"),
        "{reason}"
    );

    let named = OrchestrationRequest {
        agents: vec!["shell".to_owned()],
        ..permitted("restart", &["chat"])
    };
    let problem = answer(&house, named).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::PermissionDenied);
    assert_eq!(problem.error_type().status(), 403);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_may_use_nobody_that_fits_is_told_so() {
    let house = start(trained(&Stage::new())).await;
    let request = permitted("qqq zzz", &["billing"]);
    let problem = answer(&house, request).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::PermissionDenied);
    assert!(
        problem.detail().contains("it may use: billing"),
        "{problem}"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn who_stands_in_for_one_that_fails_is_permitted_too() {
    let stage = Stage::new();
    let [chat, weather, billing, shell] = trained(&stage);
    let failing = weather.retry_safe(true).fallback(["shell"]);
    let house = start([chat, failing, billing, shell]).await;
    let request = OrchestrationRequest {
        agents: vec!["weather".to_owned()],
        ..permitted("fail", &["weather"])
    };
    let problem = answer(&house, request).await.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::AgentFailed);
    assert!(stage.begun().iter().all(|begun| begun == "fail"));
    house.shutdown().await;
}

#[actix_web::test]
async fn where_nobody_was_decided_for_nobody_stands_in() {
    let house = start(trained(&Stage::new())).await;
    house.pause("weather").await.unwrap();
    let request = OrchestrationRequest::new("qqq zzz");
    let answer = answer(&house, request).await.unwrap();
    assert_eq!(answer.routing.strategy, Decided::Fallback);
    house.shutdown().await;
}
