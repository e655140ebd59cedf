//! Requests that are tried again, and those that are given up.

use std::sync::Arc;
use std::time::Duration;

use agent_orchestrator::store::{Embedded, Entry, Redis, RedisConfig, Store};

use super::*;
use crate::support::redis::RedisServer;

impl Scene {
    async fn act(&self, action: &str) {
        let done = self
            .client
            .post(&format!("/agents/actor/{action}"), "")
            .await;
        assert_eq!(done.status, 202, "{}", done.text);
    }
}

#[actix_rt::test]
async fn one_that_was_refused_is_tried_again() {
    let scene = Scene::set().await;
    scene.act("pause").await;
    let id = scene.hand_in("actor", "hello").await;
    until("it was refused", async || {
        let record = scene.record(id).await;
        record["status"] == "queued" && record["setbacks"][0].is_string()
    })
    .await;
    scene.act("resume").await;
    let record = scene.until_status(id, "succeeded").await;
    assert!(record["attempt"].as_u64().unwrap() >= 2, "{record}");
    assert!(
        record["setbacks"][0].as_str().unwrap().contains("paused"),
        "{record}"
    );
}

#[actix_rt::test]
async fn each_attempt_at_one_is_measured() {
    let server = RedisServer::start();
    let store = Redis::new(RedisConfig {
        url: server.url(),
        prefix: String::new(),
        timeout: Duration::from_secs(5),
    });
    let store = Arc::new(store.unwrap());
    let stage = Stage::new();
    let app = app(agents(&stage)).store(store.clone());
    let scene = Scene::of(app, stage).await;
    scene.act("pause").await;
    let id = scene.hand_in("actor", "hello").await;
    until("it was refused", async || {
        scene.record(id).await["setbacks"][0].is_string()
    })
    .await;
    scene.act("resume").await;
    let attempts = scene.until_status(id, "succeeded").await["attempt"].as_u64();

    // A UUIDv7 begins with milliseconds.
    let millis = u64::from_str_radix(&id.to_string().replace('-', "")[..12], 16).unwrap();
    let key = format!("metrics:{}", millis / 1000);
    let wanted: Vec<_> = (1..=attempts.unwrap())
        .map(|attempt| json!([id, attempt, Some(attempt) == attempts]))
        .collect();
    until("all are written", async || {
        let lists = store.fields(key.clone()).await.unwrap();
        let lists = lists
            .iter()
            .flat_map(|(_, list)| serde_json::from_slice::<Vec<Value>>(list).unwrap());
        let said = lists.map(|it| json!([it["request_id"], it["attempt"], it["success"]]));
        said.collect::<Vec<_>>() == wanted
    })
    .await;
}

#[actix_rt::test]
async fn one_that_is_refused_too_often_is_given_up_with_its_reasons_and_can_be_tried_anew() {
    let scene = Scene::with(|app| app.settings_mut().pipeline.background.max_attempts = 2).await;
    assert_eq!(dead_letters(&scene).await, json!([]));
    scene.act("pause").await;
    let id = scene.hand_in("actor", "hello").await;
    let record = scene.until_status(id, "failed").await;
    assert_eq!(record["attempt"], 2);
    let problem = &record["problem"];
    assert_eq!(problem["error_type"], "GivenUp");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("given up after 2 attempts: ") && detail.contains("paused"),
        "{detail}"
    );

    let letters = dead_letters(&scene).await;
    assert_eq!(letters.as_array().unwrap().len(), 1);
    assert_has(&letters[0], &json!({"request_id": id, "attempts": 2}));
    assert_eq!(letters[0]["setbacks"].as_array().unwrap().len(), 2);
    assert_eq!(letters[0]["order"]["body"]["content"], "hello");

    scene.act("resume").await;
    let path = format!("/dead-letters/{id}/retry");
    let retry = || scene.client.post(&path, "");
    let (one, other) = futures::future::join(retry(), retry()).await;
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    // The other comes too late, or while the one is about it.
    assert!([[202, 404], [202, 503]].contains(&statuses), "{statuses:?}");
    let record = scene.until_status(id, "succeeded").await;
    assert_eq!(record["attempt"], 1);
    assert_eq!(dead_letters(&scene).await, json!([]));
    let again = retry().await;
    assert_eq!(again.json(404)["error_type"], "RequestNotFound");
}

#[actix_rt::test]
async fn one_that_was_given_up_and_finds_no_room_stays_given_up() {
    let scene = Scene::with(|app| {
        let background = &mut app.settings_mut().pipeline.background;
        (background.max_attempts, background.capacity) = (1, 1);
    })
    .await;
    scene.act("pause").await;
    let id = scene.hand_in("actor", "hello").await;
    let record = scene.until_status(id, "failed").await;
    scene.act("resume").await;
    let other = scene.hand_in("actor", "wait").await;
    let path = format!("/dead-letters/{id}/retry");
    let refused = scene.client.post(&path, "").await;
    assert_eq!(refused.json(503)["error_type"], "Overloaded");
    assert_eq!(scene.record(id).await, record);
    assert_eq!(dead_letters(&scene).await[0]["request_id"], json!(id));

    scene.stage.let_go(1);
    scene.until_status(other, "succeeded").await;
    until("there is room", async || {
        scene.client.post(&path, "").await.status == 202
    })
    .await;
    scene.until_status(id, "succeeded").await;
}

/// The letter is written before the request is said to have failed.
#[actix_rt::test]
async fn one_that_is_being_given_up_at_this_moment_is_not_tried_again_yet() {
    let store = Arc::new(Embedded::in_memory().unwrap());
    let stage = Stage::new();
    let mut app = app(agents(&stage)).store(store.clone());
    app.settings_mut().pipeline.background.max_attempts = 1;
    let scene = Scene::of(app, stage).await;
    scene.act("pause").await;
    let id = scene.hand_in("actor", "hello").await;
    scene.until_status(id, "failed").await;
    scene.act("resume").await;

    let key = format!("request:{id}");
    let end = store.read(key.clone()).await.unwrap().unwrap();
    let mut before: Value = serde_json::from_slice(&end).unwrap();
    before["status"] = json!("running");
    let write = async |record: Vec<u8>| {
        let entry = Entry::new(&*key, record, Duration::from_secs(60)).listed();
        store.write(vec![entry]).await.unwrap();
    };
    write(before.to_string().into()).await;
    let path = format!("/dead-letters/{id}/retry");
    let refused = scene.client.post(&path, "").await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json(503)["error_type"], "Overloaded");
    assert_eq!(scene.stage.begun(), [""; 0]);

    write(end.into()).await;
    until("it is tried again", async || {
        scene.client.post(&path, "").await.status == 202
    })
    .await;
    scene.until_status(id, "succeeded").await;
}

async fn dead_letters(scene: &Scene) -> Value {
    scene.client.get("/dead-letters").await.json(200)["dead_letters"].take()
}
