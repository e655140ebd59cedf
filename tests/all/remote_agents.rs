//! Agents of `kind: http`: what they are sent, and what is made of whatever they answer.

mod misbehaving;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, HttpServer};
use agent_orchestrator::App;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{Client, Response, assert_has, members, served};
use crate::support::server::{PATIENCE, until};

/// An orchestrator whose only agent, `remote`, is configured in a file.
struct House {
    client: Client,
    _directory: TempDir,
}

/// An orchestrator with these keys for its agent, and failures that open its breaker.
async fn house(agent: &str, failure_threshold: u32) -> House {
    let directory = tempfile::tempdir().unwrap();
    let write = |name, text: String| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "orchestrator.yaml",
        format!(
            "orchestrator:\n  fallback_agent: remote\n  health_check_interval: 0.5\n  \
             load_balancing: {{algorithm: weighted_round_robin}}\n  \
             circuit_breaker: {{failure_threshold: {failure_threshold}}}\n\
             state: {{path: \":memory:\"}}\n"
        ),
    );
    write(
        "agents.yaml",
        format!("agents:\n  - name: remote\n    kind: http\n    {agent}\n"),
    );
    let (_, client) = served(App::from_config(directory.path()).unwrap()).await;
    House {
        client,
        _directory: directory,
    }
}

impl House {
    /// With one agent, at this address.
    async fn of(url: &str) -> Self {
        house(&format!("urls: [\"{url}\"]"), 1).await
    }

    async fn ask(&self) -> Response {
        self.client.ask(&json!({"content": "x"})).await
    }

    async fn instance(&self, number: usize) -> Value {
        let card = self.client.get("/agents/remote").await.json(200);
        card["instances"][number].clone()
    }
}

/// Serves HTTP with this handler; answers where.
fn serve(handle: impl Fn(HttpRequest, Bytes) -> HttpResponse + Clone + Send + 'static) -> String {
    let server = HttpServer::new(move || {
        let handle = handle.clone();
        let answer = move |request, body| {
            let response = handle(request, body);
            async { response }
        };
        actix_web::App::new()
            .app_data(web::PayloadConfig::new(1 << 24))
            .default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}/")
}

/// An agent that answers all that it is asked with this status and body.
fn answering(status: u16, body: impl Into<String>) -> String {
    let body = body.into();
    serve(move |_, _| {
        let status = actix_web::http::StatusCode::from_u16(status).unwrap();
        HttpResponse::build(status).body(body.clone())
    })
}

/// An agent that says its name, and notes that it was asked.
fn named(name: &'static str, asked: Sender<&'static str>) -> String {
    serve(move |_, _| {
        asked.send(name).unwrap();
        HttpResponse::Ok().json(json!({"content": name}))
    })
}

/// The request failed by the agent's fault, as this part of the detail says.
#[track_caller]
fn assert_failed(response: &Response, detail: &str) {
    let problem = response.json(502);
    let expected = json!({"error_type": "AgentFailed", "retryable": true, "agent": "remote"});
    assert_has(&problem, &expected);
    assert!(
        problem["detail"].as_str().unwrap().contains(detail),
        "{problem:#}"
    );
}

#[actix_web::test]
async fn an_agent_is_sent_the_task_with_everything_that_belongs_to_it() {
    let (tell, told) = channel();
    let url = serve(move |request, body| {
        let header = |name| {
            request
                .headers()
                .get(name)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let request = format!("{} {}", request.method(), request.uri());
        let headers = ["content-type", "x-team", "authorization"].map(header);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(header("x-deadline-ms"), body["deadline_ms"].to_string());
        tell.send((request, headers, body)).unwrap();
        HttpResponse::Ok().json(json!({"content": "hello", "data": {"n": 1}}))
    });
    let agent = format!(
        "urls: [\"{url}agents/7?a=b\"]\n    headers: {{X-Team: finance, Authorization: Bearer key}}"
    );
    let house = house(&agent, 1).await;
    let task = json!({
        "content": "where is it?",
        "context": {"city": "Oslo"},
        "history": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hey"}],
        "user_context": {"id": 7},
    });
    let mut body = task.clone();
    body["timeout_ms"] = json!(20_000);
    let answer = house.client.ask(&body).await.json(200);
    assert_has(&answer["result"], &json!({"content": "hello"}));
    let step = &answer["result"]["execution_chain"][0];
    let reply = json!({"content": "hello", "data": {"n": 1}});
    assert_has(step, &json!({"instance": "remote/0", "result": reply}));

    let (request, headers, sent) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request, "POST /agents/7?a=b");
    assert_eq!(headers, ["application/json", "finance", "Bearer key"]);
    assert_eq!(
        members(&sent),
        "content context deadline_ms history previous_results request_id user_context"
    );
    assert_has(&sent, &task);
    let expected = json!({"previous_results": [], "request_id": answer["request_id"]});
    assert_has(&sent, &expected);
    let left = sent["deadline_ms"].as_u64().unwrap();
    assert!((1..=20_000).contains(&left), "{left}");
}

#[actix_web::test]
async fn an_agent_in_a_sequence_is_sent_what_those_before_it_answered() {
    let (tell, told) = channel();
    let url = serve(move |_, body| {
        tell.send(serde_json::from_slice::<Value>(&body).unwrap())
            .unwrap();
        HttpResponse::Ok().json(json!({"content": "hello"}))
    });
    let agent = format!("urls: [\"{url}\"]\n  - {{name: chat_agent, kind: builtin}}");
    let house = house(&agent, 1).await;
    let body = json!({"content": "hi", "agents": ["chat_agent", "remote"]});
    let answer = house.client.ask(&body).await.json(200);
    let chain = &answer["result"]["execution_chain"];
    let previous = &told.recv_timeout(PATIENCE).unwrap()["previous_results"];
    assert_eq!(members(&previous[0]), "agent result timestamp");
    assert_has(
        &previous[0],
        &json!({"agent": "chat_agent", "result": chain[0]["result"]}),
    );
    assert_eq!(chain[1]["result"], json!({"content": "hello", "data": {}}));
}

#[actix_web::test]
async fn a_question_that_is_at_fault_says_nothing_of_the_agent() {
    for status in [400, 404, 422] {
        let url = answering(status, "{\"detail\": \"no such invoice\"}");
        let house = House::of(&url).await;
        let problem = house.ask().await.json(502);
        let expected = json!({"error_type": "AgentFailed", "retryable": false, "agent": "remote"});
        assert_has(&problem, &expected);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("it answered {status}")),
            "{detail}"
        );
        assert!(detail.ends_with(": no such invoice"), "{detail}");
        assert_eq!(house.instance(0).await["breaker"], "closed");
    }
}

