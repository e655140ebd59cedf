use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwap;

use super::agent_spec::{AgentSpec, OnFailure};
use super::events::LifeEvents;
use super::supervisor::{Charge, Shutdown, Supervisor};
use super::threads::AgentThreads;
use crate::judgement::{BreakerConfig, RestartConfig};
use crate::mailbox::Mailbox;
use crate::words::{AgentCard, AgentName};

/// All agents by name.
///
/// Anybody may read it, at any time and without waiting; only the application's start writes it.
#[derive(Debug)]
pub struct Registry {
    agents: ArcSwap<BTreeMap<AgentName, Arc<Registered>>>,
    house: HouseRules,
    threads: AgentThreads,
    control: ArbiterHandle,
    events: LifeEvents,
}

/// What holds for all agents that do not say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct HouseRules {
    /// When breakers open.
    pub breaker: BreakerConfig,
    /// How agents are started again.
    pub restart: RestartConfig,
    /// How long agents may take to finish when they are told to stop.
    pub shutdown_timeout: Duration,
}

/// An agent as the registry knows it.
#[derive(Debug)]
pub struct Registered {
    /// What is publicly known of it.
    pub card: AgentCard,
    /// Its instances, in order.
    pub instances: Vec<Arc<Mailbox>>,
    /// How long one attempt at a task may take.
    pub timeout: Duration,
    /// What a sequence does when it could not answer.
    pub on_failure: OnFailure,
    pub(crate) supervisor: Addr<Supervisor>,
}

/// Why a spec was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name cannot be used in paths and configuration.
    #[error(
        "`{0}` is no name for an agent: use 1 to 64 lower-case letters, digits, `_`, `-` or `.`"
    )]
    Name(AgentName),
    /// Another agent has that name.
    #[error("there are two agents named `{0}`: rename one of them")]
    Taken(AgentName),
    /// A number that must not be zero is.
    #[error("agent `{agent}` has {what} 0: it needs at least 1")]
    Zero {
        /// Which agent.
        agent: AgentName,
        /// What is zero.
        what: &'static str,
    },
}

impl Registry {
    pub(crate) fn new(house: HouseRules, threads: AgentThreads, control: ArbiterHandle) -> Self {
        Self {
            agents: ArcSwap::default(),
            house,
            threads,
            control,
            events: LifeEvents::new(),
        }
    }

    /// Starts an agent under a supervisor of its own and makes it known.
    pub(crate) fn register(&self, spec: AgentSpec) -> Result<Arc<Registered>, SpecError> {
        check(&spec)?;
        let name = spec.card.name.clone();
        if self.agents.load().contains_key(&name) {
            return Err(SpecError::Taken(name));
        }
        let registered = Arc::new(self.start(spec));
        self.agents.rcu(|agents| {
            let mut agents = BTreeMap::clone(agents);
            agents.insert(name.clone(), Arc::clone(&registered));
            agents
        });
        Ok(registered)
    }

    fn start(&self, spec: AgentSpec) -> Registered {
        let mailbox = |number| {
            let weight = spec.weights.get(number).copied().unwrap_or(1);
            let name = spec.card.name.clone();
            Mailbox::new(name, number, weight, spec.room, self.house.breaker)
        };
        let instances: Vec<_> = (0..spec.instances).map(mailbox).collect();
        let charge = Charge {
            mailboxes: instances.clone(),
            restart: spec.effective_restart(self.house.restart),
            launch: spec.launch,
            shutdown_timeout: self.house.shutdown_timeout,
        };
        let supervisor = Supervisor::new(charge, self.threads.clone(), self.events.clone());
        Registered {
            card: spec.card,
            instances,
            timeout: spec.timeout,
            on_failure: spec.on_failure,
            supervisor: Supervisor::start_in_arbiter(&self.control, |_| supervisor),
        }
    }

    /// The agent of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.agents.load().get(name).cloned()
    }

    /// All agents, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Registered>> {
        self.agents.load().values().cloned().collect()
    }

    /// Ends all agents, and answers when they have ended or their time to finish is over.
    pub(crate) async fn shutdown(&self) {
        let agents = self.all();
        let ends = agents.iter().map(|agent| agent.supervisor.send(Shutdown));
        futures::future::join_all(ends).await;
    }

    /// Ends the threads of the agents; nothing runs on them any more afterwards.
    pub(crate) fn end_threads(&self) {
        self.threads.stop();
    }

    /// What happens in the lives of the agents.
    #[must_use]
    pub fn events(&self) -> &LifeEvents {
        &self.events
    }
}

fn check(spec: &AgentSpec) -> Result<(), SpecError> {
    let name = &spec.card.name;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        return Err(SpecError::Name(name.clone()));
    }
    let counts = [
        ("instances", spec.instances),
        ("concurrency", spec.room.concurrency),
    ];
    match counts.into_iter().find(|(_, count)| *count == 0) {
        Some((what, _)) => Err(SpecError::Zero {
            agent: name.clone(),
            what,
        }),
        None => Ok(()),
    }
}
