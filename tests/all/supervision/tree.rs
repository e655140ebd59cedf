//! Who is restarted with whom, in which order, and what happens when that does not help.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::supervision::{Clock, TimeSource};
use agent_orchestrator::testkit::{LifeFault, VirtualClock};
use agent_orchestrator::{OnGiveUp, Orchestrator, RestartStrategy, SupervisorConfig};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use crate::support::server::until;
use crate::support::stage::{
    Stage, app, ask, both, chronicle, in_time, mailbox, start, until_holding,
};

/// Three agents of one group, `a`, `b` and `c`, which are started in this order.
async fn family(strategy: RestartStrategy, stage: &Stage) -> Orchestrator {
    let members = ["a", "b", "c"].map(|name| stage.agent(name).group("family"));
    let mut app = app(members);
    let config = SupervisorConfig {
        strategy,
        ..SupervisorConfig::default()
    };
    let groups = &mut app.settings_mut().house.groups;
    groups.insert("family".to_owned(), config);
    let house = app.start().await.unwrap();
    until_all_work(&house).await;
    house
}

async fn until_all_work(house: &Orchestrator) {
    for agent in house.registry().all() {
        for inbox in &agent.instances {
            until("it works", async || inbox.vitals().alive_since.is_some()).await;
        }
    }
}

/// What has happened since the first `skipped` deeds.
fn deeds_after(stage: &Stage, skipped: usize) -> Vec<String> {
    stage.deeds().split_off(skipped)
}

