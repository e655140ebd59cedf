mod check;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Context, Handler};

use super::doors::{ActorAgent, FnAgent};
use super::host::{self, Birth};
use crate::judgement::{BreakerConfig, RestartConfig, RestartPolicy};
use crate::mailbox::{Capacity, Mailbox};
use crate::words::{
    Agent, AgentCard, AgentContext, AgentError, AgentName, Ask, Keyword, Reply, Task,
};

pub use check::SpecError;

/// Begins a life of the instance of that number, on the thread it is called on.
pub(super) type Launch = Arc<dyn Fn(usize, Birth) + Send + Sync>;

/// What a sequence does when this agent could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends there.
    #[default]
    Stop,
    /// The next agent works with what there is.
    Continue,
}

impl OnFailure {
    /// All of them, by the names that configuration and requests know them by.
    pub const NAMES: &[(&str, Self)] = &[("stop", Self::Stop), ("continue", Self::Continue)];
}

/// How an agent is made, what it is known for, and how it is kept alive: OTP's child spec.
///
/// There are three doors. [`new`](Self::new) takes an [`Agent`], [`actor`](Self::actor) a raw
/// actix actor, [`from_fn`](Self::from_fn) a closure. All are supervised, balanced, guarded and
/// routed to alike. The factory is called for every life, on the thread that the life is for.
///
/// ```
/// use agent_orchestrator::{AgentSpec, Reply, RestartPolicy};
///
/// let spec = AgentSpec::from_fn("shout", |task, _cx| async move {
///     Ok(Reply::text(task.content.to_uppercase()))
/// })
/// .description("Says it louder")
/// .keywords(["shout", "louder"])
/// .instances(2)
/// .concurrency(8)
/// .restart(RestartPolicy::Permanent);
/// assert_eq!(spec.name(), "shout");
/// ```
#[derive(Clone)]
#[must_use = "a spec is only a description; give it to `App::agent`"]
pub struct AgentSpec {
    pub(super) card: AgentCard,
    pub(super) launch: Launch,
    pub(super) instances: usize,
    pub(super) weights: Vec<u32>,
    pub(super) capacity: Capacity,
    pub(super) on_failure: OnFailure,
    pub(super) restart: Option<RestartConfig>,
    pub(super) policy: Option<RestartPolicy>,
}

impl AgentSpec {
    /// An agent that the factory makes.
    pub fn new<A: Agent>(
        name: impl Into<AgentName>,
        factory: impl Fn() -> A + Send + Sync + 'static,
    ) -> Self {
        Self::numbered(name, move |_| factory())
    }

    /// An agent whose instances differ: the factory gets the number of the instance, from 0.
    pub fn numbered<A: Agent>(
        name: impl Into<AgentName>,
        factory: impl Fn(usize) -> A + Send + Sync + 'static,
    ) -> Self {
        let factory = Arc::new(factory);
        let launch = move |number, birth| {
            let factory = Arc::clone(&factory);
            actix_rt::spawn(host::live(birth, move || factory(number)));
        };
        Self::launched(name.into(), Arc::new(launch))
    }

    /// A raw actix actor that handles [`Ask`].
    ///
    /// The actor lives on the thread of the agents and is made anew when it has ended, which
    /// actix's own supervisor does not do after a panic.
    pub fn actor<X>(
        name: impl Into<AgentName>,
        factory: impl Fn() -> X + Send + Sync + 'static,
    ) -> Self
    where
        X: Actor<Context = Context<X>> + Handler<Ask>,
    {
        Self::new(name, move || ActorAgent::start(&factory))
    }

    /// A closure from a task to the future of its answer.
    pub fn from_fn<F, Fut>(name: impl Into<AgentName>, answer: F) -> Self
    where
        F: Fn(Task, AgentContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Reply, AgentError>> + 'static,
    {
        Self::new(name, move || FnAgent(answer.clone()))
    }

    fn launched(name: AgentName, launch: Launch) -> Self {
        Self {
            card: AgentCard {
                name,
                description: String::new(),
                kind: "custom",
                group: None,
                capabilities: Vec::new(),
                keywords: Vec::new(),
                examples: Vec::new(),
                model: None,
            },
            launch,
            instances: 1,
            weights: Vec::new(),
            capacity: Capacity {
                concurrency: 8,
                queue: 64,
                timeout: Duration::from_secs(30),
            },
            on_failure: OnFailure::default(),
            restart: None,
            policy: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.card.name
    }

    /// What is publicly known of it.
    #[must_use]
    pub fn card(&self) -> &AgentCard {
        &self.card
    }

    /// What it does, in a sentence for people and models.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.card.description = description.into();
        self
    }

    /// Where it comes from; `custom` unless said.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.card.kind = kind;
        self
    }

    /// The family it belongs to.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.card.group = Some(group.into());
        self
    }

    /// What it is capable of.
    pub fn capabilities<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.card.capabilities = words.into_iter().map(Into::into).collect();
        self
    }

    /// Words and phrases that speak for it.
    pub fn keywords<T: Into<Keyword>>(mut self, keywords: impl IntoIterator<Item = T>) -> Self {
        self.card.keywords = keywords.into_iter().map(Into::into).collect();
        self
    }

    /// Requests that it is meant for.
    pub fn examples<T: Into<String>>(mut self, examples: impl IntoIterator<Item = T>) -> Self {
        self.card.examples = examples.into_iter().map(Into::into).collect();
        self
    }

    /// How many instances there are; 1 unless said.
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances;
        self
    }

    /// The share of work of each instance, in order; 1 where nothing is said.
    pub fn weights(mut self, weights: impl IntoIterator<Item = u32>) -> Self {
        self.weights = weights.into_iter().collect();
        self
    }

    /// How many tasks an instance works on at once; 8 unless said.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.capacity.concurrency = concurrency;
        self
    }

    /// How many tasks may wait for an instance; 64 unless said.
    pub fn queue(mut self, queue: usize) -> Self {
        self.capacity.queue = queue;
        self
    }

    /// How long one attempt at a task may take, waiting included; 30 s unless said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.capacity.timeout = timeout;
        self
    }

    /// What a sequence does when this agent could not answer; it stops unless said.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Which ends are followed by a new life; every one unless said.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// How often and how soon it is started again, where the orchestrator's own setting does not
    /// fit.
    pub fn restart_config(mut self, restart: RestartConfig) -> Self {
        self.restart = Some(restart);
        self
    }

    /// How many instances there would be.
    #[must_use]
    pub fn size(&self) -> usize {
        self.instances
    }

    /// The mailboxes of its instances.
    pub(super) fn mailboxes(&self, breaker: BreakerConfig) -> Vec<Arc<Mailbox>> {
        let mailbox = |number| {
            let weight = self.weights.get(number).copied().unwrap_or(1);
            Mailbox::new(
                self.card.name.clone(),
                number,
                weight,
                self.capacity,
                breaker,
            )
        };
        (0..self.instances).map(mailbox).collect()
    }

    /// How often and how soon it is started again, given what holds for all.
    pub(super) fn effective_restart(&self, common: RestartConfig) -> RestartConfig {
        let mut restart = self.restart.unwrap_or(common);
        if let Some(policy) = self.policy {
            restart.policy = policy;
        }
        restart
    }
}
