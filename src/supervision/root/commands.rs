//! What can be asked of the root: who shall be there, and how they shall be.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, Context, Handler, Message, ResponseActFuture, WrapFuture};
use log::info;

use super::{AgentSpec, Origin, Root};
use crate::judgement::Pace;
use crate::supervision::agent_spec::{SpecError, check_fallbacks};
use crate::supervision::registry::{Registered, Scaling};
use crate::supervision::supervisor::{self, Drain, Finish};
use crate::words::AgentName;

/// Why the agents cannot be changed like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The spec is not valid, or the name is taken.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// There is no such agent.
    #[error("there is no agent `{0}`")]
    Unknown(AgentName),
    /// It was there from the start.
    #[error("agent `{0}` belongs to the configuration: remove it there, or pause it")]
    Permanent(AgentName),
    /// Its instances cannot be more or fewer.
    #[error("agent `{0}` has as many instances as URLs: describe it anew with other URLs")]
    Fixed(AgentName),
    /// The system gives no more threads, of which `blocking` agents need one an instance.
    #[error("agent `{agent}` needs a thread, and none can be started: {cause}")]
    NoThread {
        /// The agent.
        agent: AgentName,
        /// What the system says.
        cause: String,
    },
    /// Nothing is supervised any more.
    #[error("the supervisors have ended")]
    Ended,
}

/// Adds an agent, and starts it.
#[derive(Message)]
#[rtype(result = "Result<(), RegistryError>")]
pub(crate) struct Enlist(pub AgentSpec, pub Origin);

/// Removes an agent that was added at run time. It is no longer found at once, and ends when its
/// work is done or that much time has passed.
#[derive(Message)]
#[rtype(result = "Result<(), RegistryError>")]
pub(crate) struct Dismiss {
    pub agent: AgentName,
    pub patience: Duration,
}

/// Gives an agent so many instances.
#[derive(Message)]
#[rtype(result = "Result<(), RegistryError>")]
pub(crate) struct Scale {
    pub agent: AgentName,
    pub instances: usize,
    pub patience: Duration,
}

/// Something an operator does with an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Lets no new work in.
    Pause,
    /// Lets work in again.
    Resume,
    /// Starts its instances anew, one after the other.
    Restart,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Restart => "restarted",
        })
    }
}

/// Does something with an agent on an operator's wish.
#[derive(Message)]
#[rtype(result = "Result<(), RegistryError>")]
pub(crate) struct Operate(pub AgentName, pub Operation);

/// Ends all agents: lets nothing more in, gives work in flight the shutdown time-out, and ends
/// all lives, the last first. Answered when it is done.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Shutdown;

impl Root {
    fn registered(&self, agent: &AgentName) -> Result<Arc<Registered>, RegistryError> {
        let found = self.kit.registry.find(agent);
        found.ok_or_else(|| RegistryError::Unknown(agent.clone()))
    }

    /// Checks whom a newcomer falls back to. Of those who are there, one may fall back to an agent
    /// that was removed since.
    fn check_fallbacks(&self, newcomer: &AgentSpec) -> Result<(), SpecError> {
        let present = self.specs.values().chain([newcomer]);
        let names: HashSet<&AgentName> = present.map(|spec| &spec.card.name).collect();
        let present = self.specs.values().map(|spec| {
            let there = spec.fallback.iter().filter(|name| names.contains(name));
            (&spec.card.name, there.cloned().collect::<Vec<_>>())
        });
        let present: Vec<_> = present.collect();
        let all = present
            .iter()
            .map(|(name, fallback)| (*name, &fallback[..]));
        check_fallbacks(
            &all.chain([(&newcomer.card.name, &newcomer.fallback[..])])
                .collect(),
        )
    }
}

impl Handler<Enlist> for Root {
    type Result = Result<(), RegistryError>;

    fn handle(&mut self, Enlist(spec, origin): Enlist, ctx: &mut Context<Self>) -> Self::Result {
        spec.check()?;
        let name = spec.card.name.clone();
        if self.kit.registry.find(&name).is_some() {
            return Err(SpecError::Taken(name).into());
        }
        if origin == Origin::RunTime {
            self.check_fallbacks(&spec)?;
        }
        let registered = Registered {
            card: spec.card.clone(),
            instances: self.admit(&spec, 0..spec.instances, &Pace::new(), ctx)?,
            on_failure: spec.on_failure,
            retry_safe: spec.retry_safe,
            hedge: spec.hedge,
            fallback: spec.fallback.clone(),
            origin,
            scaling: spec.scaling,
        };
        self.kit.registry.publish(&name, Some(registered));
        self.specs.insert(name, spec);
        Ok(())
    }
}

