//! What operators may do with the agents over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use super::echo;
use crate::support::client::{Client, Response, app, assert_has, sent, served};
use crate::support::remote::Remote;
use crate::support::server::until;

async fn posted(client: &Client, path: &str) -> Response {
    sent(client.request(Method::POST, path)).await
}

async fn deleted(client: &Client, name: &str) -> Response {
    sent(client.request(Method::DELETE, &format!("/agents/{name}"))).await
}

#[actix_web::test]
async fn a_remote_agent_is_registered_asked_and_removed_at_run_time() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let remote = Remote::start();
    let entry = json!({
        "name": "billing", "kind": "http", "description": "Invoices", "keywords": ["invoice"],
        "urls": [remote.url, remote.url], "weights": [2, 1], "retry_safe": true
    });
    let response = client.post("/agents", entry.to_string()).await;
    let card = response.json(201);
    assert_eq!(response.header("location"), "/agents/billing");
    assert_has(&card, &json!({"name": "billing", "kind": "http"}));
    assert_eq!(card["instances"].as_array().unwrap().len(), 2);

    let taken = client.post("/agents", entry.to_string()).await.json(409);
    assert_has(
        &taken,
        &json!({"error_type": "AgentNameTaken", "retryable": false}),
    );

    remote.allow(2);
    let answer = client.say("where is my invoice?").await.json(200);
    assert_eq!(answer["agents_used"], json!(["billing"]));

    let removed = deleted(&client, "billing").await.json(202);
    assert_has(&removed, &json!({"success": true, "agent": "billing"}));
    client.get("/agents/billing").await.json(404);
    deleted(&client, "billing").await.json(404);
    let answer = client.say("where is my invoice?").await.json(200);
    assert_eq!(answer["agents_used"], json!(["echo"]));
    client.post("/agents", entry.to_string()).await.json(201);
}

#[actix_web::test]
async fn an_entry_that_cannot_be_meant_is_told_with_every_fault_at_once() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let entry = json!({"name": "Bad Name", "kind": "http", "urls": ["ftp://x"], "color": "blue"});
    let problem = client.post("/agents", entry.to_string()).await.json(422);
    assert_eq!(problem["error_type"], "ValidationError");
    let faults = problem["errors"].as_array().unwrap().iter();
    let mut places: Vec<&str> = faults.map(|it| it["pointer"].as_str().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, ["/color", "/name", "/urls/0"]);

    let builtin = json!({"name": "util_agent", "kind": "builtin"});
    let problem = client.post("/agents", builtin.to_string()).await.json(422);
    assert_eq!(problem["errors"][0]["pointer"], "/kind");
    client.post("/agents", "{").await.json(400);
    sent(client.request(Method::POST, "/agents"))
        .await
        .json(415);
}

#[actix_web::test]
async fn an_agent_that_was_there_from_the_start_is_not_removed() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let problem = deleted(&client, "echo").await.json(409);
    assert_has(
        &problem,
        &json!({"error_type": "AgentNotRemovable", "retryable": false}),
    );
    client.get("/agents/echo").await.json(200);
}

