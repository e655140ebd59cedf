//! Requests that are sent again under their keys, to whomever, whatever became of whoever took them first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix_web::rt;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::server::until;

#[actix_rt::test]
async fn the_same_key_at_two_of_them_at_once_is_one_execution() {
    let fleet = Fleet::start(2, Duration::from_millis(100));
    let body = json!({"content": "hello", "agents": ["tally"]});
    for round in 0..10 {
        let key = format!("key {round}");
        let (one, two) = (fleet.client(0), fleet.client(1));
        let both = futures::future::join(one.ask_under(&key, &body), two.ask_under(&key, &body));
        let (one, two) = both.await;
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        // The other is told that it is worked on, or came late enough to be given the answer.
        assert!([[200, 200], [200, 409]].contains(&statuses), "{statuses:?}");
        assert_eq!(fleet.tally.times().len(), round + 1);
        let first = if one.status == 200 { one } else { two };
        for number in 0..2 {
            let again = fleet.client(number).ask_under(&key, &body).await;
            assert_eq!(again.header("idempotent-replayed"), "true");
            assert_eq!(again.text, first.text);
        }
    }
    assert!(fleet.tally.times().values().all(|times| *times == 1));
}

/// Two orchestrators, the first of which works on a request under that key for very long, and the request.
async fn working_under(key: &'static str) -> (Fleet, Value) {
    let fleet = Fleet::start(2, Duration::from_secs(1000));
    let body = json!({"content": "hello", "agents": ["tally"]});
    let (client, sending) = (fleet.client(0), body.clone());
    rt::spawn(async move {
        let _ = client.try_to_ask_under(key, &sending).await;
    });
    until("it is worked on", async || fleet.tally.times().len() == 1).await;
    (fleet, body)
}

#[actix_rt::test]
async fn a_key_whose_orchestrator_died_is_free_after_a_while() {
    let (fleet, body) = working_under("k").await;
    assert_eq!(fleet.client(1).ask_under("k", &body).await.status, 409);
    fleet.members[0].borrow().process.signal("KILL");
    let client = fleet.client(1);
    rt::spawn(async move { while client.ask_under("k", &body).await.status == 409 {} });
    until("it is begun anew", async || fleet.tally.times().len() == 2).await;
}

/// Sends a request under a key, again and again, until somebody accepts it; returns the id.
async fn accepted(fleet: &Fleet, key: &str, body: &Value) -> String {
    loop {
        let answer = fleet.any().try_to_ask_async_under(key, body).await;
        match answer {
            Ok(answer) if answer.status == 202 => {
                let id = answer.request_id().to_string();
                assert_eq!(answer.header("x-request-id"), id);
                return id;
            }
            _refused_or_lost => {}
        }
    }
}

async fn until_done(fleet: &Fleet, id: &str) {
    let path = format!("/requests/{id}");
    until("it is done", async || {
        fleet.any().get(&path).await.json(200)["status"] == "succeeded"
    })
    .await;
}

#[actix_rt::test]
async fn who_does_not_know_whether_a_request_was_accepted_sends_it_again_and_it_is_one() {
    let fleet = Rc::new(Fleet::start(3, Duration::from_millis(10)));
    let ids = Rc::new(RefCell::new(HashMap::new()));
    let callers = (0..8).map(|caller| {
        let (fleet, ids) = (fleet.clone(), ids.clone());
        rt::spawn(async move {
            for number in 0..25 {
                let key = format!("{caller}-{number}");
                let body = json!({"content": key, "agents": ["tally"]});
                let id = accepted(&fleet, &key, &body).await;
                ids.borrow_mut().insert(key, id);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for kill in 0..12 {
        until("some more were accepted", async || {
            ids.borrow().len() > kill * 16
        })
        .await;
        fleet.kill_and_replace(kill % 3);
    }
    join_all(callers).await;
    let ids = ids.take();
    for (key, id) in &ids {
        until_done(&fleet, id).await;
        let body = json!({"content": key, "agents": ["tally"]});
        assert_eq!(accepted(&fleet, key, &body).await, *id);
    }
    let mut worked_on: Vec<String> = fleet.tally.times().into_keys().collect();
    let mut accepted: Vec<String> = ids.into_values().collect();
    worked_on.sort();
    accepted.sort();
    assert_eq!(worked_on, accepted);
}

#[actix_rt::test]
async fn what_was_entered_and_not_put_into_the_queue_is_when_it_is_sent_again() {
    let fleet = Fleet::start(1, Duration::ZERO);
    let body = json!({"content": "hello", "agents": ["tally"]});
    fleet.redis.ask("SET autobot:orchestrator:queue broken");
    let refused = fleet
        .any()
        .try_to_ask_async_under("k", &body)
        .await
        .unwrap();
    assert_eq!(refused.json(503)["error_type"], "StateUnavailable");
    fleet.redis.ask("DEL autobot:orchestrator:queue");
    let id = accepted(&fleet, "k", &body).await;
    until_done(&fleet, &id).await;
}

#[actix_rt::test]
async fn a_request_whose_caller_waits_no_more_is_accepted_anew_after_a_crash() {
    let (fleet, body) = working_under("k").await;
    fleet.members[0].borrow().process.signal("KILL");
    let id = loop {
        let answer = fleet.client(1).try_to_ask_async_under("k", &body).await;
        let answer = answer.unwrap();
        if answer.status == 202 {
            break answer.request_id().to_string();
        }
        assert_eq!(answer.json(409)["error_type"], "IdempotencyKeyInUse");
    };
    until("it is worked on, too", async || {
        fleet.tally.times().contains_key(&id)
    })
    .await;
    assert_eq!(fleet.tally.times().len(), 2);
}
