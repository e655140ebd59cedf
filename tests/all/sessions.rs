//! Conversations: what was said is kept, given to the agents, and said in order.

use std::time::Duration;

use agent_orchestrator::pipeline::SessionConcurrency;
use agent_orchestrator::testkit::Stage;
use agent_orchestrator::words::Role;
use agent_orchestrator::{AgentError, AgentSpec, App, Orchestrator, Reply};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, Response, app, assert_has, sent, served};
use crate::support::server::until;

struct Scene {
    _orchestrator: Orchestrator,
    client: Client,
    stage: Stage,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|_| {}).await
    }

    /// `parrot` says what was said before and then what is asked, `actor` does as the stage says.
    async fn with(change: impl FnOnce(&mut App)) -> Self {
        let stage = Stage::new();
        let parrot = AgentSpec::from_fn("parrot", |task, cx| async move {
            let said = task.history.iter().map(|turn| match turn.role {
                Role::User => format!("<{}>", turn.content),
                _ => "*".to_owned(),
            });
            let said: String = said.collect();
            let session = cx.session_id().map(ToString::to_string);
            Ok(Reply::text(format!("{said}{}", task.content)).with("session", json!(session)))
        });
        let failing = AgentSpec::from_fn("failing", |_, _| async {
            Err(AgentError::failure("no luck"))
        });
        let mut app = app([parrot, stage.agent("actor").concurrency(8), failing]);
        change(&mut app);
        let (orchestrator, client) = served(app).await;
        Self {
            _orchestrator: orchestrator,
            client,
            stage,
        }
    }

    async fn say(&self, session: &str, content: &str) -> Response {
        self.client.ask(&saying(session, "parrot", content)).await
    }

    async fn session(&self, id: &str) -> Value {
        self.client.get(&format!("/sessions/{id}")).await.json(200)
    }

    /// Asks the agent that does as the stage says, and does not wait for it.
    fn begin(&self, session: &str, content: &str) -> actix_rt::task::JoinHandle<Response> {
        let (client, body) = (self.client.clone(), saying(session, "actor", content));
        actix_rt::spawn(async move { client.ask(&body).await })
    }
}

fn saying(session: &str, agent: &str, content: &str) -> Value {
    json!({"content": content, "session_id": session, "agents": [agent]})
}

fn contents(session: &Value) -> Vec<&str> {
    let turns = session["turns"].as_array().unwrap().iter();
    turns
        .map(|turn| turn["content"].as_str().unwrap())
        .collect()
}

#[actix_rt::test]
async fn what_was_said_is_kept_and_given_to_the_next_agent() {
    let scene = Scene::set().await;
    let first = scene.say("s-1", " a ").await;
    let answer = first.json(200);
    assert_eq!(answer["session_id"], "s-1");
    assert_eq!(answer["result"]["content"], "a");
    assert_eq!(
        answer["result"]["execution_chain"][0]["result"]["data"]["session"],
        "s-1"
    );
    let second = scene.say("s-1", "b").await.json(200);
    assert_eq!(second["result"]["content"], "<a>*b");
    let third = scene.say("s-1", "c").await.json(200);
    assert_eq!(third["result"]["content"], "<a>*<b>*c");
    let other = scene.say("s-2", "d").await.json(200);
    assert_eq!(other["result"]["content"], "d");

    let session = scene.session("s-1").await;
    assert_eq!(session["session_id"], "s-1");
    assert_eq!(
        contents(&session),
        ["a", "a", "b", "<a>*b", "c", "<a>*<b>*c"]
    );
    let id = first.request_id();
    assert_has(
        &session["turns"][0],
        &json!({"role": "user", "request_id": id}),
    );
    let said = json!({"role": "assistant", "agent": "parrot", "request_id": id});
    assert_has(&session["turns"][1], &said);
    assert!(session["turns"][0].get("agent").is_none());
    assert!(session["created_at"].as_str() < session["updated_at"].as_str());
}

#[actix_rt::test]
async fn what_the_request_tells_comes_after_what_was_said() {
    let scene = Scene::set().await;
    scene.say("s", "a").await;
    let mut body = saying("s", "parrot", "c");
    body["history"] = json!([{"role": "user", "content": "b"}]);
    let answer = scene.client.ask(&body).await.json(200);
    assert_eq!(answer["result"]["content"], "<a>*<b>c");
}

#[actix_rt::test]
async fn without_a_session_nothing_is_kept() {
    let scene = Scene::set().await;
    let answer = scene
        .client
        .ask(&json!({"content": "a", "agents": ["parrot"]}))
        .await;
    assert!(answer.json(200).get("session_id").is_none());
    let unknown = scene.client.get("/sessions/s").await;
    assert_eq!(unknown.json(404)["error_type"], "SessionNotFound");
}

#[actix_rt::test]
async fn a_session_is_no_longer_than_configured() {
    let scene = Scene::with(|app| app.settings_mut().pipeline.session.max_turns = 4).await;
    for content in ["a", "b", "c"] {
        scene.say("s", content).await.json(200);
    }
    assert_eq!(
        contents(&scene.session("s").await),
        ["b", "<a>*b", "c", "<a>*<b>*c"]
    );
    let answer = scene.say("s", "d").await.json(200);
    assert_eq!(answer["result"]["content"], "<b>*<c>*d");
}

