//! Bodies that cannot be meant: not JSON, too large, or not what a request looks like.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Value, json};

use super::{assert_problem, echo};
use crate::support::client::{Client, app, sent, served};
use crate::support::raw::{Answer, Connection};

#[actix_web::test]
async fn a_body_that_is_no_json_is_malformed() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let not_utf8 = b"{\"content\": \"gr\xfcn\"}";
    let bodies: [&[u8]; 7] = [
        b"",
        b"{",
        b"{\"content\": \"x\"} and more",
        b"content=x",
        b"\"\\ud800\"",
        not_utf8,
        deep.as_bytes(),
    ];
    for body in bodies {
        let response = client.post("/orchestrate", body.to_vec()).await;
        let problem = assert_problem(&response, 400, "MalformedJson");
        assert_eq!(problem["retryable"], false);
    }
}

#[actix_web::test]
async fn a_body_of_another_media_type_is_refused_and_any_json_is_taken() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let request = client.request(Method::POST, "/orchestrate");
    let request = request.header(CONTENT_TYPE, "application/json");
    let packed = sent(request.header(CONTENT_ENCODING, "gzip").body("{}")).await;
    assert_problem(&packed, 415, "UnsupportedMediaType");
    let post = async |media_type: Option<&str>| {
        let mut request = client.request(Method::POST, "/orchestrate");
        if let Some(media_type) = media_type {
            request = request.header(CONTENT_TYPE, media_type);
        }
        sent(request.body(json!({"content": "x"}).to_string())).await
    };
    for other in [
        None,
        Some("text/plain"),
        Some("application/jsonx"),
        Some("?"),
    ] {
        assert_problem(&post(other).await, 415, "UnsupportedMediaType");
    }
    for json in [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/a+json",
    ] {
        assert_eq!(post(Some(json)).await.status, 200, "{json}");
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_too_large_however_it_is_sent() {
    let mut app = app([echo()]);
    app.settings_mut().pipeline.limits.max_body_bytes = 1000;
    let (_orchestrator, client) = served(app).await;
    let body = |bytes: usize| json!({"content": "x".repeat(bytes - 14)}).to_string();
    assert_eq!(client.post("/orchestrate", body(1000)).await.status, 200);
    let response = client.post("/orchestrate", body(1001)).await;
    let problem = assert_problem(&response, 413, "PayloadTooLarge");
    assert_eq!(problem["retryable"], false);
    assert!(problem["detail"].as_str().unwrap().contains("1000 bytes"));

    assert_eq!(in_chunks(&client, &body(1000)).await.status, 200);
    let answer = in_chunks(&client, &body(1001)).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer.body.contains(r#""error_type":"PayloadTooLarge""#),
        "{answer:?}"
    );
}

#[actix_web::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let answer = posted(&client, "Content-Length: 60000000", "").await;
    assert_eq!(answer.status, 413, "{answer:?}");
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_told_so_in_words() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let answer = posted(&client, "Transfer-Encoding: chunked", "zz\r\nnonsense").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let told = "its chunks are malformed\"";
    assert!(answer.body.contains(told), "{answer:?}");
}

#[actix_web::test]
async fn a_body_that_does_not_come_is_waited_for_no_longer_than_a_request_may_take() {
    let mut app = app([echo()]);
    app.settings_mut().pipeline.request_timeout = Duration::from_millis(50);
    let (_orchestrator, client) = served(app).await;
    let answer = posted(&client, "Content-Length: 100", "{").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("did not arrive in time"), "{answer:?}");
}

/// Posts the body in chunks, without telling its length beforehand, and reads the answer.
async fn in_chunks(client: &Client, body: &str) -> Answer {
    let chunks = body.as_bytes().chunks(100).map(|chunk| {
        let text = std::str::from_utf8(chunk).unwrap();
        format!("{:x}\r\n{text}\r\n", chunk.len())
    });
    let bytes = chunks.collect::<String>() + "0\r\n\r\n";
    posted(client, "Transfer-Encoding: chunked", &bytes).await
}

/// Posts these very bytes with that header, and reads the answer.
async fn posted(client: &Client, header: &'static str, bytes: &str) -> Answer {
    let (server, bytes) = (format!("http://{}", client.host()), bytes.to_owned());
    let post = move || Connection::open(&server).post_raw("/orchestrate", header, &bytes);
    actix_web::web::block(post).await.unwrap()
}

/// Where the faults of this body are, in alphabetical order, with what was said about each.
async fn faults(client: &Client, body: Value) -> Vec<(String, String)> {
    let problem = assert_problem(&client.ask(&body).await, 422, "ValidationError");
    assert_eq!(problem["retryable"], false);
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut faults: Vec<(String, String)> = errors
        .map(|error| (text(&error["pointer"]), text(&error["message"])))
        .collect();
    for (pointer, message) in &faults {
        let told = format!("{pointer}: {message}");
        assert!(
            problem["detail"].as_str().unwrap().contains(&told),
            "{told}"
        );
    }
    faults.sort();
    faults
}

#[track_caller]
fn assert_faults(found: &[(String, String)], expected: &[(&str, &str)]) {
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(pointer, _)| *pointer).collect();
    assert_eq!(pointers, wanted, "{found:#?}");
    for ((pointer, message), (_, part)) in found.iter().zip(expected) {
        assert!(message.contains(part), "{pointer}: {message}");
    }
}

