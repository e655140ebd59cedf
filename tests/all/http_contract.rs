//! What clients of the HTTP interface may rely on, over real connections.

mod crew;
mod operating;

use std::io::Write;
use std::net::TcpStream;

use agent_orchestrator::{AgentError, AgentSpec, Reply};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use uuid::Uuid;

use crate::support::client::{
    Client, Told, app, assert_has, endless, heard, members, sent, served,
};
use crate::support::server::until;

/// Repeats what it is asked, after the number of results that were there before.
fn echo(name: &str) -> AgentSpec {
    AgentSpec::from_fn(name, |task, cx| async move {
        let before = cx.previous_results().len();
        Ok(Reply::text(format!("{before}: {}", task.content)).with("length", json!(1)))
    })
    .keywords(["repeat"])
}

fn failing(name: &str) -> AgentSpec {
    AgentSpec::from_fn(name, |_, _| async { Err(AgentError::failure("no luck")) })
}

#[track_caller]
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text} is not in UTC");
    text.parse::<Timestamp>().unwrap();
}

#[track_caller]
fn assert_id(value: &Value) {
    let id = Uuid::parse_str(value.as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7, "{id}");
}

#[track_caller]
fn assert_numbers(object: &Value, names: &str) {
    for name in names.split(' ') {
        let number = object[name].as_f64();
        assert!(
            number.is_some_and(|number| number >= 0.0),
            "{name} in {object:#}"
        );
    }
}

#[track_caller]
fn assert_step(step: &Value, agent: &str) {
    assert_eq!(
        members(step),
        "agent attempts duration_ms instance result started_at success"
    );
    let instance = format!("{agent}/0");
    let expected = json!({"agent": agent, "instance": instance, "success": true, "attempts": 1});
    assert_has(step, &expected);
    assert_eq!(members(&step["result"]), "content data");
    assert_numbers(step, "duration_ms");
    assert_time(&step["started_at"]);
}

#[actix_web::test]
async fn an_answer_has_the_members_of_the_contract_and_no_others() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    for path in ["/orchestrate", "/v1/orchestrate"] {
        let body = json!({"content": " please repeat ", "metadata": {"ticket": "7"}});
        let answer = client.post(path, body.to_string()).await.json(200);
        assert_eq!(
            members(&answer),
            "agents_used execution_time execution_time_ms metadata request_id result routing \
             routing_time_ms success"
        );
        let expected =
            json!({"success": true, "agents_used": ["echo"], "metadata": {"ticket": "7"}});
        assert_has(&answer, &expected);
        assert_id(&answer["request_id"]);
        assert_numbers(&answer, "execution_time execution_time_ms routing_time_ms");

        let result = &answer["result"];
        assert_eq!(
            members(result),
            "content execution_chain failed_agents mode success_rate"
        );
        let expected =
            json!({"content": "0: please repeat", "mode": "single", "success_rate": 1.0});
        assert_has(result, &expected);
        assert_eq!(result["failed_agents"], json!([]));
        assert_eq!(result["execution_chain"].as_array().unwrap().len(), 1);
        assert_step(&result["execution_chain"][0], "echo");

        let routing = &answer["routing"];
        assert_eq!(
            members(routing),
            "cached candidates confidence fallback_reason llm primary_agent reasoning \
             secondary_agents strategy"
        );
        let expected = json!({
            "strategy": "simple", "primary_agent": "echo", "secondary_agents": [],
            "llm": null, "cached": path != "/orchestrate", "fallback_reason": null,
        });
        assert_has(routing, &expected);
        assert!((0.0..=1.0).contains(&routing["confidence"].as_f64().unwrap()));
        assert!(routing["reasoning"].as_str().unwrap().contains("repeat"));
        assert_eq!(members(&routing["candidates"][0]), "agent score signals");
    }
}

#[actix_web::test]
async fn a_sequence_hands_each_result_on_and_shows_the_request_as_it_ended() {
    let (_orchestrator, client) = served(app([echo("first"), echo("second")])).await;
    let given = json!({
        "content": "x",
        "context": {"city": "Oslo"},
        "history": [{"role": "user", "content": "before"}],
        "user_context": {"id": 7},
    });
    let mut body = given.clone();
    body["agents"] = json!(["first", "second"]);
    let answer = client.ask(&body).await.json(200);
    assert_eq!(answer["agents_used"], body["agents"]);
    assert_eq!(answer["routing"]["strategy"], "explicit");
    let result = &answer["result"];
    assert_has(result, &json!({"mode": "sequential", "content": "1: x"}));
    assert_step(&result["execution_chain"][0], "first");
    assert_step(&result["execution_chain"][1], "second");

    let last = &result["final_result"];
    assert_eq!(
        members(last),
        "content context history previous_results user_context"
    );
    assert_has(last, &given);
    let before = last["previous_results"].as_array().unwrap();
    assert_eq!(before.len(), 2);
    assert_eq!(members(&before[0]), "agent result timestamp");
    let reply = json!({"content": "0: x", "data": {"length": 1}});
    assert_has(&before[0], &json!({"agent": "first", "result": reply}));
    assert_time(&before[0]["timestamp"]);
}