#[actix_web::test]
async fn the_strategy_says_who_ends_last_first_and_starts_first_first() {
    let one = vec!["b/0 dropped", "b/0 made", "b/0 started"];
    let all = vec![
        "b/0 dropped",
        "c/0 stopped",
        "c/0 dropped",
        "a/0 stopped",
        "a/0 dropped",
        "a/0 made",
        "a/0 started",
        "b/0 made",
        "b/0 started",
        "c/0 made",
        "c/0 started",
    ];
    let rest = vec![
        "b/0 dropped",
        "c/0 stopped",
        "c/0 dropped",
        "b/0 made",
        "b/0 started",
        "c/0 made",
        "c/0 started",
    ];
    for (strategy, expected) in [
        (RestartStrategy::OneForOne, one),
        (RestartStrategy::OneForAll, all),
        (RestartStrategy::RestForOne, rest),
    ] {
        let stage = Stage::new();
        let house = family(strategy, &stage).await;
        let before = stage.deeds().len();
        assert_eq!(ask(&house, "b", "boom").await, Err(ErrorType::AgentCrashed));
        let done = async || deeds_after(&stage, before).len() == expected.len();
        until("all is as it was", done).await;
        assert_eq!(deeds_after(&stage, before), expected, "{strategy:?}");
        for name in ["a", "b", "c"] {
            assert!(ask(&house, name, "hello").await.is_ok());
        }
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn siblings_that_are_restarted_finish_what_they_have_begun_and_lose_nothing_that_waits() {
    let stage = Stage::new();
    let house = family(RestartStrategy::OneForAll, &stage).await;
    let inbox = mailbox(&house, "a", 0);
    let mut chronicle = chronicle(&house);
    let begun = ask(&house, "a", "wait");
    let meanwhile = async {
        until_holding(&inbox, 1, 0).await;
        assert!(ask(&house, "b", "boom").await.is_err());
        chronicle
            .until("c/0 ended life 1: was told to start anew")
            .await;
        let waiting = ask(&house, "a", "waits");
        let let_go = async {
            until_holding(&inbox, 1, 1).await;
            stage.let_go(1);
        };
        both(waiting, let_go).await.0
    };
    let (begun, waited) = both(begun, meanwhile).await;
    assert_eq!(begun.as_deref(), Ok("wait"));
    assert_eq!(waited.as_deref(), Ok("waits"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_sibling_that_fails_to_start_while_all_are_restarted_is_restarted_with_all() {
    let stage = Stage::new();
    let well = [LifeFault::None; 3];
    stage.plan().lives(well);
    let house = family(RestartStrategy::OneForAll, &stage).await;
    // `a` begins its second life, `b` does not.
    stage.plan().lives([LifeFault::None, LifeFault::StartFails]);
    assert!(ask(&house, "c", "hello").await.is_ok());
    assert!(ask(&house, "c", "boom").await.is_err());
    until("all work", async || stage.lives() == 3 + 2 + 3).await;
    until_all_work(&house).await;
    for name in ["a", "b", "c"] {
        assert!(ask(&house, name, "hello").await.is_ok());
    }
    let failed = mailbox(&house, "b", 0).vitals().last_error;
    assert_eq!(
        failed.as_deref(),
        Some("could not start: the start hook fails")
    );
    house.shutdown().await;
}

#[actix_web::test]
async fn a_temporary_bystander_is_ended_with_its_siblings_and_not_restarted() {
    let stage = Stage::new();
    let config = SupervisorConfig {
        strategy: RestartStrategy::OneForAll,
        ..SupervisorConfig::default()
    };
    let temporary = stage.agent("b").restart(RestartPolicy::Temporary);
    let mut app = app([stage.agent("a").group("g"), temporary.group("g")]);
    let groups = &mut app.settings_mut().house.groups;
    groups.insert("g".to_owned(), config);
    let house = app.start().await.unwrap();
    assert!(ask(&house, "b", "hello").await.is_ok());
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "a", "boom").await.is_err());
    chronicle.until("a/0 began life 2").await;
    let gone = ask(&house, "b", "hello").await;
    assert_eq!(gone, Err(ErrorType::AgentUnavailable));
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    assert_eq!(stage.lives(), 3);
    house.shutdown().await;
}

#[actix_web::test]
async fn in_a_group_the_one_that_crashes_all_the_time_is_given_up_and_no_sibling() {
    let stage = Stage::new();
    let members = ["a", "b"].map(|name| stage.agent(name).group("g"));
    let house = start(members).await;
    let mut chronicle = chronicle(&house);
    for _ in 0..3 {
        assert!(ask(&house, "a", "boom").await.is_err());
    }
    assert!(ask(&house, "b", "boom").await.is_err());
    assert_eq!(ask(&house, "b", "hello").await.as_deref(), Ok("hello"));
    assert!(ask(&house, "a", "boom").await.is_err());
    chronicle.until("a/0 stopped").await;
    assert_eq!(ask(&house, "b", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

/// An agent of a supervisor that leaves what it cannot mend to its parent at once.
fn escalating(agent: AgentSpec) -> AgentSpec {
    agent.supervisor(SupervisorConfig {
        max_restarts: 0,
        on_give_up: OnGiveUp::Escalate,
        ..SupervisorConfig::default()
    })
}

#[actix_web::test]
async fn a_supervisor_that_gives_up_is_started_anew_by_the_root_and_its_queue_survives() {
    let stage = Stage::new();
    let agent = escalating(stage.agent("a").concurrency(1).instances(2));
    let house = start([agent]).await;
    let mut chronicle = chronicle(&house);
    let inbox = mailbox(&house, "a", 0);
    let asked = ["wait_boom", "wait", "one", "two"].map(|content| ask(&house, "a", content));
    let meanwhile = async {
        until_holding(&inbox, 1, 1).await;
        until_holding(&mailbox(&house, "a", 1), 1, 1).await;
        stage.let_go(2);
    };
    let (answers, ()) = both(join_all(asked), meanwhile).await;
    let answered = |content: &str| Ok(content.to_owned());
    assert_eq!(
        answers,
        [
            Err(ErrorType::AgentCrashed),
            answered("wait"),
            answered("one"),
            answered("two")
        ]
    );
    chronicle.until("the supervisor of a ended").await;
    assert!(house.registry().loss().is_none());
    house.shutdown().await;
}

/// Two agents of one group, of which the first takes the second along when it has crashed once.
async fn doomed(stages: [&Stage; 2]) -> Orchestrator {
    let [first, second] = stages;
    let members = [first.agent("a"), second.agent("b")];
    let mut app = app(members.map(|agent| agent.group("g")));
    let house = &mut app.settings_mut().house;
    let config = SupervisorConfig {
        max_restarts: 0,
        on_give_up: OnGiveUp::Escalate,
        ..SupervisorConfig::default()
    };
    house.groups.insert("g".to_owned(), config);
    house.shutdown_timeout = Duration::from_secs(50);
    app.start().await.unwrap()
}

#[actix_web::test]
async fn what_is_asked_of_a_supervisor_that_is_about_to_end_does_not_keep_it_from_that() {
    let stages = [Stage::new(), Stage::new()];
    let house = doomed(stages.each_ref()).await;
    let mut chronicle = chronicle(&house);
    let working = ask(&house, "b", "wait");
    let meanwhile = async {
        stages[1].until_begun("wait").await;
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
        chronicle.until("a/0 ended life 1: panicked: boom").await;
        house.restart("a").await.unwrap();
        house.scale("b", 2).await.unwrap();
        let late = stages[0].agent("c").group("g");
        house.register(late).await.unwrap();
        stages[1].let_go(1);
    };
    let (answer, ()) = both(working, meanwhile).await;
    assert_eq!(answer.as_deref(), Ok("wait"));
    chronicle.until("the supervisor of g ended").await;
    for name in ["a", "b", "c"] {
        assert_eq!(ask(&house, name, "hello").await.as_deref(), Ok("hello"));
    }
    until_all_work(&house).await;
    house.shutdown().await;
}

#[actix_web::test]
async fn who_waits_for_one_that_is_being_removed_is_told_when_its_supervisor_ends() {
    let stages = [Stage::new(), Stage::new()];
    let house = doomed(stages.each_ref()).await;
    let leaving = Stage::new();
    let described = leaving.agent("c").group("g").concurrency(1);
    house.register(described).await.unwrap();
    let asked = join_all(["wait", "queued"].map(|content| ask(&house, "c", content)));
    let meanwhile = async {
        until_holding(&mailbox(&house, "c", 0), 1, 1).await;
        house.remove("c").await.unwrap();
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
        leaving.let_go(1);
    };
    let (answers, ()) = both(asked, meanwhile).await;
    assert_eq!(answers[0].as_deref(), Ok("wait"));
    // It comes to that one before it is told to end, or not.
    let told = [Ok("queued".to_owned()), Err(ErrorType::AgentUnavailable)];
    assert!(told.contains(&answers[1]), "{answers:?}");
    assert_eq!(ask(&house, "b", "hello").await.as_deref(), Ok("hello"));
    assert_eq!(leaving.lives(), 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn one_that_is_being_removed_is_not_started_with_its_siblings() {
    let (stage, leaving) = (Stage::new(), Stage::new());
    let house = family(RestartStrategy::OneForAll, &stage).await;
    let described = leaving.agent("d").group("family").concurrency(1);
    house.register(described).await.unwrap();
    until_all_work(&house).await;
    let mut chronicle = chronicle(&house);
    leaving.plan().lives([LifeFault::None]);
    house.remove("d").await.unwrap();
    assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
    chronicle.until("d/0 stopped").await;
    until("the others work", async || {
        ask(&house, "c", "hello").await.is_ok()
    })
    .await;
    house.shutdown().await;
    assert_eq!(leaving.lives(), 1);
}

#[actix_web::test]
async fn who_waits_for_one_that_is_removed_between_two_supervisors_is_told() {
    let (stage, fallback, time) = (Stage::new(), Stage::new(), VirtualClock::new());
    let mut app = app([fallback.agent("fallback")]);
    app.settings_mut().house.clock = time.clock();
    let house = app.start().await.unwrap();
    let described = escalating(stage.agent("a"));
    house.register(described).await.unwrap();
    let mut chronicle = chronicle(&house);
    assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
    chronicle.until("the supervisor of a ended").await;
    let waiting = ask(&house, "a", "hello");
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 0, 1).await;
        house.remove("a").await.unwrap();
    };
    let (told, ()) = both(waiting, meanwhile).await;
    assert_eq!(told, Err(ErrorType::AgentUnavailable));
    time.advance(time.until_asleep().await);
    house.register(stage.agent("a")).await.unwrap();
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    assert_eq!(stage.lives(), 2);
    house.shutdown().await;
}

#[actix_web::test]
async fn who_waits_for_a_bystander_that_cannot_be_ended_is_told_when_it_is_left_behind() {
    let (stage, blocked) = (Stage::new(), Stage::new());
    let bystander = blocked.agent("b").restart(RestartPolicy::Temporary);
    let bystander = bystander.blocking(true).timeout(Duration::from_mins(5));
    let members = [stage.agent("a"), bystander];
    let mut app = app(members.map(|agent| agent.group("family")));
    let config = SupervisorConfig {
        strategy: RestartStrategy::OneForAll,
        ..SupervisorConfig::default()
    };
    let settings = &mut app.settings_mut().house;
    settings.groups.insert("family".to_owned(), config);
    settings.shutdown_timeout = Duration::from_millis(200);
    let house = app.start().await.unwrap();
    until_all_work(&house).await;
    let blocking = ask(&house, "b", "block");
    let meanwhile = async {
        blocked.until_begun("block").await;
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
    };
    let (told, ()) = both(blocking, meanwhile).await;
    assert_eq!(told, Err(ErrorType::AgentUnavailable));
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    blocked.unblock(1);
    house.shutdown().await;
}

/// A clock that is broken as often as it was told.
struct Broken(Arc<AtomicUsize>);

impl TimeSource for Broken {
    fn now(&self) -> Instant {
        let broken = |left: usize| left.checked_sub(1);
        let (before, after) = (Ordering::SeqCst, Ordering::SeqCst);
        let works = self.0.fetch_update(before, after, broken).is_err();
        assert!(works, "this clock is broken");
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        tokio::time::sleep_until(deadline.into()).boxed()
    }
}

/// A house that works by a clock that will be broken so often.
async fn by_a_broken_clock(stage: &Stage) -> (Orchestrator, Arc<AtomicUsize>) {
    let breaks = Arc::<AtomicUsize>::default();
    let mut app = app([stage.agent("a").concurrency(1)]);
    app.settings_mut().house.clock = Clock::new(Broken(breaks.clone()));
    let house = app.start().await.unwrap();
    until_all_work(&house).await;
    (house, breaks)
}

#[actix_web::test]
async fn a_supervisor_that_panics_is_followed_by_another() {
    let stage = Stage::new();
    let (house, breaks) = by_a_broken_clock(&stage).await;
    let mut chronicle = chronicle(&house);
    breaks.store(1, Ordering::SeqCst);
    assert_eq!(
        ask(&house, "a", "fatal").await,
        Err(ErrorType::AgentCrashed)
    );
    chronicle.until("the supervisor of a ended").await;
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    assert!(house.registry().loss().is_none());
    house.shutdown().await;
}

#[actix_web::test]
async fn a_root_that_panics_is_the_end() {
    let stage = Stage::new();
    let (house, breaks) = by_a_broken_clock(&stage).await;
    breaks.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(
        ask(&house, "a", "fatal").await,
        Err(ErrorType::AgentCrashed)
    );
    let reason = in_time(house.registry().until_lost()).await;
    assert_eq!(reason, "the root of the supervisors was lost");
    in_time(house.shutdown()).await;
}

#[actix_web::test]
async fn when_the_root_ends_everybody_who_waits_is_told() {
    let stage = Stage::new();
    let other = Stage::new();
    let mut app = app([
        escalating(stage.agent("a").concurrency(1)),
        other.agent("b").concurrency(1),
    ]);
    app.settings_mut().house.supervisor.max_restarts = 0;
    let house = app.start().await.unwrap();
    let inbox = mailbox(&house, "b", 0);
    let waiting = join_all(["wait", "one", "two"].map(|content| ask(&house, "b", content)));
    let meanwhile = async {
        until_holding(&inbox, 1, 2).await;
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
        let reason = in_time(house.registry().until_lost()).await;
        assert!(reason.contains("`a`"), "{reason}");
        until_holding(&inbox, 1, 0).await;
        assert_eq!(house.obstacle(), Some("no agent can take work"));
        other.let_go(1);
    };
    let (answers, ()) = both(waiting, meanwhile).await;
    let told = Err(ErrorType::AgentUnavailable);
    assert_eq!(answers, [Ok("wait".to_owned()), told.clone(), told]);
    in_time(house.shutdown()).await;
}

#[actix_web::test]
async fn one_that_is_given_up_is_tried_again_after_a_pause_that_grows() {
    let stage = Stage::new();
    let time = VirtualClock::new();
    let mut app = app([stage.agent("a").supervisor(SupervisorConfig {
        max_restarts: 0,
        ..SupervisorConfig::default()
    })]);
    app.settings_mut().house.clock = time.clock();
    let house = app.start().await.unwrap();
    let mut chronicle = chronicle(&house);
    let mut shortest = Duration::from_millis(500);
    for life in 1..=4 {
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
        chronicle.until("a/0 stopped").await;
        let gone = ask(&house, "a", "hello").await;
        assert_eq!(gone, Err(ErrorType::AgentUnavailable), "life {life}");
        let pause = time.until_asleep().await;
        assert!((shortest..=shortest * 2).contains(&pause), "{pause:?}");
        time.advance(pause);
        chronicle
            .until(&format!("a/0 began life {}", life + 1))
            .await;
        shortest *= 2;
    }
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}
