//! How instances share the work.

use std::time::Duration;

use agent_orchestrator::Orchestrator;
use agent_orchestrator::balancing::{Algorithm, BalancingConfig};
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;

use crate::support::stage::{Stage, answer, app, ask, both, mailbox, request, until_holding};

async fn balanced(algorithm: Option<Algorithm>, agent: AgentSpec) -> Orchestrator {
    let mut app = app([agent]);
    app.settings_mut().balancing = BalancingConfig {
        enabled: algorithm.is_some(),
        algorithm: algorithm.unwrap_or(Algorithm::RoundRobin),
        ..BalancingConfig::default()
    };
    app.start().await.unwrap()
}

/// The instances that answer so many requests, one after the other.
async fn turns(house: &Orchestrator, count: usize) -> Vec<String> {
    let mut turns = Vec::new();
    for _ in 0..count {
        let answer = answer(house, request(&["a"], "hello")).await.unwrap();
        let instance = answer.result.execution_chain[0].instance.as_ref().unwrap();
        turns.push(instance.to_string());
    }
    turns
}

#[actix_web::test]
async fn round_robin_takes_turns() {
    let agent = Stage::new().agent("a").instances(3);
    let house = balanced(Some(Algorithm::RoundRobin), agent).await;
    assert_eq!(
        turns(&house, 6).await,
        ["a/0", "a/1", "a/2", "a/0", "a/1", "a/2"]
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn weighted_round_robin_gives_each_its_weight() {
    let agent = Stage::new().agent("a").instances(2).weights([2, 1]);
    let house = balanced(Some(Algorithm::WeightedRoundRobin), agent).await;
    assert_eq!(
        turns(&house, 6).await,
        ["a/0", "a/1", "a/0", "a/0", "a/1", "a/0"]
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn an_instance_without_a_weight_counts_once() {
    let agent = Stage::new().agent("a").instances(3).weights([2]);
    let house = balanced(Some(Algorithm::WeightedRoundRobin), agent).await;
    let turns = turns(&house, 8).await;
    let share = |name: &str| turns.iter().filter(|turn| *turn == name).count();
    assert_eq!([share("a/0"), share("a/1"), share("a/2")], [4, 2, 2]);
    house.shutdown().await;
}

#[actix_web::test]
async fn the_busy_instance_is_spared_by_the_rules_that_look_at_load() {
    for algorithm in [Algorithm::LeastConnections, Algorithm::Weighted] {
        let stage = Stage::new();
        let house = balanced(Some(algorithm), stage.agent("a").instances(2)).await;
        let asked = answer(&house, request(&["a"], "wait"));
        let meanwhile = async {
            stage.until_begun("wait").await;
            let first_is_busy = mailbox(&house, "a", 0).load().taken() == 1;
            let idle = if first_is_busy { "a/1" } else { "a/0" };
            assert_eq!(turns(&house, 6).await, [idle; 6], "{algorithm:?}");
            stage.let_go(1);
        };
        let (answer, ()) = both(asked, meanwhile).await;
        assert!(answer.is_ok());
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn whoever_comes_later_is_spared_for_a_while() {
    for (seconds, is_spared) in [(3600, true), (0, false)] {
        let mut app = app([Stage::new().agent("a")]);
        app.settings_mut().balancing.slow_start = Duration::from_secs(seconds);
        let house = app.start().await.unwrap();
        house.scale("a", 2).await.unwrap();
        let turns = turns(&house, 40).await;
        let always_the_first = turns.iter().all(|turn| turn == "a/0");
        assert_eq!(always_the_first, is_spared, "{turns:?}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn without_balancing_the_first_instance_that_has_room_is_taken() {
    let stage = Stage::new();
    let agent = stage.agent("a").instances(2).concurrency(1).queue(0);
    let house = balanced(None, agent).await;
    assert_eq!(turns(&house, 5).await, ["a/0"; 5]);

    let asked = ["wait 1", "wait 2"].map(|content| ask(&house, "a", content));
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 1, 0).await;
        until_holding(&mailbox(&house, "a", 1), 1, 0).await;
        let refused = ask(&house, "a", "one too many").await;
        assert_eq!(refused, Err(ErrorType::Overloaded));
        stage.let_go(2);
    };
    let asked = futures::future::join_all(asked);
    let (answers, ()) = both(asked, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    house.shutdown().await;
}

#[actix_web::test]
async fn an_instance_that_crashes_all_the_time_leaves_its_siblings_share_alone() {
    let agent = AgentSpec::numbered("a", |number| Flawed(number == 0));
    let house = balanced(Some(Algorithm::RoundRobin), agent.instances(2)).await;
    let mut answered = 0;
    for _ in 0..20 {
        match ask(&house, "a", "hello").await {
            Ok(_) => answered += 1,
            // The second is for whoever waited for it when it was given up.
            Err(ErrorType::AgentCrashed | ErrorType::AgentUnavailable) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered >= 10, "{answered}");
    assert_eq!(turns(&house, 4).await, ["a/1"; 4]);
    house.shutdown().await;
}

/// Panics, where it is flawed.
struct Flawed(bool);

impl Agent for Flawed {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        assert!(!self.0, "flawed");
        Ok(Reply::text(task.content))
    }
}
