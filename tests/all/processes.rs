//! The orchestrator as a process: how it ends, how it is killed, and when it refuses to start.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::rt;
use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::raw::Connection;
use crate::support::refusal::refusal;
use crate::support::remote::Remote;
use crate::support::server::{Process, until};
use crate::support::sse::follow;

/// A process whose agents are `chat_agent` and that remote one.
struct Scene {
    process: Process,
    client: Client,
    remote: Remote,
    _config: TempDir,
}

impl Scene {
    fn set(variables: &[(&str, &str)]) -> Self {
        let remote = Remote::start();
        let slow = format!(
            "{{name: slow, kind: http, urls: [\"{}\"], concurrency: 64, timeout_ms: 300000}}",
            remote.url
        );
        let config = agents(&[CHAT, &slow]);
        let process = Process::orchestrator(config.path(), variables);
        Self {
            client: Client::of(&process),
            process,
            remote,
            _config: config,
        }
    }

    /// Begins so many requests, and waits until the remote agent holds them all.
    async fn begin(&self, count: usize) -> Vec<rt::task::JoinHandle<u16>> {
        let begin = |_| {
            let client = self.client.clone();
            rt::spawn(async move {
                let body = json!({"content": "wait", "agents": ["slow"]});
                let answer = client.try_to_ask(&body).await;
                answer.map_or(0, |answer| answer.status)
            })
        };
        let begun = (0..count).map(begin).collect();
        self.remote.asked(count).await;
        begun
    }

    /// Sends the signal, and waits until nobody is let in any more.
    async fn end(&self, signal: &str) {
        self.process.signal(signal);
        until("requests are no longer welcome", async || {
            self.client.get("/readyz").await.status == 503
        })
        .await;
    }
}

async fn requests_that_are_in_are_answered_and_others_refused(signal: &str) {
    let mut scene = Scene::set(&[]);
    let mut kept_alive = Connection::open(&scene.process.url(""));
    assert_eq!(kept_alive.get("/livez").status, 200);
    let begun = scene.begin(20).await;
    scene.end(signal).await;

    let question = json!({"content": "hello"});
    let late = Client::of(&scene.process).ask(&question).await;
    assert_eq!(late.json(503)["error_type"], "ShuttingDown");
    assert_eq!(late.headers["connection"], "close");
    assert!(late.headers.contains_key("retry-after"));

    let late = kept_alive.post("/orchestrate", &question);
    assert_eq!(late.status, 503);
    assert!(
        late.head.contains("\r\nconnection: close\r\n"),
        "{}",
        late.head
    );
    assert!(kept_alive.is_closed_by_the_server());

    scene.remote.allow(20);
    for status in join_all(begun).await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(scene.process.wait().code(), Some(0));
}

#[actix_rt::test]
async fn after_sigterm_requests_that_are_in_are_answered_and_others_refused() {
    requests_that_are_in_are_answered_and_others_refused("TERM").await;
}

#[actix_rt::test]
async fn after_sigint_requests_that_are_in_are_answered_and_others_refused() {
    requests_that_are_in_are_answered_and_others_refused("INT").await;
}

#[actix_rt::test]
async fn no_proxy_of_the_environment_stands_between_it_and_its_agents() {
    let nobody = "http://127.0.0.1:9";
    let scene = Scene::set(&[
        ("HTTP_PROXY", nobody),
        ("http_proxy", nobody),
        ("NO_PROXY", ""),
    ]);
    let begun = scene.begin(1).await;
    scene.remote.allow(1);
    for status in join_all(begun).await {
        assert_eq!(status.unwrap(), 200);
    }
}

#[actix_rt::test]
async fn a_signal_right_after_the_start_ends_the_process_properly() {
    let config = agents(&[CHAT]);
    for _ in 0..10 {
        let mut process = Process::orchestrator(config.path(), &[]);
        process.signal("TERM");
        assert_eq!(process.wait().code(), Some(0), "{}", process.log());
    }
}

/// A client that asks again and again, until it cannot be answered any more.
#[derive(Default)]
struct Caller {
    answered: Cell<usize>,
    refused: Cell<usize>,
    lost: RefCell<Option<String>>,
}

impl Caller {
    async fn call(self: Rc<Self>, client: Client) {
        let question = json!({"content": "hello"});
        while self.lost.borrow().is_none() {
            match client.try_to_ask(&question).await.map(|it| it.status) {
                Ok(200) => {
                    assert_eq!(self.refused.get(), 0, "let in after others were refused");
                    self.answered.set(self.answered.get() + 1);
                }
                Ok(503) => self.refused.set(self.refused.get() + 1),
                Ok(status) => panic!("answered {status}"),
                Err(error) => *self.lost.borrow_mut() = Some(format!("{error:?}")),
            }
        }
    }
}

