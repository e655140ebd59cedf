//! Every way to die is noticed, has one reason, tells each caller once, and ends nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::testkit::LifeFault;
use agent_orchestrator::words::{Consequence, LifeEvent};
use futures::FutureExt;

use crate::support::server::until;
use crate::support::stage::{Stage, app, ask, chronicle, in_time, mailbox, start};

#[actix_web::test]
async fn each_way_to_die_has_its_reason_one_answer_one_event_and_one_decision() {
    let crashed = || Err(ErrorType::AgentCrashed);
    let cases = [
        ("boom", crashed(), "panicked: boom"),
        ("step_boom", crashed(), "panicked: boom"),
        ("fatal", crashed(), "could not go on: spoilt"),
        ("end_thread", crashed(), "its thread ended"),
        ("timer_boom", Ok(()), "panicked: a timer goes off"),
        ("drop_boom", Ok(()), "panicked: dropping panics"),
        ("finish", Ok(()), "stopped by itself"),
    ];
    for (deed, told, reason) in cases {
        let stage = Stage::new();
        let house = start([stage.agent("a")]).await;
        assert!(ask(&house, "a", "hello").await.is_ok());
        let mut chronicle = chronicle(&house);
        assert_eq!(ask(&house, "a", deed).await.map(drop), told, "{deed}");
        let told = chronicle.wait_for(|event| matches!(event, LifeEvent::Exited { .. }));
        let told = told.await;
        assert_eq!(told.to_string(), format!("a/0 ended life 1: {reason}"));
        let LifeEvent::Exited { consequence, .. } = told else {
            unreachable!("it was waited for");
        };
        assert!(matches!(consequence, Consequence::Restart { .. }), "{deed}");
        assert_eq!(chronicle.next().await.to_string(), "a/0 began life 2");
        let last_error = mailbox(&house, "a", 0).vitals().last_error;
        let is_error = reason != "stopped by itself";
        assert_eq!(last_error.as_deref(), is_error.then_some(reason));
        assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
        assert_eq!(stage.lives(), 2, "{deed}");
        house.shutdown().await;
    }
}

#[actix_web::test]
async fn a_stop_hook_that_panics_or_hangs_ends_the_life_all_the_same() {
    for (fault, reason) in [
        (LifeFault::StopPanics, "panicked: the stop hook panics"),
        (LifeFault::StopHangs, "was told to start anew"),
        (LifeFault::DropPanics, "panicked: dropping panics"),
    ] {
        let stage = Stage::new();
        stage.plan().lives([fault]);
        let mut app = app([stage.agent("a")]);
        app.settings_mut().house.shutdown_timeout = match fault {
            LifeFault::StopHangs => Duration::from_millis(200),
            _ => Duration::from_mins(1),
        };
        let house = app.start().await.unwrap();
        assert!(ask(&house, "a", "hello").await.is_ok());
        let mut chronicle = chronicle(&house);
        house.restart("a").await.unwrap();
        let told = format!("a/0 ended life 1: {reason}");
        chronicle.until(&told).await;
        chronicle.until("a/0 began life 2").await;
        let deeds = stage.deeds();
        assert!(deeds.contains(&"a/0 stopped".to_owned()), "{deeds:?}");
        assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
        in_time(house.shutdown()).await;
    }
}

#[actix_web::test]
async fn a_stop_hook_is_called_when_a_life_ends_on_purpose_and_not_after_a_crash() {
    let stage = Stage::new();
    let house = start([stage.agent("a")]).await;
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "a", "boom").await.is_err());
    chronicle.until("a/0 began life 2").await;
    assert!(ask(&house, "a", "finish").await.is_ok());
    chronicle.until("a/0 began life 3").await;
    house.shutdown().await;
    let crash = ["a/0 made", "a/0 started", "a/0 dropped"];
    let farewell = ["a/0 made", "a/0 started", "a/0 stopped", "a/0 dropped"];
    assert_eq!(
        stage.deeds(),
        [&crash[..], &farewell[..], &farewell[..]].concat()
    );
}

#[actix_web::test]
async fn a_death_is_mourned_once_however_many_jobs_die_of_it() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(8)]).await;
    let mut chronicle = chronicle(&house);
    let asked = (0..4).map(|_| ask(&house, "a", "wait_boom"));
    let answers = futures::future::join_all(asked);
    let meanwhile = async {
        until("all are at work", async || stage.begun().len() == 4).await;
        stage.let_go(4);
    };
    let (answers, ()) = in_time(futures::future::join(answers, meanwhile)).await;
    assert!(answers.iter().all(|it| *it == Err(ErrorType::AgentCrashed)));
    chronicle.until("a/0 began life 2").await;
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    house.shutdown().await;
    assert_eq!(stage.lives(), 2);
    let last = chronicle.until("a/0 stopped").now_or_never();
    assert!(last.is_some(), "nothing but its last end was told");
}

#[actix_web::test]
async fn what_an_agent_has_spawned_ends_with_its_life() {
    struct Busy(Arc<AtomicUsize>);
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    impl Agent for Busy {
        async fn started(&mut self, life: &LifeContext) -> Result<(), AgentError> {
            let gone = Gone(self.0.clone());
            assert_eq!(life.instance().as_str(), "a/0");
            life.spawn(async move {
                let _gone = gone;
                std::future::pending::<()>().await;
            });
            Ok(())
        }
        async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
            assert_ne!(task.content, "boom", "boom");
            Ok(Reply::text(task.content))
        }
    }
    let ended = Arc::<AtomicUsize>::default();
    let counting = ended.clone();
    let house = start([AgentSpec::new("a", move || Busy(counting.clone()))]).await;
    let count = || ended.load(Ordering::SeqCst);
    assert!(ask(&house, "a", "hello").await.is_ok());
    assert_eq!(count(), 0);
    assert!(ask(&house, "a", "boom").await.is_err());
    until("it has ended", async || count() == 1).await;
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.shutdown().await;
    until("the other has ended, too", async || count() == 2).await;
}

/// The agent of a life that crashed is dropped by the last of the jobs that outlived it.
#[actix_web::test]
async fn an_answer_is_not_lost_to_the_drop_of_its_agent() {
    let stage = Stage::new();
    stage.plan().lives([LifeFault::DropPanics]);
    let house = start([stage.agent("a")]).await;
    let asked = ask(&house, "a", "wait");
    let meanwhile = async {
        stage.until_begun("wait").await;
        assert_eq!(ask(&house, "a", "boom").await, Err(ErrorType::AgentCrashed));
        assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
        stage.let_go(1);
    };
    let (answer, ()) = in_time(futures::future::join(asked, meanwhile)).await;
    assert_eq!(answer.as_deref(), Ok("wait"));
    until("the agent is dropped", async || {
        stage.deeds().contains(&"a/0 dropped".to_owned())
    })
    .await;
    assert_eq!(ask(&house, "a", "last").await.as_deref(), Ok("last"));
    house.shutdown().await;
}
