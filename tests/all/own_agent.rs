//! The example of an agent of one's own, as the program it is.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;

use futures::stream::{self, StreamExt};
use serde_json::json;

use crate::support::http::{Received, ask, client, get, orchestrate};
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
    let mut command = Command::new(program());
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    Process::start(command, &[])
}

async fn ask_weather(client: &reqwest::Client, server: &str, content: &str) -> Received {
    let body = json!({"content": content, "agents": ["weather"]});
    orchestrate(client, server, &body).await.unwrap()
}

#[actix_rt::test]
async fn the_agent_answers_when_it_is_named_and_when_its_keywords_are() {
    let weather = start();
    let (client, server) = (client(), weather.url(""));
    let named = ask_weather(&client, &server, "Oslo").await;
    assert_eq!(named.status, 200);
    assert_eq!(named.body["result"]["content"], "sunny in Oslo");
    assert_eq!(named.body["routing"]["strategy"], "explicit");

    let question = "weather forecast for Oslo";
    let routed = ask(&client, &server, question).await.unwrap();
    assert_eq!(routed.status, 200);
    assert_eq!(
        routed.body["result"]["content"],
        "sunny in weather forecast for Oslo"
    );
    assert_eq!(routed.body["routing"]["strategy"], "simple");
    assert_eq!(routed.body["agents_used"], json!(["weather"]));
}

#[actix_rt::test]
async fn a_panic_of_the_agent_is_told_to_its_caller_as_a_crash() {
    let weather = start();
    let (client, server) = (client(), weather.url(""));
    let crash = ask_weather(&client, &server, "boom").await;
    assert_eq!(crash.status, 502);
    assert_eq!(crash.body["error_type"], "AgentCrashed");
    assert_eq!(crash.body["agent"], "weather");
    assert!(!crash.body.to_string().contains("lightning"));
    assert_eq!(ask_weather(&client, &server, "Oslo").await.status, 200);
}

#[actix_rt::test]
async fn of_ten_thousand_requests_only_the_hundred_that_make_the_agent_panic_fail() {
    const REQUESTS: usize = 10_000;
    const AT_ONCE: usize = 64;
    let weather = start();
    let (client, server) = (client(), weather.url(""));
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
        let (client, server) = (&client, &server);
        async move { (number, ask_weather(client, server, &content).await) }
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    while let Some((number, answer)) = asked.next().await {
        if booms.contains(&number) {
            assert_eq!(answer.status, 502, "{number}: {}", answer.body);
            assert_eq!(answer.body["error_type"], "AgentCrashed");
        } else {
            assert_eq!(answer.status, 200, "{number}: {}", answer.body);
            let wanted = format!("sunny in city {number}");
            assert_eq!(answer.body["result"]["content"], wanted);
        }
    }

    let card = get(&client, &server, "/agents/weather").await.body;
    for instance in card["instances"].as_array().unwrap() {
        assert_eq!(instance["state"], "healthy", "{instance}");
        assert_eq!(instance["breaker"], "closed", "{instance}");
        assert_eq!(instance["in_flight"], 0, "{instance}");
    }
    let restarts = card["instances"].as_array().unwrap().iter();
    let restarts: u64 = restarts.map(|it| it["restarts"].as_u64().unwrap()).sum();
    assert_eq!(restarts, booms.len() as u64);
    let health = get(&client, &server, "/agents/health").await.body;
    assert_eq!(health["agents"]["weather"]["status"], "healthy");
}
