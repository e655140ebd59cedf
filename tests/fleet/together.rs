//! What one of them knows, the others know.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::client::Client;
use crate::support::server::until;

#[actix_rt::test]
async fn what_one_accepts_any_may_do_and_all_can_tell_of() {
    let fleet = Fleet::start(3, Duration::ZERO);
    for number in 0..3 {
        let body = json!({"content": "hello", "agents": ["tally"]});
        let accepted = fleet.client(number).ask_async(&body).await;
        let id = accepted.request_id();
        assert_eq!(accepted.status, 202, "{}", accepted.text);
        for other in 0..3 {
            let client = fleet.client(other);
            until("it is known to be finished", async || {
                client.record(id).await.json(200)["status"] == "succeeded"
            })
            .await;
        }
    }
}

#[actix_rt::test]
async fn each_knows_who_lives() {
    let fleet = Fleet::start(3, Duration::ZERO);
    let mut seen = Vec::new();
    for number in 0..3 {
        let client = fleet.client(number);
        until("all three are known", async || {
            let instances = instances(&client).await;
            instances.len() == 3 && instances.iter().all(|it| it["address"].is_string())
        })
        .await;
        seen.push(instances(&client).await);
    }
    let ids = |instances: &[Value]| -> Vec<Value> {
        instances
            .iter()
            .map(|it| it["instance_id"].clone())
            .collect()
    };
    assert_eq!(ids(&seen[0]), ids(&seen[1]));
    let hosts: Vec<String> = (0..3)
        .map(|it| fleet.client(it).host().to_owned())
        .collect();
    for instance in &seen[0] {
        assert!(
            hosts.iter().any(|host| instance["address"] == **host),
            "{instance}"
        );
        assert_eq!(instance["version"], env!("CARGO_PKG_VERSION"));
    }

    fleet.members[0].borrow().process.signal("KILL");
    until("the dead one is missed", async || {
        instances(&fleet.client(1)).await.len() == 2
    })
    .await;
    fleet.members[1].borrow().process.signal("TERM");
    until("the one that left is missed", async || {
        instances(&fleet.client(2)).await.len() == 1
    })
    .await;
}

async fn instances(client: &Client) -> Vec<Value> {
    let mut cluster = client.get("/cluster").await.json(200);
    cluster["instances"]
        .as_array_mut()
        .unwrap()
        .drain(..)
        .collect()
}

#[actix_rt::test]
async fn a_request_for_which_somebody_waited_is_interrupted_when_its_orchestrator_dies() {
    let fleet = Fleet::start(2, Duration::from_secs(1000));
    let client = fleet.client(0);
    actix_rt::spawn(async move {
        let body = json!({"content": "hello", "agents": ["tally"]});
        let _ = client.try_to_ask(&body).await;
    });
    let listed = async |status: &str| {
        let query = format!("/requests?status={status}");
        let mut listed = fleet.client(1).get(&query).await.json(200);
        listed["requests"]
            .as_array_mut()
            .unwrap()
            .drain(..)
            .collect::<Vec<_>>()
    };
    until("it is worked on", async || {
        listed("running").await.len() == 1
    })
    .await;
    let id = listed("running").await[0]["request_id"].clone();
    fleet.members[0].borrow().process.signal("KILL");
    until("it is interrupted", async || {
        listed("interrupted").await.len() == 1
    })
    .await;
    let path = format!("/requests/{}", id.as_str().unwrap());
    let record = fleet.client(1).get(&path).await.json(200);
    assert_eq!(record["status"], "interrupted");
    let cancelled = fleet.client(1).post(&format!("{path}/cancel"), "").await;
    assert_eq!(cancelled.json(409)["error_type"], "AlreadyFinished");
}

#[actix_rt::test]
async fn a_request_is_stopped_from_any_of_them() {
    let fleet = Fleet::start(2, Duration::from_secs(1000));
    let body = json!({"content": "hello", "agents": ["tally"]});
    let later = fleet.client(0).ask_async(&body).await.request_id();
    let client = fleet.client(0);
    let now = actix_rt::spawn(async move { client.ask(&body).await });
    until("both are worked on", async || {
        fleet.tally.times().len() == 2
    })
    .await;
    until("that is known", async || {
        fleet
            .client(1)
            .get("/requests?status=running")
            .await
            .json(200)["requests"][1]
            .is_object()
    })
    .await;
    let listed = fleet
        .client(1)
        .get("/requests?status=running")
        .await
        .json(200);
    for request in listed["requests"].as_array().unwrap() {
        let path = format!(
            "/requests/{}/cancel",
            request["request_id"].as_str().unwrap()
        );
        assert_eq!(fleet.client(1).post(&path, "").await.status, 202);
    }
    assert_eq!(now.await.unwrap().json(409)["error_type"], "Cancelled");
    until("the other is cancelled, too", async || {
        fleet.client(1).record(later).await.json(200)["status"] == "cancelled"
    })
    .await;
}
