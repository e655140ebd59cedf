//! Rules and classifier, without a language model.

use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::{Decided, Mode, Signal};
use agent_orchestrator::{Keyword, Sign};
use serde_json::json;

use super::trained;
use crate::support::client::{Client, assert_has, served};
use crate::support::server::until;
use crate::support::stage::{Stage, answer, app, names, start};

#[actix_web::test]
async fn what_is_like_an_example_goes_where_the_example_does() {
    let house = start(trained(&Stage::new())).await;
    let cases = [
        ("is it going to rain in Bergen", "weather"),
        ("you charged my card two times", "billing"),
        ("please restart the web server", "shell"),
        ("hello, how are you", "chat"),
        ("temprature in Rome rihgt now", "weather"),
    ];
    for (content, agent) in cases {
        let request = OrchestrationRequest::new(content);
        let answer = answer(&house, request).await.unwrap();
        assert_eq!(names(&answer.agents_used), [agent], "{content}");
        assert_eq!(answer.routing.strategy, Decided::Classifier, "{content}");
        let best = &answer.routing.candidates[0];
        assert_eq!(&*best.agent, agent);
        let judged = |signal: &Signal| matches!(signal, Signal::Classifier(_));
        assert!(best.signals.iter().any(judged));
        assert!(answer.routing.reasoning.contains(agent));
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn what_is_like_nothing_known_goes_to_the_fallback_agent() {
    let house = start(trained(&Stage::new())).await;
    let request = OrchestrationRequest::new("qqq zzz");
    let answer = answer(&house, request).await.unwrap();
    assert_eq!(answer.routing.strategy, Decided::Fallback);
    assert_eq!(names(&answer.agents_used), ["chat"]);
    let reason = answer.routing.fallback_reason.as_ref().unwrap();
    assert!(
        reason.contains("unlike what the agents are known for"),
        "{reason}"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn several_things_in_one_request_are_done_by_several_agents_each_its_own() {
    let stage = Stage::new();
    let house = start(trained(&stage)).await;
    let cases = [
        (
            "restart the database server and then send me the receipt again",
            Mode::Sequential,
            vec!["shell", "billing"],
            vec!["restart the database server", "send me the receipt again"],
        ),
        (
            "will it rain in Oslo tomorrow? Why was my credit card charged twice?",
            Mode::Parallel,
            vec!["weather", "billing"],
            vec![
                "will it rain in Oslo tomorrow?",
                "Why was my credit card charged twice?",
            ],
        ),
        (
            "Good morning to you! How much disk space is left?",
            Mode::Parallel,
            vec!["shell", "chat"],
            vec!["How much disk space is left?", "Good morning to you!"],
        ),
    ];
    for (content, mode, agents, parts) in cases {
        let answer = answer(&house, OrchestrationRequest::new(content))
            .await
            .unwrap();
        assert_eq!(answer.result.mode, mode, "{content}");
        assert_eq!(names(&answer.agents_used), agents, "{content}");
        assert_eq!(&*answer.routing.primary_agent, agents[0]);
        assert_eq!(names(&answer.routing.secondary_agents), agents[1..]);
        let asked: Vec<&str> = answer
            .result
            .execution_chain
            .iter()
            .map(|step| step.result.as_ref().unwrap().content.as_str())
            .collect();
        assert_eq!(asked, parts, "{content}");
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn what_is_not_wanted_does_not_count() {
    let house = start(trained(&Stage::new())).await;
    let content = "Don't restart the database server, just tell me if it will rain in Oslo";
    let answer = answer(&house, OrchestrationRequest::new(content))
        .await
        .unwrap();
    assert_eq!(names(&answer.agents_used), ["weather"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_decision_is_remembered_until_the_agents_change() {
    let stage = Stage::new();
    let house = start(trained(&stage)).await;
    let asked = async |content: &str| {
        let request = OrchestrationRequest::new(content);
        answer(&house, request).await.unwrap().routing.cached
    };
    assert!(!asked("will it rain in Oslo").await);
    assert!(asked("will it rain in Oslo").await);
    assert!(asked("  will it rain in Oslo\n").await, "as it is trimmed");
    assert!(!asked("will it rain in Rome").await);
    let with_context = OrchestrationRequest {
        context: json!({"documents": ["a"]}).as_object().unwrap().clone(),
        ..OrchestrationRequest::new("will it rain in Oslo")
    };
    assert!(!answer(&house, with_context).await.unwrap().routing.cached);
    house
        .register(stage.agent("late").examples(["an example"]))
        .await
        .unwrap();
    assert!(
        !asked("will it rain in Oslo").await,
        "there is another agent now"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_is_learned_of_when_it_comes_and_forgotten_when_it_goes() {
    let stage = Stage::new();
    let house = start(trained(&stage)).await;
    let chef = stage.agent("chef").examples([
        "a recipe for tomato soup",
        "how long do I boil an egg",
        "what can I cook with rice",
        "bake a chocolate cake",
        "is this dish vegetarian",
        "roast a chicken in the oven",
    ]);
    house.register(chef).await.unwrap();
    let dinner = || OrchestrationRequest::new("how do I bake a cake with rice");
    let cooked = answer(&house, dinner()).await.unwrap();
    assert_eq!(names(&cooked.agents_used), ["chef"]);
    house.remove("chef").await.unwrap();
    let after = answer(&house, dinner()).await.unwrap();
    assert_ne!(names(&after.agents_used), ["chef"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn route_tells_the_decision_and_asks_nobody() {
    let stage = Stage::new();
    let (_house, client) = served(app(trained(&stage))).await;
    let body = json!({"content": "restart the database server and then send me the receipt again"});
    let routed = client.post("/route", body.to_string()).await.json(200);
    assert_has(
        &routed,
        &json!({
            "strategy": "classifier", "primary_agent": "shell", "secondary_agents": ["billing"],
            "mode": "sequential", "llm": null, "cached": false, "fallback_reason": null,
            "parts": [
                {"agent": "shell", "content": "restart the database server"},
                {"agent": "billing", "content": "send me the receipt again"},
            ],
        }),
    );
    assert!(stage.begun().is_empty());
    let faulty = client.post("/route", "{}").await.json(422);
    assert_eq!(faulty["errors"][0]["pointer"], "/content");
}

#[actix_web::test]
async fn the_share_of_remembered_decisions_is_told() {
    let (_house, client) = served(app(trained(&Stage::new()))).await;
    for _ in 0..4 {
        client.say("will it rain in Oslo").await.json(200);
    }
    until_hit_rate(&client, 0.75).await;
}

async fn until_hit_rate(client: &Client, rate: f64) {
    until("the hit rate is told", async || {
        let summary = client.get("/metrics/summary").await.json(200);
        let told = summary["cache_hit_rate"].as_f64().unwrap();
        (told - rate).abs() < 1e-9
    })
    .await;
}

#[actix_web::test]
async fn a_short_text_goes_on_with_the_agent_that_answered_last() {
    let house = start(trained(&Stage::new())).await;
    let asked = async |context: serde_json::Value| {
        let request = OrchestrationRequest {
            context: context.as_object().unwrap().clone(),
            ..OrchestrationRequest::new("and in Rome")
        };
        let routing = answer(&house, request).await.unwrap().routing.clone();
        let named = |name: &str| {
            let mut candidates = routing.candidates.iter();
            let found = candidates.find(|candidate| &*candidate.agent == name);
            found.map_or(0.0, |candidate| candidate.score)
        };
        named("weather")
    };
    let alone = asked(json!({})).await;
    let after = asked(json!({"previous_agent": "weather"})).await;
    assert!(after > alone, "{alone} and {after}");
    house.shutdown().await;
}

#[actix_web::test]
async fn documents_in_the_context_speak_for_who_says_so() {
    let stage = Stage::new();
    let reader = stage
        .agent("reader")
        .keywords([Keyword::sign(Sign::Documents)]);
    let [chat, weather, ..] = trained(&stage);
    let house = start([chat, weather, reader]).await;
    let ask = async |context: serde_json::Value| {
        let request = OrchestrationRequest {
            context: context.as_object().unwrap().clone(),
            ..OrchestrationRequest::new("what is the gist, in short")
        };
        answer(&house, request).await.unwrap()
    };
    let with = ask(json!({"documents": ["It rained."]})).await;
    assert_eq!(names(&with.agents_used), ["reader"]);
    assert!(with.routing.reasoning.contains("documents in the context"));
    let nothing_to_read = ask(json!({"documents": []})).await;
    assert_ne!(names(&nothing_to_read.agents_used), ["reader"]);
    house.shutdown().await;
}
