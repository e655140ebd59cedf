//! Closures and raw actix actors are agents like every other.

use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler};
use agent_orchestrator::Ask;
use agent_orchestrator::pipeline::ErrorType;
use agent_orchestrator::prelude::*;

use crate::support::server::until;
use crate::support::stage::{Stage, ask, chronicle, start};

#[actix_web::test]
async fn a_closure_is_an_agent() {
    let shout = AgentSpec::from_fn("shout", |task, _| async move {
        assert!(task.content != "boom", "boom");
        Ok(Reply::text(task.content.to_uppercase()))
    });
    let house = start([shout]).await;
    assert_eq!(ask(&house, "shout", "hello").await.as_deref(), Ok("HELLO"));
    let crashed = ask(&house, "shout", "boom").await;
    assert_eq!(crashed, Err(ErrorType::AgentCrashed));
    assert_eq!(ask(&house, "shout", "again").await.as_deref(), Ok("AGAIN"));
    house.shutdown().await;
}

/// An actor as one would write it without knowing of any supervision.
struct Raw;

impl Actor for Raw {
    type Context = Context<Self>;
}

impl Handler<Ask> for Raw {
    type Result = Result<Reply, AgentError>;

    fn handle(&mut self, Ask { task, .. }: Ask, ctx: &mut Self::Context) -> Self::Result {
        match task.content.as_str() {
            "boom" => panic!("boom"),
            "fail" => return Err(AgentError::failure("out of order")),
            "stop" => ctx.stop(),
            "boom soon" => {
                ctx.run_later(Duration::from_millis(1), |_, _| panic!("boom"));
            }
            _ => {}
        }
        Ok(Reply::text(task.content))
    }
}

/// A raw actor whose lives are counted.
fn raw(stage: &Stage) -> AgentSpec {
    let births = stage.clone();
    AgentSpec::actor("raw", move || {
        drop(births.player("a/0"));
        Raw
    })
}

#[actix_web::test]
async fn a_raw_actor_answers_and_is_back_after_a_panic() {
    let stage = Stage::new();
    let house = start([raw(&stage)]).await;
    assert_eq!(ask(&house, "raw", "hello").await.as_deref(), Ok("hello"));
    assert_eq!(
        ask(&house, "raw", "fail").await,
        Err(ErrorType::AgentFailed)
    );
    for life in 2..=5 {
        assert_eq!(
            ask(&house, "raw", "boom").await,
            Err(ErrorType::AgentCrashed)
        );
        assert_eq!(ask(&house, "raw", "again").await.as_deref(), Ok("again"));
        assert_eq!(stage.lives(), life);
    }
    house.shutdown().await;
}

#[actix_web::test]
async fn a_raw_actor_that_stopped_by_itself_loses_nobodys_task() {
    let stage = Stage::new();
    let house = start([raw(&stage)]).await;
    for _ in 0..5 {
        assert_eq!(ask(&house, "raw", "stop").await.as_deref(), Ok("stop"));
        assert_eq!(ask(&house, "raw", "hello").await.as_deref(), Ok("hello"));
    }
    assert_eq!(stage.lives(), 6);
    house.shutdown().await;
}

#[actix_web::test]
async fn a_transient_raw_actor_stays_stopped_when_it_has_stopped_by_itself() {
    let stage = Stage::new();
    let house = start([raw(&stage).restart(RestartPolicy::Transient)]).await;
    assert_eq!(ask(&house, "raw", "stop").await.as_deref(), Ok("stop"));
    let late = ask(&house, "raw", "hello").await;
    assert_eq!(late, Err(ErrorType::AgentUnavailable));
    house.shutdown().await;
}

#[actix_web::test]
async fn a_raw_actor_that_panics_between_two_tasks_has_crashed_and_not_finished() {
    let stage = Stage::new();
    let house = start([raw(&stage).restart(RestartPolicy::Transient)]).await;
    let mut chronicle = chronicle(&house);
    assert!(ask(&house, "raw", "boom soon").await.is_ok());
    until("the next life answers", async || {
        ask(&house, "raw", "hello").await.as_deref() == Ok("hello") && stage.lives() == 2
    })
    .await;
    chronicle.until("raw/0 began life 2").await;
    house.shutdown().await;
}
