//! At the end everybody who was let in gets an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_orchestrator::judgement::{BackoffConfig, OnGiveUp};
use agent_orchestrator::mailbox::InstanceState;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::{LifeFault, VirtualClock};
use agent_orchestrator::{JobTimeout, Orchestrator, SupervisorConfig};
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::support::server::until;
use crate::support::stage::{
    Stage, app, ask, both, chronicle, in_time, mailbox, start, until_holding,
};

/// What that agent says to all of these, while something else goes on.
fn asking(
    house: &Orchestrator,
    contents: &[&str],
    meanwhile: impl Future<Output = ()>,
) -> impl Future<Output = Vec<Result<String, ErrorType>>> {
    let asked = join_all(contents.iter().map(|content| ask(house, "a", content)));
    both(asked, meanwhile).map(|(answers, ())| answers)
}

/// Ends the house while two wait for an agent that has no life at present.
async fn assert_that_who_waits_is_told_at_the_end(house: &Orchestrator) {
    let inbox = mailbox(house, "a", 0);
    let answers = asking(house, &["one", "two"], async {
        until_holding(&inbox, 0, 2).await;
        house.shutdown_within(Duration::ZERO).await;
    })
    .await;
    let refused = Err(ErrorType::AgentUnavailable);
    assert_eq!(answers, [refused.clone(), refused]);
}

#[actix_web::test]
async fn a_shutdown_waits_for_all_who_were_let_in_and_lets_nobody_else_in() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let answers = asking(&house, &["wait 1", "wait 2"], async {
        until_holding(&mailbox(&house, "a", 0), 1, 1).await;
        let meanwhile = async {
            until("the door is closed", async || house.obstacle().is_some()).await;
            let late = ask(&house, "a", "late").await;
            assert_eq!(late, Err(ErrorType::ShuttingDown));
            stage.let_go(2);
        };
        both(house.shutdown(), meanwhile).await;
    })
    .await;
    assert_eq!(answers, [Ok("wait 1".to_owned()), Ok("wait 2".to_owned())]);
}

#[actix_web::test]
async fn a_shutdown_without_patience_finishes_what_was_begun_and_refuses_what_waits() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(1)]).await;
    let mut chronicle = chronicle(&house);
    let inbox = mailbox(&house, "a", 0);
    let answers = asking(&house, &["wait", "waits", "waits, too"], async {
        until_holding(&inbox, 1, 2).await;
        let meanwhile = async {
            until_holding(&inbox, 1, 0).await;
            stage.let_go(1);
        };
        let ending = house.shutdown_within(Duration::ZERO);
        futures::future::join(ending, meanwhile).await;
    })
    .await;
    let refused = Err(ErrorType::AgentUnavailable);
    assert_eq!(answers, [Ok("wait".to_owned()), refused.clone(), refused]);
    assert_eq!(stage.begun(), ["wait"]);
    chronicle.until("a/0 ended life 1: was told to stop").await;
    assert_eq!(chronicle.next().await.to_string(), "a/0 stopped");
}

#[actix_web::test]
async fn work_that_outlasts_the_shutdown_is_dropped_and_its_caller_told() {
    for deed in ["hello", "boom"] {
        let stage = Stage::new();
        let mut app = app([stage.agent("a").concurrency(2)]);
        app.settings_mut().house.shutdown_timeout = Duration::from_millis(500);
        let house = app.start().await.unwrap();
        let answers = asking(&house, &["wait"], async {
            stage.until_begun("wait").await;
            // After `boom` the work in flight belongs to a life that has ended.
            let _ = ask(&house, "a", deed).await;
            assert!(ask(&house, "a", "hello").await.is_ok());
            house.shutdown_within(Duration::ZERO).await;
        })
        .await;
        assert_eq!(answers, [Err(ErrorType::AgentUnavailable)], "{deed}");
        stage.until_dropped(1).await;
    }
}

#[actix_web::test]
async fn whoever_waits_for_an_agent_that_blocks_its_thread_is_told_at_the_end() {
    let stage = Stage::new();
    let agent = stage.agent("a").job_timeout(JobTimeout::Unlimited);
    let mut app = app([agent.timeout(Duration::from_mins(5)).blocking(true)]);
    app.settings_mut().house.shutdown_timeout = Duration::from_millis(200);
    let house = app.start().await.unwrap();
    let answers = asking(&house, &["block"], async {
        stage.until_begun("block").await;
        house.shutdown_within(Duration::ZERO).await;
    })
    .await;
    assert_eq!(answers, [Err(ErrorType::AgentUnavailable)]);
    stage.unblock(1);
}

#[actix_web::test]
async fn whoever_waits_for_a_supervisor_that_has_ended_is_told_at_the_end() {
    let (stage, time) = (Stage::new(), VirtualClock::new());
    let agent = stage.agent("a").supervisor(SupervisorConfig {
        max_restarts: 0,
        on_give_up: OnGiveUp::Escalate,
        ..SupervisorConfig::default()
    });
    let mut app = app([agent]);
    app.settings_mut().house.clock = time.clock();
    let house = app.start().await.unwrap();
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "a", "boom").await.is_err());
    chronicle.until("the supervisor of a ended").await;
    assert_that_who_waits_is_told_at_the_end(&house).await;
    assert!(house.registry().loss().is_none());
}

/// An agent that takes leave when it is allowed to.
struct Reluctant(Arc<Farewells>);

struct Farewells {
    allowed: Semaphore,
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl Reluctant {
    fn spec(name: &str) -> (AgentSpec, Arc<Farewells>) {
        let farewells = Arc::new(Farewells {
            allowed: Semaphore::new(0),
            begun: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        });
        let shared = farewells.clone();
        let spec = AgentSpec::new(name, move || Self(shared.clone()));
        (spec, farewells)
    }
}

impl Agent for Reluctant {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        Ok(Reply::text(task.content))
    }

