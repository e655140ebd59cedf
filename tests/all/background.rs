//! Requests for which nobody waits: accepted, done sooner or later, and looked for afterwards.

mod cancelling;
mod giving_up;
mod listing;

use agent_orchestrator::testkit::Stage;
use agent_orchestrator::{AgentError, AgentSpec, App, Orchestrator, Reply, RequestId};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::client::{Client, Response, app, assert_has, sent, served};
use crate::support::server::until;

/// An orchestrator of some agents, and a client of it.
struct Scene {
    orchestrator: Orchestrator,
    client: Client,
    stage: Stage,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut App)) -> Self {
        let stage = Stage::new();
        let mut app = app(agents(&stage));
        change(&mut app);
        Self::of(app, stage).await
    }

    async fn of(app: App, stage: Stage) -> Self {
        let (orchestrator, client) = served(app).await;
        Self {
            orchestrator,
            client,
            stage,
        }
    }

    /// Hands a request in and goes away.
    async fn hand_in(&self, agent: &str, content: &str) -> RequestId {
        let body = json!({"content": content, "agents": [agent]});
        let answer = self.client.ask_async(&body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.request_id()
    }

    async fn record(&self, id: RequestId) -> Value {
        self.client.record(id).await.json(200)
    }

    /// The record of the request once it says that.
    async fn until_status(&self, id: RequestId, status: &str) -> Value {
        until(&format!("the request is {status}"), async || {
            self.record(id).await["status"] == status
        })
        .await;
        self.record(id).await
    }
}

/// `echo` says back, `actor` does as the stage says, `failing` fails.
fn agents(stage: &Stage) -> [AgentSpec; 3] {
    let echo = AgentSpec::from_fn(
        "echo",
        |task, _| async move { Ok(Reply::text(task.content)) },
    );
    let failing = AgentSpec::from_fn("failing", |_, _| async {
        Err(AgentError::failure("no luck"))
    });
    [echo, stage.agent("actor").concurrency(8), failing]
}

#[actix_rt::test]
async fn a_request_is_accepted_and_its_answer_is_there_later() {
    let scene = Scene::set().await;
    let body = json!({
        "content": " hello ", "agents": ["echo"], "metadata": {"k": "v"}, "context": {"a": 1},
    });
    let accepted = scene.client.ask_async(&body).await;
    let id = accepted.request_id();
    assert_eq!(
        accepted.json(202),
        json!({"success": true, "request_id": id, "status": "queued"})
    );
    assert_eq!(accepted.header("location"), format!("/requests/{id}"));
    assert_eq!(accepted.header("preference-applied"), "respond-async");
    assert_eq!(accepted.header("x-request-id"), id.to_string());

    let record = scene.until_status(id, "succeeded").await;
    assert_has(
        &record,
        &json!({"attempt": 1, "asynchronous": true, "request_id": id}),
    );
    let response = &record["response"];
    assert_eq!(response["request_id"], json!(id));
    assert_eq!(response["result"]["content"], "hello");
    assert_eq!(response["metadata"], json!({"k": "v"}));
    assert_eq!(record["routing"], response["routing"]);
}

#[actix_rt::test]
async fn the_preference_is_one_among_others_and_written_in_any_case() {
    let scene = Scene::set().await;
    for (prefer, status) in [
        ("respond-async", 202),
        ("Respond-Async", 202),
        ("wait=10, respond-async; x=y", 202),
        ("return=minimal", 200),
        ("no-respond-async", 200),
    ] {
        let request = scene.client.request(Method::POST, "/orchestrate");
        let request = request.header(CONTENT_TYPE, "application/json");
        let body = json!({"content": "hello", "agents": ["echo"]}).to_string();
        let answer = sent(request.header("Prefer", prefer).body(body)).await;
        assert_eq!(answer.status, status, "{prefer}");
    }
}

#[actix_rt::test]
async fn the_record_tells_how_far_it_has_come() {
    let scene = Scene::with(|app| app.settings_mut().pipeline.background.concurrency = 1).await;
    let first = scene.hand_in("actor", "wait").await;
    scene.stage.until_begun("wait").await;
    let second = scene.hand_in("echo", "hello").await;
    let running = scene.until_status(first, "running").await;
    assert_eq!(running["routing"]["primary_agent"], "actor");
    assert_eq!(running["response"], Value::Null);
    let queued = scene.record(second).await;
    assert_has(
        &queued,
        &json!({"status": "queued", "attempt": 0, "routing": null}),
    );

    scene.stage.let_go(1);
    scene.until_status(first, "succeeded").await;
    scene.until_status(second, "succeeded").await;
}

