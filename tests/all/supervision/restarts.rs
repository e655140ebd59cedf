//! Which ends are followed by a new life, and how many.

use std::time::Duration;

use agent_orchestrator::judgement::BackoffConfig;
use agent_orchestrator::mailbox::InstanceState;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::{LifeFault, VirtualClock};
use agent_orchestrator::{Orchestrator, SupervisorConfig};
use futures::future::join_all;

use crate::support::server::until;
use crate::support::stage::{
    Stage, answer, app, ask, both, chronicle, mailbox, request, start, until_holding,
};

fn at_most(max_restarts: usize) -> SupervisorConfig {
    SupervisorConfig {
        max_restarts,
        ..SupervisorConfig::default()
    }
}

#[actix_web::test]
async fn the_policy_says_which_ends_are_followed_by_a_new_life() {
    use RestartPolicy::{Permanent, Temporary, Transient};
    let cases = [
        (Permanent, "boom", true),
        (Permanent, "fatal", true),
        (Permanent, "finish", true),
        (Transient, "boom", true),
        (Transient, "fatal", true),
        (Transient, "finish", false),
        (Temporary, "boom", false),
        (Temporary, "fatal", false),
        (Temporary, "finish", false),
    ];
    for (policy, deed, restarted) in cases {
        let stage = Stage::new();
        let house = start([stage.agent("a").restart(policy)]).await;
        assert!(ask(&house, "a", "hello").await.is_ok());
        let mut chronicle = chronicle(&house);
        let ended = ask(&house, "a", deed).await;
        assert_eq!(ended.is_ok(), deed == "finish", "{policy:?} {deed}");

        let (line, expected) = if restarted {
            ("a/0 began life 2", Ok("next".to_owned()))
        } else {
            ("a/0 stopped", Err(ErrorType::AgentUnavailable))
        };
        chronicle.until(line).await;
        let next = ask(&house, "a", "next").await;
        assert_eq!(next, expected, "{policy:?} {deed}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn more_unproductive_lives_than_allowed_and_the_agent_is_given_up() {
    let stage = Stage::new();
    let other = Stage::new();
    let house = start([stage.agent("a"), other.agent("b")]).await;
    let mut chronicle = chronicle(&house);
    for life in 1..=4 {
        let crashed = ask(&house, "a", "boom").await;
        assert_eq!(crashed, Err(ErrorType::AgentCrashed), "life {life}");
    }
    chronicle.until("a/0 stopped").await;
    assert_eq!(stage.lives(), 4);
    assert_eq!(
        mailbox(&house, "a", 0).vitals().state,
        InstanceState::Stopped
    );
    let late = answer(&house, request(&["a"], "hello")).await.unwrap_err();
    assert_eq!(late.error_type(), ErrorType::AgentUnavailable);
    assert!(late.retry_after_seconds().is_some());
    assert_eq!(ask(&house, "b", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_life_that_finished_a_job_does_not_count_as_unproductive() {
    let stage = Stage::new();
    let mut app = app([stage.agent("a").supervisor(at_most(0))]);
    app.settings_mut().house.breaker.enabled = false;
    let house = app.start().await.unwrap();
    for life in 1..=20 {
        assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
        assert_eq!(stage.lives(), life);
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
    }
    assert!(ask(&house, "a", "hello").await.is_ok());
    until("the last life was followed by another", async || {
        mailbox(&house, "a", 0).vitals().restarts == 20
    })
    .await;
    house.shutdown().await;
}

#[actix_web::test]
async fn a_job_that_its_caller_gave_up_is_not_a_finished_job() {
    let stage = Stage::new();
    let house = start([stage.agent("a").supervisor(at_most(0))]).await;
    let mut chronicle = chronicle(&house);
    let mut given_up = Box::pin(ask(&house, "a", "wait"));
    assert!(futures::poll!(&mut given_up).is_pending());
    stage.until_begun("wait").await;
    drop(given_up);
    until_holding(&mailbox(&house, "a", 0), 0, 0).await;
    assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
    chronicle.until("a/0 stopped").await;
    house.shutdown().await;
}

#[actix_web::test]
async fn who_waits_for_an_agent_that_is_given_up_is_told_so() {
    let stage = Stage::new();
    let agent = stage.agent("a").concurrency(1);
    let house = start([agent.supervisor(at_most(0))]).await;
    let asked = ["wait_boom", "one", "two", "three"].map(|content| ask(&house, "a", content));
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 1, 3).await;
        stage.let_go(1);
    };
    let (answers, ()) = both(join_all(asked), meanwhile).await;
    let told = Err(ErrorType::AgentUnavailable);
    assert_eq!(
        answers,
        [
            Err(ErrorType::AgentCrashed),
            told.clone(),
            told.clone(),
            told
        ]
    );
    assert_eq!(stage.begun(), ["wait_boom"]);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_instance_that_is_given_up_leaves_the_work_to_its_siblings() {
    let stage = Stage::new();
    let playing = stage.clone();
    let agent = AgentSpec::numbered("a", move |number| {
        assert!(number != 0, "this one cannot be made");
        playing.player("a/0")
    });
    let house = start([agent.instances(2)]).await;
    let first = mailbox(&house, "a", 0);
    until("it is given up", async || {
        first.vitals().state == InstanceState::Stopped
    })
    .await;
    for number in 0..10 {
        let content = number.to_string();
        assert_eq!(ask(&house, "a", &content).await, Ok(content));
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn a_start_that_fails_is_tried_again_and_what_waits_is_answered() {
    for trouble in [
        LifeFault::FactoryPanics,
        LifeFault::StartPanics,
        LifeFault::StartFails,
    ] {
        let stage = Stage::new();
        stage.plan().lives([trouble, trouble]);
        let house = start([stage.agent("a")]).await;
        let answer = ask(&house, "a", "hello").await;
        assert_eq!(answer.as_deref(), Ok("hello"), "{trouble:?}");
        assert_eq!(stage.lives(), 3, "{trouble:?}");
        let vitals = mailbox(&house, "a", 0).vitals();
        assert_eq!(vitals.restarts, 2);
        let error = vitals.last_error.unwrap();
        assert!(error.starts_with("could not start: the "), "{error}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn between_two_lives_work_is_taken_up_to_the_bound_and_no_further() {
    let stage = Stage::new();
    stage.plan().lives([LifeFault::None, LifeFault::StartWaits]);
    let house = start([stage.agent("a").concurrency(1).queue(2)]).await;
    assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));

    let asked = join_all((0..3).map(|_| ask(&house, "a", "hello")));
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 0, 3).await;
        let refused = ask(&house, "a", "one too many").await;
        assert_eq!(refused, Err(ErrorType::Overloaded));
        stage.let_go(1);
    };
    let (answers, ()) = both(asked, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_does_not_start_in_time_is_started_anew() {
    let stage = Stage::new();
    stage.plan().lives([LifeFault::StartHangs]);
    let mut app = app([stage.agent("a")]);
    app.settings_mut().house.start_timeout = Duration::from_millis(200);
    let house = app.start().await.unwrap();
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    let last_error = mailbox(&house, "a", 0).vitals().last_error;
    assert_eq!(last_error.unwrap(), "could not start: not within 200ms");
    house.shutdown().await;
}

/// An agent that comes to life only when its clock is moved.
async fn asleep(stage: &Stage, config: SupervisorConfig, time: &VirtualClock) -> Orchestrator {
    let agent = stage.agent("a").concurrency(1).queue(1);
    let mut app = app([agent.supervisor(config)]);
    app.settings_mut().house.clock = time.clock();
    app.start().await.unwrap()
}

#[actix_web::test]
async fn pauses_double_up_to_the_longest_and_what_waits_is_answered_in_the_end() {
    let (stage, time) = (Stage::new(), VirtualClock::new());
    stage.plan().lives([LifeFault::StartFails; 5]);
    let pauses = BackoffConfig {
        initial: Duration::from_hours(1),
        max: Duration::from_hours(4),
    };
    let config = SupervisorConfig {
        backoff: pauses,
        window: Duration::from_hours(1000),
        ..at_most(10)
    };
    let house = asleep(&stage, config, &time).await;
    let waiting = ask(&house, "a", "hello");
    let meanwhile = async {
        for hours in [1, 2, 4, 4, 4] {
            let pause = time.until_asleep().await;
            let longest = Duration::from_hours(hours);
            assert!((longest / 2..=longest).contains(&pause), "{pause:?}");
            time.advance(pause);
        }
    };
    let (answer, ()) = both(waiting, meanwhile).await;
    assert_eq!(answer.as_deref(), Ok("hello"));
    assert_eq!(stage.lives(), 6);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_full_queue_says_honestly_when_the_next_life_begins() {
    let (stage, time) = (Stage::new(), VirtualClock::new());
    stage.plan().lives([LifeFault::StartFails]);
    let pauses = BackoffConfig {
        initial: Duration::from_hours(2),
        max: Duration::from_hours(2),
    };
    let config = SupervisorConfig {
        backoff: pauses,
        ..SupervisorConfig::default()
    };
    let house = asleep(&stage, config, &time).await;
    let waiting = join_all((0..2).map(|_| ask(&house, "a", "hello")));
    let meanwhile = async {
        until_holding(&mailbox(&house, "a", 0), 0, 2).await;
        let pause = time.until_asleep().await;
        let refused = answer(&house, request(&["a"], "x")).await.unwrap_err();
        assert_eq!(refused.error_type(), ErrorType::Overloaded);
        let told = refused.retry_after_seconds().unwrap();
        let around = pause.as_secs() - 60..pause.as_secs() + 60;
        assert!(around.contains(&told), "{told} s for {pause:?}");
        time.advance(pause);
    };
    let (answers, ()) = both(waiting, meanwhile).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    house.shutdown().await;
}

#[actix_web::test]
async fn who_asks_for_one_that_is_given_up_is_told_when_it_is_tried_again() {
    let (stage, time) = (Stage::new(), VirtualClock::new());
    let pauses = BackoffConfig {
        initial: Duration::from_hours(2),
        max: Duration::from_hours(2),
    };
    let config = SupervisorConfig {
        cool_down: pauses,
        ..at_most(0)
    };
    let house = asleep(&stage, config, &time).await;
    assert!(ask(&house, "a", "boom").await.is_err());
    let pause = time.until_asleep().await;
    let refused = answer(&house, request(&["a"], "x")).await.unwrap_err();
    assert_eq!(refused.error_type(), ErrorType::AgentUnavailable);
    let told = refused.retry_after_seconds().unwrap();
    assert!(
        told.abs_diff(pause.as_secs()) < 60,
        "{told} s for {pause:?}"
    );
    house.shutdown().await;
}
