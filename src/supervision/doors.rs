//! How things that do not implement [`Agent`] become one.

use std::future::Future;

use actix::{Actor, Addr, Context, Handler};

use crate::words::{Agent, AgentContext, AgentError, Ask, LifeContext, Reply, Task};

/// A raw actix actor. Its life is the life of the agent.
pub(super) struct ActorAgent<X: Actor, F> {
    factory: F,
    address: Option<Addr<X>>,
}

impl<X: Actor, F> ActorAgent<X, F> {
    pub(super) fn new(factory: F) -> Self {
        Self {
            factory,
            address: None,
        }
    }
}

impl<X, F> Agent for ActorAgent<X, F>
where
    X: Actor<Context = Context<X>> + Handler<Ask>,
    F: Fn() -> X + 'static,
{
    /// The actor is run by the life and not by actix, which would not tell how it ended.
    async fn started(&mut self, life: &LifeContext) -> Result<(), AgentError> {
        let running = Context::new().into_future((self.factory)());
        self.address = Some(running.address());
        let own = life.clone();
        life.spawn(async move {
            running.await;
            own.stop();
        });
        Ok(())
    }

    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        let address = self.address.as_ref();
        let address = address.ok_or_else(|| AgentError::fatal("its actor was not started"))?;
        let context = cx.clone();
        match address.send(Ask { task, context }).await {
            Ok(answer) => answer,
            Err(_closed) => Err(AgentError::fatal("its actor ended while it held this task")),
        }
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