#[actix_web::test]
async fn an_agent_that_answers_with_an_error_of_its_own_has_failed() {
    for (status, body) in [(500, "out of memory"), (408, ""), (503, "{}"), (302, "")] {
        let house = House::of(&answering(status, body)).await;
        assert_failed(&house.ask().await, &format!("it answered {status}"));
        assert_eq!(house.instance(0).await["breaker"], "open", "{status}");
    }
}

#[actix_web::test]
async fn an_agent_that_is_busy_says_when_to_come_back_and_keeps_its_good_name() {
    for status in [429, 503] {
        let url = serve(move |_, _| {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            HttpResponse::build(status)
                .insert_header(("retry-after", "7"))
                .finish()
        });
        let house = House::of(&url).await;
        let said = [
            format!("it answered {status}"),
            "has asked to be left alone".to_owned(),
        ];
        for said in said {
            let response = house.ask().await;
            assert_busy(&response, &said);
            assert_eq!(response.header("retry-after"), "7");
        }
        assert_eq!(house.instance(0).await["breaker"], "closed");
        assert_eq!(house.instance(0).await["requests_processed"], 1);
    }
    let house = House::of(&answering(429, "")).await;
    for _ in 0..2 {
        assert_busy(&house.ask().await, "it answered 429");
    }
}

fn assert_busy(response: &Response, said: &str) {
    let problem = response.json(503);
    let expected = json!({"error_type": "Overloaded", "retryable": true, "agent": "remote"});
    assert_has(&problem, &expected);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(said), "{detail}");
}

/// How often each of two agents was asked, in the order of their names.
fn turns(asked: &Receiver<&'static str>) -> [usize; 2] {
    let asked: Vec<&str> = asked.try_iter().collect();
    ["a", "b"].map(|name| asked.iter().filter(|who| **who == name).count())
}

#[actix_web::test]
async fn urls_share_the_work_by_their_weights() {
    let (tell, asked) = channel();
    let (a, b) = (named("a", tell.clone()), named("b", tell));
    let house = house(&format!("urls: [\"{a}\", \"{b}\"]\n    weights: [2, 1]"), 1).await;
    for _ in 0..9 {
        house.ask().await.json(200);
    }
    assert_eq!(turns(&asked), [6, 3]);
    assert_eq!(house.instance(0).await["requests_processed"], 6);
}

#[actix_web::test]
async fn when_one_of_two_urls_fails_the_other_serves_as_soon_as_the_breaker_has_opened() {
    let (tell, asked) = channel();
    let (bad, good) = (answering(500, "broken"), named("b", tell));
    let house = house(&format!("urls: [\"{bad}\", \"{good}\"]"), 2).await;
    let mut failures = 0;
    for _ in 0..10 {
        failures += usize::from(house.ask().await.status == 502);
    }
    assert_eq!(failures, 2);
    assert_eq!(turns(&asked), [0, 8]);
    assert_eq!(house.instance(0).await["breaker"], "open");
    assert_eq!(house.instance(1).await["breaker"], "closed");
}

#[actix_web::test]
async fn an_agent_is_unwell_for_as_long_as_its_health_path_says_so() {
    let well = Arc::new(AtomicBool::new(true));
    let seen = well.clone();
    let url = serve(
        move |request, _| match (request.path(), seen.load(SeqCst)) {
            ("/health", true) => HttpResponse::NoContent().finish(),
            ("/health", false) => HttpResponse::InternalServerError().finish(),
            _ => HttpResponse::Ok().json(json!({"content": "hello"})),
        },
    );
    let house = house(
        &format!("urls: [\"{url}tasks\"]\n    health_path: /health"),
        1,
    )
    .await;
    let health = async || house.client.get("/agents/health").await.json(200);
    until("it was asked and is well", async || {
        let health = health().await;
        let agent = &health["agents"]["remote"];
        agent["checked_at"].is_string()
            && agent["response_time_ms"].is_f64()
            && health["healthy_agents"] == json!(["remote"])
    })
    .await;

    well.store(false, SeqCst);
    until("it is unwell", async || {
        let health = health().await;
        let error = health["agents"]["remote"]["error"]
            .as_str()
            .unwrap_or_default();
        error.contains("/health answered 500") && health["unhealthy_agents"] == json!(["remote"])
    })
    .await;
    house.ask().await.json(200);

    well.store(true, SeqCst);
    until("it is well", async || {
        health().await["system_health"] == "healthy"
    })
    .await;
}
