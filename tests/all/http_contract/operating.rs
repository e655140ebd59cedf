//! What operators may rely on: agents, health, figures, and the configuration that is shipped.

use std::path::Path;

use agent_orchestrator::{AgentSpec, Reply, RestartPolicy};
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_id, assert_numbers, assert_time, echo, failing};
use crate::support::client::{Client, Response, app, assert_has, members, sent, served};
use crate::support::server::{Process, until};

const CARD: &str = "capabilities description examples group instances keywords kind model name";
const INSTANCE: &str = "average_response_time_ms breaker breaker_forced capacity generation id \
                        in_flight last_error last_health_check queued requests_processed restarts state \
                        success_rate uptime_seconds";

/// Panics when it is asked to, and greets otherwise.
fn mortal(name: &str) -> AgentSpec {
    AgentSpec::from_fn(name, |task, _| async move {
        assert!(task.content != "die", "told to");
        Ok(Reply::text("hello"))
    })
}

fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[actix_web::test]
async fn agents_are_shown_with_all_that_is_known_of_their_instances() {
    let agent = mortal("mortal").description("Greets").group("test");
    let agent = agent.instances(2).concurrency(3).queue(4);
    let (_orchestrator, client) = served(app([agent])).await;
    let show = async || client.get("/agents/mortal").await.json(200);
    let all_well = async || {
        let card = show().await;
        let mut instances = items(&card["instances"]).iter();
        instances.all(|instance| instance["state"] == "healthy")
    };
    until("both have started", &all_well).await;
    let card = show().await;
    assert_eq!(members(&card), CARD);
    let expected = json!({"kind": "custom", "description": "Greets", "group": "test"});
    assert_has(&card, &expected);
    for (number, instance) in items(&card["instances"]).iter().enumerate() {
        assert_eq!(members(instance), INSTANCE);
        let expected = json!({
            "id": format!("mortal/{number}"), "breaker": "closed", "capacity": 7,
            "in_flight": 0, "queued": 0, "restarts": 0, "requests_processed": 0,
            "last_error": null, "average_response_time_ms": null,
        });
        assert_has(instance, &expected);
        assert_numbers(instance, "success_rate");
    }
    let listed = client.get("/agents").await.json(200);
    assert_eq!(members(&listed), "agents");
    assert_eq!(members(&listed["agents"][0]), CARD);

    client.ask(&json!({"content": "die"})).await.json(502);
    until("it has come back", async || {
        let card = show().await;
        let mut restarts = items(&card["instances"]).iter();
        restarts.any(|instance| instance["restarts"] == 1) && all_well().await
    })
    .await;
    let card = show().await;
    let mut instances = items(&card["instances"]).iter();
    let crashed = instances
        .find(|instance| instance["restarts"] == 1)
        .unwrap();
    assert!(
        crashed["last_error"].as_str().unwrap().contains("told to"),
        "{crashed}"
    );

    for _ in 0..2 {
        client.ask(&json!({"content": "x"})).await.json(200);
    }
    let card = show().await;
    let processed = items(&card["instances"]).iter();
    let processed = processed.map(|instance| instance["requests_processed"].as_u64().unwrap());
    assert_eq!(processed.sum::<u64>(), 3);
}

#[actix_web::test]
async fn health_tells_the_well_from_the_unwell() {
    let mortal = mortal("mortal").restart(RestartPolicy::Temporary);
    let (_orchestrator, client) = served(app([echo("a"), echo("b"), mortal])).await;
    let health = async || client.get("/agents/health").await.json(200);
    until("all are well", async || {
        health().await["system_health"] == "healthy"
    })
    .await;
    let known = health().await;
    assert_eq!(
        members(&known),
        "agents healthy_agents system_health total_agents unhealthy_agents"
    );
    let expected = json!({
        "healthy_agents": ["a", "b", "mortal"], "unhealthy_agents": [], "total_agents": 3,
    });
    assert_has(&known, &expected);
    assert_eq!(
        members(&known["agents"]["a"]),
        "checked_at response_time_ms status"
    );
    let whole = client.get("/health").await.json(200);
    assert_eq!(whole["orchestrator_status"], "healthy");

    let ask = async |name: &str| {
        client
            .ask(&json!({"content": "die", "agents": [name]}))
            .await
    };
    ask("mortal").await.json(502);
    until("it is missed", async || {
        health().await["system_health"] == "degraded"
    })
    .await;
    let known = health().await;
    assert_has(
        &known,
        &json!({"healthy_agents": ["a", "b"], "unhealthy_agents": ["mortal"]}),
    );
    assert_eq!(known["agents"]["mortal"]["status"], "unhealthy");
    assert!(known["agents"]["mortal"]["error"].is_string());
    let whole = client.get("/health").await.json(200);
    assert_eq!(whole["orchestrator_status"], "warning");
    assert_eq!(members(&whole["agent_health"]), "a b mortal");
}

