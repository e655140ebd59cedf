//! What happens to a request, followed while it happens or read afterwards.

use agent_orchestrator::testkit::Stage;
use agent_orchestrator::{AgentError, AgentSpec, Orchestrator, Reply, RequestId};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::client::{Client, app, sent, served};
use crate::support::server::until;
use crate::support::sse::{Event, Events, follow};

struct Scene {
    _orchestrator: Orchestrator,
    client: Client,
    stage: Stage,
}

impl Scene {
    /// `speaker` says `a`, waits, says `b`, waits, and answers; `echo` says back; `failing` fails.
    async fn set() -> Self {
        let stage = Stage::new();
        let waiting = stage.clone();
        let speaker = AgentSpec::from_fn("speaker", move |task, cx| {
            let stage = waiting.clone();
            async move {
                for word in ["a", "b"] {
                    cx.emit(word);
                    stage.begin(word);
                    stage.wait().await;
                }
                Ok(Reply::text(task.content))
            }
        });
        let echo = AgentSpec::from_fn(
            "echo",
            |task, _| async move { Ok(Reply::text(task.content)) },
        );
        let failing = AgentSpec::from_fn("failing", |_, _| async {
            Err(AgentError::failure("no luck"))
        });
        let (orchestrator, client) = served(app([echo, speaker, failing])).await;
        Self {
            _orchestrator: orchestrator,
            client,
            stage,
        }
    }

    async fn hand_in(&self, body: &Value) -> RequestId {
        self.client.ask_async(body).await.request_id()
    }

    async fn until_finished(&self, id: RequestId) {
        until("the request is finished", async || {
            let record = self.client.record(id).await.json(200);
            !["queued", "routing", "running"].contains(&record["status"].as_str().unwrap())
        })
        .await;
    }

    async fn follow(&self, id: RequestId, after: u64) -> Events {
        follow(&self.client, id, after).await
    }
}

fn to(agent: &str, content: &str) -> Value {
    json!({"content": content, "agents": [agent]})
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| &*event.name).collect()
}

#[track_caller]
fn assert_numbered(events: &[Event], from: u64) {
    let numbers: Vec<u64> = events.iter().map(|event| event.id).collect();
    let wanted: Vec<u64> = (from..from + events.len() as u64).collect();
    assert_eq!(numbers, wanted);
}

const SPEAKING: [&str; 7] = [
    "request.accepted",
    "route.decided",
    "agent.started",
    "agent.delta",
    "agent.delta",
    "agent.completed",
    "request.completed",
];

#[actix_rt::test]
async fn events_are_told_while_they_happen_and_can_be_read_again_by_anybody() {
    let scene = Scene::set().await;
    let id = scene.hand_in(&to("speaker", "done")).await;
    let mut live = [scene.follow(id, 0).await, scene.follow(id, 0).await];
    let mut heard = [Vec::new(), Vec::new()];
    for (events, heard) in live.iter_mut().zip(&mut heard) {
        while heard.len() < 4 {
            heard.push(events.next().await.unwrap());
        }
        assert_eq!(heard[3].data, json!({"agent": "speaker", "text": "a"}));
    }
    scene.stage.let_go(2);
    for (events, heard) in live.into_iter().zip(&mut heard) {
        heard.extend(events.rest().await);
        assert_eq!(names(heard), SPEAKING);
        assert_numbered(heard, 1);
    }
    let record = scene.client.record(id).await.json(200);
    assert_eq!(heard[0][0].data, json!({"request_id": id}));
    assert_eq!(heard[0][6].data, record["response"]);

    let again = scene.follow(id, 0).await.rest().await;
    assert_eq!(again, heard[0]);
    assert_eq!(again, heard[1]);
}

#[actix_rt::test]
async fn whoever_was_cut_off_goes_on_where_they_were() {
    let scene = Scene::set().await;
    let id = scene.hand_in(&to("speaker", "done")).await;
    scene.stage.let_go(2);
    let all = scene.follow(id, 0).await.rest().await;
    for after in 0..7 {
        let rest = scene.follow(id, after).await.rest().await;
        assert_eq!(rest[..], all[usize::try_from(after).unwrap()..]);
    }
    for after in [7, 8, 1000] {
        let path = format!("/requests/{id}/events?last_event_id={after}");
        assert_eq!(scene.client.get(&path).await.status, 204);
    }
    let path = format!("/requests/{id}/events?last_event_id=-1");
    assert_eq!(scene.client.get(&path).await.status, 422);
}

#[actix_rt::test]
async fn what_nobody_listened_to_is_told_by_its_record() {
    let scene = Scene::set().await;
    let answered = scene.client.ask(&to("echo", "hello")).await;
    let events = scene.follow(answered.request_id(), 0).await.rest().await;
    let wanted = [
        "request.accepted",
        "route.decided",
        "agent.started",
        "agent.completed",
        "request.completed",
    ];
    assert_eq!(names(&events), wanted);
    assert_numbered(&events, 1);
    assert_eq!(events[4].data, answered.json(200));
    assert_eq!(events[3].data["result"]["content"], "hello");

    let failed = scene.client.ask(&to("failing", "hello")).await;
    let events = scene.follow(failed.request_id(), 0).await.rest().await;
    let wanted = [
        "request.accepted",
        "route.decided",
        "agent.started",
        "agent.failed",
        "request.failed",
    ];
    assert_eq!(names(&events), wanted);
    assert_eq!(events[4].data, failed.json(502));
    let rest = scene.follow(failed.request_id(), 3).await.rest().await;
    assert_eq!(rest[..], events[3..]);
}