#[actix_rt::test]
async fn what_was_not_answered_was_not_said() {
    let scene = Scene::set().await;
    scene.say("s", "a").await;
    let failed = scene.client.ask(&saying("s", "failing", "b")).await;
    assert_eq!(failed.status, 502);
    assert_eq!(contents(&scene.session("s").await), ["a", "a"]);
}

#[actix_rt::test]
async fn a_session_can_be_forgotten() {
    let scene = Scene::set().await;
    scene.say("s", "a").await;
    let forget = || sent(scene.client.request(Method::DELETE, "/sessions/s"));
    assert_eq!(contents(&forget().await.json(200)), ["a", "a"]);
    assert_eq!(forget().await.json(404)["error_type"], "SessionNotFound");
    assert_eq!(scene.client.get("/sessions/s").await.status, 404);
    let answer = scene.say("s", "b").await.json(200);
    assert_eq!(answer["result"]["content"], "b");
}

#[actix_rt::test]
async fn turns_are_taken_one_after_another() {
    let scene = Scene::set().await;
    let first = scene.begin("s", "wait");
    scene.stage.until_begun("wait").await;
    let second = scene.begin("s", "second");
    // Another session does not wait.
    scene.say("other", "a").await.json(200);
    assert_eq!(scene.stage.begun(), ["wait"]);
    scene.stage.let_go(1);
    first.await.unwrap().json(200);
    second.await.unwrap().json(200);
    let session = scene.session("s").await;
    let asked: Vec<_> = contents(&session).into_iter().step_by(2).collect();
    assert_eq!(asked, ["wait", "second"]);
}

#[actix_rt::test]
async fn many_turns_at_once_each_know_of_all_before_them() {
    let scene = Scene::with(|app| app.settings_mut().pipeline.session.max_turns = 1000).await;
    let answers = join_all((0..40).map(|_| scene.say("s", "x"))).await;
    let mut known: Vec<usize> = answers
        .iter()
        .map(|answer| {
            answer.json(200)["result"]["content"]
                .as_str()
                .unwrap()
                .matches('*')
                .count()
        })
        .collect();
    known.sort_unstable();
    assert_eq!(known, (0..40).collect::<Vec<_>>());
    assert_eq!(contents(&scene.session("s").await).len(), 80);
}

#[actix_rt::test]
async fn a_busy_session_may_refuse() {
    let scene = Scene::with(|app| {
        app.settings_mut().pipeline.session.concurrency = SessionConcurrency::Reject;
    })
    .await;
    let first = scene.begin("s", "wait");
    scene.stage.until_begun("wait").await;
    let refused = scene.say("s", "a").await;
    assert_eq!(refused.json(409)["error_type"], "SessionBusy");
    scene.stage.let_go(1);
    first.await.unwrap().json(200);
    scene.say("s", "a").await.json(200);
}

#[actix_rt::test]
async fn who_waits_for_a_turn_waits_no_longer_than_for_anything_else() {
    let scene = Scene::set().await;
    let first = scene.begin("s", "wait");
    scene.stage.until_begun("wait").await;
    let mut body = saying("s", "parrot", "a");
    body["timeout_ms"] = json!(50);
    let late = scene.client.ask(&body).await;
    assert_eq!(late.json(504)["error_type"], "DeadlineExceeded");
    scene.stage.let_go(1);
    first.await.unwrap().json(200);
}

#[actix_rt::test]
async fn whoever_goes_away_leaves_the_session_to_others() {
    let scene = Scene::set().await;
    let first = scene.begin("s", "wait");
    scene.stage.until_begun("wait").await;
    first.abort();
    scene.stage.until_dropped(1).await;
    let answer = scene.say("s", "a").await.json(200);
    assert_eq!(answer["result"]["content"], "a");
}

#[actix_rt::test]
async fn turns_for_which_nobody_waits_are_turns_as_well() {
    let scene = Scene::set().await;
    scene.say("s", "a").await;
    let id = scene
        .client
        .ask_async(&saying("s", "parrot", "b"))
        .await
        .request_id();
    until("it is answered", async || {
        scene.client.record(id).await.json(200)["status"] == "succeeded"
    })
    .await;
    let record = scene.client.record(id).await.json(200);
    assert_eq!(record["response"]["result"]["content"], "<a>*b");
    assert_eq!(record["response"]["session_id"], "s");
    assert_eq!(
        contents(&scene.session("s").await),
        ["a", "a", "b", "<a>*b"]
    );
}

#[actix_rt::test]
async fn ids_that_cannot_be_are_refused() {
    let scene = Scene::set().await;
    for id in [json!(""), json!("a b"), json!("x".repeat(129)), json!(1)] {
        let mut body = saying("s", "parrot", "a");
        body["session_id"] = id;
        let problem = scene.client.ask(&body).await.json(422);
        assert_eq!(problem["errors"][0]["pointer"], "/session_id");
    }
}

#[actix_rt::test]
async fn a_session_ends_some_time_after_its_last_turn() {
    let scene = Scene::with(|app| {
        app.settings_mut().pipeline.session.ttl = Duration::from_millis(300);
    })
    .await;
    scene.say("s", "a").await.json(200);
    until("the session is gone", async || {
        scene.client.get("/sessions/s").await.status == 404
    })
    .await;
}
