//! A request that crashes whoever gets it.

use agent_orchestrator::pipeline::ErrorType;

use crate::support::stage::{Stage, answer, ask, request, start};

#[actix_web::test]
async fn a_request_that_crashed_its_agent_is_not_given_to_a_sibling() {
    let stage = Stage::new();
    let house = start([stage.agent("a").instances(2)]).await;
    let crashed = answer(&house, request(&["a"], "boom")).await.unwrap_err();
    assert_eq!(crashed.error_type(), ErrorType::AgentCrashed);
    assert!(crashed.is_retryable());
    assert_eq!(crashed.result().unwrap().execution_chain[0].attempts, 1);
    assert_eq!(stage.begun(), ["boom"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn one_that_is_safe_to_repeat_is_given_to_a_sibling_once() {
    use agent_orchestrator::testkit::Fault;
    let stage = Stage::new();
    stage.plan().tasks([Fault::Panic]);
    let agent = stage.agent("a").instances(2).retry_safe(true);
    let house = start([agent]).await;
    let answered = answer(&house, request(&["a"], "hello")).await.unwrap();
    assert_eq!(answered.result.content, "hello");
    assert_eq!(answered.result.execution_chain[0].attempts, 2);
    assert_eq!(stage.begun(), ["hello", "hello"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn after_two_crashes_a_request_is_given_to_nobody_and_the_attempts_are_named() {
    let stage = Stage::new();
    let agent = stage.agent("a").instances(3).retry_safe(true);
    let house = start([agent]).await;
    let crashed = answer(&house, request(&["a"], "boom")).await.unwrap_err();
    assert_eq!(crashed.error_type(), ErrorType::AgentCrashed);
    assert!(!crashed.is_retryable());
    let named = |number: usize| crashed.detail().contains(&format!("a/{number}"));
    assert_eq!((0..3).filter(|number| named(*number)).count(), 2);
    assert_eq!(crashed.result().unwrap().execution_chain[0].attempts, 2);
    assert_eq!(stage.begun(), ["boom", "boom"]);
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_of_one_instance_is_given_it_again_in_its_next_life() {
    let stage = Stage::new();
    let house = start([stage.agent("a").retry_safe(true)]).await;
    let crashed = answer(&house, request(&["a"], "boom")).await.unwrap_err();
    assert!(crashed.detail().contains("a/0, a/0"), "{crashed}");
    assert_eq!(crashed.result().unwrap().execution_chain[0].attempts, 2);
    assert_eq!(stage.begun(), ["boom", "boom"]);
    house.shutdown().await;
}
