//! How things that do not implement [`Agent`] become one.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, AsyncContext, Context, Handler};

use crate::words::{Agent, AgentContext, AgentError, Ask, Reply, Task};

/// A raw actix actor. Its life is the life of the agent.
pub(super) struct ActorAgent<X: Actor> {
    address: Addr<X>,
    panicked: Rc<Cell<bool>>,
}

impl<X: Actor<Context = Context<X>>> ActorAgent<X> {
    pub(super) fn start(factory: impl FnOnce() -> X) -> Self {
        let panicked = Rc::new(Cell::new(false));
        let witness = Witness(Rc::clone(&panicked));
        let address = X::create(|ctx| {
            // Never done, it is dropped with the actor's context.
            ctx.spawn(actix::fut::wrap_future(witness.watch()));
            factory()
        });
        Self { address, panicked }
    }
}

/// Sees whether the actor panicked: actix closes the address of one that did just as that of one
/// that stopped.
struct Witness(Rc<Cell<bool>>);

impl Witness {
    async fn watch(self) {
        std::future::pending::<()>().await;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.set(std::thread::panicking());
    }
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
        assert!(!self.panicked.get(), "its actor panicked between two tasks");
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
