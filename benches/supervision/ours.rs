//! Ours, at the mailbox: a place is reserved, the task is put in, and its answer awaited.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_orchestrator::judgement::Deadline;
use agent_orchestrator::mailbox::{AskError, Claim, Mailbox};
use agent_orchestrator::words::AgentName;
use agent_orchestrator::{
    Agent, AgentContext, AgentError, AgentSpec, App, Orchestrator, Reply, RequestId, Task,
};

use crate::{Core, Heard, System, Unanswered, answer};

struct Echo;

impl Agent for Echo {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        answer(task)
    }
}

#[derive(Clone)]
pub struct Ours {
    mailbox: Arc<Mailbox>,
    agent: AgentName,
    request: RequestId,
    /// Its agents would end with it.
    _house: Orchestrator,
}

impl Ours {
    pub async fn start(core: Core) -> Self {
        let agent = AgentSpec::new("chat_agent", move || {
            core.pin();
            Echo
        });
        let mut app = App::new().agent(agent.queue(1024).concurrency(8));
        let house = &mut app.settings_mut().house;
        house.supervisor.max_restarts = usize::MAX;
        house.breaker.failure_threshold = u32::MAX;
        let house = app.start().await;
        let house = house.expect("the only agent is the fallback agent");
        let mailbox = Arc::clone(&house.registry().all()[0].instances[0]);
        Self {
            agent: mailbox.agent().clone(),
            mailbox,
            request: RequestId::new(),
            _house: house,
        }
    }
}

impl System for Ours {
    async fn ask(&self, task: Task) -> Heard {
        let now = Instant::now();
        let deadline = Deadline::after(now, Duration::from_secs(60));
        let instant = deadline.instant();
        let context = AgentContext::new(self.agent.clone(), self.request, instant);
        let Ok(lease) = self.mailbox.reserve(Claim::new(deadline), now) else {
            return Err(Unanswered::HandedBack);
        };
        match lease.ask(task, context).await.result {
            Ok(reply) => Ok(Ok(reply)),
            Err(AskError::Agent(error)) => Ok(Err(error)),
            Err(_) => Err(Unanswered::Lost),
        }
    }
}