#[actix_rt::test]
async fn the_events_are_the_same_whether_they_were_heard_or_not() {
    let scene = Scene::set().await;
    let heard = scene.hand_in(&to("echo", "hello")).await;
    scene.until_finished(heard).await;
    let unheard = scene.client.ask(&to("echo", "hello")).await.request_id();
    let (heard, unheard) = (scene.follow(heard, 0).await, scene.follow(unheard, 0).await);
    let (mut heard, mut unheard) = (heard.rest().await, unheard.rest().await);
    // Ids and times are their own.
    for events in [&mut heard, &mut unheard] {
        events[0].data = Value::Null;
        events[4].data = Value::Null;
    }
    assert_eq!(heard, unheard);
}

#[actix_rt::test]
async fn what_was_cancelled_ends_with_a_problem() {
    let scene = Scene::set().await;
    let id = scene.hand_in(&to("speaker", "done")).await;
    let following = scene.follow(id, 0).await;
    scene.stage.until_begun("a").await;
    sent(
        scene
            .client
            .request(Method::POST, &format!("/requests/{id}/cancel")),
    )
    .await;
    let events = following.rest().await;
    let last = events.last().unwrap();
    assert_eq!(last.name, "request.failed");
    assert_eq!(last.data["error_type"], "Cancelled");
    assert_numbered(&events, 1);
    assert_eq!(scene.follow(id, 0).await.rest().await, events);
}

#[actix_rt::test]
async fn of_what_is_not_known_there_are_no_events() {
    let scene = Scene::set().await;
    let unknown = scene
        .client
        .get(&format!("/requests/{}/events", RequestId::new()))
        .await;
    assert_eq!(unknown.json(404)["error_type"], "RequestNotFound");
}

/// Asks for an answer that is told event by event.
async fn aloud(client: &Client, body: &Value, headers: &[(&str, &str)]) -> Events {
    let mut request = client.request(Method::POST, "/orchestrate");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header(ACCEPT, "text/event-stream");
    Events::of(
        request
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string()),
    )
    .await
}

#[actix_rt::test]
async fn an_answer_may_be_told_event_by_event() {
    let scene = Scene::set().await;
    let mut events = aloud(&scene.client, &to("speaker", "done"), &[]).await;
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(events.next().await.unwrap());
    }
    scene.stage.let_go(2);
    heard.extend(events.rest().await);
    assert_eq!(names(&heard), SPEAKING);
    assert_numbered(&heard, 1);
    let id = RequestId::parse(heard[0].data["request_id"].as_str().unwrap()).unwrap();
    scene.until_finished(id).await;
    assert_eq!(scene.follow(id, 0).await.rest().await, heard);

    let failed = aloud(&scene.client, &to("failing", "x"), &[])
        .await
        .rest()
        .await;
    let last = failed.last().unwrap();
    assert_eq!(
        (&*last.name, &last.data["error_type"]),
        ("request.failed", &json!("AgentFailed"))
    );
}

#[actix_rt::test]
async fn whoever_stops_listening_to_an_answer_cancels_it() {
    let scene = Scene::set().await;
    let mut events = aloud(&scene.client, &to("speaker", "done"), &[]).await;
    let id = events.next().await.unwrap().data["request_id"].clone();
    scene.stage.until_begun("a").await;
    drop(events);
    scene.stage.until_dropped(1).await;
    let id = RequestId::parse(id.as_str().unwrap()).unwrap();
    scene.until_finished(id).await;
    assert_eq!(
        scene.client.record(id).await.json(200)["status"],
        "cancelled"
    );
}

#[actix_rt::test]
async fn an_answer_that_is_told_event_by_event_is_given_once_as_well() {
    let scene = Scene::set().await;
    let key = [("Idempotency-Key", "k")];
    let first = aloud(&scene.client, &to("echo", "x"), &key)
        .await
        .rest()
        .await;
    let again = aloud(&scene.client, &to("echo", "x"), &key)
        .await
        .rest()
        .await;
    assert_eq!(names(&again), ["request.completed"]);
    assert_eq!(again[0].data, first.last().unwrap().data);
}

#[actix_rt::test]
async fn what_is_faulty_is_refused_as_ever() {
    let scene = Scene::set().await;
    let request = scene.client.request(Method::POST, "/orchestrate");
    let request = request.header(ACCEPT, "text/event-stream");
    let refused = sent(request.header(CONTENT_TYPE, "application/json").body("{}")).await;
    assert_eq!(refused.json(422)["error_type"], "ValidationError");
}
