//! Every error of the HTTP contract, provoked over real connections and checked as a whole.

mod bodies;

use std::time::Duration;

use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::store::RedisConfig;
use agent_orchestrator::words::LifeEvent;
use agent_orchestrator::{AgentError, AgentSpec, Reply, RestartPolicy};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::client::{
    Client, DeadPort, Response, Told, app, assert_has, endless, heard, sent, served,
};
use crate::support::server::until;

/// What would show that a value was printed for programmers, and not for people.
const DEBUG_PRINTS: [&str; 6] = ["Some(", "Err(", "Error {", "panicked at", ".rs:", "::"];

/// The answer is a whole problem document of this kind; answers the document.
#[track_caller]
fn assert_problem(response: &Response, status: u16, error_type: &str) -> Value {
    let problem = response.json(status);
    assert_eq!(response.header("content-type"), "application/problem+json");
    let expected = json!({
        "type": format!("urn:agent-orchestrator:problem:{error_type}"),
        "status": status,
        "success": false,
        "error": problem["detail"],
        "error_type": error_type,
        "request_id": response.header("x-request-id"),
    });
    assert_has(&problem, &expected);
    assert!(problem["title"].as_str() > Some(""), "{problem:#}");
    assert!(problem["detail"].as_str() > Some(""), "{problem:#}");
    assert!(problem["retryable"].is_boolean(), "{problem:#}");
    for print in DEBUG_PRINTS {
        assert!(!response.text.contains(print), "{print} in {problem:#}");
    }
    assert_eq!(response.header("allow").is_empty(), status != 405);
    if status == 503 {
        let seconds: u64 = response.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    problem
}

fn echo() -> AgentSpec {
    AgentSpec::from_fn(
        "echo",
        |task, _| async move { Ok(Reply::text(task.content)) },
    )
}

/// Fails as it is told: `user`, `failure`, `busy`, `fatal` or `panic`.
fn failing() -> AgentSpec {
    AgentSpec::from_fn("failing", |task, _| async move {
        Err(match task.content.as_str() {
            "user" => AgentError::user("no such city"),
            "failure" => AgentError::failure("the line is dead"),
            "busy" => AgentError::busy("come back later", Some(Duration::from_secs(7))),
            "fatal" => AgentError::fatal("the state is broken"),
            _ => panic!("told to, with a secret"),
        })
    })
}

async fn ask(client: &Client, content: &str) -> Response {
    client.ask(&json!({"content": content})).await
}

#[actix_web::test]
async fn a_path_that_there_is_not_is_not_found() {
    let (_orchestrator, client) = served(app([echo()])).await;
    for path in [
        "/",
        "/nowhere",
        "/agents/",
        "/orchestrate/x",
        "/v2/orchestrate",
        "/%FF%00",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let response = sent(client.request(method, path)).await;
            let problem = assert_problem(&response, 404, "RouteNotFound");
            assert_eq!(problem["retryable"], false);
        }
    }
}

#[actix_web::test]
async fn every_endpoint_names_the_methods_that_it_takes() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let read = [
        "/requests/x",
        "/agents/health",
        "/health",
        "/livez",
        "/readyz",
        "/metrics/summary",
    ];
    let read = read.map(|path| (path, "GET, HEAD"));
    let posted = [
        "/orchestrate",
        "/v1/orchestrate",
        "/agents/echo/pause",
        "/agents/echo/resume",
        "/agents/echo/restart",
        "/agents/echo/scale",
    ];
    let posted = posted.map(|path| (path, "POST"));
    let both = [
        ("/agents", "GET, HEAD, POST"),
        ("/agents/echo", "GET, HEAD, DELETE"),
    ];
    for (path, allowed) in read.into_iter().chain(posted).chain(both) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if allowed.contains(method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = sent(client.request(method.clone(), path)).await;
            let problem = assert_problem(&response, 405, "MethodNotAllowed");
            assert_eq!(response.header("allow"), allowed, "{method} {path}");
            assert!(problem["detail"].as_str().unwrap().contains(allowed));
        }
    }
}

