//! Who is asked, and what a listener hears of it.

use std::sync::{Arc, Mutex};

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::{Decided, Mode, RoutingStrategy};
use agent_orchestrator::{Keyword, Listener, RequestEvent};

use crate::support::stage::{Stage, answer, app, in_time, names, request, start};

fn agents() -> [AgentSpec; 3] {
    let stage = Stage::new();
    [
        stage.agent("chat"),
        stage
            .agent("weather")
            .keywords([Keyword::from("weather"), Keyword::weighted("rain", 2.0)]),
        stage.agent("util_agent").keywords(["percent of"]),
    ]
}

#[actix_web::test]
async fn a_keyword_finds_its_agent() {
    let house = start(agents()).await;
    let cases = [
        ("How is the WEATHER?", "weather"),
        ("what is 15 percent of 80", "util_agent"),
        ("will the weather be 7 percent of rain", "weather"),
    ];
    for (content, agent) in cases {
        let answer = answer(&house, OrchestrationRequest::new(content))
            .await
            .unwrap();
        assert_eq!(names(&answer.agents_used), [agent], "{content}");
        assert_eq!(answer.routing.strategy, Decided::Simple);
        assert_eq!(&*answer.routing.primary_agent, agent);
        assert!(answer.routing.confidence > 0.0);
        assert_eq!(answer.routing.fallback_reason, None);
        assert_eq!(answer.result.mode, Mode::Single);
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn where_no_keyword_fits_the_fallback_agent_answers_and_says_why() {
    let house = start(agents()).await;
    // `rainbow` is not `rain`.
    let question = OrchestrationRequest::new("a rainbow");
    let answer = answer(&house, question).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["chat"]);
    assert_eq!(answer.routing.strategy, Decided::Fallback);
    let reason = answer.routing.fallback_reason.as_ref().unwrap();
    assert!(reason.contains("keyword"), "{reason}");
    house.shutdown().await;
}

#[actix_web::test]
async fn a_strategy_that_cannot_be_had_is_no_error() {
    let house = start(agents()).await;
    let question = OrchestrationRequest {
        routing_strategy: Some(RoutingStrategy::Llm),
        ..OrchestrationRequest::new("will it rain?")
    };
    let answer = answer(&house, question).await.unwrap();
    assert_eq!(names(&answer.agents_used), ["weather"]);
    assert!(answer.routing.fallback_reason.is_some());
    house.shutdown().await;
}

#[actix_web::test]
async fn agents_that_are_named_are_asked_past_the_router() {
    let house = start(agents()).await;
    let one = answer(&house, request(&["chat"], "rain")).await.unwrap();
    assert_eq!(names(&one.agents_used), ["chat"]);
    assert_eq!(one.routing.strategy, Decided::Explicit);
    assert_eq!(one.result.mode, Mode::Single);

    let named = ["util_agent", "chat"];
    let two = answer(&house, request(&named, "rain")).await.unwrap();
    assert_eq!(names(&two.agents_used), named);
    assert_eq!(two.result.mode, Mode::Sequential);
    assert_eq!(&*two.routing.primary_agent, "util_agent");
    assert_eq!(names(&two.routing.secondary_agents), ["chat"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_is_not_there_is_told_with_the_nearest_name() {
    let house = start(agents()).await;
    let cases = [
        ("utl_agent", "did you mean `util_agent`?"),
        ("zzz", "there are: chat, util_agent, weather"),
    ];
    for (name, hint) in cases {
        let question = request(&["chat", name], "hello");
        let problem = answer(&house, question).await.unwrap_err();
        assert_eq!(problem.error_type(), ErrorType::AgentNotFound);
        assert!(problem.detail().contains(hint), "{problem}");
        assert!(!problem.is_retryable());
        assert_eq!(serde_json::to_value(&problem).unwrap()["agent"], name);
    }
    house.shutdown().await;
}

/// A listener, and what it has heard, a line for each event.
fn listening() -> (Listener, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writing = heard.clone();
    let listener = Arc::new(move |event: RequestEvent| {
        let line = match event {
            RequestEvent::Accepted { .. } => "accepted".to_owned(),
            RequestEvent::Decided { agents, .. } => format!("decided for {}", agents.join(", ")),
            RequestEvent::AgentStarted { agent } => format!("{agent} started"),
            RequestEvent::AgentDelta { agent, text } => format!("{agent} says {text}"),
            RequestEvent::AgentCompleted { agent, result } => {
                format!("{agent} completed {}", result["content"])
            }
            RequestEvent::AgentFailed { agent, error } => format!("{agent} failed: {error}"),
        };
        writing.lock().unwrap().push(line);
    });
    (listener, heard)
}

#[actix_web::test]
async fn a_listener_hears_everything_in_order() {
    let talker = AgentSpec::from_fn("talker", |_, cx| async move {
        cx.emit("one");
        tokio::task::yield_now().await;
        cx.emit("two");
        Ok(Reply::text("one two"))
    });
    let house = start([talker, Stage::new().agent("b")]).await;
    let (listener, heard) = listening();
    let question = request(&["talker", "b"], "fail");
    let outcome = in_time(house.orchestrate_aloud(question, listener)).await;
    assert_eq!(outcome.unwrap_err().error_type(), ErrorType::AgentFailed);
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "accepted",
            "decided for talker, b",
            "talker started",
            "talker says one",
            "talker says two",
            "talker completed \"one two\"",
            "b started",
            "b failed: agent `b`: out of order",
        ]
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn nothing_is_heard_of_a_request_that_is_not_let_in() {
    let house = app(agents()).start().await.unwrap();
    let (listener, heard) = listening();
    let question = OrchestrationRequest::new("  ");
    let outcome = in_time(house.orchestrate_aloud(question, listener)).await;
    assert_eq!(
        outcome.unwrap_err().error_type(),
        ErrorType::ValidationError
    );
    assert!(heard.lock().unwrap().is_empty());
    house.shutdown().await;
}
