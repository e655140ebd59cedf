//! Events that are read elsewhere than where they happen.

use std::time::Duration;

use serde_json::json;

use crate::fleet::Fleet;
use crate::support::server::until;
use crate::support::sse::follow;

#[actix_rt::test]
async fn a_stream_that_is_cut_five_times_has_every_event_once_in_order() {
    let fleet = Fleet::start(2, Duration::from_millis(100));
    let agents = ["tally", "chat_agent", "other", "third"];
    let body = json!({"content": "hello", "agents": agents, "mode": "sequential"});
    let ids = [0, 1, 0, 1].map(|number| (number, fleet.client(number)));
    for (number, client) in ids {
        let id = client.ask_async(&body).await.request_id();
        // Whichever of them works on it, one of these two does not.
        for reader in [number, 1 - number] {
            let mut heard = Vec::new();
            for cut in 0.. {
                let after = heard.len() as u64;
                let mut events = follow(&fleet.client(reader), id, after).await;
                if cut == 5 {
                    heard.extend(events.rest().await);
                    break;
                }
                heard.push(events.next().await.unwrap());
            }
            let numbers: Vec<u64> = heard.iter().map(|event| event.id).collect();
            assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
            let names: Vec<&str> = heard.iter().map(|event| &*event.name).collect();
            assert_eq!(names[..2], ["request.accepted", "route.decided"]);
            assert_eq!(names[10], "request.completed");
            for (step, agent) in names[2..10].chunks(2).zip(agents) {
                assert_eq!(step, ["agent.started", "agent.completed"]);
                assert!(heard.iter().any(|event| event.data["agent"] == agent));
            }
        }
    }
}

#[actix_rt::test]
async fn when_another_goes_on_with_a_request_its_events_go_on_as_well() {
    let fleet = Fleet::start(2, Duration::from_secs(2));
    let id = fleet
        .client(0)
        .ask_async(&json!({"content": "x", "agents": ["tally"]}))
        .await;
    let id = id.request_id();
    until("it is worked on", async || {
        fleet.client(1).record(id).await.json(200)["status"] == "running"
    })
    .await;
    let worker = fleet.client(1).record(id).await.json(200)["instance_id"].clone();
    let address = async || {
        let cluster = fleet.client(1).get("/cluster").await.json(200);
        let instances = cluster["instances"].as_array().unwrap();
        let found = instances.iter().find(|it| it["instance_id"] == worker)?;
        Some(found["address"].as_str()?.to_owned())
    };
    until("it is known who works on it", async || {
        address().await.is_some()
    })
    .await;
    let address = address().await.unwrap();
    let number = usize::from(fleet.client(1).host() == address);
    let following = follow(&fleet.client(1 - number), id, 0).await;
    fleet.members[number].borrow().process.signal("KILL");
    let heard = following.rest().await;
    let numbers: Vec<u64> = heard.iter().map(|event| event.id).collect();
    assert_eq!(numbers, (1..=heard.len() as u64).collect::<Vec<_>>());
    let begun = heard
        .iter()
        .filter(|event| event.name == "agent.started")
        .count();
    assert!((1..=2).contains(&begun));
    assert_eq!(heard.last().unwrap().name, "request.completed");
    let record = fleet.client(1 - number).record(id).await.json(200);
    assert_eq!(record["attempt"], 2);
    assert!(
        record["setbacks"][0]
            .as_str()
            .unwrap()
            .contains(worker.as_str().unwrap())
    );
}
