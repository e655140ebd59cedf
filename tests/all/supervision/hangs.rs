//! A job that hangs is taken away; a thread that is blocked is left behind.

use std::time::Duration;

use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;
use agent_orchestrator::words::LifeEvent;
use agent_orchestrator::{App, JobTimeout, Orchestrator};
use futures::FutureExt;

use crate::support::server::until;
use crate::support::stage::{
    Stage, answer, app, ask, both, chronicle, mailbox, request, start, until_holding,
};

const SHORT: Duration = Duration::from_millis(300);

#[actix_web::test]
async fn a_job_that_hangs_is_dropped_its_caller_told_and_nobody_else_bothered() {
    let stage = Stage::new();
    let house = start([stage.agent("a").concurrency(2).job_timeout(SHORT)]).await;
    let hung = answer(&house, request(&["a"], "hang"));
    let meanwhile = async {
        stage.until_begun("hang").await;
        ask(&house, "a", "beside").await
    };
    let (hung, beside) = both(hung, meanwhile).await;
    assert_eq!(beside.as_deref(), Ok("beside"));
    let problem = hung.unwrap_err();
    assert_eq!(problem.error_type(), ErrorType::DeadlineExceeded);
    assert!(problem.detail().contains("job_timeout_ms"), "{problem}");
    stage.until_dropped(1).await;
    until_holding(&mailbox(&house, "a", 0), 0, 0).await;
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    assert_eq!(stage.lives(), 1, "the life came free and goes on");
    house.shutdown().await;
}

#[actix_web::test]
async fn waiting_does_not_count_as_work() {
    let stage = Stage::new();
    let agent = stage.agent("a").concurrency(1);
    let house = start([agent.job_timeout(SHORT)]).await;
    let asked = ["hang", "hang", "hello"].map(|content| ask(&house, "a", content));
    let answers = futures::future::join_all(asked).await;
    let hung = Err(ErrorType::DeadlineExceeded);
    assert_eq!(answers, [hung.clone(), hung, Ok("hello".to_owned())]);
    house.shutdown().await;
}

/// A house whose agents share one thread, on which a job may take `SHORT` and a stall twice that.
fn crowded(agents: impl IntoIterator<Item = AgentSpec>) -> App {
    let mut app = app(agents);
    app.settings_mut().house.stall_timeout = SHORT * 2;
    app
}

/// Waits until no thread is lost any more.
async fn until_recovered(house: &Orchestrator) {
    let recovered = async || house.registry().leaked_threads() == 0;
    until("the thread has come free", recovered).await;
}

#[actix_web::test]
async fn a_blocked_thread_is_left_behind_and_whoever_lived_there_moves() {
    let (blocking, beside) = (Stage::new(), Stage::new());
    let agents = (0..4).map(|number| beside.agent(&format!("b{number}")));
    let blocker = blocking.agent("a").job_timeout(SHORT).concurrency(1);
    let house = crowded([blocker].into_iter().chain(agents));
    let house = house.start().await.unwrap();
    let mut chronicle = chronicle(&house);
    let inbox = mailbox(&house, "a", 0);
    let hung = ask(&house, "a", "block");
    let meanwhile = async {
        blocking.until_begun("block").await;
        let queued = ask(&house, "a", "queued");
        let siblings = (0..4).map(|number| format!("b{number}"));
        let siblings = siblings.map(|name| {
            let house = house.clone();
            async move { ask(&house, &name, "hello").await }
        });
        let (queued, siblings) = both(queued, futures::future::join_all(siblings)).await;
        assert_eq!(queued.as_deref(), Ok("queued"));
        assert!(siblings.iter().all(Result::is_ok), "{siblings:?}");
    };
    let (hung, ()) = both(hung, meanwhile).await;
    assert_eq!(hung, Err(ErrorType::DeadlineExceeded));
    chronicle.until("a thread was lost, 1 in all").await;
    chronicle
        .until("a/0 ended life 1: blocked its thread")
        .await;
    assert_eq!(house.registry().leaked_threads(), 1);
    assert_eq!(inbox.vitals().generation.number(), 2);

    // The late answer is nobody's, and the late death no news.
    blocking.unblock(1);
    chronicle
        .wait_for(|event| matches!(event, LifeEvent::ThreadRecovered { leaked: 0 }))
        .await;
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    until("the old life is gone", async || {
        let deeds = blocking.deeds();
        deeds.iter().filter(|deed| *deed == "a/0 dropped").count() == 1
    })
    .await;
    assert_eq!(inbox.vitals().generation.number(), 2);
    let news = chronicle
        .wait_for(|event| matches!(event, LifeEvent::Exited { .. }))
        .now_or_never();
    assert!(news.is_none(), "{news:?}");
    house.shutdown().await;
}

