//! Agents are asked how they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_orchestrator::Orchestrator;
use agent_orchestrator::mailbox::Health;
use agent_orchestrator::prelude::*;

use crate::support::server::until;
use crate::support::stage::{Stage, app, ask, chronicle, in_time, mailbox};

const WELL: usize = 0;
const ILL: usize = 1;
const PANICS_ONCE: usize = 2;
const HANGS: usize = 3;

/// An agent that is as the test says.
struct Patient<A> {
    player: A,
    condition: Arc<AtomicUsize>,
}

impl<A: Agent> Agent for Patient<A> {
    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        self.player.handle(task, cx).await
    }

    async fn health(&self) -> Result<(), AgentError> {
        match self.condition.load(Ordering::SeqCst) {
            ILL => Err(AgentError::failure("a headache")),
            HANGS => std::future::pending().await,
            PANICS_ONCE => {
                self.condition.store(WELL, Ordering::SeqCst);
                panic!("a stroke")
            }
            _ => Ok(()),
        }
    }
}

/// An orchestrator with two instances of such an agent, of which the first is as `condition` says.
async fn ward(stage: &Stage, condition: &Arc<AtomicUsize>) -> Orchestrator {
    let (stage, condition) = (stage.clone(), condition.clone());
    let agent = AgentSpec::numbered("a", move |number| Patient {
        player: stage.player("a/0"),
        condition: match number {
            0 => condition.clone(),
            _ => Arc::default(),
        },
    });
    let mut app = app([agent.instances(2)]);
    app.settings_mut().health_check_interval = Duration::from_secs(1);
    app.start().await.unwrap()
}

async fn until_found(house: &Orchestrator, health: Health) {
    let first = mailbox(house, "a", 0);
    let what = format!("the check says {health:?}");
    until(&what, async || first.vitals().health == health).await;
}

async fn instance_that_answers(house: &Orchestrator) -> String {
    let request = OrchestrationRequest::new("hello");
    let answer = in_time(house.orchestrate(request)).await.unwrap();
    let step = &answer.result.execution_chain[0];
    step.instance.as_ref().unwrap().to_string()
}

#[actix_web::test]
async fn an_agent_that_is_unwell_is_spared_until_it_is_well_again() {
    let condition = Arc::new(AtomicUsize::new(ILL));
    let house = ward(&Stage::new(), &condition).await;
    until_found(&house, Health::Unwell("a headache".to_owned())).await;
    let vitals = mailbox(&house, "a", 0).vitals();
    assert_eq!(vitals.verdict(), Err("a headache".to_owned()));
    assert!(vitals.checked_at.is_some());
    for _ in 0..4 {
        assert_eq!(instance_that_answers(&house).await, "a/1");
    }

    condition.store(WELL, Ordering::SeqCst);
    until_found(&house, Health::Well).await;
    assert_eq!(mailbox(&house, "a", 0).vitals().verdict(), Ok(()));
    until("both work", async || {
        instance_that_answers(&house).await == "a/0"
    })
    .await;
    house.shutdown().await;
}

#[actix_web::test]
async fn a_health_check_that_hangs_is_given_up_and_the_agent_works_on() {
    let condition = Arc::new(AtomicUsize::new(HANGS));
    let house = ward(&Stage::new(), &condition).await;
    let given_up = "no answer to the health check in 1s";
    until_found(&house, Health::Unwell(given_up.to_owned())).await;
    condition.store(WELL, Ordering::SeqCst);
    until_found(&house, Health::Well).await;
    assert!(ask(&house, "a", "hello").await.is_ok());
    house.shutdown().await;
}

#[actix_web::test]
async fn a_health_check_that_panics_is_the_end_of_that_life() {
    let stage = Stage::new();
    let condition = Arc::new(AtomicUsize::new(WELL));
    let house = ward(&stage, &condition).await;
    until_found(&house, Health::Well).await;
    assert!(ask(&house, "a", "hello").await.is_ok());
    let mut chronicle = chronicle(&house);
    condition.store(PANICS_ONCE, Ordering::SeqCst);
    chronicle
        .until("a/0 ended life 1: panicked: a stroke")
        .await;
    chronicle.until("a/0 began life 2").await;
    until_found(&house, Health::Well).await;
    assert_eq!(stage.lives(), 3);
    house.shutdown().await;
}