#[actix_web::test]
async fn all_faults_of_a_body_are_told_at_once_and_where_they_are() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let body = json!({
        "contnet": "x",
        "context": [],
        "history": [{"role": "robot", "content": "x"}, {"role": "user", "contents": "x"}],
        "user_context": "me",
        "agents": [7, "echo", "echo"],
        "mode": "both",
        "routing_strategy": "magic",
        "require": 1,
        "on_failure": "retry",
        "timeout_ms": 0,
        "metadata": {"a/b": 1},
        "zebra": null,
    });
    assert_faults(
        &faults(&client, body).await,
        &[
            ("/agents/0", "expected a string, found 7"),
            ("/agents/2", "`echo` is named twice"),
            ("/content", "missing"),
            ("/context", "expected an object, found an array"),
            ("/contnet", "did you mean `content`?"),
            (
                "/history/0/role",
                "expected one of `user`, `assistant`, `system`",
            ),
            ("/history/1/content", "missing"),
            ("/history/1/contents", "did you mean `content`?"),
            ("/metadata/a~1b", "expected a string, found 1"),
            ("/mode", "`sequential`"),
            ("/on_failure", "`continue`"),
            ("/require", "`quorum`"),
            ("/routing_strategy", "found \"magic\""),
            ("/timeout_ms", "from 1 to 300000"),
            ("/user_context", "expected an object, found \"me\""),
            ("/zebra", "unknown member; known are `content`"),
        ],
    );
}

#[actix_web::test]
async fn what_is_well_formed_and_still_cannot_be_meant_is_told_too() {
    let (_orchestrator, client) = served(app([echo()])).await;
    let names: Vec<String> = (0..17).map(|i| format!("a{i}")).collect();
    let many: serde_json::Map<String, Value> =
        names.iter().map(|n| (n.clone(), "".into())).collect();
    for (body, expected) in [
        (json!([]), &[("", "expected an object, found an array")]),
        (json!({"content": " \n"}), &[("/content", "1 or more")]),
        (
            json!({"content": "ü".repeat(32_769)}),
            &[("/content", "at most 32768")],
        ),
        (json!({"content": null}), &[("/content", "missing")]),
        (
            json!({"content": "x", "agents": []}),
            &[("/agents", "1 or more")],
        ),
        (
            json!({"content": "x", "agents": names}),
            &[("/agents", "at most 16")],
        ),
        (
            json!({"content": "x", "mode": "single", "agents": ["a", "b"]}),
            &[("/mode", "one agent")],
        ),
        (
            json!({"content": "x", "timeout_ms": 300_001}),
            &[("/timeout_ms", "1 to 300000")],
        ),
        (
            json!({"content": "x", "timeout_ms": 1.5}),
            &[("/timeout_ms", "whole number")],
        ),
        (
            json!({"content": "x", "metadata": many}),
            &[("/metadata", "at most 16")],
        ),
        (
            json!({"content": "x", "metadata": {"~": "x".repeat(257)}}),
            &[("/metadata/~0", "256")],
        ),
    ] {
        assert_faults(&faults(&client, body).await, expected);
    }
    assert_eq!(
        client
            .ask(&json!({"content": "ü".repeat(32_768)}))
            .await
            .status,
        200
    );
}

#[actix_web::test]
async fn parameters_are_checked_as_bodies_are() {
    let (_orchestrator, client) = served(app([echo()])).await;
    for (query, pointers) in [
        ("window_seconds=0", vec!["/window_seconds"]),
        ("window_seconds=-1", vec!["/window_seconds"]),
        ("window_seconds=soon", vec!["/window_seconds"]),
        (
            "window_seconds=99999999999999999999",
            vec!["/window_seconds"],
        ),
        ("windows=1", vec!["/windows"]),
        ("%FF", vec!["/\u{fffd}"]),
        ("a&window_seconds=", vec!["/a", "/window_seconds"]),
    ] {
        let response = client.get(&format!("/metrics/summary?{query}")).await;
        let problem = assert_problem(&response, 422, "ValidationError");
        let errors = problem["errors"].as_array().unwrap().iter();
        let found: Vec<&str> = errors
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers, "{query}");
    }
}

/// Bytes, text, text of the characters that JSON is made of, and objects.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..64),
        "\\PC{0,64}".prop_map(String::into_bytes),
        "[\\[\\]{}\",:\\\\0-9a-u.+-]{0,64}".prop_map(String::into_bytes),
        ("[a-z_]{1,9}", "\\PC{0,32}", any::<f64>()).prop_map(|(name, text, number)| {
            json!({"content": text, name: number})
                .to_string()
                .into_bytes()
        }),
    ]
}

#[test]
fn no_body_whatsoever_is_answered_with_an_error_of_ours() {
    let system = actix_web::rt::System::new();
    let (_orchestrator, client) = system.block_on(served(app([echo()])));
    let config = Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&any_body(), |body| {
        let response = system.block_on(client.post("/orchestrate", body));
        match response.status {
            200 => {}
            400 => drop(assert_problem(&response, 400, "MalformedJson")),
            422 => drop(assert_problem(&response, 422, "ValidationError")),
            status => return Err(TestCaseError::fail(format!("{status}: {}", response.text))),
        }
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}
