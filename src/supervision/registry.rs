use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use futures::Stream;
use tokio::sync::watch;

use super::agent_spec::OnFailure;
use super::events::LifeEvents;
use super::threads::AgentThreads;
use crate::mailbox::{InstanceState, Mailbox};
use crate::words::{AgentCard, AgentName, InstanceId};

/// All agents by name; cheap to clone.
///
/// Anybody may read it, at any time and without waiting. Only the root of the supervisors says who
/// there is, and has to be asked by who wants that changed: see
/// [`Orchestrator::register`](crate::Orchestrator::register) and its neighbours. Supervisors say
/// that somebody can no longer be expected to work, or again, and the watch how many threads are
/// lost.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    agents: ArcSwap<BTreeMap<AgentName, Arc<Registered>>>,
    changes: watch::Sender<u64>,
    fate: watch::Sender<Option<String>>,
    threads: AgentThreads,
    leaked: AtomicUsize,
    events: LifeEvents,
    /// Instances that are no more and may still have work to do.
    leaving: Mutex<Vec<Weak<Mailbox>>>,
}

/// An agent as the registry knows it.
#[derive(Debug, Clone)]
pub struct Registered {
    /// What is publicly known of it.
    pub card: AgentCard,
    /// Its instances, in order.
    pub instances: Vec<Arc<Mailbox>>,
    /// What a sequence does when it could not answer.
    pub on_failure: OnFailure,
    /// Whether a task that was begun may be begun again elsewhere.
    pub retry_safe: bool,
    /// Whether a second instance is asked, too, when the first takes long.
    pub hedge: bool,
    /// The agents that stand in for it, in order.
    pub fallback: Vec<AgentName>,
    /// Where it was registered.
    pub origin: Origin,
    /// How many instances it may have.
    pub scaling: Scaling,
}

/// The registry is no longer as it was: look again. Several changes may be told as one.
#[derive(Debug, Clone, Copy)]
pub struct Changed;

/// Where an agent was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration, or in the program that runs the orchestrator.
    Start,
    /// At run time; it can be removed again.
    RunTime,
}

/// How many instances an agent may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Any number.
    Free,
    /// As many as were described, each of which is different.
    Fixed,
}

impl Registered {
    /// Whether its instances stand for something that other orchestrators reach as well.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.card.kind == "http"
    }

    /// Why it cannot be expected to take work, now or soon; `None` when it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        let mut obstacle = Some("has no instances");
        for mailbox in &self.instances {
            obstacle = match mailbox.state() {
                InstanceState::Paused => Some("is paused"),
                InstanceState::Draining => Some("is leaving"),
                InstanceState::Stopped => Some("is stopped"),
                _ if mailbox.is_unwell() => Some("is not well"),
                InstanceState::Starting | InstanceState::Healthy | InstanceState::Restarting => {
                    return None;
                }
            };
        }
        obstacle
    }
}

impl Registry {
    pub(super) fn new(threads: AgentThreads) -> Self {
        Self {
            shared: Arc::new(Shared {
                agents: ArcSwap::default(),
                changes: watch::Sender::new(0),
                fate: watch::Sender::new(None),
                threads,
                leaked: AtomicUsize::new(0),
                events: LifeEvents::new(),
                leaving: Mutex::default(),
            }),
        }
    }

    /// The agent of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.shared.agents.load().get(name).cloned()
    }

    /// The mailbox of that instance.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<Arc<Mailbox>> {
        let agents = self.shared.agents.load();
        let mut mailboxes = agents.values().flat_map(|agent| &agent.instances);
        mailboxes.find(|mailbox| mailbox.instance() == id).cloned()
    }

    /// Whether an instance stands for something that other orchestrators reach as well.
    #[must_use]
    pub fn is_elsewhere(&self, id: &InstanceId) -> bool {
        let agents = self.shared.agents.load();
        let agent = id.as_str().split('/').next().and_then(|it| agents.get(it));
        agent.is_some_and(|agent| agent.is_elsewhere())
    }

    /// All agents, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Registered>> {
        self.shared.agents.load().values().cloned().collect()
    }

    /// What happens in the lives of the agents.
    #[must_use]
    pub fn events(&self) -> &LifeEvents {
        &self.shared.events
    }

    /// Tells whenever agents come or go, or can no longer be expected to take work, or again.
    pub fn changes(&self) -> impl Stream<Item = Changed> + use<> {
        let follow = async |mut changes: watch::Receiver<u64>| {
            changes.changed().await.ok()?;
            Some((Changed, changes))
        };
        futures::stream::unfold(self.shared.changes.subscribe(), follow)
    }

    /// Threads that agents have blocked and that are lost until they come free by themselves.
    #[must_use]
    pub fn leaked_threads(&self) -> usize {
        self.shared.leaked.load(Ordering::Relaxed)
    }

    /// Waits until the root of the supervisors has ended against everybody's will; why it has.
    /// Nothing keeps the agents alive any more then.
    pub async fn until_lost(&self) -> String {
        let mut fate = self.shared.fate.subscribe();
        let lost = fate.wait_for(Option::is_some).await;
        let reason = lost.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_default()
    }

    /// Why nothing keeps the agents alive any more; `None` while something does.
    #[must_use]
    pub fn loss(&self) -> Option<String> {
        self.shared.fate.borrow().clone()
    }

    /// Ends the threads of the agents; nothing runs on them any more afterwards.
    pub(crate) fn end_threads(&self) {
        self.shared.threads.stop();
    }

    /// Has those who follow the [changes](Self::changes) look again.
    pub(super) fn touch(&self) {
        self.shared.changes.send_modify(|version| *version += 1);
    }

    pub(super) fn threads(&self) -> &AgentThreads {
        &self.shared.threads
    }

    pub(super) fn set_leaked(&self, leaked: usize) {
        self.shared.leaked.store(leaked, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, reason: &str) {
        self.shared.fate.send_if_modified(|fate| {
            let first = fate.is_none();
            fate.get_or_insert_with(|| reason.to_owned());
            first
        });
    }

    /// Looks at every mailbox, also at those of instances that are about to go.
    pub(super) fn for_each_mailbox(&self, mut look: impl FnMut(&Arc<Mailbox>)) {
        let agents = self.shared.agents.load();
        let mailboxes = agents.values().flat_map(|agent| &agent.instances);
        mailboxes.for_each(&mut look);
        let mut leaving = self.leaving();
        leaving.retain(|mailbox| mailbox.strong_count() > 0);
        let leaving = leaving.iter().filter_map(Weak::upgrade);
        leaving.for_each(|mailbox| look(&mailbox));
    }

    /// These instances are published no more, but looked at as long as anybody has them.
    pub(super) fn let_go(&self, instances: &[Arc<Mailbox>]) {
        self.leaving().extend(instances.iter().map(Arc::downgrade));
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Weak<Mailbox>>> {
        // Nothing panics while the lock is held, and no await happens under it.
        let leaving = self.shared.leaving.lock();
        leaving.unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes an agent as it is now, or that it is no more. For the root alone.
    pub(super) fn publish(&self, name: &AgentName, agent: Option<Registered>) {
        let mut agents = BTreeMap::clone(&self.shared.agents.load());
        match agent {
            Some(agent) => agents.insert(name.clone(), Arc::new(agent)),
            None => agents.remove(name),
        };
        self.shared.agents.store(Arc::new(agents));
        self.touch();
    }
}