#[actix_web::test]
async fn an_agent_is_paused_resumed_restarted_and_scaled() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let shown = async || client.get("/agents/echo").await.json(200)["instances"].take();
    let ask = async || {
        client
            .ask(&json!({"content": "x", "agents": ["echo"]}))
            .await
    };
    let until_all_are = async |count: usize, member: &str, value: Value| {
        until(member, async || {
            let instances = shown().await;
            let instances = instances.as_array().unwrap();
            instances.len() == count && instances.iter().all(|it| it[member] == value)
        })
        .await;
    };
    until_all_are(1, "state", json!("healthy")).await;

    let done = posted(&client, "/agents/echo/pause").await.json(202);
    assert_has(&done, &json!({"success": true, "action": "pause"}));
    until_all_are(1, "state", json!("paused")).await;
    let refused = ask().await;
    assert_eq!(refused.json(503)["error_type"], "AgentUnavailable");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(client.get("/readyz").await.status, 503);
    posted(&client, "/agents/echo/resume").await.json(202);
    ask().await.json(200);

    posted(&client, "/agents/echo/restart").await.json(202);
    until_all_are(1, "generation", json!(2)).await;
    until_all_are(1, "state", json!("healthy")).await;
    assert!(shown().await[0]["uptime_seconds"].as_f64().unwrap() >= 0.0);

    let three = json!({"instances": 3}).to_string();
    client.post("/agents/echo/scale", three).await.json(202);
    until_all_are(3, "state", json!("healthy")).await;
    let one = json!({"instances": 1}).to_string();
    client.post("/agents/echo/scale", one).await.json(202);
    until_all_are(1, "generation", json!(2)).await;
    for body in [json!({"instances": 0}), json!({}), json!({"count": 1})] {
        let refused = client.post("/agents/echo/scale", body.to_string()).await;
        assert_eq!(refused.json(422)["error_type"], "ValidationError");
    }
    for action in ["pause", "resume", "restart"] {
        let unknown = posted(&client, &format!("/agents/nobody/{action}")).await;
        assert_eq!(unknown.json(404)["error_type"], "AgentNotFound");
    }
}

#[actix_web::test]
async fn an_agent_with_an_instance_a_url_is_not_scaled() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let entry = json!({"name": "far", "kind": "http", "urls": ["http://127.0.0.1:1/"]});
    client.post("/agents", entry.to_string()).await.json(201);
    let two = json!({"instances": 2}).to_string();
    let problem = client.post("/agents/far/scale", two).await.json(422);
    assert!(problem["detail"].as_str().unwrap().contains("URL"));
}

#[actix_web::test]
async fn breakers_are_held_open_or_closed_and_let_go_again() {
    let agent = echo("echo").instances(2);
    let (_orchestrator, client) = served(app([agent])).await;
    let hold = async |body: Value| client.post("/agents/echo/breaker", body.to_string()).await;
    let breakers = async || {
        let card = client.get("/agents/echo").await.json(200);
        let instances = card["instances"].as_array().unwrap().clone();
        let shown = instances
            .iter()
            .map(|it| json!([it["breaker"], it["breaker_forced"]]));
        json!(shown.collect::<Vec<_>>())
    };

    let one = json!({"state": "open", "instance": "echo/0"});
    let accepted = hold(one).await.json(202);
    assert_has(
        &accepted,
        &json!({"success": true, "agent": "echo", "action": "breaker"}),
    );
    assert_eq!(breakers().await, json!([["open", true], ["closed", false]]));
    for _ in 0..5 {
        let answer = client.say("hello").await.json(200);
        let step = &answer["result"]["execution_chain"][0];
        assert_eq!(step["instance"], "echo/1");
    }

    hold(json!({"state": "open"})).await.json(202);
    let refused = client.say("hello").await;
    let problem = refused.json(503);
    assert_eq!(problem["error_type"], "CircuitBreakerOpenError");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("held open by an operator")
    );
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);

    hold(json!({"state": "closed"})).await.json(202);
    assert_eq!(
        breakers().await,
        json!([["closed", true], ["closed", true]])
    );
    hold(json!({"state": "auto"})).await.json(202);
    assert_eq!(
        breakers().await,
        json!([["closed", false], ["closed", false]])
    );
    client.say("hello").await.json(200);
}

#[actix_web::test]
async fn what_cannot_be_meant_for_a_breaker_is_refused() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    for (body, pointer) in [
        (json!({}), "/state"),
        (json!({"state": "ajar"}), "/state"),
        (json!({"state": "open", "instance": "echo/7"}), "/instance"),
        (json!({"state": "open", "instance": 0}), "/instance"),
        (json!({"state": "open", "agent": "echo"}), "/agent"),
    ] {
        let refused = client.post("/agents/echo/breaker", body.to_string()).await;
        let problem = refused.json(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let body = json!({"state": "open"}).to_string();
    client.post("/agents/nobody/breaker", body).await.json(404);
}
