//! What an operator can do with the agents while everything runs.

use std::sync::Arc;
use std::time::Duration;

use actix::{Handler, Message};

use super::{ErrorType, Orchestrator, Problem};
use crate::balancing::Muster;
use crate::judgement::Forced;
use crate::mailbox::Mailbox;
use crate::routing::Survey;
use crate::supervision::{
    AgentSpec, Dismiss, Enlist, Operate, Operation, Origin, Registered, RegistryError, Root, Scale,
    SpecError,
};
use crate::words::Fault;

impl Orchestrator {
    /// Adds an agent and starts it. It can be asked and is routed to when this returns, and is
    /// there until it is [removed](Self::remove) or the process ends.
    ///
    /// # Errors
    /// `AgentNameTaken` when there is one of that name, `ValidationError` when the spec is not
    /// valid, `Overloaded` when the system gives no thread to one that needs it, `ShuttingDown` at
    /// the end.
    pub async fn register(&self, spec: AgentSpec) -> Result<Arc<Registered>, Problem> {
        let name = spec.name().to_owned();
        self.order(Enlist(spec, Origin::RunTime)).await?;
        self.agent(&name)
    }

    /// Removes an agent that was added at run time. Nobody finds it any more when this returns;
    /// whoever it has accepted is still answered.
    ///
    /// # Errors
    /// `AgentNotFound`; `AgentNotRemovable` when it was there from the start.
    pub async fn remove(&self, agent: &str) -> Result<(), Problem> {
        let dismiss = Dismiss {
            agent: agent.into(),
            patience: self.house().config.request_timeout,
        };
        self.order(dismiss).await
    }

    /// Lets no new work in to an agent. What it has accepted is done.
    ///
    /// # Errors
    /// `AgentNotFound`.
    pub async fn pause(&self, agent: &str) -> Result<(), Problem> {
        self.operate(agent, Operation::Pause).await
    }

    /// Lets work in to an agent again that was [paused](Self::pause).
    ///
    /// # Errors
    /// `AgentNotFound`.
    pub async fn resume(&self, agent: &str) -> Result<(), Problem> {
        self.operate(agent, Operation::Resume).await
    }

    /// Starts the instances of an agent anew, one after the other, each once the one before it
    /// works again. Nobody's request is lost. One that was stopped is started, too.
    ///
    /// # Errors
    /// `AgentNotFound`.
    pub async fn restart(&self, agent: &str) -> Result<(), Problem> {
        self.operate(agent, Operation::Restart).await
    }

    /// Gives an agent so many instances. Those that go do so once their work is done.
    ///
    /// # Errors
    /// `AgentNotFound`; `ValidationError` for none, or for an agent with an instance a URL;
    /// `Overloaded` when the system gives no threads to an agent that needs them.
    pub async fn scale(&self, agent: &str, instances: usize) -> Result<(), Problem> {
        let scale = Scale {
            agent: agent.into(),
            instances,
            patience: self.house().config.request_timeout,
        };
        self.order(scale).await
    }

    /// Holds the circuit breakers of an agent's instances open or closed, or that of one of them;
    /// `None` has them judge by themselves again, from the beginning.
    ///
    /// # Errors
    /// `AgentNotFound`; `ValidationError` when it has no such instance.
    pub fn force_breaker(
        &self,
        agent: &str,
        instance: Option<&str>,
        forced: Option<Forced>,
    ) -> Result<(), Problem> {
        let registered = self.agent(agent)?;
        let meant = |mailbox: &&Arc<Mailbox>| {
            instance.is_none_or(|instance| mailbox.instance().as_str() == instance)
        };
        let meant: Vec<_> = registered.instances.iter().filter(meant).collect();
        if let ([], Some(instance)) = (meant.as_slice(), instance) {
            let ids: Vec<&str> = registered
                .instances
                .iter()
                .map(|it| it.instance().as_str())
                .collect();
            return Err(Problem::invalid(vec![Fault {
                pointer: "/instance".to_owned(),
                message: format!(
                    "agent `{agent}` has no instance `{instance}`; it has: {}",
                    ids.join(", ")
                ),
            }]));
        }
        for mailbox in meant {
            mailbox.force_breaker(forced);
        }
        Ok(())
    }

    async fn operate(&self, agent: &str, what: Operation) -> Result<(), Problem> {
        self.order(Operate(agent.into(), what)).await
    }

    /// Has the root of the supervisors do something, and waits until those who choose know of it.
    async fn order<M>(&self, order: M) -> Result<(), Problem>
    where
        M: Message<Result = Result<(), RegistryError>> + Send + 'static,
        Root: Handler<M>,
    {
        if self.house().admission.is_closed() {
            return Err(self.refused(&RegistryError::Ended));
        }
        let done = self.house().root.send(order).await;
        let done = done.unwrap_or(Err(RegistryError::Ended));
        done.map_err(|error| self.refused(&error))?;
        // They end with everything else, and then nobody chooses any more.
        let _ = self.house().balancer.send(Muster).await;
        let _ = self.house().router.send(Survey).await;
        Ok(())
    }

    fn refused(&self, error: &RegistryError) -> Problem {
        let error_type = match error {
            RegistryError::Unknown(name) => {
                return Problem::no_such_agent(name, self.registry());
            }
            RegistryError::Spec(SpecError::Taken(_)) => ErrorType::AgentNameTaken,
            RegistryError::Spec(_) | RegistryError::Fixed(_) => ErrorType::ValidationError,
            RegistryError::Permanent(_) => ErrorType::AgentNotRemovable,
            RegistryError::NoThread { .. } => {
                let problem = Problem::new(ErrorType::Overloaded, error.to_string());
                return problem.retry_after(Duration::from_secs(30));
            }
            RegistryError::Ended => return Problem::shutting_down(),
        };
        Problem::new(error_type, error.to_string())
    }
}
