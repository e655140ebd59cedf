//! Requests that are done once, however often they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::testkit::Stage;
use agent_orchestrator::{AgentError, AgentSpec, App, Orchestrator, Reply};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::client::{Client, Response, app, sent, served};
use crate::support::server::until;

struct Scene {
    orchestrator: Orchestrator,
    client: Client,
    stage: Stage,
    /// How often `counter` and `failing` were asked.
    asked: Arc<AtomicUsize>,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|_| {}).await
    }

    /// `counter` counts, `failing` fails for good, `unlucky` fails for now, `actor` does as the stage
    /// says.
    async fn with(change: impl FnOnce(&mut App)) -> Self {
        let (stage, asked) = (Stage::new(), Arc::new(AtomicUsize::new(0)));
        let counting = asked.clone();
        let counter = AgentSpec::from_fn("counter", move |_, _| {
            let number = counting.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(Reply::text(number.to_string())) }
        });
        let failing = |name: &str, error: fn() -> AgentError| {
            let counting = asked.clone();
            AgentSpec::from_fn(name, move |_, _| {
                counting.fetch_add(1, Ordering::SeqCst);
                async move { Err(error()) }
            })
        };
        let for_good = failing("failing", || AgentError::user("never"));
        let for_now = failing("unlucky", || AgentError::busy("later", None));
        let mut app = app([counter, for_good, for_now, stage.agent("actor")]);
        change(&mut app);
        let (orchestrator, client) = served(app).await;
        Self {
            orchestrator,
            client,
            stage,
            asked,
        }
    }

    async fn send(&self, key: &str, body: &Value) -> Response {
        self.client.ask_under(key, body).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn to(agent: &str) -> Value {
    json!({"content": "x", "agents": [agent]})
}

#[track_caller]
fn assert_replayed(first: &Response, again: &Response) {
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for (name, value) in &first.headers {
        let moves = ["date", "content-length"].contains(&name.as_str());
        assert!(moves || again.headers.get(name) == Some(value), "{name}");
    }
}

#[actix_rt::test]
async fn the_same_request_is_answered_the_same_and_done_once() {
    let scene = Scene::set().await;
    let first = scene.send("k", &to("counter")).await;
    assert_eq!(first.json(200)["result"]["content"], "1");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    // What a JSON object says does not depend on how it is written.
    let written_otherwise = json!({"agents": ["counter"], "content": "x"});
    for body in [to("counter"), written_otherwise] {
        assert_replayed(&first, &scene.send("k", &body).await);
    }
    let other = scene.send("other", &to("counter")).await;
    assert_eq!(other.json(200)["result"]["content"], "2");
    let without = scene.client.ask(&to("counter")).await;
    assert_eq!(without.json(200)["result"]["content"], "3");
}

#[actix_rt::test]
async fn another_request_under_the_same_key_is_refused() {
    let scene = Scene::set().await;
    scene.send("k", &to("counter")).await.json(200);
    let other = scene
        .send("k", &json!({"content": "y", "agents": ["counter"]}))
        .await;
    assert_eq!(other.json(422)["error_type"], "IdempotencyKeyMismatch");
    assert_eq!(scene.asked(), 1);
}

#[actix_rt::test]
async fn while_it_is_worked_on_the_key_is_in_use() {
    let scene = Scene::set().await;
    let (client, body) = (
        scene.client.clone(),
        json!({"content": "wait", "agents": ["actor"]}),
    );
    let sending = body.clone();
    let first = actix_rt::spawn(async move { client.ask_under("k", &sending).await });
    scene.stage.until_begun("wait").await;
    let again = scene.send("k", &body).await;
    assert_eq!(again.json(409)["error_type"], "IdempotencyKeyInUse");
    assert!(again.headers.contains_key("retry-after"));
    let other = scene.send("k", &to("counter")).await;
    assert_eq!(other.json(422)["error_type"], "IdempotencyKeyMismatch");

    scene.stage.let_go(1);
    let first = first.await.unwrap();
    assert_replayed(&first, &scene.send("k", &body).await);
    assert_eq!(scene.stage.begun(), ["wait"]);
}

#[actix_rt::test]
async fn a_failure_for_good_is_an_answer_and_one_for_now_is_none() {
    let scene = Scene::set().await;
    let first = scene.send("good", &to("failing")).await;
    assert_eq!(first.status, 502);
    assert_replayed(&first, &scene.send("good", &to("failing")).await);
    assert_eq!(scene.asked(), 1);

    for round in 2..=3 {
        let refused = scene.send("now", &to("unlucky")).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert!(!refused.headers.contains_key("idempotent-replayed"));
        assert!(scene.asked() >= round);
    }
}

#[actix_rt::test]
async fn what_was_never_begun_leaves_the_key_free() {
    let scene = Scene::set().await;
    let unknown = scene.send("k", &to("nobody")).await;
    assert_eq!(unknown.json(404)["error_type"], "AgentNotFound");
    scene.send("k", &to("counter")).await.json(200);
}

#[actix_rt::test]
async fn whoever_goes_away_leaves_the_key_free() {
    let scene = Scene::set().await;
    let (client, body) = (
        scene.client.clone(),
        json!({"content": "wait", "agents": ["actor"]}),
    );
    let sending = body.clone();
    let first = actix_rt::spawn(async move { client.ask_under("k", &sending).await });
    scene.stage.until_begun("wait").await;
    first.abort();
    scene.stage.until_dropped(1).await;
    scene.stage.let_go(1);
    until("the key is free", async || {
        scene.send("k", &body).await.status == 200
    })
    .await;
}

#[actix_rt::test]
async fn a_request_for_which_nobody_waits_is_accepted_once() {
    let scene = Scene::set().await;
    let accept = async || {
        let request = scene.client.request(Method::POST, "/orchestrate");
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request
            .header("Idempotency-Key", "k")
            .header("Prefer", "respond-async");
        sent(request.body(to("counter").to_string())).await
    };
    let first = accept().await;
    assert_eq!(first.status, 202);
    let again = accept().await;
    assert_replayed(&first, &again);
    let id = first.request_id();
    until("it is done", async || {
        scene.client.record(id).await.json(200)["status"] == "succeeded"
    })
    .await;
    assert_replayed(&first, &accept().await);
    assert_eq!(scene.asked(), 1);
}

#[actix_rt::test]
async fn an_answer_can_be_had_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let on_file = |app: &mut App| {
        app.settings_mut().state = StateConfig::File(dir.path().join("state.redb"));
    };
    let scene = Scene::with(on_file).await;
    let first = scene.send("k", &to("counter")).await;
    scene.orchestrator.shutdown().await;
    let scene = Scene::with(on_file).await;
    assert_replayed(&first, &scene.send("k", &to("counter")).await);
    assert_eq!(scene.asked(), 0);
}

#[actix_rt::test]
async fn keys_are_of_printable_characters_and_not_too_long() {
    let scene = Scene::set().await;
    for key in ["a b", "{k}", &"k".repeat(255), "sha256:x", "*"] {
        let first = scene.send(key, &to("counter")).await;
        assert_replayed(&first, &scene.send(key, &to("counter")).await);
    }
    for key in [String::new(), "k".repeat(256), "\u{fc}".to_owned()] {
        let refused = scene.send(&key, &to("counter")).await;
        assert_eq!(refused.json(422)["error_type"], "ValidationError");
    }
}