#[actix_rt::test]
async fn under_load_every_request_is_answered_or_refused_until_all_who_were_in_have_left() {
    let mut scene = Scene::set(&[]);
    let begun = scene.begin(1).await;
    let callers: Vec<Rc<Caller>> = (0..4).map(|_| Rc::default()).collect();
    let calls = callers.iter().cloned();
    let calls: Vec<_> = calls
        .map(|caller| rt::spawn(caller.call(Client::of(&scene.process))))
        .collect();
    until("all callers are answered", async || {
        callers.iter().all(|caller| caller.answered.get() >= 10)
    })
    .await;
    scene.process.signal("TERM");
    until("all callers are refused", async || {
        callers.iter().all(|caller| caller.refused.get() >= 10)
    })
    .await;
    for caller in &callers {
        assert_eq!(*caller.lost.borrow(), None);
    }

    scene.remote.allow(1);
    for status in join_all(begun).await {
        assert_eq!(status.unwrap(), 200);
    }
    for ended in join_all(calls).await {
        ended.unwrap();
    }
    assert_eq!(scene.process.wait().code(), Some(0));
}

#[actix_rt::test]
async fn a_second_signal_ends_the_process_at_once() {
    let mut scene = Scene::set(&[]);
    let _begun = scene.begin(1).await;
    scene.end("TERM").await;
    scene.process.signal("TERM");
    assert_eq!(scene.process.wait().code(), Some(130));
}

#[actix_rt::test]
async fn the_end_waits_for_requests_no_longer_than_the_shutdown_timeout_and_tells_them() {
    let mut scene = Scene::set(&[
        ("ORCHESTRATOR__SERVER__SHUTDOWN_TIMEOUT", "1"),
        ("ORCHESTRATOR__SUPERVISION__SHUTDOWN_TIMEOUT", "1"),
    ]);
    let begun = scene.begin(3).await;
    scene.process.signal("TERM");
    for status in join_all(begun).await {
        assert_eq!(status.unwrap(), 503);
    }
    assert_eq!(scene.process.wait().code(), Some(0));
    let log = scene.process.log();
    assert!(log.contains("not finished within 1s"), "{log}");
}

/// Waits until everything that was put down is written.
async fn written(client: &Client) {
    until("the state is written", async || {
        client.state_health().await["pending"] == 0
    })
    .await;
}

#[actix_rt::test]
async fn requests_that_were_written_survive_a_kill() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let variables = [("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap())];
    let mut process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let answers = join_all((0..30).map(|_| client.say("hello"))).await;
    written(&client).await;
    process.signal("KILL");
    assert_eq!(process.wait().code(), None);

    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    for answer in answers {
        let record = client.record(answer.request_id()).await.json(200);
        assert_eq!(record["status"], "succeeded");
        assert_eq!(record["response"], answer.json(200));
    }
}

#[actix_rt::test]
async fn what_was_promised_and_not_finished_at_the_end_is_done_after_the_next_start() {
    let remote = Remote::start();
    let slow = |name: &str| format!("{{name: {name}, kind: http, urls: [\"{}\"]}}", remote.url);
    let config = agents(&[CHAT, &slow("one"), &slow("two")]);
    let file = config.path().join("state.redb");
    let variables = [
        ("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap()),
        ("ORCHESTRATOR__SERVER__SHUTDOWN_TIMEOUT", "0.5"),
    ];
    let mut process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let body = json!({"content": "wait", "agents": ["one", "two"], "mode": "parallel"});
    let promised = client.ask_async(&body).await.request_id();
    remote.asked(2).await;
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0), "{}", process.log());

    // The two that were cut off would take an answer each.
    remote.allow(4);
    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    until("what was promised is done", async || {
        client.record(promised).await.json(200)["status"] == "succeeded"
    })
    .await;
    let record = client.record(promised).await.json(200);
    assert_eq!(record["attempt"], 1, "{record}");
    assert_eq!(record["response"]["agents_used"], json!(["one", "two"]));
    let heard = follow(&client, promised, 0).await.rest().await;
    let numbers: Vec<u64> = heard.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let begun = heard.iter().filter(|event| event.name == "agent.started");
    assert_eq!(begun.count(), 4, "those of both lives, one after the other");
}

