//! A crash is one caller's failure and nobody else's.

use std::time::Duration;

use agent_orchestrator::SupervisorConfig;
use agent_orchestrator::judgement::BackoffConfig;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use futures::StreamExt;
use futures::future::join_all;

use crate::support::server::until;
use crate::support::stage::{
    Stage, app, ask, both, chronicle, in_time, mailbox, request, start, until_holding,
};

#[actix_web::test]
async fn an_agent_that_panics_fails_only_the_request_it_was_working_on() {
    for deed in ["boom", "step_boom", "fatal"] {
        let stage = Stage::new();
        let house = start([stage.agent("a")]).await;
        assert_eq!(ask(&house, "a", "one").await.as_deref(), Ok("one"));
        let crashed = ask(&house, "a", deed).await;
        assert_eq!(crashed, Err(ErrorType::AgentCrashed), "{deed}");
        assert_eq!(ask(&house, "a", "two").await.as_deref(), Ok("two"));
        assert_eq!(stage.lives(), 2, "{deed}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn what_waits_behind_a_panic_is_answered_in_order() {
    for deed in ["wait", "wait_boom"] {
        let stage = Stage::new();
        let house = start([stage.agent("a").concurrency(1)]).await;
        let inbox = mailbox(&house, "a", 0);
        let contents = [
            deed,
            "boom",
            "one",
            "step two",
            "three",
            "step four",
            "five",
        ];
        let mut asked = Vec::new();
        for (place, content) in contents.into_iter().enumerate() {
            let house = house.clone();
            asked.push(actix_web::rt::spawn(async move {
                ask(&house, "a", content).await
            }));
            until_holding(&inbox, 1, place).await;
        }
        stage.let_go(1);
        let answers = in_time(join_all(asked)).await;
        for (content, answer) in contents.into_iter().zip(answers) {
            let expected = match content {
                "boom" | "wait_boom" => Err(ErrorType::AgentCrashed),
                innocent => Ok(innocent.to_owned()),
            };
            assert_eq!(answer.unwrap(), expected);
        }
        assert_eq!(stage.begun(), contents);
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn work_in_flight_beside_a_panic_is_finished() {
    for deed in ["boom", "step_boom", "fatal", "finish"] {
        let stage = Stage::new();
        let house = start([stage.agent("a").concurrency(3)]).await;
        let beside = join_all([ask(&house, "a", "wait 1"), ask(&house, "a", "wait 2")]);
        let meanwhile = async {
            stage.until_begun("wait 2").await;
            let _ = ask(&house, "a", deed).await;
            assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
            assert_eq!(stage.lives(), 2, "{deed}");
            stage.let_go(2);
        };
        let (beside, ()) = both(beside, meanwhile).await;
        assert_eq!(beside, [Ok("wait 1".to_owned()), Ok("wait 2".to_owned())]);
        until_holding(&mailbox(&house, "a", 0), 0, 0).await;
        house.shutdown().await;
    }
}

/// One in a hundred is poison, each at a random place of its hundred; half of all work awaits.
#[actix_web::test]
async fn of_ten_thousand_requests_exactly_the_poisoned_ones_fail() {
    let poisoned: Vec<usize> = (0..100)
        .map(|hundred| hundred * 100 + fastrand::usize(..100))
        .collect();
    let content = |number: usize| {
        let deeds = match poisoned.binary_search(&number) {
            Ok(_) => ["boom", "step_boom"],
            Err(_) => ["say", "step"],
        };
        format!("{} {number}", deeds[fastrand::usize(..2)])
    };
    let stage = Stage::new();
    let mut app = app([stage.agent("a")]);
    app.settings_mut().pipeline.max_concurrent_requests = 64;
    let house = app.start().await.unwrap();

    let asked = futures::stream::iter(0..10_000).map(|number| {
        let (house, content) = (&house, content(number));
        async move { (number, ask(house, "a", &content).await, content) }
    });
    let answers: Vec<_> = asked.buffer_unordered(64).collect().await;

    assert_eq!(answers.len(), 10_000);
    for (number, answer, content) in answers {
        if poisoned.contains(&number) {
            assert_eq!(answer, Err(ErrorType::AgentCrashed), "{content}");
        } else {
            assert_eq!(answer.as_ref(), Ok(&content));
        }
    }
    assert_eq!(stage.begun().len(), 10_000);
    // Two that crash side by side end the same life.
    assert!((2..=101).contains(&stage.lives()), "{}", stage.lives());
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_crashes_in_a_tight_loop_starves_nobody() {
    let (crashing, steady) = (Stage::new(), Stage::new());
    let births = crashing.clone();
    let crasher = AgentSpec::new("crasher", move || {
        let newborn = births.player("a/0");
        assert_eq!(births.lives(), 0, "every life ends at its birth");
        newborn
    });
    let house = start([
        crasher.supervisor(SupervisorConfig {
            max_restarts: usize::MAX,
            backoff: BackoffConfig {
                initial: Duration::ZERO,
                max: Duration::ZERO,
            },
            ..SupervisorConfig::default()
        }),
        steady.agent("steady"),
    ])
    .await;
    until("the loop is under way", async || crashing.lives() > 100).await;
    for number in 0..200 {
        let content = format!("step {number}");
        assert_eq!(ask(&house, "steady", &content).await, Ok(content));
    }
    let before = crashing.lives();
    until("the loop goes on", async || crashing.lives() > before).await;
    in_time(house.shutdown()).await;
}

/// Cancelling a job runs foreign code, too.
#[actix_web::test]
async fn a_job_that_panics_when_it_is_dropped_does_not_keep_its_slot() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped too early");
        }
    }
    let stage = Stage::new();
    let playing = stage.clone();
    let agent = AgentSpec::from_fn("a", move |task, _| {
        let stage = playing.clone();
        async move {
            stage.begin(&task.content);
            let bomb = Bomb;
            if task.content == "wait" {
                stage.wait().await;
            }
            std::mem::forget(bomb);
            Ok(Reply::text(task.content))
        }
    });
    let house = start([agent.concurrency(1)]).await;
    let mut asked = Box::pin(house.orchestrate(request(&["a"], "wait")));
    assert!(futures::poll!(&mut asked).is_pending());
    stage.until_begun("wait").await;
    drop(asked);
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_panic_beside_all_tasks_is_the_end_of_that_life_and_costs_nobody_an_answer() {
    let stage = Stage::new();
    let house = start([stage.agent("a")]).await;
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "a", "timer_boom").await.is_ok());
    chronicle
        .until("a/0 ended life 1: panicked: a timer goes off")
        .await;
    for number in 0..10 {
        let content = number.to_string();
        assert_eq!(ask(&house, "a", &content).await, Ok(content));
    }
    assert_eq!(stage.lives(), 2);
    house.shutdown().await;
}