#[actix_web::test]
async fn the_state_of_the_whole_is_told_in_real_figures() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let health = client.get("/health").await.json(200);
    assert_eq!(
        members(&health),
        "agent_health agent_threads external_dependencies instance_id orchestrator_status system_resources \
         timestamp uptime_seconds version"
    );
    assert_time(&health["timestamp"]);
    assert_id(&health["instance_id"]);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_numbers(&health, "uptime_seconds");
    let resources = &health["system_resources"];
    let sizes = "disk_free_bytes memory_total_bytes memory_used_bytes open_files \
                 process_memory_bytes";
    assert_eq!(members(resources), format!("cpu_percent {sizes}"));
    assert_numbers(resources, "cpu_percent");
    for size in sizes.split(' ') {
        assert!(
            resources[size].as_u64() > Some(0),
            "{size} in {resources:#}"
        );
    }
    let state = &health["external_dependencies"]["state"];
    assert_has(state, &json!({"kind": "embedded", "status": "healthy"}));
    assert_numbers(state, "latency_ms pending written failed_writes dropped");
}

#[actix_web::test]
async fn it_is_ready_while_an_agent_can_work_and_nobody_has_told_it_to_stop() {
    let mortal = mortal("mortal").restart(RestartPolicy::Temporary);
    let (_orchestrator, client) = served(app([mortal])).await;
    until("it is ready", async || {
        client.get("/readyz").await.status == 200
    })
    .await;
    assert_plain(&client.get("/readyz").await, "ready");
    client.ask(&json!({"content": "die"})).await.json(502);
    until("it is not", async || {
        client.get("/readyz").await.status == 503
    })
    .await;
    assert_plain(&client.get("/readyz").await, "no agent can take work");

    let (orchestrator, client) = served(app([echo("echo")])).await;
    until("it is ready", async || {
        client.get("/readyz").await.status == 200
    })
    .await;
    orchestrator.shutdown().await;
    assert_eq!(client.get("/readyz").await.status, 503);
    assert_plain(&client.get("/readyz").await, "draining");
    assert_plain(&client.get("/livez").await, "alive");
}

#[track_caller]
fn assert_plain(response: &Response, text: &str) {
    assert_eq!(response.text, text);
    assert!(response.header("content-type").starts_with("text/plain"));
}

#[actix_web::test]
async fn the_summary_counts_by_agent_and_by_what_decided() {
    let (_orchestrator, client) = served(app([echo("echo"), failing("bad")])).await;
    client
        .ask(&json!({"content": "please repeat"}))
        .await
        .json(200);
    client.ask(&json!({"content": "x"})).await.json(200);
    client
        .ask(&json!({"content": "x", "agents": ["bad"]}))
        .await
        .json(502);
    let summary = client
        .get("/metrics/summary?window_seconds=600")
        .await
        .json(200);
    assert_has(
        &summary,
        &json!({"window_seconds": 600, "collection_enabled": true}),
    );
    assert_numbers(&summary, "average_routing_time_ms");
    let counted = |place: &Value| {
        assert_numbers(place, "average_time_ms p50_ms p95_ms p99_ms success_rate");
        let counts = ["requests", "succeeded", "failed"];
        counts.map(|count| place[count].as_u64().unwrap())
    };
    assert_eq!(counted(&summary["totals"]), [3, 2, 1]);
    assert_eq!(counted(&summary["agents"]["echo"]), [2, 2, 0]);
    assert_eq!(counted(&summary["agents"]["bad"]), [1, 0, 1]);
    assert_eq!(counted(&summary["strategies"]["simple"]), [1, 1, 0]);
    assert_eq!(counted(&summary["strategies"]["fallback"]), [1, 1, 0]);
    assert_eq!(counted(&summary["strategies"]["explicit"]), [1, 0, 1]);
    let usual = client.get("/metrics/summary").await.json(200);
    assert_has(
        &usual,
        &json!({"window_seconds": 3600, "totals": summary["totals"]}),
    );
}

#[actix_web::test]
async fn whatever_can_be_read_can_be_asked_for_without_its_body() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    until("it is ready", async || {
        client.get("/readyz").await.status == 200
    })
    .await;
    let answer = client.ask(&json!({"content": "x"})).await.json(200);
    let request = format!("/requests/{}", answer["request_id"].as_str().unwrap());
    for path in [
        &request,
        "/agents",
        "/agents/echo",
        "/agents/health",
        "/health",
        "/livez",
        "/readyz",
        "/metrics/summary",
    ] {
        let whole = client.get(path).await;
        let head = sent(client.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"));
    }
}

#[actix_web::test]
async fn the_shipped_configuration_answers_what_its_agents_are_meant_for() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let process = Process::orchestrator(&config, &[]);
    let client = Client::new(&process.url(""));
    let ask = async |content: &str| client.ask(&json!({"content": content})).await.json(200);
    let sum = ask("What is 17% of 2340?").await;
    assert_eq!(sum["agents_used"], json!(["util_agent"]));
    assert_eq!(sum["result"]["content"], "397.8");

    let found = ask("what is a circuit breaker?").await;
    assert_eq!(found["agents_used"], json!(["kb_librarian"]));
    let reply = &found["result"]["execution_chain"][0]["result"];
    assert_eq!(
        reply["data"]["passages"][0]["source"]["path"],
        "circuit-breaker.md"
    );

    let greeting = ask("hello there").await;
    assert_eq!(greeting["agents_used"], json!(["chat_agent"]));
    assert!(
        greeting["result"]["content"]
            .as_str()
            .unwrap()
            .starts_with("Hello!")
    );
}
