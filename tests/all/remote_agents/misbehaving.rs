//! Remote agents that answer late, halfway, too much, nonsense, or not at all.

use std::io::{Read, Write};
use std::sync::mpsc::channel;

use serde_json::json;

use super::{House, answering, assert_failed, house, named, turns};
use crate::support::client::{DeadPort, assert_has, heard};
use crate::support::raw;
use crate::support::server::{PATIENCE, until};

/// An agent that writes this, whatever it is asked, and closes the connection.
fn saying(text: &'static str) -> String {
    raw::serve(move |mut connection| connection.write_all(text.as_bytes()).unwrap())
}

#[actix_web::test]
async fn an_agent_that_does_not_answer_as_agreed_has_failed() {
    let port = DeadPort::new();
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"content\": \"ha";
    for (url, detail) in [
        (format!("http://{}/", port.host()), "cannot be reached"),
        (saying(half), "did not finish its answer"),
        (saying(""), "did not finish its answer"),
        (
            saying("SSH-2.0-OpenSSH_9.6\r\n"),
            "did not finish its answer",
        ),
        (answering(200, "hello"), "its answer cannot be read"),
        (
            answering(200, "{\"answer\": \"hello\"}"),
            "missing field `content`",
        ),
        (
            answering(200, "{\"content\": 1}"),
            "its answer cannot be read",
        ),
        (answering(204, ""), "its answer cannot be read"),
        (
            answering(200, "x".repeat((4 << 20) + 1)),
            "more than 4194304 bytes",
        ),
        (
            answering(500, "x".repeat((4 << 20) + 1)),
            "more than 4194304 bytes",
        ),
    ] {
        let house = House::of(&url).await;
        assert_failed(&house.ask().await, detail);
        assert_eq!(house.instance(0).await["breaker"], "open", "{detail}");
    }
}

#[actix_web::test]
async fn an_answer_may_be_four_mebibytes_long() {
    let content = "x".repeat((4 << 20) - 14);
    let house = House::of(&answering(200, json!({"content": content}).to_string())).await;
    assert!(house.ask().await.json(200)["result"]["content"] == content);
}

#[actix_web::test]
async fn an_agent_that_hangs_is_hung_up_on_when_its_time_is_up() {
    let (tell, hung_up) = channel();
    let url = raw::serve(move |mut connection| {
        let ended = connection.read(&mut [0; 1]);
        tell.send(ended.is_ok_and(|count| count == 0)).unwrap();
    });
    let house = house(&format!("urls: [\"{url}\"]\n    timeout_ms: 1000"), 1).await;
    let problem = house.ask().await.json(504);
    let expected = json!({"error_type": "DeadlineExceeded", "retryable": true, "agent": "remote"});
    assert_has(&problem, &expected);
    assert!(hung_up.recv_timeout(PATIENCE).unwrap());
    assert_eq!(house.instance(0).await["breaker"], "open");
}

#[actix_web::test]
async fn a_caller_that_goes_away_hangs_up_on_the_agent_too() {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let url = raw::serve(move |mut connection| {
        tell.send("asked").unwrap();
        if connection.read(&mut [0; 1]).is_ok_and(|count| count == 0) {
            tell.send("hung up").unwrap();
        }
    });
    let (house, mut told) = (House::of(&url).await, told);
    let client = house.client.clone();
    let asking = actix_web::rt::spawn(async move { client.ask(&json!({"content": "x"})).await });
    assert_eq!(heard(&mut told).await, "asked");
    asking.abort();
    assert_eq!(heard(&mut told).await, "hung up");
    until("its place is free", async || {
        house.instance(0).await["in_flight"] == 0
    })
    .await;
    assert_eq!(house.instance(0).await["breaker"], "closed");
}

#[actix_web::test]
async fn a_connection_that_idles_is_closed_before_the_agent_may_do_so() {
    let (url, mut told) = raw::idling(r#"{"content": "ok"}"#);
    let house = House::of(&url).await;
    house.ask().await.json(200);
    assert!(heard(&mut told).await, "it was closed");
}

#[actix_web::test]
async fn when_one_of_two_urls_is_dead_the_other_serves() {
    let (tell, asked) = channel();
    let port = DeadPort::new();
    let dead = format!("http://{}/", port.host());
    let house = house(&format!("urls: [\"{dead}\", \"{}\"]", named("b", tell)), 2).await;
    let mut failures = 0;
    for _ in 0..10 {
        failures += usize::from(house.ask().await.status == 502);
    }
    // A health check may have found out before the breaker has.
    assert!(failures <= 2, "{failures}");
    assert_eq!(turns(&asked), [0, 10 - failures]);
}
