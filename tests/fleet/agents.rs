//! Agents elsewhere, which all orchestrators reach: what one of them finds, the others know.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::fleet::Fleet;
use crate::patient::Patient;
use crate::support::client::{Response, sent};
use crate::support::redis::RedisServer;
use crate::support::server::until;

impl Fleet {
    async fn card(&self, number: usize, agent: &str) -> Response {
        self.client(number).get(&format!("/agents/{agent}")).await
    }

    /// Waits until all know the agent, or nobody does any more.
    async fn until_all_know(&self, agent: &str, status: u16) {
        for number in 0..self.members.len() {
            until(
                &format!("{number} answers {status} of {agent}"),
                async || self.card(number, agent).await.status == status,
            )
            .await;
        }
    }
}

#[actix_rt::test]
async fn an_agent_that_is_registered_with_one_is_known_to_all_and_after_restarts() {
    let (fleet, patient) = (Fleet::start(3, Duration::ZERO), Patient::start());
    let registered = fleet.client(0).post("/agents", patient.entry()).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    fleet.until_all_know("patient", 200).await;
    for number in 0..3 {
        let body = json!({"content": "hello", "agents": ["patient"]});
        fleet.client(number).ask(&body).await.json(200);
        let again = fleet.client(number).post("/agents", patient.entry()).await;
        assert_eq!(again.json(409)["error_type"], "AgentNameTaken");
    }
    for number in 0..3 {
        fleet.kill_and_replace(number);
        assert_eq!(
            fleet.card(number, "patient").await.status,
            200,
            "it is there at once"
        );
    }
    let remove = sent(fleet.client(1).request(Method::DELETE, "/agents/patient")).await;
    assert_eq!(remove.status, 202, "{}", remove.text);
    fleet.until_all_know("patient", 404).await;
    fleet.kill_and_replace(2);
    assert_eq!(fleet.card(2, "patient").await.status, 404);
    let again = fleet.client(2).post("/agents", patient.entry()).await;
    assert_eq!(again.status, 201, "{}", again.text);
    fleet.until_all_know("patient", 200).await;
}

#[actix_rt::test]
async fn of_two_that_register_the_same_name_at_once_one_is_told_that_it_is_taken() {
    let (fleet, patients) = (
        Fleet::start(2, Duration::ZERO),
        [Patient::start(), Patient::start()],
    );
    let clients = [fleet.client(0), fleet.client(1)];
    let both = futures::future::join(
        clients[0].post("/agents", patients[0].entry()),
        clients[1].post("/agents", patients[1].entry()),
    );
    let (one, two) = both.await;
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text, two.text);
    fleet.until_all_know("patient", 200).await;
}

#[actix_rt::test]
async fn agents_are_registered_again_with_a_redis_that_has_lost_everything() {
    let mut fleet = Fleet::start(2, Duration::ZERO);
    let patient = Patient::start();
    assert_eq!(
        fleet
            .client(0)
            .post("/agents", patient.entry())
            .await
            .status,
        201
    );
    fleet.until_all_know("patient", 200).await;
    let port = fleet.redis.port();
    fleet.redis.kill();
    fleet.redis = RedisServer::start_on(port);
    until("it is on the list again", async || {
        fleet
            .redis
            .ask("HEXISTS autobot:orchestrator:agents patient")
            .starts_with(":1")
    })
    .await;
    fleet.kill_and_replace(1);
    fleet.until_all_know("patient", 200).await;
}

#[actix_rt::test]
async fn without_the_state_no_agent_is_registered() {
    let mut fleet = Fleet::start(1, Duration::ZERO);
    let patient = Patient::start();
    fleet.redis.kill();
    let refused = fleet.client(0).post("/agents", patient.entry()).await;
    assert_eq!(refused.json(503)["error_type"], "StateUnavailable");
    assert_eq!(fleet.card(0, "patient").await.status, 404);
}

#[actix_rt::test]
async fn when_the_breaker_of_one_opens_those_of_the_others_do() {
    let (fleet, patient) = (Fleet::start(3, Duration::ZERO), Patient::start());
    assert_eq!(
        fleet
            .client(0)
            .post("/agents", patient.entry())
            .await
            .status,
        201
    );
    fleet.until_all_know("patient", 200).await;
    patient.fail(true);
    let breaker = async |number| {
        let card = fleet.card(number, "patient").await.json(200);
        card["instances"][0]["breaker"].clone()
    };
    let body = json!({"content": "hello", "agents": ["patient"]});
    until("the breaker opens", async || {
        fleet.client(0).ask(&body).await;
        breaker(0).await == "open"
    })
    .await;
    for number in 1..3 {
        until("the others know", async || breaker(number).await == "open").await;
    }
    let cluster = async || fleet.client(1).get("/cluster").await.json(200);
    until("everybody can see it", async || {
        let cluster = cluster().await;
        let instances = cluster["instances"].as_array().unwrap();
        instances
            .iter()
            .all(|it| it["open_breakers"] == json!(["patient/0"]))
    })
    .await;
}

#[actix_rt::test]
async fn one_of_them_asks_an_agent_how_it_is_and_all_know() {
    let (fleet, patient) = (Fleet::start(3, Duration::ZERO), Patient::start());
    assert_eq!(
        fleet
            .client(0)
            .post("/agents", patient.entry())
            .await
            .status,
        201
    );
    fleet.until_all_know("patient", 200).await;
    let status = async |number| {
        let health = fleet.client(number).get("/agents/health").await.json(200);
        health["agents"]["patient"]["status"].clone()
    };
    let all_say = async |wanted: &str| {
        for number in 0..3 {
            until(&format!("it is {wanted} to {number}"), async || {
                status(number).await == wanted
            })
            .await;
        }
    };
    all_say("healthy").await;
    patient.forget_visits();
    until("it was asked some times", async || {
        patient.visits().values().sum::<usize>() >= 5
    })
    .await;
    let visits = patient.visits();
    assert_eq!(
        visits.len(),
        1,
        "one asks, on its one connection: {visits:?}"
    );
    patient.be_ill(true);
    all_say("unhealthy").await;
    patient.be_ill(false);
    all_say("healthy").await;

    // Whoever has asked so far dies: another does.
    let asked: Vec<u16> = patient.visits().into_keys().collect();
    for number in 0..3 {
        fleet.kill_and_replace(number);
        patient.be_ill(number == 0);
        all_say(if number == 0 { "unhealthy" } else { "healthy" }).await;
    }
    assert!(patient.visits().keys().any(|port| !asked.contains(port)));
}

#[actix_rt::test]
async fn what_was_accepted_for_an_agent_that_was_registered_is_done_whoever_is_restarted() {
    let (fleet, patient) = (Fleet::start(2, Duration::ZERO), Patient::start());
    assert_eq!(
        fleet
            .client(0)
            .post("/agents", patient.entry())
            .await
            .status,
        201
    );
    fleet.until_all_know("patient", 200).await;
    let body = json!({"content": "hello", "agents": ["patient"]});
    let mut accepted = Vec::new();
    for round in 0..6 {
        for _ in 0..20 {
            accepted.push(fleet.client(round % 2).ask_async(&body).await.request_id());
        }
        fleet.kill_and_replace(round % 2);
    }
    for id in accepted {
        until("it is done", async || {
            fleet.any().record(id).await.json(200)["status"] == "succeeded"
        })
        .await;
    }
}