#[actix_web::test]
async fn an_unknown_agent_is_told_apart_by_the_nearest_name() {
    let (_orchestrator, client) = served(app([echo(), failing()])).await;
    let named = async |name: &str| client.ask(&json!({"content": "x", "agents": [name]})).await;
    for response in [client.get("/agents/ecko").await, named("ecko").await] {
        let problem = assert_problem(&response, 404, "AgentNotFound");
        assert_eq!(problem["agent"], "ecko");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("did you mean `echo`?")
        );
    }
    for response in [client.get("/agents/zzz").await, named("zzz").await] {
        let problem = assert_problem(&response, 404, "AgentNotFound");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("there are: echo, failing")
        );
    }
    assert_problem(&client.get("/agents/%FF%FE").await, 404, "AgentNotFound");
}

#[actix_web::test]
async fn an_unknown_request_is_not_found_whatever_it_is_called() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    for id in [&unknown, "x", "%00", "%FF", "..%2F..", &"x".repeat(5000)] {
        let response = client.get(&format!("/requests/{id}")).await;
        assert_problem(&response, 404, "RequestNotFound");
    }
}

#[actix_web::test]
async fn who_cannot_read_json_is_told_so_before_any_work_is_done() {
    let (tell, mut told) = unbounded_channel();
    let (_orchestrator, client) = served(app([endless("slow", tell)])).await;
    for path in [
        "/requests/x",
        "/agents",
        "/agents/x",
        "/agents/health",
        "/health",
    ] {
        let request = client
            .request(Method::GET, path)
            .header("accept", "text/html");
        assert_problem(&sent(request).await, 406, "NotAcceptable");
    }
    let request = client.request(Method::POST, "/orchestrate");
    let request = request.json(&json!({"content": "x"}));
    assert_problem(
        &sent(request.header("accept", "image/png")).await,
        406,
        "NotAcceptable",
    );
    assert!(told.try_recv().is_err());
}

#[actix_web::test]
async fn an_agent_that_fails_is_named_with_whether_asking_again_may_help() {
    let (_orchestrator, client) = served(app([failing()])).await;
    for (content, status, error_type, detail, retryable) in [
        ("user", 502, "AgentFailed", "no such city", false),
        ("failure", 502, "AgentFailed", "the line is dead", true),
        ("fatal", 502, "AgentCrashed", "crashed", true),
        ("panic", 502, "AgentCrashed", "crashed", true),
        ("busy", 503, "Overloaded", "come back later", true),
        ("unheard", 503, "Overloaded", "asked to be left alone", true),
    ] {
        let response = ask(&client, content).await;
        let problem = assert_problem(&response, status, error_type);
        assert_has(
            &problem,
            &json!({"agent": "failing", "retryable": retryable}),
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{problem:#}"
        );
        assert!(!response.text.contains("secret"), "{problem:#}");
        let retry_after = if status == 503 { "7" } else { "" };
        assert_eq!(response.header("retry-after"), retry_after, "{content}");
        let steps = problem["result"]["execution_chain"].as_array().unwrap();
        assert_has(
            &steps[0],
            &json!({"success": false, "error_type": error_type}),
        );
    }
}

#[actix_web::test]
async fn an_agent_without_room_refuses_at_once() {
    let (tell, mut told) = unbounded_channel();
    let slow = endless("slow", tell).concurrency(1).queue(0);
    let (_orchestrator, client) = served(app([slow])).await;
    let first = client.clone();
    let first = actix_web::rt::spawn(async move { ask(&first, "x").await });
    assert!(matches!(heard(&mut told).await, Told::Began(_)));
    let problem = assert_problem(&ask(&client, "x").await, 503, "Overloaded");
    assert_has(&problem, &json!({"agent": "slow", "retryable": true}));
    first.abort();
}

#[actix_web::test]
async fn a_house_that_is_full_refuses_at_once_and_has_room_again_later() {
    let (tell, mut told) = unbounded_channel();
    let mut app = app([endless("slow", tell), echo()]);
    app.settings_mut().pipeline.max_concurrent_requests = 1;
    let (_orchestrator, client) = served(app).await;
    let first = client.clone();
    let first = actix_web::rt::spawn(async move { ask(&first, "x").await });
    assert!(matches!(heard(&mut told).await, Told::Began(_)));
    let to_echo = async || {
        client
            .ask(&json!({"content": "x", "agents": ["echo"]}))
            .await
    };
    let problem = assert_problem(&to_echo().await, 503, "Overloaded");
    assert_has(&problem, &json!({"retryable": true, "agent": null}));
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("max_concurrent_requests")
    );
    first.abort();
    until("there is room", async || to_echo().await.status == 200).await;
}

