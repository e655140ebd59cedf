//! Orchestrators are killed again and again, Redis stands still, and nothing that was promised is lost.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::fleet::Fleet;
use crate::support::server::until;

/// How one is killed after another.
struct Plan {
    /// Requests that are handed in before each is killed.
    share: usize,
    /// How many are killed, if that does not take longer than this.
    kills: usize,
    longest: Duration,
    /// Before which of these Redis stands still for a while.
    pauses: &'static [usize],
}

const EVERY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(5);

/// What was promised: the requests that were accepted, and what each asks.
#[derive(Default)]
struct Promises {
    accepted: RefCell<HashMap<String, String>>,
    /// The record of each as it was when it was first seen finished.
    results: RefCell<HashMap<String, String>>,
    refused: Cell<usize>,
}

impl Plan {
    async fn carry_out(self) {
        let fleet = Rc::new(Fleet::start(3, Duration::from_millis(300)));
        let promises = Rc::new(Promises::default());
        let allowed = Rc::new(Semaphore::new(0));
        let callers = (0..8).map(|_| {
            let (fleet, promises, allowed) = (fleet.clone(), promises.clone(), allowed.clone());
            rt::spawn(async move {
                while let Ok(permit) = allowed.acquire().await {
                    permit.forget();
                    promises.get_one(&fleet).await;
                }
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut timer = rt::time::interval(EVERY);
        let (began, mut requests) = (Instant::now(), 0);
        for kill in 0..self.kills {
            if began.elapsed() > self.longest {
                break;
            }
            requests += self.share;
            allowed.add_permits(self.share);
            timer.tick().await;
            if self.pauses.contains(&kill) {
                fleet.redis.pause();
                rt::time::sleep(PAUSE).await;
                fleet.redis.resume();
            }
            fleet.kill_and_replace(kill % 3);
            promises.look(&fleet).await;
        }
        until("all that may be handed in was accepted", async || {
            promises.accepted.borrow().len() == requests
        })
        .await;
        allowed.close();
        join_all(callers).await;
        promises.kept(&fleet, requests).await;
    }
}

impl Promises {
    /// Hands a request in until somebody accepts it.
    async fn get_one(&self, fleet: &Fleet) {
        let content = format!("question {}", fastrand::u64(..));
        let body = json!({"content": content, "agents": ["tally"]});
        loop {
            match fleet.any().try_to_ask_async(&body).await {
                Ok(answer) if answer.status == 202 => {
                    let id = answer.request_id().to_string();
                    self.accepted.borrow_mut().insert(id, content);
                    return;
                }
                _refused_or_lost => self.refused.set(self.refused.get() + 1),
            }
        }
    }

    /// Looks at the requests that were not finished, and at some that were.
    async fn look(&self, fleet: &Fleet) {
        let accepted: Vec<String> = self.accepted.borrow().keys().cloned().collect();
        let is_finished = |id: &String| self.results.borrow().contains_key(id);
        let (finished, mut ids): (Vec<_>, Vec<_>) = accepted.into_iter().partition(is_finished);
        ids.extend(fastrand::choose_multiple(finished, 100));
        self.look_at(fleet, &ids).await;
    }

    /// Notes the records of those that are finished, and that those which were stay as they were.
    async fn look_at(&self, fleet: &Fleet, ids: &[String]) {
        for chunk in ids.chunks(64) {
            let looks = chunk.iter().map(|id| look_at(fleet, id));
            for (id, record) in chunk.iter().zip(join_all(looks).await) {
                let Some((status, record)) = record else {
                    continue;
                };
                if status == "succeeded" {
                    let mut results = self.results.borrow_mut();
                    let first = results.entry(id.clone()).or_insert_with(|| record.clone());
                    assert_eq!(*first, record, "there is a second result");
                } else {
                    assert!(
                        !self.results.borrow().contains_key(id),
                        "a result is gone: {record}"
                    );
                    assert!(!["failed", "cancelled"].contains(&&*status), "{record}");
                }
            }
        }
    }

    async fn kept(&self, fleet: &Fleet, requests: usize) {
        let began = Instant::now();
        while self.results.borrow().len() < requests {
            let before = self.results.borrow().len();
            until("more of what was accepted is finished", async || {
                self.look(fleet).await;
                self.results.borrow().len() > before
            })
            .await;
        }
        let all: Vec<String> = self.accepted.borrow().keys().cloned().collect();
        self.look_at(fleet, &all).await;
        let (accepted, results) = (self.accepted.borrow(), self.results.borrow());
        for (id, content) in accepted.iter() {
            let record: Value = serde_json::from_str(&results[id]).unwrap();
            assert_eq!(record["response"]["result"]["content"], **content);
        }
        let times = fleet.tally.times();
        let asked: usize = accepted.keys().map(|id| times[id]).sum();
        println!(
            "{requests} accepted, 0 lost, {} orchestrators killed, {} calls refused or lost, \
             {} of the requests were worked on more than once ({} times too often), the last was \
             finished {:?} after the last was accepted",
            fleet.killed.get(),
            self.refused.get(),
            accepted.keys().filter(|id| times[*id] > 1).count(),
            asked - requests,
            began.elapsed(),
        );
    }
}

/// The status of a request, and its record as text; nothing while it cannot be had.
async fn look_at(fleet: &Fleet, id: &str) -> Option<(String, String)> {
    let answer = fleet
        .any()
        .try_to_get(&format!("/requests/{id}"))
        .await
        .ok()?;
    // Without the state, or too busy to listen.
    if [408, 503].contains(&answer.status) {
        return None;
    }
    let status = answer.json(200)["status"].as_str().unwrap().to_owned();
    Some((status, answer.text))
}

#[actix_rt::test]
async fn while_one_after_another_is_killed_nothing_that_was_accepted_is_lost() {
    let plan = Plan {
        share: 134,
        kills: 15,
        longest: Duration::MAX,
        pauses: &[],
    };
    plan.carry_out().await;
}

#[actix_rt::test]
async fn while_redis_stands_still_as_well_nothing_that_was_accepted_is_lost() {
    let plan = Plan {
        share: 134,
        kills: 15,
        longest: Duration::MAX,
        pauses: &[4, 9],
    };
    plan.carry_out().await;
}

/// `make soak`.
#[actix_rt::test]
#[ignore = "takes ten minutes"]
async fn soak() {
    let plan = Plan {
        share: 100,
        kills: usize::MAX,
        longest: Duration::from_secs(600),
        pauses: &[100, 200, 300, 400],
    };
    plan.carry_out().await;
}

#[actix_rt::test]
async fn an_outage_longer_than_a_lease_makes_nobody_begin_anew_what_goes_on_well() {
    let fleet = Fleet::start(3, Duration::from_secs(16));
    let body = json!({"content": "long", "agents": ["tally"]});
    let mut accepted = Vec::new();
    for _ in 0..24 {
        accepted.push(fleet.any().ask_async(&body).await.request_id());
    }
    until("all are worked on", async || {
        fleet.tally.times().len() == accepted.len()
    })
    .await;
    fleet.redis.pause();
    rt::time::sleep(PAUSE).await;
    fleet.redis.resume();
    for id in &accepted {
        until("it is done", async || {
            let answer = fleet.any().record(*id).await;
            answer.status == 200 && answer.body()["status"] == "succeeded"
        })
        .await;
    }
    let times = fleet.tally.times();
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}