#[actix_web::test]
async fn a_parallel_run_shows_what_each_agent_did_and_all_answers_in_one() {
    let (_orchestrator, client) = served(app([echo("good"), failing("bad")])).await;
    let mut body = json!({"content": "x", "agents": ["good", "bad"], "mode": "parallel"});
    let answer = client.ask(&body).await.json(200);
    assert_eq!(answer["agents_used"], json!(["good"]));
    let reply = json!({"content": "0: x", "data": {"length": 1}});
    let result = json!({
        "mode": "parallel",
        "content": "0: x",
        "success_rate": 0.5,
        "failed_agents": ["bad"],
        "aggregated_result": reply,
        "individual_results": {
            "good": {"success": true, "result": reply, "agent": "good"},
            "bad": {"success": false, "error": "agent `bad`: no luck", "agent": "bad"},
        },
    });
    assert_has(&answer["result"], &result);
    let failed = &answer["result"]["execution_chain"][1];
    assert_has(
        failed,
        &json!({"error": "agent `bad`: no luck", "error_type": "AgentFailed"}),
    );

    body["require"] = json!("all");
    let problem = client.ask(&body).await.json(502);
    assert_eq!(problem["error_type"], "AgentFailed");
    assert_has(&problem["result"], &result);
}

#[actix_web::test]
async fn headers_say_who_answered_how_and_at_what_cost() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let answer = client.ask(&json!({"content": "please repeat"})).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-orchestrator-agent"), "echo");
    assert_eq!(answer.header("x-orchestrator-strategy"), "simple");
    let overhead: f64 = answer.header("x-orchestrator-overhead-ms").parse().unwrap();
    assert!(overhead >= 0.0);
    assert_eq!(
        answer.header("x-request-id"),
        answer.json(200)["request_id"]
    );
}

#[actix_web::test]
async fn a_fit_request_id_is_echoed_and_any_other_is_replaced_by_our_own() {
    let (_orchestrator, client) = served(app([echo("echo")])).await;
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    let fit = ["a", "order 7/\"b\"~", &longest];
    let unfit = ["", "tab\there", "gr\u{fc}n", &too_long];
    for path in ["/agents", "/nowhere"] {
        let with_id = async |id: &str| {
            sent(client.request(Method::GET, path).header("x-request-id", id)).await
        };
        for id in fit {
            assert_eq!(with_id(id).await.header("x-request-id"), id);
        }
        for id in unfit {
            let response = with_id(id).await;
            let own = json!(response.header("x-request-id"));
            assert_id(&own);
            if path == "/nowhere" {
                assert_eq!(response.json(404)["request_id"], own);
            }
        }
    }
}

async fn record(client: &Client, id: &Value) -> Value {
    let path = format!("/requests/{}", id.as_str().unwrap());
    let record = client.get(&path).await.json(200);
    assert_eq!(
        members(&record),
        "attempt created_at instance_id problem request_id response routing status updated_at"
    );
    assert_has(&record, &json!({"request_id": id, "attempt": 1}));
    assert_id(&record["instance_id"]);
    assert_time(&record["created_at"]);
    assert_time(&record["updated_at"]);
    record
}

#[actix_web::test]
async fn the_record_of_a_request_holds_exactly_what_its_caller_was_told() {
    let (_orchestrator, client) = served(app([echo("echo"), failing("bad")])).await;
    let answer = client.ask(&json!({"content": "please repeat"})).await;
    let answer = answer.json(200);
    let kept = record(&client, &answer["request_id"]).await;
    let expected = json!({"status": "succeeded", "problem": null, "routing": answer["routing"]});
    assert_has(&kept, &expected);
    assert_eq!(kept["response"], answer);

    let problem = client
        .ask(&json!({"content": "x", "agents": ["bad"]}))
        .await;
    let problem = problem.json(502);
    let kept = record(&client, &problem["request_id"]).await;
    assert_has(&kept, &json!({"status": "failed", "response": null}));
    assert_eq!(kept["problem"], problem);
}

#[actix_web::test]
async fn a_client_that_goes_away_cancels_its_request_down_to_the_agent() {
    let (tell, mut told) = unbounded_channel();
    let (_orchestrator, client) = served(app([endless("slow", tell)])).await;
    let body = json!({"content": "x"}).to_string();
    let mut connection = TcpStream::connect(client.host()).unwrap();
    write!(
        connection,
        "POST /orchestrate HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let Told::Began(id) = heard(&mut told).await else {
        panic!("the agent was not asked");
    };
    let id = json!(id);
    let kept = record(&client, &id).await;
    assert_has(
        &kept,
        &json!({"status": "running", "response": null, "problem": null}),
    );

    drop(connection);
    assert_eq!(heard(&mut told).await, Told::Dropped);
    until("it is entered as cancelled", async || {
        record(&client, &id).await["status"] == "cancelled"
    })
    .await;
}
