//! kameo, with its own supervision; a new life takes over the queue of the last.

use std::convert::Infallible;
use std::time::Duration;

use agent_orchestrator::{AgentError, Reply, Task};
use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::SendError;
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;

use crate::{Core, Heard, System, Unanswered, answer, on_own_thread};

/// As ours.
const QUEUE: usize = 1024;

struct Echo;

struct Ask(Task);

impl Actor for Echo {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl Message<Ask> for Echo {
    type Reply = Result<Reply, AgentError>;

    async fn handle(&mut self, Ask(task): Ask, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        answer(task)
    }
}

struct Keeper;

impl Actor for Keeper {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

#[derive(Clone)]
pub struct Kameo {
    actor: ActorRef<Echo>,
    /// It would end with the last that knows it.
    _keeper: Option<ActorRef<Keeper>>,
}

impl Kameo {
    pub fn here() -> Self {
        Self {
            actor: Echo::spawn_with_mailbox((), mailbox::bounded(QUEUE)),
            _keeper: None,
        }
    }

    pub fn at(core: Core) -> Self {
        on_own_thread(core, async { Self::here() })
    }

    pub fn supervised(core: Core) -> Self {
        on_own_thread(core, async {
            let keeper = Keeper::spawn(());
            let child = Echo::supervise(&keeper, ())
                .restart_policy(RestartPolicy::Permanent)
                .restart_limit(u32::MAX, Duration::from_secs(1));
            Self {
                actor: child.spawn_with_mailbox(mailbox::bounded(QUEUE)).await,
                _keeper: Some(keeper),
            }
        })
    }
}

impl System for Kameo {
    async fn ask(&self, task: Task) -> Heard {
        match self.actor.ask(Ask(task)).await {
            Ok(reply) => Ok(Ok(reply)),
            Err(SendError::HandlerError(error)) => Ok(Err(error)),
            Err(SendError::ActorStopped | SendError::Timeout(_)) => Err(Unanswered::Lost),
            Err(_) => Err(Unanswered::HandedBack),
        }
    }
}
