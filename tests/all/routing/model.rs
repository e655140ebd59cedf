//! A language model that is asked where the others are unsure, and never believed blindly.

use std::time::Duration;

use agent_orchestrator::llm::{ChatModel, OpenAi};
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::{Decided, Mode, RoutingStrategy};
use agent_orchestrator::{Answer, Orchestrator, Role, Turn};
use serde_json::{Value, json};

use super::trained;
use crate::support::client::{DeadPort, heard};
use crate::support::model::{self, Answers, Gone, Model};
use crate::support::raw;
use crate::support::server::until;
use crate::support::stage::{Stage, answer, app, in_time, names};

/// What rules and classifier are unsure of.
const DOUBTFUL: &str = "Henderson, as usual";
/// Long enough for any answer that comes at all.
const LONG: Duration = Duration::from_secs(20);
/// Too short for one that does not.
const SHORT: Duration = Duration::from_millis(300);

async fn house(model: &Model, timeout: Duration) -> Orchestrator {
    let app = model.of(app(trained(&Stage::new())), timeout);
    app.start().await.unwrap()
}

async fn ask(house: &Orchestrator, content: &str) -> Answer {
    answer(house, OrchestrationRequest::new(content))
        .await
        .unwrap()
}

#[actix_web::test]
async fn where_the_others_are_unsure_it_decides_with_them() {
    let model = Model::start([Answers::Agents(&["billing"], Some(0.9))]);
    let house = house(&model, LONG).await;
    let answer = ask(&house, DOUBTFUL).await;
    assert_eq!(names(&answer.agents_used), ["billing"]);
    assert_eq!(answer.routing.strategy, Decided::Llm);
    assert_eq!(answer.routing.fallback_reason, None);
    let advice = answer.routing.llm.as_ref().unwrap();
    assert_eq!(names(&advice.agents), ["billing"]);
    assert_eq!(advice.model, "small");
    assert!((advice.probability.unwrap() - 0.9).abs() < 1e-6);
    assert!(ask(&house, DOUBTFUL).await.routing.cached);
    assert_eq!(model.asked().len(), 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_answer_may_come_piece_by_piece() {
    let pieces = &["{\"agents\": ", "[\"bil", "ling\"]", "}"];
    let model = Model::start([Answers::Streams(pieces, true)]);
    let house = house(&model, LONG).await;
    assert_eq!(names(&ask(&house, DOUBTFUL).await.agents_used), ["billing"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_is_sure_asks_nobody() {
    let model = Model::start([Answers::Agents(&["billing"], None)]);
    let house = house(&model, LONG).await;
    let answer = ask(&house, "will it rain in Oslo tomorrow").await;
    assert_eq!(names(&answer.agents_used), ["weather"]);
    assert_eq!(answer.routing.llm, None);
    let simple = OrchestrationRequest {
        routing_strategy: Some(RoutingStrategy::Simple),
        ..OrchestrationRequest::new(DOUBTFUL)
    };
    in_time(house.orchestrate(simple)).await.unwrap();
    assert_eq!(model.asked().len(), 0);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_wants_it_first_has_it_asked_in_any_case() {
    let model = Model::start([Answers::Agents(&["billing"], Some(0.97))]);
    let house = house(&model, LONG).await;
    let first = OrchestrationRequest {
        routing_strategy: Some(RoutingStrategy::Llm),
        ..OrchestrationRequest::new("will it rain in Oslo tomorrow")
    };
    let answer = answer(&house, first).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["billing"]);
    assert_eq!(answer.routing.strategy, Decided::Llm);
    house.shutdown().await;
}

#[actix_web::test]
async fn it_is_asked_as_agreed() {
    let model = Model::start([Answers::Agents(&["billing"], None)]);
    let house = house(&model, LONG).await;
    let request = OrchestrationRequest {
        context: json!({"ticket": 7}).as_object().unwrap().clone(),
        history: vec![Turn {
            role: Role::User,
            content: "about the money".to_owned(),
        }],
        ..OrchestrationRequest::new(DOUBTFUL)
    };
    answer(&house, request).await.unwrap();
    let asked = model.asked().remove(0);
    assert_eq!(asked["temperature"], 0.0);
    assert_eq!(asked["logprobs"], true);
    assert_eq!(asked["model"], "small");
    let schema = &asked["response_format"]["json_schema"]["schema"];
    let names = &schema["properties"]["agents"]["items"]["enum"];
    assert_eq!(
        *names,
        json!(["billing", "chat", "shell", "weather", "none"])
    );
    let [system, user] = [0, 1].map(|place| asked["messages"][place].clone());
    assert_eq!(
        (&system["role"], &user["role"]),
        (&json!("system"), &json!("user"))
    );
    assert!(
        system["content"]
            .as_str()
            .unwrap()
            .contains("- billing: Invoices, payments")
    );
    let told: Value = serde_json::from_str(user["content"].as_str().unwrap()).unwrap();
    assert_eq!(told["request"], DOUBTFUL);
    assert_eq!(told["context"], r#"{"ticket":7}"#);
    assert_eq!(
        told["history"],
        json!([{"role": "user", "content": "about the money"}])
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn what_asks_for_much_is_given_to_the_larger_model() {
    let model = Model::start([Answers::Agents(&["billing"], None)]);
    let house = house(&model, LONG).await;
    let long = format!("{DOUBTFUL}, {}", "and so on ".repeat(100));
    assert_eq!(
        ask(&house, &long).await.routing.llm.as_ref().unwrap().model,
        "large"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn several_agents_work_in_the_order_that_it_names() {
    let model = Model::start([Answers::Agents(&["billing", "weather"], Some(0.9))]);
    let house = house(&model, LONG).await;
    let answer = ask(&house, DOUBTFUL).await;
    assert_eq!(names(&answer.agents_used), ["billing", "weather"]);
    assert_eq!(answer.result.mode, Mode::Sequential);
    house.shutdown().await;
}

#[actix_web::test]
async fn where_it_finds_that_nobody_fits_the_fallback_agent_answers() {
    let model = Model::start([Answers::Agents(&["none"], Some(0.9))]);
    let house = house(&model, LONG).await;
    let answer = ask(&house, DOUBTFUL).await;
    assert_eq!(names(&answer.agents_used), ["chat"]);
    assert_eq!(answer.routing.strategy, Decided::Fallback);
    house.shutdown().await;
}

#[actix_web::test]
async fn whatever_goes_wrong_with_it_the_others_decide_and_say_why() {
    let says = |words: &str| Answers::Says(words.to_owned());
    let cases = [
        (Answers::Never, "did not answer within"),
        (Answers::Status(429, Some(1)), "answered 429"),
        (Answers::Status(500, None), "answered 500"),
        (Answers::Status(404, None), "answered 404"),
        (
            Answers::Body("<html>busy</html>".to_owned()),
            "makes no sense",
        ),
        (Answers::Body(String::new()), "makes no sense"),
        (
            Answers::Body(r#"{"choices": []}"#.to_owned()),
            "says nothing",
        ),
        (says("I would ask billing."), "no JSON object"),
        (says(r#"{"agent": "billing"}"#), "missing field"),
        (says(r#"{"agents": "billing"}"#), "invalid type"),
        (says(r#"{"agents": []}"#), "names no agent"),
        (
            says(r#"{"agents": ["kabuki_agent"]}"#),
            "no agent `kabuki_agent`",
        ),
        (says(&"blah ".repeat(2_000_000)), "longer than"),
        (Answers::Halfway, "cannot be reached"),
        (
            Answers::Streams(&["{\"agents\": [\"bil"], false),
            "says nothing",
        ),
    ];
    let houses = cases.map(async |(answers, expected)| {
        let what = format!("{answers:?}").chars().take(60).collect::<String>();
        let patient = !matches!(answers, Answers::Never);
        let model = Model::start([answers]);
        let house = house(&model, if patient { LONG } else { SHORT }).await;
        let answer = ask(&house, DOUBTFUL).await;
        let reason = answer.routing.fallback_reason.clone().unwrap_or_default();
        assert!(reason.contains(expected), "{what}: {reason}");
        assert_eq!(answer.routing.llm, None, "{what}");
        assert_eq!(names(&answer.agents_used), ["chat"], "{what}");
        assert!(!answer.routing.cached);
        assert!(
            !ask(&house, DOUBTFUL).await.routing.cached,
            "{what}: it may be back"
        );
        let sure = ask(&house, "will it rain in Oslo tomorrow").await;
        assert_eq!(names(&sure.agents_used), ["weather"], "{what}");
        house.shutdown().await;
    });
    futures::future::join_all(houses).await;
}

#[actix_web::test]
async fn where_it_is_not_there_the_others_decide_and_say_why() {
    let port = DeadPort::new();
    let mut model = Model::start([Answers::Never]);
    model.base_url = format!("http://{}/v1", port.host());
    let house = house(&model, LONG).await;
    let answer = ask(&house, DOUBTFUL).await;
    let reason = answer.routing.fallback_reason.as_ref().unwrap();
    assert!(reason.contains("cannot be reached"), "{reason}");
    house.shutdown().await;
}

#[actix_web::test]
async fn it_is_asked_once_more_where_that_may_help() {
    let good = || Answers::Agents(&["billing"], Some(0.9));
    let bad = [
        (Answers::Status(500, None), 2),
        (Answers::Says("{}".to_owned()), 2),
        (Answers::Halfway, 2),
        (Answers::Status(400, None), 1),
        (Answers::Status(429, Some(1)), 1),
    ];
    for (first, times) in bad {
        let what = format!("{first:?}");
        let model = Model::start([first, good()]);
        let house = house(&model, LONG).await;
        let decided = ask(&house, DOUBTFUL).await.routing.strategy;
        assert_eq!(model.asked().len(), times, "{what}");
        assert_eq!(decided == Decided::Llm, times == 2, "{what}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn names_that_it_makes_up_are_left_out() {
    let model = Model::start([Answers::Agents(&["billing", "kabuki"], Some(0.9))]);
    let house = house(&model, LONG).await;
    let answer = ask(&house, DOUBTFUL).await;
    assert_eq!(names(&answer.agents_used), ["billing"]);
    let reason = answer.routing.fallback_reason.as_ref().unwrap();
    assert!(reason.contains("named `kabuki`"), "{reason}");
    house.shutdown().await;
}

#[actix_web::test]
async fn no_request_waits_for_it_longer_than_half_of_its_time() {
    let model = Model::start([Answers::Never]);
    let house = house(&model, LONG).await;
    let hurried = OrchestrationRequest {
        timeout: Some(Duration::from_millis(600)),
        ..OrchestrationRequest::new(DOUBTFUL)
    };
    let answer = answer(&house, hurried).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["chat"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn what_several_ask_at_once_is_asked_once() {
    let (model, mut told) = Model::watched([Answers::Never]);
    let house = house(&model, LONG).await;
    let ask = || Box::pin(house.orchestrate(OrchestrationRequest::new(DOUBTFUL)));
    let (mut one, mut other) = (ask(), ask());
    let begun = until("the model is asked", async || model.asked().len() == 1);
    let both_begin = async {
        tokio::select! {
            _ = &mut one => panic!("nobody answers"),
            _ = &mut other => panic!("nobody answers"),
            () = begun => {}
        }
    };
    in_time(both_begin).await;
    drop(one);
    tokio::task::yield_now().await;
    assert!(told.try_recv().is_err(), "the other still waits");
    drop(other);
    assert_eq!(
        heard(&mut told).await,
        Gone,
        "a question that nobody waits for is cancelled"
    );
    assert_eq!(model.asked().len(), 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn one_that_keeps_failing_is_left_alone() {
    let model = Model::start([Answers::Status(400, None)]);
    let house = house(&model, LONG).await;
    for number in 0..10 {
        let answer = ask(&house, &format!("{DOUBTFUL} {number}")).await;
        assert!(answer.routing.fallback_reason.is_some());
    }
    let last = ask(&house, "Jenkins, as ever").await;
    let reason = last.routing.fallback_reason.as_ref().unwrap();
    assert!(reason.contains("failed too often"), "{reason}");
    assert_eq!(model.asked().len(), 5);
    house.shutdown().await;
}

#[actix_web::test]
async fn asked_first_it_is_followed_where_nobody_else_is_sure() {
    let model = Model::start([Answers::Agents(&["billing"], Some(0.1))]);
    let house = house(&model, LONG).await;
    let request = OrchestrationRequest {
        routing_strategy: Some(RoutingStrategy::Llm),
        ..OrchestrationRequest::new(DOUBTFUL)
    };
    let answer = answer(&house, request).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["billing"]);
    assert_eq!(answer.routing.strategy, Decided::Llm);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_connection_that_idles_is_closed_before_the_model_may_do_so() {
    let (url, mut told) = raw::idling("{}");
    let model = OpenAi::new(&model::config(&url)).unwrap();
    model.ping().await.unwrap();
    assert!(heard(&mut told).await, "it was closed");
}