#[actix_rt::test]
async fn what_an_agent_cannot_answer_has_failed_at_once() {
    let scene = Scene::set().await;
    let id = scene.hand_in("failing", "hello").await;
    let record = scene.until_status(id, "failed").await;
    assert_eq!(record["attempt"], 1);
    assert_eq!(record["problem"]["error_type"], "AgentFailed");
    assert_eq!(record["problem"]["request_id"], json!(id));
    assert_eq!(record["routing"]["primary_agent"], "failing");
    assert_eq!(record["response"], Value::Null);
}

#[actix_rt::test]
async fn what_is_faulty_is_refused_before_it_is_accepted() {
    let scene = Scene::set().await;
    for (body, error_type) in [
        (json!({"content": ""}), "ValidationError"),
        (
            json!({"content": "x", "agents": ["nobody"]}),
            "AgentNotFound",
        ),
    ] {
        let refused = scene.client.ask_async(&body).await;
        assert_eq!(refused.body()["error_type"], error_type);
        assert_eq!(scene.client.record(refused.request_id()).await.status, 404);
    }
}

#[actix_rt::test]
async fn no_more_are_accepted_than_may_be_unfinished() {
    let scene = Scene::with(|app| {
        let background = &mut app.settings_mut().pipeline.background;
        (background.concurrency, background.capacity) = (1, 3);
    })
    .await;
    for _ in 0..3 {
        scene.hand_in("actor", "wait").await;
    }
    let refused = scene
        .client
        .ask_async(&json!({"content": "x", "agents": ["echo"]}))
        .await;
    assert_eq!(refused.json(503)["error_type"], "Overloaded");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(scene.client.record(refused.request_id()).await.status, 404);

    scene.stage.let_go(3);
    until("there is room again", async || {
        let body = json!({"content": "x", "agents": ["echo"]});
        scene.client.ask_async(&body).await.status == 202
    })
    .await;
}

#[actix_rt::test]
async fn feedback_can_be_given_as_for_any_other() {
    let scene = Scene::set().await;
    let id = scene.hand_in("echo", "hello").await;
    scene.until_status(id, "succeeded").await;
    let path = format!("/requests/{id}/feedback");
    let told = scene
        .client
        .post(&path, r#"{"user_satisfaction": 1}"#)
        .await;
    assert_eq!(told.status, 204, "{}", told.text);
}

#[actix_rt::test]
async fn whoever_embeds_it_hands_in_requests_as_well() {
    let scene = Scene::set().await;
    let request = agent_orchestrator::OrchestrationRequest::new("hello");
    let id = scene.orchestrator.accept(&request).await.unwrap();
    let record = scene.until_status(id, "succeeded").await;
    assert_eq!(record["response"]["result"]["content"], "hello");
}

#[actix_rt::test]
async fn what_is_not_finished_at_the_end_is_finished_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.redb");
    let on_file = |app: &mut App| {
        app.settings_mut().state = agent_orchestrator::settings::StateConfig::File(path.clone());
    };
    let scene = Scene::with(on_file).await;
    let begun = scene.hand_in("actor", "wait").await;
    scene.stage.until_begun("wait").await;
    let finished = scene.hand_in("echo", "hello").await;
    scene.until_status(finished, "succeeded").await;
    scene
        .orchestrator
        .shutdown_within(std::time::Duration::ZERO)
        .await;
    drop(scene);

    let scene = Scene::with(on_file).await;
    scene.stage.let_go(1);
    let record = scene.until_status(begun, "succeeded").await;
    assert_eq!(
        record["attempt"], 1,
        "what was left in order is not counted: {record}"
    );
    assert_eq!(scene.record(finished).await["status"], "succeeded");
    assert_eq!(scene.stage.begun(), ["wait"]);
}

#[actix_rt::test]
async fn a_long_one_is_not_taken_over_by_anybody() {
    let lease = std::time::Duration::from_millis(200);
    let scene = Scene::with(|app| app.settings_mut().pipeline.lease = lease).await;
    let id = scene.hand_in("actor", "wait").await;
    scene.stage.until_begun("wait").await;
    let began = std::time::Instant::now();
    while began.elapsed() < 6 * lease {
        let other = scene.hand_in("echo", "hello").await;
        scene.until_status(other, "succeeded").await;
    }
    assert_eq!(scene.stage.begun(), ["wait"]);
    scene.stage.let_go(1);
    let record = scene.until_status(id, "succeeded").await;
    assert_eq!(record["attempt"], 1);
}
