use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;

use super::agent_spec::{AgentSpec, OnFailure};
use super::events::LifeEvents;
use super::supervisor::{Charge, Shutdown, Supervisor};
use super::threads::AgentThreads;
use crate::judgement::{BreakerConfig, RestartConfig};
use crate::mailbox::Mailbox;
use crate::words::{AgentCard, AgentName, InstanceId};

/// All agents by name.
///
/// Anybody may read it, at any time and without waiting; only the application's start writes it.
#[derive(Debug)]
pub struct Registry {
    agents: BTreeMap<AgentName, Arc<Registered>>,
    threads: AgentThreads,
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
    /// What a sequence does when it could not answer.
    pub on_failure: OnFailure,
    pub(crate) supervisor: Addr<Supervisor>,
}

impl Registry {
    /// Starts the agents, each under a supervisor of its own on the thread `control`.
    pub(crate) fn start(
        specs: Vec<AgentSpec>,
        house: HouseRules,
        threads: AgentThreads,
        control: &ArbiterHandle,
    ) -> Self {
        let events = LifeEvents::new();
        let start = |spec: AgentSpec| {
            let mailboxes = spec.mailboxes(house.breaker);
            let charge = Charge {
                mailboxes: mailboxes.clone(),
                restart: spec.effective_restart(house.restart),
                launch: spec.launch,
                shutdown_timeout: house.shutdown_timeout,
            };
            let supervisor = Supervisor::new(charge, threads.clone(), events.clone());
            let registered = Registered {
                card: spec.card,
                instances: mailboxes,
                on_failure: spec.on_failure,
                supervisor: Supervisor::start_in_arbiter(control, |_| supervisor),
            };
            (registered.card.name.clone(), Arc::new(registered))
        };
        Self {
            agents: specs.into_iter().map(start).collect(),
            threads,
            events,
        }
    }

    /// The agent of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.agents.get(name).cloned()
    }

    /// The mailbox of that instance.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<Arc<Mailbox>> {
        let mut mailboxes = self.agents.values().flat_map(|agent| &agent.instances);
        mailboxes.find(|mailbox| mailbox.instance() == id).cloned()
    }

    /// All agents, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Registered>> {
        self.agents.values().cloned().collect()
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
