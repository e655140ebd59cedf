//! Conversations that go through several orchestrators.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::client::Client;
use crate::support::redis::RedisServer;
use crate::support::server::until;

fn saying(content: &str) -> Value {
    json!({"content": content, "session_id": "s", "agents": ["tally"]})
}

async fn session(client: &Client) -> Value {
    client.get("/sessions/s").await.json(200)
}

#[actix_rt::test]
async fn fifty_turns_at_once_through_three_are_in_one_order_without_a_gap() {
    let fleet = Fleet::start(3, Duration::from_millis(10));
    let turns = (0..50).map(|turn| {
        let client = fleet.client(turn % 3);
        async move { client.ask(&saying(&format!("turn {turn}"))).await.json(200) }
    });
    let answers = join_all(turns).await;
    let mut heard: Vec<(u64, &str)> = answers
        .iter()
        .map(|answer| {
            let reply = &answer["result"]["execution_chain"][0]["result"];
            let heard = reply["data"]["heard"].as_u64().unwrap();
            (heard, answer["request_id"].as_str().unwrap())
        })
        .collect();
    heard.sort_unstable();
    // Each has heard of all that came before it, and of nothing else.
    let numbers: Vec<u64> = heard.iter().map(|(heard, _)| *heard).collect();
    assert_eq!(numbers, (0..50).map(|turn| 2 * turn).collect::<Vec<_>>());

    let session = session(&fleet.any()).await;
    let turns = session["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 100);
    for ((_, id), said) in heard.iter().zip(turns.chunks(2)) {
        assert_eq!(said[0]["role"], "user");
        assert_eq!(said[1]["role"], "assistant");
        assert_eq!(said[0]["content"], said[1]["content"]);
        assert!(said.iter().all(|turn| turn["request_id"] == **id));
    }
}

#[actix_rt::test]
async fn a_crash_in_the_middle_of_a_turn_keeps_others_waiting_only_for_a_while() {
    let fleet = Fleet::start(2, Duration::from_secs(1000));
    let client = fleet.client(0);
    actix_rt::spawn(async move {
        let _ = client.try_to_ask(&saying("never answered")).await;
    });
    until("it is worked on", async || fleet.tally.times().len() == 1).await;
    fleet.members[0].borrow().process.signal("KILL");
    let body = json!({"content": "hello", "session_id": "s", "agents": ["chat_agent"]});
    fleet.client(1).ask(&body).await.json(200);
    assert_eq!(
        session(&fleet.client(1)).await["turns"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[actix_rt::test]
async fn while_redis_is_away_turns_go_on_and_nothing_that_was_said_is_left_out() {
    let mut fleet = Fleet::start(2, Duration::ZERO);
    fleet.client(0).ask(&saying("a")).await.json(200);
    let port = fleet.redis.port();
    fleet.redis.kill();
    let answer = fleet.client(0).ask(&saying("b")).await.json(200);
    let reply = &answer["result"]["execution_chain"][0]["result"];
    assert_eq!(reply["data"]["heard"], 2, "what is known here is told");
    fleet.client(0).ask(&saying("c")).await.json(200);
    fleet.client(1).ask(&saying("d")).await.json(200);

    fleet.redis = RedisServer::start_on(port);
    let contents = async || -> Vec<String> {
        let shown = fleet.client(1).get("/sessions/s").await;
        let shown = if shown.status == 200 {
            shown.body()
        } else {
            json!({"turns": []})
        };
        let turns = shown["turns"].as_array().unwrap().iter();
        turns
            .map(|turn| turn["content"].as_str().unwrap().to_owned())
            .collect()
    };
    until("all that was said while it was away is there", async || {
        let said = contents().await;
        ["b", "c", "d"]
            .iter()
            .all(|it| said.iter().any(|said| said == it))
    })
    .await;
    let said = contents().await;
    let place = |content: &str| said.iter().position(|it| it == content);
    assert!(place("b") < place("c"), "{said:?}");
}