impl Handler<Dismiss> for Root {
    type Result = Result<(), RegistryError>;

    fn handle(&mut self, dismiss: Dismiss, _: &mut Context<Self>) -> Self::Result {
        let Dismiss { agent, patience } = dismiss;
        let registered = self.registered(&agent)?;
        if registered.origin == Origin::Start {
            return Err(RegistryError::Permanent(agent));
        }
        info!("agent {agent} is removed");
        self.kit.registry.publish(&agent, None);
        self.specs.remove(&agent);
        self.part_with(&registered.instances, patience);
        Ok(())
    }
}

impl Handler<Scale> for Root {
    type Result = Result<(), RegistryError>;

    fn handle(&mut self, scale: Scale, ctx: &mut Context<Self>) -> Self::Result {
        let Scale {
            agent,
            instances,
            patience,
        } = scale;
        let mut registered = Registered::clone(&*self.registered(&agent)?);
        let spec = self.specs.get(&agent).cloned();
        let spec = spec.ok_or_else(|| RegistryError::Unknown(agent.clone()))?;
        let present = registered.instances.len();
        if instances == 0 {
            return Err(SpecError::zero_instances(&agent).into());
        }
        if instances != present && registered.scaling == Scaling::Fixed {
            return Err(RegistryError::Fixed(agent));
        }
        let leaving = registered.instances.split_off(instances.min(present));
        let paused = registered.instances.iter().any(|it| it.is_paused());
        let pace = registered.instances.first().map(|it| it.load().pace());
        let pace = pace.map_or_else(Pace::new, Arc::clone);
        let more = self.admit(&spec, present..instances, &pace, ctx)?;
        info!("agent {agent} has {instances} instances from now on, after {present}");
        // What an operator holds for all of them, newcomers are held by, too.
        let mut held = registered.instances.iter().map(|it| it.forced_breaker());
        let first = held
            .next()
            .flatten()
            .filter(|first| held.all(|it| it == Some(*first)));
        for mailbox in &more {
            mailbox.set_paused(paused);
            mailbox.force_breaker(first);
        }
        registered.instances.extend(more);
        self.kit.registry.publish(&agent, Some(registered));
        self.part_with(&leaving, patience);
        Ok(())
    }
}

impl Handler<Operate> for Root {
    type Result = Result<(), RegistryError>;

    fn handle(&mut self, Operate(agent, what): Operate, _: &mut Context<Self>) -> Self::Result {
        let registered = self.registered(&agent)?;
        info!("agent {agent} is {what} on an operator's wish");
        match what {
            Operation::Pause | Operation::Resume => {
                for mailbox in &registered.instances {
                    mailbox.set_paused(what == Operation::Pause);
                }
                self.kit.registry.touch();
            }
            Operation::Restart => {
                let instances = registered.instances.iter();
                let children: Vec<u64> = instances.map(|it| it.serial()).collect();
                if let Some(branch) = self.branch_of(&children) {
                    branch.supervisor.do_send(supervisor::Restart(children));
                }
            }
        }
        Ok(())
    }
}

impl Handler<Shutdown> for Root {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) -> Self::Result {
        self.guard.armed = false;
        let patience = self.kit.patience.leave;
        let supervisors = self.branches.iter().rev();
        let supervisors: Vec<_> = supervisors.map(|it| it.supervisor.clone()).collect();
        let drained = supervisors.iter().map(|it| it.send(Drain(patience)));
        let drained = futures::future::join_all(drained);
        let clock = self.kit.clock.clone();
        let finished = async move {
            drained.await;
            for supervisor in supervisors {
                let until = clock.now() + patience;
                // One that has ended has no children left.
                let _ = supervisor.send(Finish { until }).await;
            }
        };
        let registry = self.kit.registry.clone();
        let told = finished.into_actor(self).map(move |(), _, _| {
            // Whoever waits for somebody that could not be ended, or is between two lives.
            registry.for_each_mailbox(|mailbox| mailbox.dissolve());
        });
        Box::pin(told)
    }
}
