//! How things that do not implement [`Agent`] become one.

use std::future::Future;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler};

use crate::words::{Agent, AgentContext, AgentError, Ask, Reply, Task};

/// A raw actix actor. Its life is the life of the agent.
pub(super) struct ActorAgent<X: Actor> {
    pub address: Addr<X>,
}

impl<X> Agent for ActorAgent<X>
where
    X: Actor + Handler<Ask>,
    X::Context: ToEnvelope<X, Ask>,
{
    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        let context = cx.clone();
        match self.address.send(Ask { task, context }).await {
            Ok(answer) => answer,
            Err(_closed) => Err(AgentError::fatal("its actor ended while it held this task")),
        }
    }

    fn is_alive(&self) -> bool {
        self.address.connected()
    }
}

/// A closure.
pub(super) struct FnAgent<F>(pub F);

impl<F, Fut> Agent for FnAgent<F>
where
    F: Fn(Task, AgentContext) -> Fut + 'static,
    Fut: Future<Output = Result<Reply, AgentError>>,
{
    fn handle(
        &self,
        task: Task,
        cx: &AgentContext,
    ) -> impl Future<Output = Result<Reply, AgentError>> {
        (self.0)(task, cx.clone())
    }
}
