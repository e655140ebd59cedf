mod check;
mod job_timeout;
mod mailbox;
mod on_failure;
mod work;

use std::future::Future;
use std::sync::Arc;

use actix::{Actor, Context, Handler};

use super::birth::{self, Birth};
use super::doors::{ActorAgent, FnAgent};
use super::registry::Scaling;
use crate::judgement::{RestartPolicy, SupervisorConfig};
use crate::mailbox::Capacity;
use crate::words::{
    Agent, AgentCard, AgentContext, AgentError, AgentName, Ask, Keyword, Reply, Task,
};

pub use check::SpecError;
pub(super) use check::check_fallbacks;
pub use job_timeout::JobTimeout;
pub(super) use mailbox::MailboxRules;
pub use on_failure::OnFailure;

/// Begins a life of the instance of that number, on the thread it is called on.
pub(super) type Launch = Arc<dyn Fn(usize, Birth) + Send + Sync>;

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
    pub(super) scaling: Scaling,
    pub(super) on_failure: OnFailure,
    pub(super) retry_safe: bool,
    pub(super) hedge: bool,
    pub(super) fallback: Vec<AgentName>,
    pub(super) policy: RestartPolicy,
    pub(super) supervisor: Option<SupervisorConfig>,
    job_timeout: JobTimeout,
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
            actix_rt::spawn(birth::live(birth, move || factory(number)));
        };
        Self::launched(name.into(), Arc::new(launch))
    }

    /// A raw actix actor that handles [`Ask`].
    ///
    /// The actor lives on the thread of the agents and is made anew when it has ended, which
    /// actix's own supervisor does not do after a panic. It gets one task at a time unless
    /// [`concurrency`](Self::concurrency) says otherwise: an actor that panics takes whatever
    /// lies in its own mailbox with it, and so nothing waits there.
    pub fn actor<X>(
        name: impl Into<AgentName>,
        factory: impl Fn() -> X + Send + Sync + 'static,
    ) -> Self
    where
        X: Actor<Context = Context<X>> + Handler<Ask>,
    {
        let factory = Arc::new(factory);
        let door = move || {
            let factory = Arc::clone(&factory);
            ActorAgent::new(move || factory())
        };
        Self::new(name, door).concurrency(1)
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
            card: AgentCard::named(name),
            launch,
            instances: 1,
            weights: Vec::new(),
            capacity: Self::usual_capacity(),
            scaling: Scaling::Free,
            on_failure: OnFailure::default(),
            retry_safe: false,
            hedge: false,
            fallback: Vec::new(),
            policy: RestartPolicy::default(),
            supervisor: None,
            job_timeout: JobTimeout::default(),
        }
    }

    /// What an agent can do at once, and in what time, unless its spec says otherwise.
    #[must_use]
    pub fn usual_capacity() -> Capacity {
        Capacity::default()
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

    /// The family it belongs to. Agents of one group share a supervisor, unless one has a
    /// [supervisor of its own](Self::supervisor).
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

    /// More of those, for the router to learn from; people are not shown them.
    pub fn more_examples<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.card.more_examples = texts.into_iter().map(Into::into).collect();
        self
    }

    /// How sure the router has to be to ask it, 0 to 1, for agents that can do harm; 0 unless said.
    pub fn min_confidence(mut self, confidence: f64) -> Self {
        self.card.min_confidence = confidence;
        self
    }

    /// The language model that it uses, as people are shown it.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.card.model = Some(model.into());
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

    /// Which ends are followed by a new life; every one unless said.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Gives it a supervisor of its own, which keeps its instances alive like this. Without one,
    /// it shares that of its [`group`](Self::group), or has one with the orchestrator's settings.
    pub fn supervisor(mut self, config: SupervisorConfig) -> Self {
        self.supervisor = Some(config);
        self
    }

    /// Says that its instances are made for a purpose each, and can be neither more nor fewer.
    pub(crate) fn fixed(mut self) -> Self {
        self.scaling = Scaling::Fixed;
        self
    }

    /// How many instances there would be.
    #[must_use]
    pub fn size(&self) -> usize {
        self.instances
    }

    /// The group whose supervisor it shares, if it does.
    pub(super) fn shared_group(&self) -> Option<&str> {
        self.card
            .group
            .as_deref()
            .filter(|_| self.supervisor.is_none())
    }
}