#[actix_web::test]
async fn an_open_breaker_says_when_to_come_back() {
    let mut app = app([failing()]);
    app.settings_mut().house.breaker.failure_threshold = 1;
    app.settings_mut().house.breaker.recovery_timeout = Duration::from_secs(60);
    let (_orchestrator, client) = served(app).await;
    assert_problem(&ask(&client, "failure").await, 502, "AgentFailed");
    let response = ask(&client, "failure").await;
    let problem = assert_problem(&response, 503, "CircuitBreakerOpenError");
    assert_has(&problem, &json!({"agent": "failing", "retryable": true}));
    let seconds: u64 = response.header("retry-after").parse().unwrap();
    assert!(seconds > 1, "{seconds}");
    let health = client.get("/agents/health").await.json(200);
    assert!(
        health["agents"]["failing"]["error"]
            .as_str()
            .unwrap()
            .contains("breaker")
    );
}

#[actix_web::test]
async fn a_stopped_agent_takes_no_work() {
    let (orchestrator, client) = served(app([failing().restart(RestartPolicy::Temporary)])).await;
    let mut lives = orchestrator.registry().events().subscribe();
    assert_problem(&ask(&client, "panic").await, 502, "AgentCrashed");
    until("it has stopped", async || {
        matches!(lives.recv().await.unwrap(), LifeEvent::Stopped { .. })
    })
    .await;
    let problem = assert_problem(&ask(&client, "x").await, 503, "AgentUnavailable");
    assert_has(&problem, &json!({"agent": "failing", "retryable": true}));
}

#[actix_web::test]
async fn a_time_that_is_up_is_a_time_out_of_the_request_or_of_the_agent() {
    let (tell, _told) = unbounded_channel();
    let quick = endless("quick", tell.clone()).timeout(Duration::from_millis(20));
    let (_orchestrator, client) = served(app([endless("slow", tell), quick])).await;
    for body in [
        json!({"content": "x", "agents": ["slow"], "timeout_ms": 20}),
        json!({"content": "x", "agents": ["quick"]}),
    ] {
        let problem = assert_problem(&client.ask(&body).await, 504, "DeadlineExceeded");
        assert_has(
            &problem,
            &json!({"agent": body["agents"][0], "retryable": true}),
        );
    }
}

#[actix_web::test]
async fn whoever_comes_while_it_shuts_down_is_sent_elsewhere() {
    let (orchestrator, client) = served(app([echo()])).await;
    assert_eq!(ask(&client, "x").await.status, 200);
    orchestrator.shutdown().await;
    let response = ask(&client, "x").await;
    let problem = assert_problem(&response, 503, "ShuttingDown");
    assert_eq!(problem["retryable"], true);
    assert_eq!(response.header("connection"), "close");
}

#[actix_web::test]
async fn a_state_that_is_away_fails_only_what_must_be_read_from_it() {
    let (mut app, port) = (app([echo()]), DeadPort::new());
    app.settings_mut().state = StateConfig::Redis(RedisConfig {
        url: format!("redis://:secret@{}", port.host()),
        prefix: "test:".to_owned(),
        timeout: Duration::from_millis(500),
    });
    let (_orchestrator, client) = served(app).await;
    assert_eq!(ask(&client, "x").await.status, 200);
    let unknown = format!("/requests/{}", uuid::Uuid::now_v7());
    for path in [unknown.as_str(), "/metrics/summary?window_seconds=86400"] {
        let response = client.get(path).await;
        let problem = assert_problem(&response, 503, "StateUnavailable");
        assert_eq!(problem["retryable"], true);
        assert!(!response.text.contains("secret"), "{problem:#}");
    }
    let health = client.get("/health").await.json(200);
    let state = &health["external_dependencies"]["state"];
    assert_has(
        state,
        &json!({"kind": "redis", "status": "unavailable", "latency_ms": null}),
    );
}