#[actix_rt::test]
async fn what_a_kill_cut_off_is_interrupted_or_done_after_the_next_start() {
    let remote = Remote::start();
    let slow = format!("{{name: slow, kind: http, urls: [\"{}\"]}}", remote.url);
    let config = agents(&[CHAT, &slow]);
    let file = config.path().join("state.redb");
    let variables = [("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap())];
    let mut process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let body = json!({"content": "wait", "agents": ["slow"]});
    let waiting = (client.clone(), body.clone());
    rt::spawn(async move { waiting.0.try_to_ask(&waiting.1).await.map(drop) });
    remote.asked(1).await;
    let promised = client.ask_async(&body).await.request_id();
    remote.asked(2).await;
    written(&client).await;
    let listed = client.get("/requests?status=running").await.json(200);
    let ids = listed["requests"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|it| it["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    let cut_off = ids.iter().find(|id| **id != promised.to_string()).unwrap();
    process.signal("KILL");
    process.wait();

    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let record = client.get(&format!("/requests/{cut_off}")).await.json(200);
    assert_eq!(record["status"], "interrupted");
    // The two whose callers are gone would take one each.
    remote.allow(3);
    until("what was promised is done", async || {
        client.record(promised).await.json(200)["status"] == "succeeded"
    })
    .await;
    let record = client.record(promised).await.json(200);
    assert_eq!(record["attempt"], 2);
    let listed = client.get("/requests?status=interrupted").await.json(200);
    assert_eq!(listed["requests"][0]["request_id"], **cut_off);
}

#[actix_rt::test]
async fn a_kill_at_any_moment_leaves_a_file_that_opens_again() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let variables = [("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap())];
    let mut random = fastrand::Rng::with_seed(11);
    let mut kept = Vec::new();
    for _ in 0..10 {
        let mut process = Process::orchestrator(config.path(), &variables);
        let client = Client::of(&process);
        let answer = client.say("hello").await;
        written(&client).await;
        kept.push(answer.request_id());

        let caller = Rc::new(Caller::default());
        let calls = (0..4).map(|_| rt::spawn(caller.clone().call(client.clone())));
        let calls: Vec<_> = calls.collect();
        let moment = random.usize(1..150);
        until("enough is under way", async || {
            caller.answered.get() >= moment
        })
        .await;
        process.signal("KILL");
        process.wait();
        for ended in join_all(calls).await {
            ended.unwrap();
        }
    }
    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    for id in kept {
        let record = client.record(id).await.json(200);
        assert_eq!(record["status"], "succeeded");
    }
}

#[actix_rt::test]
async fn a_state_file_that_was_left_properly_needs_no_repair() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let variables = [("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap())];
    let mut needed = Vec::new();
    for signal in ["TERM", "KILL"] {
        let mut process = Process::orchestrator(config.path(), &variables);
        let client = Client::of(&process);
        client.say("hello").await.json(200);
        written(&client).await;
        process.signal(signal);
        process.wait();
        let repaired = Arc::new(AtomicBool::new(false));
        let seen = repaired.clone();
        let mut opening = redb::Database::builder();
        opening.set_repair_callback(move |_| seen.store(true, Ordering::SeqCst));
        drop(opening.open(&file).unwrap());
        needed.push((signal, repaired.load(Ordering::SeqCst)));
    }
    assert_eq!(needed, [("TERM", false), ("KILL", true)]);
}

#[actix_rt::test]
async fn a_state_file_belongs_to_one_process() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let file = file.to_str().unwrap();
    let variables = [("ORCHESTRATOR__STATE__PATH", file)];
    let first = Process::orchestrator(config.path(), &variables);
    let said = refusal(config.path(), &variables);
    assert!(said.contains(file), "{said}");
    assert!(said.contains("another process has it open"), "{said}");
    assert_eq!(Client::of(&first).get("/readyz").await.status, 200);
}

#[test]
fn a_port_belongs_to_one_process() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = agents(&[CHAT]);
    let said = refusal(config.path(), &[("ORCHESTRATOR__SERVER__LISTEN", &address)]);
    assert!(said.contains(&address), "{said}");
    assert!(said.contains("another program listens there"), "{said}");
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_said_at_once() {
    let config = agents(&[CHAT, "{name: x, kind: htp}", CHAT]);
    let faulty = "orchestrator: {request_timout: 3, max_concurrent_requests: many}\nstat: {}\n";
    std::fs::write(config.path().join("orchestrator.yaml"), faulty).unwrap();
    let said = refusal(config.path(), &[("ORCHESTRATOR__SERVER__WORKERS", "-1")]);
    for fault in [
        "orchestrator.request_timout",
        "orchestrator.max_concurrent_requests",
        "stat: ",
        "ORCHESTRATOR__SERVER__WORKERS: server.workers",
        "agents[1].kind",
        "agents[2]",
    ] {
        assert!(said.contains(fault), "{fault} is missing in\n{said}");
    }
}
