//! One orchestrator with a file of its own, killed again and again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::rt;
use futures::future::join_all;
use serde_json::json;

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::server::{Process, until};

/// What was accepted: the requests, and what each asks.
type Accepted = Rc<RefCell<HashMap<String, String>>>;

/// Hands requests in until the orchestrator is gone.
async fn hand_in(client: Client, accepted: Accepted) {
    loop {
        let content = format!("hello {}", fastrand::u32(..));
        let body = json!({"content": content, "agents": ["chat_agent"]});
        let Ok(answer) = client.try_to_ask_async(&body).await else {
            return;
        };
        assert_eq!(answer.status, 202, "{}", answer.text);
        let id = answer.request_id().to_string();
        accepted.borrow_mut().insert(id, content);
    }
}

#[actix_rt::test]
async fn killed_at_a_hundred_moments_it_finishes_all_that_it_has_accepted() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let variables = [
        ("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap()),
        ("ORCHESTRATOR__QUEUE__MAX_ATTEMPTS", "1000"),
    ];
    let mut random = fastrand::Rng::with_seed(17);
    let accepted = Accepted::default();
    for _ in 0..100 {
        let mut process = Process::orchestrator(config.path(), &variables);
        let client = Client::of(&process);
        let before = accepted.borrow().len();
        let callers = (0..4).map(|_| rt::spawn(hand_in(client.clone(), accepted.clone())));
        let callers: Vec<_> = callers.collect();
        let moment = before + random.usize(0..60);
        until("enough is under way", async || {
            accepted.borrow().len() >= moment
        })
        .await;
        process.signal("KILL");
        process.wait();
        for ended in join_all(callers).await {
            ended.unwrap();
        }
    }
    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let ids: Vec<String> = accepted.borrow().keys().cloned().collect();
    let mut again = 0;
    for id in &ids {
        let path = format!("/requests/{id}");
        until("it is finished", async || {
            client.get(&path).await.json(200)["status"] == "succeeded"
        })
        .await;
        let record = client.get(&path).await.json(200);
        again += usize::from(record["attempt"] != 1);
    }
    println!(
        "killed 100 times, {} accepted, 0 lost, {again} begun more than once",
        ids.len()
    );
}
