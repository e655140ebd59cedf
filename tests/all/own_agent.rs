//! The example of an agent of one's own, as the program it is.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;

use futures::stream::{self, StreamExt};
use serde_json::json;

use crate::support::client::{Client, Response};
use crate::support::server::Process;

/// The example, which cargo puts beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/weather");
    let shown = program.display();
    assert!(
        program.exists(),
        "{shown} is missing: run `cargo build --example weather`, as a plain `cargo test` does"
    );
    program
}

fn start() -> Process {
    start_with(&[])
}

fn start_with(variables: &[(&str, &str)]) -> Process {
    let mut command = Command::new(program());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    Process::start(command, variables)
}

async fn ask_weather(client: &Client, content: &str) -> Response {
    let body = json!({"content": content, "agents": ["weather"]});
    client.ask(&body).await
}

#[actix_rt::test]
async fn the_agent_answers_when_it_is_named_and_when_its_keywords_are() {
    let weather = start();
    let client = Client::of(&weather);
    let named = ask_weather(&client, "Oslo").await.json(200);
    assert_eq!(named["result"]["content"], "sunny in Oslo");
    assert_eq!(named["routing"]["strategy"], "explicit");

    let question = "weather forecast for Oslo";
    let routed = client.say(question).await.json(200);
    let content = &routed["result"]["content"];
    assert_eq!(content, "sunny in weather forecast for Oslo");
    assert_eq!(routed["routing"]["strategy"], "simple");
    assert_eq!(routed["agents_used"], json!(["weather"]));
}

#[actix_rt::test]
async fn a_panic_of_the_agent_is_told_to_its_caller_as_a_crash() {
    let weather = start();
    let client = Client::of(&weather);
    let crash = ask_weather(&client, "boom").await;
    let problem = crash.json(502);
    assert_eq!(problem["error_type"], "AgentCrashed");
    assert_eq!(problem["agent"], "weather");
    assert!(!crash.text.contains("lightning"));
    assert_eq!(ask_weather(&client, "Oslo").await.status, 200);
}

#[actix_rt::test]
async fn of_ten_thousand_requests_only_the_hundred_that_make_the_agent_panic_fail() {
    const REQUESTS: usize = 10_000;
    const AT_ONCE: usize = 64;
    let weather = start();
    let client = Client::of(&weather);
    let mut random = fastrand::Rng::with_seed(64);
    let booms: HashSet<usize> = random
        .choose_multiple(0..REQUESTS, REQUESTS / 100)
        .into_iter()
        .collect();
    let asked = stream::iter(0..REQUESTS).map(|number| {
        let word = if booms.contains(&number) {
            "boom"
        } else {
            "city"
        };
        let content = format!("{word} {number}");
        let client = &client;
        async move { (number, ask_weather(client, &content).await) }
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    while let Some((number, answer)) = asked.next().await {
        if booms.contains(&number) {
            assert_eq!(answer.json(502)["error_type"], "AgentCrashed", "{number}");
        } else {
            let wanted = format!("sunny in city {number}");
            assert_eq!(answer.json(200)["result"]["content"], wanted);
        }
    }

    let card = client.get("/agents/weather").await.json(200);
    for instance in card["instances"].as_array().unwrap() {
        assert_eq!(instance["state"], "healthy", "{instance}");
        assert_eq!(instance["breaker"], "closed", "{instance}");
        assert_eq!(instance["in_flight"], 0, "{instance}");
    }
    let restarts = card["instances"].as_array().unwrap().iter();
    let restarts: u64 = restarts.map(|it| it["restarts"].as_u64().unwrap()).sum();
    assert_eq!(restarts, booms.len() as u64);
    let health = client.get("/agents/health").await.json(200);
    assert_eq!(health["agents"]["weather"]["status"], "healthy");
}

#[actix_rt::test]
async fn when_the_root_of_the_supervisors_ends_everybody_is_told_and_the_process_ends_with_code_70()
{
    let mut weather = start_with(&[
        ("ORCHESTRATOR__SUPERVISION__ON_GIVE_UP", "escalate"),
        ("ORCHESTRATOR__SUPERVISION__MAX_RESTARTS", "0"),
    ]);
    let client = Client::of(&weather);
    let crash = ask_weather(&client, "boom").await.json(502);
    assert_eq!(crash["error_type"], "AgentCrashed");
    let status = weather.wait();
    assert_eq!(status.code(), Some(70), "{}", weather.log());
    let log = weather.log();
    assert!(log.contains("the root of all supervisors"), "{log}");
}
