use std::future::Future;
use std::sync::Arc;

use serde::Serialize;

use super::{AgentContext, AgentError, AgentName, Keyword, LifeContext, Reply, Task};

/// Somebody who answers tasks.
///
/// An agent lives inside a supervised actor, on a thread of the agents and never on one that
/// serves HTTP. It may crash: whoever it was working for is told so, everybody else is answered
/// by its next life. Several tasks may be in its hands at once (up to the
/// [`concurrency`](crate::AgentSpec::concurrency) of its spec), all on one thread, so its futures
/// need not be `Send` and its state may be kept in a `Cell` or `RefCell`.
///
/// ```
/// use agent_orchestrator::{Agent, AgentContext, AgentError, Reply, Task};
///
/// struct Echo;
///
/// impl Agent for Echo {
///     async fn handle(&self, task: Task, _cx: &AgentContext) -> Result<Reply, AgentError> {
///         Ok(Reply::text(task.content))
///     }
/// }
/// ```
pub trait Agent: 'static {
    /// Answers one task.
    ///
    /// The future is dropped as soon as nobody waits for the answer any more.
    ///
    /// # Errors
    /// An [`AgentError`] says whether the question or the agent is to blame.
    ///
    /// # Panics
    /// May panic: the caller is answered `AgentCrashed` and the agent is started anew.
    fn handle(
        &self,
        task: Task,
        cx: &AgentContext,
    ) -> impl Future<Output = Result<Reply, AgentError>>;

    /// Prepares a new life before it gets its first task: opens files, connects, warms up, and
    /// [spawns](LifeContext::spawn) what is to go on beside the tasks.
    ///
    /// # Errors
    /// An error here is a start that failed; the supervisor tries again after a pause.
    fn started(&mut self, life: &LifeContext) -> impl Future<Output = Result<(), AgentError>> {
        let _ = life;
        async { Ok(()) }
    }

    /// Takes leave, when a life ends on purpose: it was told to stop or to start anew, or has
    /// [stopped](LifeContext::stop) itself. The tasks in its hands are done then, unless they took
    /// too long. It is not called after a crash, when the state of the agent cannot be trusted.
    ///
    /// It may take as long as the orchestrator's `supervision.shutdown_timeout`; whatever happens
    /// in it, the life ends.
    fn stopped(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Says whether the agent could answer now. Asked at every `health_check_interval`; the
    /// default is that answering the question at all is health enough.
    ///
    /// # Errors
    /// An error marks this instance unhealthy until a later check succeeds.
    fn health(&self) -> impl Future<Output = Result<(), AgentError>> {
        async { Ok(()) }
    }
}

/// What is publicly known of an agent: the router chooses by it, and `GET /agents` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentCard {
    /// Its name, unique in this orchestrator.
    pub name: AgentName,
    /// What it does, in a sentence for people and models.
    pub description: String,
    /// Where it comes from: `builtin`, `http`, or `custom` for an agent written in Rust.
    pub kind: &'static str,
    /// The family it belongs to; a word of the configuration's choosing.
    pub group: Option<String>,
    /// What it is capable of, as words to look it up by.
    pub capabilities: Vec<String>,
    /// Words, phrases and regular expressions that speak for this agent.
    pub keywords: Vec<Keyword>,
    /// Requests that it is meant for, as people are shown them.
    pub examples: Vec<String>,
    /// More of them, for the router to learn from.
    #[serde(skip)]
    pub more_examples: Arc<[String]>,
    /// How sure the router has to be to ask it, 0 to 1.
    #[serde(skip)]
    pub min_confidence: f64,
    /// The language model it uses, if any.
    pub model: Option<String>,
}

impl AgentCard {
    /// The card of an agent that nothing else is known of.
    #[must_use]
    pub fn named(name: impl Into<AgentName>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            kind: "custom",
            group: None,
            capabilities: Vec::new(),
            keywords: Vec::new(),
            examples: Vec::new(),
            more_examples: Arc::default(),
            min_confidence: 0.0,
            model: None,
        }
    }

    /// The same, for that it is meant for such requests.
    #[must_use]
    pub fn with_examples<T: Into<String>>(mut self, examples: impl IntoIterator<Item = T>) -> Self {
        self.examples = examples.into_iter().map(Into::into).collect();
        self
    }
}