#[actix_web::test]
async fn a_caller_with_less_time_than_a_job_may_take_is_not_the_agents_fault() {
    let (stage, beside) = (Stage::new(), Stage::new());
    let agent = stage.agent("a").job_timeout(Duration::from_secs(60));
    let mut app = app([agent, beside.agent("b").blocking(true)]);
    app.settings_mut().house.stall_timeout = Duration::from_secs(60);
    let house = app.start().await.unwrap();
    let hurried = OrchestrationRequest {
        timeout: Some(Duration::from_millis(20)),
        ..request(&["a"], "block")
    };
    let late = answer(&house, hurried).await.unwrap_err();
    assert_eq!(late.error_type(), ErrorType::DeadlineExceeded);
    let begun = std::time::Instant::now();
    until("some more looks were taken", async || {
        ask(&house, "b", "hello").await.unwrap();
        begun.elapsed() > SHORT
    })
    .await;
    stage.unblock(1);
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    assert_eq!(house.registry().leaked_threads(), 0);
    assert_eq!(stage.lives(), 1);
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_blocks_its_thread_while_it_starts_is_started_on_another() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (stage, released) = (Stage::new(), std::sync::Mutex::new(Some(released)));
    let births = stage.clone();
    let agent = AgentSpec::new("a", move || {
        let first = released.lock().unwrap().take();
        if let Some(released) = first {
            let _ = released.recv();
        }
        births.player("a/0")
    });
    let mut app = app([agent]);
    let settings = &mut app.settings_mut().house;
    settings.start_timeout = SHORT;
    settings.stall_timeout = Duration::from_mins(5);
    let house = app.start().await.unwrap();
    let mut chronicle = chronicle(&house);
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    drop(release);
    until_recovered(&house).await;
    chronicle
        .until("a/0 ended life 1: blocked its thread")
        .await;
    assert_eq!(ask(&house, "a", "next").await.as_deref(), Ok("next"));
    house.shutdown().await;
}

#[actix_web::test]
async fn work_in_flight_on_a_blocked_thread_is_finished_when_the_thread_comes_free() {
    let stage = Stage::new();
    let agent = stage.agent("a").concurrency(2).job_timeout(SHORT);
    let house = crowded([agent]).start().await.unwrap();
    let mut chronicle = chronicle(&house);
    let both_asked = both(ask(&house, "a", "step"), ask(&house, "a", "block 900"));
    let (innocent, hung) = both_asked.await;
    assert_eq!(innocent.as_deref(), Ok("step"));
    assert_eq!(hung, Err(ErrorType::DeadlineExceeded));
    chronicle.until("a/0 began life 2").await;
    until_recovered(&house).await;
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_with_a_thread_to_itself_may_block_it_as_long_as_its_jobs_may_take() {
    let stage = Stage::new();
    let patient = stage
        .agent("patient")
        .blocking(true)
        .job_timeout(JobTimeout::Unlimited);
    let patient = patient.timeout(Duration::from_secs(60)).concurrency(1);
    let beside = Stage::new();
    let house = crowded([patient, beside.agent("b")]).start().await.unwrap();
    let long = ask(&house, "patient", "block");
    let meanwhile = async {
        stage.until_begun("block").await;
        // Far longer than anybody else may block a thread.
        let started = std::time::Instant::now();
        until("some time has passed", async || {
            ask(&house, "b", "hello").await.unwrap();
            started.elapsed() > SHORT * 5
        })
        .await;
        stage.unblock(1);
    };
    let (long, ()) = both(long, meanwhile).await;
    assert_eq!(long.as_deref(), Ok("block"));
    assert_eq!(stage.lives(), 1);
    assert_eq!(house.registry().leaked_threads(), 0);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_blocking_agent_whose_job_takes_too_long_gets_another_thread() {
    let stage = Stage::new();
    let agent = stage.agent("a").blocking(true).concurrency(1);
    let house = start([agent.job_timeout(SHORT)]).await;
    let asked = both(ask(&house, "a", "block"), async {
        stage.until_begun("block").await;
        ask(&house, "a", "queued").await
    });
    let (hung, queued) = asked.await;
    assert_eq!(hung, Err(ErrorType::DeadlineExceeded));
    assert_eq!(queued.as_deref(), Ok("queued"));
    stage.unblock(1);
    until_recovered(&house).await;
    house.shutdown().await;
}

#[actix_web::test]
async fn an_agent_that_costs_more_threads_than_may_be_lost_is_stopped_until_an_operator_says() {
    let (stage, beside) = (Stage::new(), Stage::new());
    let blocker = stage.agent("a").job_timeout(SHORT).concurrency(1);
    let mut app = crowded([blocker, beside.agent("b")]);
    app.settings_mut().house.max_leaked_threads = 1;
    let house = app.start().await.unwrap();
    let mut chronicle = chronicle(&house);
    for _ in 0..2 {
        let hung = ask(&house, "a", "block").await;
        assert_eq!(hung, Err(ErrorType::DeadlineExceeded));
    }
    chronicle.until("a/0 stopped").await;
    let refused = ask(&house, "a", "hello").await;
    assert_eq!(refused, Err(ErrorType::AgentUnavailable));
    assert_eq!(ask(&house, "b", "hello").await.as_deref(), Ok("hello"));
    assert_eq!(house.registry().leaked_threads(), 2);

    stage.unblock(2);
    until_recovered(&house).await;
    house.restart("a").await.unwrap();
    chronicle.until("a/0 began life 3").await;
    assert_eq!(ask(&house, "a", "hello").await.as_deref(), Ok("hello"));
    house.shutdown().await;
}
