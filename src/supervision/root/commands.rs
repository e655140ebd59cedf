//! What can be asked of the root: who shall be there, and how they shall be.

use std::sync::Arc;
use std::time::Duration;

use actix::{
    ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use log::info;

use super::branch::{Branch, Charter};
use super::{AgentSpec, Origin, Root};
use crate::mailbox::Mailbox;
use crate::supervision::agent_spec::SpecError;
use crate::supervision::registry::{Registered, Scaling};
use crate::supervision::supervisor::{self, Admit, Charge, Drain, Finish};
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
    #[error("agent `{0}` has an instance for each URL: change them in its configuration")]
    Fixed(AgentName),
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

    /// The branch for this agent, which is started if there is none yet.
    fn branch(&mut self, spec: &AgentSpec, ctx: &mut Context<Self>) -> &mut Branch {
        let group = spec.shared_group();
        let name = group.unwrap_or(spec.name());
        let mut branches = self.branches.iter();
        let joined = branches.position(|it| it.is_group == group.is_some() && &*it.name == name);
        let at = joined.unwrap_or_else(|| {
            let common = self.rules.supervisor_of(group);
            let charter = Charter {
                id: self.branches.last().map_or(1, |last| last.id + 1),
                name: name.into(),
                is_group: group.is_some(),
                config: spec.supervisor.unwrap_or(common),
            };
            let to = ctx.address().recipient();
            self.branches
                .push(Branch::start(charter, self.kit.clone(), to));
            self.branches.len() - 1
        });
        &mut self.branches[at]
    }

    /// One more instance of the agent, in the care of its supervisor.
    fn admit(&mut self, spec: &AgentSpec, number: usize, ctx: &mut Context<Self>) -> Arc<Mailbox> {
        let mailbox = spec.mailbox(number, self.rules.breaker);
        let charge = Charge {
            mailbox: Arc::clone(&mailbox),
            number,
            launch: spec.launch.clone(),
            policy: spec.policy,
            place: self.kit.threads.assign(spec.capacity.blocking),
        };
        let branch = self.branch(spec, ctx);
        branch.charges.push(charge.clone());
        branch.supervisor.do_send(Admit(charge));
        mailbox
    }

    /// Parts with instances once their work is done.
    fn part_with(&mut self, instances: &[Arc<Mailbox>], patience: Duration) {
        self.kit.registry.let_go(instances);
        let children: Vec<u64> = instances.iter().map(|it| it.serial()).collect();
        for branch in &mut self.branches {
            let before = branch.charges.len();
            let goes = |charge: &Charge| children.contains(&charge.mailbox.serial());
            branch.charges.retain(|charge| !goes(charge));
            if branch.charges.len() < before {
                let children = children.clone();
                let dismiss = supervisor::Dismiss { children, patience };
                branch.supervisor.do_send(dismiss);
            }
        }
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
        let numbers = 0..spec.instances;
        let registered = Registered {
            card: spec.card.clone(),
            instances: numbers
                .map(|number| self.admit(&spec, number, ctx))
                .collect(),
            on_failure: spec.on_failure,
            retry_safe: spec.retry_safe,
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
        info!("agent {agent} has {instances} instances from now on, after {present}");
        let leaving = registered.instances.split_off(instances.min(present));
        let paused = registered.instances.iter().any(|it| it.is_paused());
        for number in present..instances {
            let mailbox = self.admit(&spec, number, ctx);
            mailbox.set_paused(paused);
            registered.instances.push(mailbox);
        }
        self.kit.registry.publish(&agent, Some(registered));
        self.part_with(&leaving, patience);
        Ok(())
    }
}

impl Handler<Operate> for Root {
    type Result = Result<(), RegistryError>;

    fn handle(&mut self, Operate(agent, what): Operate, _: &mut Context<Self>) -> Self::Result {
        let registered = self.registered(&agent)?;
        info!("agent {agent}: {what:?} on an operator's wish");
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
                for branch in &self.branches {
                    let restart = supervisor::Restart(children.clone());
                    branch.supervisor.do_send(restart);
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
        let finished = drained.into_actor(self).then(move |_, root, _| {
            let until = root.kit.clock.now() + patience;
            let finishing = async move {
                for supervisor in supervisors {
                    // One that has ended has no children left.
                    let _ = supervisor.send(Finish { until }).await;
                }
            };
            finishing.into_actor(root)
        });
        Box::pin(finished)
    }
}
