//! What users say changes decisions, if it does no harm.

use agent_orchestrator::settings::StateConfig;
use serde_json::{Value, json};

use super::trained;
use crate::support::client::{Client, assert_has, served};
use crate::support::server::{serve, until};
use crate::support::stage::{Stage, app};

const ODD: &str = "Henderson, as usual";

async fn asked(client: &Client, content: &str) -> Value {
    client.say(content).await.json(200)
}

async fn agent_of(client: &Client, content: &str) -> String {
    let body = json!({"content": content}).to_string();
    let routed = client.post("/route", body).await.json(200);
    routed["primary_agent"].as_str().unwrap().to_owned()
}

async fn correct(client: &Client, content: &str, agent: &str) {
    let answer = asked(client, content).await;
    let path = format!(
        "/requests/{}/feedback",
        answer["request_id"].as_str().unwrap()
    );
    let said = json!({"user_satisfaction": 0.1, "correct_agent": agent});
    let response = client.post(&path, said.to_string()).await;
    assert_eq!((response.status, response.text.as_str()), (204, ""));
}

async fn model(client: &Client) -> Value {
    client.get("/routing/model").await.json(200)
}

/// Waits until no correction waits to be looked at, and there are so many models.
async fn until_learned(client: &Client, versions: usize) {
    until("what users said is looked at", async || {
        let model = model(client).await;
        let known = model["versions"].as_array().unwrap().len();
        model["pending_corrections"] == 0 && known == versions
    })
    .await;
}

#[actix_web::test]
async fn a_correction_changes_the_decision_and_can_be_taken_back() {
    let (_house, client) = served(app(trained(&Stage::new()))).await;
    assert_eq!(agent_of(&client, ODD).await, "chat");
    let before = model(&client).await;
    assert_has(
        &before["active"],
        &json!({"version": 1, "state": "active", "corrections": 0}),
    );

    correct(&client, ODD, "billing").await;
    until_learned(&client, 2).await;
    assert_eq!(agent_of(&client, ODD).await, "billing");
    let after = model(&client).await;
    assert_has(
        &after["active"],
        &json!({"version": 2, "state": "active", "corrections": 1}),
    );
    assert_eq!(after["versions"][1]["state"], "replaced");
    let accuracy = |model: &Value| model["active"]["out_of_fold_accuracy"].as_f64().unwrap();
    assert!(accuracy(&after) >= accuracy(&before));

    let back = client.post("/routing/model/rollback", "{}").await.json(200);
    assert_eq!(back["active"]["corrections"], 0);
    assert_eq!(agent_of(&client, ODD).await, "chat");
    let states: Vec<&Value> = back["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["state"])
        .collect();
    assert_eq!(states, ["active", "rolled_back", "replaced"]);
    let again = client.post("/routing/model/rollback", "{}").await.json(409);
    assert_eq!(again["error_type"], "NoPreviousModel");
}

#[actix_web::test]
async fn what_was_learned_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        let mut app = app(trained(&Stage::new()));
        app.settings_mut().state = StateConfig::File(directory.path().join("state.redb"));
        app.start().await.unwrap()
    };
    let house = start().await;
    let client = Client::new(&serve(&house));
    correct(&client, ODD, "billing").await;
    until_learned(&client, 2).await;
    let learned = model(&client).await;
    house.shutdown().await;

    let house = start().await;
    let client = Client::new(&serve(&house));
    assert_eq!(agent_of(&client, ODD).await, "billing");
    let model = model(&client).await;
    assert_eq!(model["active"]["version"], learned["active"]["version"]);
    assert_eq!(
        model["active"]["fingerprint"],
        learned["active"]["fingerprint"]
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn corrections_that_do_harm_are_refused() {
    let (_house, client) = served(app(trained(&Stage::new()))).await;
    let poison = [
        "will it rain in Bergen tomorrow",
        "how warm is it in Rome",
        "is there going to be snow this week",
        "do I need an umbrella tomorrow",
        "how strong is the wind at the sea",
        "when will the rain be over",
        "sunshine hours in Porto in May",
        "temperature in Athens right now",
        "how cold is it in Oslo",
        "is there going to be a storm today",
        "will there be snow in Lisbon",
        "wind at the coast right now",
    ];
    for content in poison {
        correct(&client, content, "shell").await;
    }
    until("the poison is looked at", async || {
        model(&client).await["pending_corrections"] == 0
    })
    .await;
    let model = model(&client).await;
    let states: Vec<&str> = model["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert!(states.contains(&"refused"), "{model:#}");
    assert_eq!(
        agent_of(&client, "will it rain in Oslo tomorrow").await,
        "weather"
    );
    assert_eq!(
        agent_of(&client, "how warm is it in Madrid").await,
        "weather"
    );
}

#[actix_web::test]
async fn feedback_is_checked_and_counted() {
    let (_house, client) = served(app(trained(&Stage::new()))).await;
    let answer = asked(&client, "hello there").await;
    let path = format!(
        "/requests/{}/feedback",
        answer["request_id"].as_str().unwrap()
    );
    let said = |body: Value| client.post(&path, body.to_string());
    for (body, pointer) in [
        (json!({}), "/user_satisfaction"),
        (json!({"user_satisfaction": 1.5}), "/user_satisfaction"),
        (
            json!({"user_satisfaction": 1, "correct_agent": 7}),
            "/correct_agent",
        ),
        (json!({"user_satisfaction": 1, "agent": "chat"}), "/agent"),
    ] {
        let refused = said(body).await.json(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let unknown = said(json!({"user_satisfaction": 0, "correct_agent": "chatt"}))
        .await
        .json(404);
    assert_eq!(unknown["error_type"], "AgentNotFound");
    let nowhere = "/requests/0199c0de-0000-7000-8000-000000000000/feedback";
    let lost = client
        .post(nowhere, json!({"user_satisfaction": 1}).to_string())
        .await
        .json(404);
    assert_eq!(lost["error_type"], "RequestNotFound");
    for satisfaction in [1.0, 0.5] {
        assert_eq!(
            said(json!({"user_satisfaction": satisfaction}))
                .await
                .status,
            204
        );
    }
    until("the satisfaction is told", async || {
        let summary = client.get("/metrics/summary").await.json(200);
        summary["user_satisfaction"] == 0.75
    })
    .await;
}

#[actix_web::test]
async fn agents_with_nothing_but_keywords_have_no_model() {
    let stage = Stage::new();
    let plain = [
        stage.agent("chat"),
        stage.agent("weather").keywords(["rain"]),
    ];
    let (_house, client) = served(app(plain)).await;
    assert_eq!(
        model(&client).await,
        json!({"active": null, "embedding": null, "pending_corrections": 0, "versions": []})
    );
}
