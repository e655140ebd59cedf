//! An embedding model that is looked at where rules and classifier are unsure.

use std::time::Duration;

use agent_orchestrator::prelude::*;
use agent_orchestrator::routing::{Decided, EmbeddingReport, RoutingStrategy, Signal};
use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::{App, Orchestrator};

use super::trained;
use crate::support::embedding::{EmbeddingModel, Embeds};
use crate::support::server::until;
use crate::support::stage::{Stage, answer, app, names};

/// No example says anything like it; the model knows what it means.
const STRANGE: &str = "Henderson, as usual";

fn agents() -> App {
    app(trained(&Stage::new()))
}

async fn report(house: &Orchestrator) -> EmbeddingReport {
    house.routing_model().await.unwrap().embedding.unwrap()
}

async fn started(app: App) -> Orchestrator {
    let house = app.start().await.unwrap();
    until("the examples are embedded", async || {
        report(&house).await.ready
    })
    .await;
    house
}

#[actix_web::test]
async fn what_no_example_says_is_found_by_what_it_means() {
    let model = EmbeddingModel::start(Embeds::Well);
    let house = started(model.of(agents())).await;
    model.asked();
    let ask = async || {
        answer(&house, OrchestrationRequest::new(STRANGE))
            .await
            .unwrap()
    };
    let found = ask().await;
    assert_eq!(names(&found.agents_used), ["billing"]);
    assert_eq!(found.routing.strategy, Decided::Classifier);
    assert_eq!(found.routing.fallback_reason, None);
    let best = &found.routing.candidates[0];
    let by_meaning = |signal: &Signal| matches!(signal, Signal::Embedding(sure) if *sure > 0.6);
    assert!(best.signals.iter().any(by_meaning), "{best:?}");
    assert!(found.routing.reasoning.contains("with embeddings"));
    assert_eq!(model.asked(), [STRANGE]);

    assert!(ask().await.routing.cached);
    assert!(model.asked().is_empty());
    let report = report(&house).await;
    assert_eq!((report.model.as_str(), report.dimensions), ("meanings", 5));
    assert!(report.out_of_fold_accuracy.unwrap() > 0.9);
    house.shutdown().await;
}

#[actix_web::test]
async fn each_part_of_a_request_is_looked_at_by_itself() {
    let model = EmbeddingModel::start(Embeds::Well);
    let mut app = model.of(agents());
    app.settings_mut().embedding.threshold = 1.0;
    let house = started(app).await;
    let content = "check Henderson as usual, and then explain the zorple";
    let found = answer(&house, OrchestrationRequest::new(content)).await;
    assert_eq!(names(&found.unwrap().agents_used), ["billing", "weather"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn it_is_not_asked_where_there_is_no_doubt_nor_where_nobody_shall_be() {
    let model = EmbeddingModel::start(Embeds::Well);
    let house = started(model.of(agents())).await;
    model.asked();
    let sure = OrchestrationRequest::new("will it rain in Oslo tomorrow");
    let simple = OrchestrationRequest {
        routing_strategy: Some(RoutingStrategy::Simple),
        ..OrchestrationRequest::new(STRANGE)
    };
    for request in [sure, simple] {
        answer(&house, request).await.unwrap();
        assert!(model.asked().is_empty());
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn whatever_is_wrong_with_it_the_request_is_answered_and_the_record_says_why() {
    let faults = [
        (Embeds::Status(500), "answered 500"),
        (Embeds::Status(429), "answered 429"),
        (Embeds::Nonsense, "makes no sense"),
        (Embeds::TooFew, "one vector of one length for each text"),
        (Embeds::Longer, "not as long as those of the examples"),
        (Embeds::Never, "did not answer within 200 ms"),
    ];
    for (fault, reason) in faults {
        let model = EmbeddingModel::start(Embeds::Well);
        let mut app = model.of(agents());
        app.settings_mut().embedding.timeout = Duration::from_millis(200);
        let house = started(app).await;
        model.answer(fault);
        let without = answer(&house, OrchestrationRequest::new(STRANGE))
            .await
            .unwrap();
        assert_eq!(names(&without.agents_used), ["chat"], "{fault:?}");
        let told = without.routing.fallback_reason.clone().unwrap();
        assert!(told.contains(reason), "{fault:?}: {told}");

        // What was decided without it is not remembered.
        model.answer(Embeds::Well);
        if fault != Embeds::Status(429) {
            let found = answer(&house, OrchestrationRequest::new(STRANGE))
                .await
                .unwrap();
            assert_eq!(names(&found.agents_used), ["billing"], "{fault:?}");
        }
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn a_model_that_is_away_when_the_house_opens_is_looked_at_when_it_is_back() {
    let model = EmbeddingModel::start(Embeds::Status(503));
    let house = model.of(agents()).start().await.unwrap();
    until("it is known to be away", async || {
        let problem = report(&house).await.problem.unwrap_or_default();
        problem.contains("answered 503")
    })
    .await;
    let without = answer(&house, OrchestrationRequest::new(STRANGE))
        .await
        .unwrap();
    let told = without.routing.fallback_reason.clone().unwrap();
    assert!(told.contains("no embeddings yet"), "{told}");

    model.answer(Embeds::Well);
    until("it is looked at", async || report(&house).await.ready).await;
    let found = answer(&house, OrchestrationRequest::new(STRANGE))
        .await
        .unwrap();
    assert_eq!(names(&found.agents_used), ["billing"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn examples_are_embedded_once_and_kept_in_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let model = EmbeddingModel::start(Embeds::Well);
    // Of the same text of two agents, there is one vector.
    let jester = || Stage::new().agent("jester").examples(["tell me a joke"]);
    let with_state = || {
        let mut app = model.of(agents().agent(jester()));
        app.settings_mut().state = StateConfig::File(directory.path().join("state.redb"));
        app
    };
    let house = started(with_state()).await;
    let mut asked = model.asked();
    asked.sort_unstable();
    let count = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), count, "some were asked for twice");
    assert!(asked.iter().any(|text| text == "tell me a joke"));
    house.shutdown().await;

    let house = started(with_state()).await;
    assert!(model.asked().is_empty());
    let found = answer(&house, OrchestrationRequest::new(STRANGE))
        .await
        .unwrap();
    assert_eq!(names(&found.agents_used), ["billing"]);
    house.shutdown().await;
}