    async fn stopped(&self) {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        self.0.allowed.acquire().await.unwrap().forget();
        self.0.done.fetch_add(1, Ordering::SeqCst);
    }
}

#[actix_web::test]
async fn a_shutdown_ends_also_those_that_were_to_be_started_anew() {
    let (agent, farewells) = Reluctant::spec("a");
    let mut app = app([agent.instances(2)]);
    app.settings_mut().house.shutdown_timeout = Duration::from_secs(50);
    let house = app.start().await.unwrap();
    assert!(ask(&house, "a", "hello").await.is_ok());
    for _ in 0..2 {
        house.restart("a").await.unwrap();
    }
    let inboxes = [0, 1].map(|number| mailbox(&house, "a", number));
    let meanwhile = async {
        until("all is told to end", async || {
            let states = inboxes.each_ref().map(|inbox| inbox.vitals().state);
            states == [InstanceState::Draining; 2]
        })
        .await;
        farewells.allowed.add_permits(10);
    };
    both(house.shutdown_within(Duration::ZERO), meanwhile).await;
    assert_eq!(farewells.done.load(Ordering::SeqCst), 2);
}

#[actix_web::test]
async fn whoever_ends_for_a_restart_while_others_finish_their_work_is_not_started_anew() {
    let (agent, farewells) = Reluctant::spec("a");
    let stage = Stage::new();
    let mut app = app([agent, stage.agent("b")]);
    app.settings_mut().house.shutdown_timeout = Duration::from_secs(50);
    let house = app.start().await.unwrap();
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.restart("a").await.unwrap();
    let mut chronicle = chronicle(&house);
    let working = ask(&house, "b", "wait");
    let ending = async {
        until_holding(&mailbox(&house, "b", 0), 1, 0).await;
        house.shutdown_within(Duration::ZERO).await;
    };
    let meanwhile = async {
        until("all is told to finish", async || {
            mailbox(&house, "b", 0).vitals().state == InstanceState::Draining
        })
        .await;
        farewells.allowed.add_permits(10);
        chronicle.until("a/0 stopped").await;
        stage.let_go(1);
    };
    let (answer, _) = both(working, both(ending, meanwhile)).await;
    assert_eq!(answer.as_deref(), Ok("wait"));
    assert_eq!(farewells.done.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn one_slow_farewell_takes_no_time_from_the_others() {
    let (agent, farewells) = Reluctant::spec("a");
    let (slow, _never) = Reluctant::spec("b");
    let mut app = app([agent, slow]);
    app.settings_mut().house.shutdown_timeout = Duration::from_secs(1);
    let house = app.start().await.unwrap();
    for name in ["a", "b"] {
        assert!(ask(&house, name, "hello").await.is_ok());
    }
    let mut chronicle = chronicle(&house);
    let meanwhile = async {
        chronicle.until("b/0 stopped").await;
        until("it is asked to go", async || {
            farewells.begun.load(Ordering::SeqCst) == 1
        })
        .await;
        let left = chronicle.until("a/0 stopped").now_or_never();
        assert!(left.is_none(), "it has time");
        farewells.allowed.add_permits(1);
    };
    both(house.shutdown_within(Duration::ZERO), meanwhile).await;
    assert_eq!(farewells.done.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn an_agent_that_waits_for_its_restart_ends_with_the_others() {
    let stage = Stage::new();
    stage.plan().lives([LifeFault::FactoryPanics; 9]);
    let agent = stage.agent("a");
    let hour = Duration::from_hours(1);
    let agent = agent.supervisor(SupervisorConfig {
        backoff: BackoffConfig {
            initial: hour,
            max: hour,
        },
        ..SupervisorConfig::default()
    });
    let house = start([agent]).await;
    let inbox = mailbox(&house, "a", 0);
    until("it waits", async || inbox.vitals().resumes_at.is_some()).await;
    let mut chronicle = chronicle(&house);
    assert_that_who_waits_is_told_at_the_end(&house).await;
    chronicle.until("a/0 stopped").await;
}

#[actix_web::test]
async fn at_the_end_agents_take_leave_in_the_reverse_order_of_their_start() {
    let stage = Stage::new();
    let (first, second) = (stage.agent("a").group("g"), stage.agent("b").group("g"));
    let house = start([first, second, stage.agent("c")]).await;
    for name in ["a", "b", "c"] {
        assert!(ask(&house, name, "hello").await.is_ok());
    }
    house.shutdown().await;
    let deeds = stage.deeds();
    let farewells: Vec<&String> = deeds.iter().filter(|it| it.ends_with("stopped")).collect();
    assert_eq!(farewells, ["c/0 stopped", "b/0 stopped", "a/0 stopped"]);
}

#[actix_web::test]
async fn an_agent_that_does_not_take_leave_in_time_is_left_behind_and_the_others_are_not() {
    let stage = Stage::new();
    stage.plan().lives([LifeFault::None, LifeFault::StopHangs]);
    let mut app = app(["a", "b"].map(|name| stage.agent(name).group("g")));
    app.settings_mut().house.shutdown_timeout = Duration::from_millis(300);
    let house = app.start().await.unwrap();
    for name in ["a", "b"] {
        assert!(ask(&house, name, "hello").await.is_ok());
    }
    in_time(house.shutdown()).await;
    let deeds = stage.deeds();
    for farewell in ["a/0 stopped", "b/0 stopped", "a/0 dropped"] {
        assert!(deeds.iter().any(|it| it == farewell), "{deeds:?}");
    }
}
