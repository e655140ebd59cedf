//! What operators do while everything runs costs nobody an answer.

use std::cell::Cell;
use std::time::Duration;

use agent_orchestrator::mailbox::InstanceState;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::LifeFault;
use agent_orchestrator::{Orchestrator, Problem, SupervisorConfig};
use futures::future::join_all;

use crate::support::server::until;
use crate::support::stage::{
    Stage, answer, app, ask, both, chronicle, in_time, mailbox, request, start, until_holding,
};

/// Asks without pause, by several callers, while `deeds` are done, and a while longer; whoever is
/// not answered fails the test. How many were answered.
async fn under_load(house: &Orchestrator, agent: &str, deeds: impl Future<Output = ()>) -> usize {
    let (done, answered) = (Cell::new(false), Cell::new(0));
    let callers = (0..8).map(async |_| {
        while !done.get() {
            let said = ask(house, agent, "step").await;
            assert_eq!(said.as_deref(), Ok("step"));
            answered.set(answered.get() + 1);
        }
    });
    let deeds = async {
        deeds.await;
        let before = answered.get();
        until("it goes on", async || answered.get() > before + 100).await;
        done.set(true);
    };
    in_time(futures::future::join(join_all(callers), deeds)).await;
    answered.get()
}

#[actix_web::test]
async fn a_paused_agent_does_what_it_has_accepted_and_accepts_nothing_more() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let inbox = mailbox(&house, "a", 0);
    let accepted = join_all(["wait", "waits"].map(|content| ask(&house, "a", content)));
    let meanwhile = async {
        until_holding(&inbox, 1, 1).await;
        house.pause("a").await.unwrap();
        assert_eq!(inbox.vitals().state, InstanceState::Paused);
        let refused = answer(&house, request(&["a"], "late")).await.unwrap_err();
        assert_eq!(refused.error_type(), ErrorType::AgentUnavailable);
        assert!(refused.detail().contains("paused"), "{refused}");
        stage.let_go(1);
    };
    let (answers, ()) = both(accepted, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    house.resume("a").await.unwrap();
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

#[actix_web::test]
async fn nothing_is_routed_to_an_agent_that_is_paused_or_given_up() {
    let stage = Stage::new();
    let other = Stage::new();
    let weather = stage.agent("weather").keywords(["rain"]);
    let weather = weather.restart(RestartPolicy::Temporary);
    let house = start([other.agent("chat"), weather]).await;
    let chosen = async || match answer(&house, OrchestrationRequest::new("will it rain?")).await {
        Ok(answered) => answered.agents_used[0].to_string(),
        Err(problem) => problem.error_type().to_string(),
    };
    assert_eq!(chosen().await, "weather");
    house.pause("weather").await.unwrap();
    assert_eq!(chosen().await, "chat");
    house.resume("weather").await.unwrap();
    assert_eq!(chosen().await, "weather");
    assert!(ask(&house, "weather", "boom").await.is_err());
    until("it is routed around", async || chosen().await == "chat").await;
    house.restart("weather").await.unwrap();
    until("it is routed to", async || chosen().await == "weather").await;
    house.shutdown().await;
}

#[actix_web::test]
async fn a_rolling_restart_under_load_replaces_every_instance_and_loses_nothing() {
    let stage = Stage::new();
    let house = start([stage.agent("a").instances(3)]).await;
    let mut chronicle = chronicle(&house);
    let answered = under_load(&house, "a", async {
        house.restart("a").await.unwrap();
        chronicle.until("a/2 began life 2").await;
    })
    .await;
    assert!(answered > 100);
    assert_eq!(stage.lives(), 6);
    let deeds = stage.deeds();
    let place = |deed: &str| deeds.iter().rposition(|it| it == deed).unwrap();
    for (earlier, later) in [(0, 1), (1, 2)] {
        let (began, ended) = (format!("a/{earlier} started"), format!("a/{later} stopped"));
        let first_end = deeds.iter().position(|it| *it == ended).unwrap();
        assert!(place(&began) < first_end, "one at a time: {deeds:?}");
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn instances_come_and_go_under_load_and_nothing_is_lost() {
    let stage = Stage::new();
    let house = start([stage.agent("a")]).await;
    let count = || house.registry().find("a").unwrap().instances.len();
    under_load(&house, "a", async {
        for instances in [4, 2, 5, 1] {
            house.scale("a", instances).await.unwrap();
            assert_eq!(count(), instances);
            let before = stage.begun().len();
            until("all goes on", async || stage.begun().len() > before + 100).await;
        }
    })
    .await;
    house.scale("a", 3).await.unwrap();
    for number in 0..3 {
        let inbox = mailbox(&house, "a", number);
        until("it works", async || {
            inbox.vitals().state == InstanceState::Healthy
        })
        .await;
    }
    let none = house.scale("a", 0).await.unwrap_err();
    assert_eq!(none.error_type(), ErrorType::ValidationError);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_is_added_and_removed_while_it_is_asked() {
    let stage = Stage::new();
    let late = Stage::new();
    let house = start([stage.agent("a")]).await;
    let registered = house.register(late.agent("b").keywords(["rain"])).await;
    assert_eq!(&*registered.unwrap().card.name, "b");
    let routed = answer(&house, OrchestrationRequest::new("rain")).await;
    assert_eq!(&*routed.unwrap().agents_used[0], "b");

    let accepted = join_all(["wait", "wait"].map(|content| ask(&house, "b", content)));
    let meanwhile = async {
        until_holding(&mailbox(&house, "b", 0), 2, 0).await;
        house.remove("b").await.unwrap();
        let gone = ask(&house, "b", "hello").await;
        assert_eq!(gone, Err(ErrorType::AgentNotFound));
        late.let_go(2);
    };
    let (answers, ()) = both(accepted, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    until("it has taken leave", async || {
        late.deeds()
            .ends_with(&["b/0 stopped".to_owned(), "b/0 dropped".to_owned()])
    })
    .await;
    assert!(
        house.register(late.agent("b")).await.is_ok(),
        "the name is free"
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn what_cannot_be_done_is_said() {
    let stage = Stage::new();
    let house = start([stage.agent("a")]).await;
    let kind = |outcome: Result<(), Problem>| outcome.unwrap_err().error_type();
    let taken = house.register(stage.agent("a")).await.map(drop);
    assert_eq!(kind(taken), ErrorType::AgentNameTaken);
    let nameless = house.register(stage.agent("no name")).await.map(drop);
    assert_eq!(kind(nameless), ErrorType::ValidationError);
    assert_eq!(kind(house.remove("a").await), ErrorType::AgentNotRemovable);
    for outcome in [
        house.remove("b").await,
        house.pause("b").await,
        house.resume("b").await,
        house.restart("b").await,
        house.scale("b", 2).await,
    ] {
        assert_eq!(kind(outcome), ErrorType::AgentNotFound);
    }
    house.shutdown().await;
    assert_eq!(kind(house.pause("a").await), ErrorType::ShuttingDown);
}

/// Also while everything ends.
#[actix_web::test]
async fn an_agent_that_asks_its_supervisors_for_something_waits_for_nobody_in_vain() {
    use std::sync::{Arc, OnceLock};
    struct Meddler(Arc<OnceLock<Orchestrator>>);
    impl Meddler {
        async fn meddle(&self) {
            let house = self.0.get().unwrap();
            // Whether it may is not the question.
            let _ = house.restart("meddler").await;
            let _ = house.pause("meddler").await;
        }
    }
    impl Agent for Meddler {
        async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
            self.meddle().await;
            Ok(Reply::text(task.content))
        }
        async fn stopped(&self) {
            self.meddle().await;
        }
    }
    let house = Arc::new(OnceLock::new());
    let known = house.clone();
    let mut app = app([AgentSpec::new("meddler", move || Meddler(known.clone()))]);
    app.settings_mut().house.shutdown_timeout = Duration::from_secs(50);
    let orchestrator = app.start().await.unwrap();
    house
        .set(orchestrator.clone())
        .unwrap_or_else(|_| panic!("set once"));
    let asked = join_all((0..3).map(|_| ask(&orchestrator, "meddler", "hello")));
    let (answers, ()) = both(asked, orchestrator.shutdown()).await;
    assert!(answers[0].is_ok(), "{answers:?}");
}

#[actix_web::test]
async fn an_agent_that_is_registered_anew_is_kept_alive_as_its_new_description_says() {
    let stage = Stage::new();
    let house = start([stage.agent("a")]).await;
    let fragile = SupervisorConfig {
        max_restarts: 0,
        ..SupervisorConfig::default()
    };
    let described = house.register(stage.agent("b").supervisor(fragile)).await;
    described.unwrap();
    let mut chronicle = chronicle(&house);
    let accepted = ask(&house, "b", "wait");
    let meanwhile = async {
        stage.until_begun("wait").await;
        house.remove("b").await.unwrap();
        house.register(stage.agent("b")).await.unwrap();
        for life in 2..5 {
            assert!(ask(&house, "b", "boom").await.is_err());
            chronicle.until(&format!("b/0 began life {life}")).await;
        }
        stage.let_go(1);
    };
    let (answer, ()) = both(accepted, meanwhile).await;
    assert_eq!(answer.as_deref(), Ok("wait"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_restart_that_fails_does_not_keep_others_from_theirs() {
    let (first, second) = (Stage::new(), Stage::new());
    first.plan().lives([LifeFault::None, LifeFault::StartFails]);
    let first = first.agent("a").restart(RestartPolicy::Temporary);
    let house = start([first.group("g"), second.agent("b").group("g")]).await;
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "a", "boom").await.is_err());
    chronicle.until("a/0 stopped").await;
    house.restart("a").await.unwrap();
    chronicle
        .wait_for(|event| event.to_string().starts_with("a/0 ended life 2"))
        .await;
    house.restart("b").await.unwrap();
    chronicle.until("b/0 began life 2").await;
    house.shutdown().await;
}
