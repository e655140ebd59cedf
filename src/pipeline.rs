//! The way of a request, one way, no circles:
//!
//! ```text
//! body -> validate -> route -> select -> execute -> aggregate -> respond
//!         Task        Plan     Lease     Step       ResultBody   Answer | Problem
//! ```
//!
//! One deadline is set when a request arrives; every stage may use up some of it. A caller that
//! drops the future of [`Orchestrator::orchestrate`] cancels the request down to the agent.

mod admission;
mod aggregate;
mod answer;
mod background;
mod books;
mod crew;
mod ending;
mod error_type;
mod events;
mod execute;
mod feedback;
mod house;
mod idempotency;
mod kept;
mod listing;
mod news;
mod peers;
mod problem;
mod record;
mod recruits;
mod request;
mod running;
mod sessions;
mod status;
mod tenure;
mod warnings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::mailbox::InstanceState;
use crate::routing::{Plan, RoutingStrategy};
use crate::supervision::{Registered, Registry};
use crate::words::{Listener, RequestEvent, RequestId};

pub use admission::{Admission, Entry};
pub use answer::{Answer, AnswerBody, Branch, FinalResult, ResultBody};
pub use background::BackgroundConfig;
pub(crate) use background::{Background, DeadLetter};
pub use error_type::ErrorType;
pub(crate) use events::{Follower, Numbered};
pub use execute::{Step, Tried};
pub use feedback::Feedback;
pub(crate) use house::{House, Recruiter};
pub(crate) use idempotency::{Begun, Known, Once};
pub(crate) use listing::{Page, Paging, Wanted};
pub(crate) use peers::{Peer, Peers};
pub use problem::Problem;
pub(crate) use recruits::Recruits;
pub use request::{Limits, OrchestrationRequest, Require};
pub(crate) use running::Running;
pub(crate) use sessions::Sessions;
pub use sessions::{Session, SessionConcurrency, SessionConfig, SessionTurn};
pub use status::RequestStatus;

use books::Books;
use events::Audience;
use house::{Arrival, Errand};
use record::Ledger;

/// How long an answer waits until its events are written.
const LOG_PATIENCE: Duration = Duration::from_millis(250);

/// What the pipeline may do, and how long it may take.
#[derive(Debug, Clone)]
pub struct PipelineConfig {
    /// How requests are routed that do not say.
    pub routing_strategy: RoutingStrategy,
    /// Requests that are worked on at once.
    pub max_concurrent_requests: usize,
    /// How long others wait for one of those to be answered.
    pub admission_wait: Duration,
    /// The longest, and the usual, time for a request.
    pub request_timeout: Duration,
    /// What a request may contain.
    pub limits: Limits,
    /// How long the state of a request is kept.
    pub request_ttl: Duration,
    /// How long the measurements of a request are kept where others can read them: in a store that
    /// is [shared](crate::store::Store::is_shared). `None`: none are taken.
    pub metrics_ttl: Option<Duration>,
    /// Whether each request is logged.
    pub detailed_logging: bool,
    /// How requests are done for which nobody waits.
    pub background: BackgroundConfig,
    /// How conversations are kept.
    pub session: SessionConfig,
    /// How long what an orchestrator holds stays its own when it is not heard of any more.
    pub lease: Duration,
}

impl PipelineConfig {
    /// The longest time for a request in whole milliseconds.
    fn longest_ms(&self) -> u64 {
        u64::try_from(self.request_timeout.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Takes questions and answers them; cheap to clone, usable from every thread that runs an actix
/// or tokio runtime.
///
/// ```
/// use agent_orchestrator::{AgentSpec, App, OrchestrationRequest, Reply};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # actix_web::rt::System::new().block_on(async {
/// let orchestrator = App::new()
///     .agent(AgentSpec::from_fn("chat_agent", |task, _| async move {
///         Ok(Reply::text(format!("you said: {}", task.content)))
///     }))
///     .start()
///     .await?;
/// let answer = orchestrator.orchestrate(OrchestrationRequest::new("hello")).await?;
/// assert_eq!(answer.result.content, "you said: hello");
/// orchestrator.shutdown().await;
/// # Ok(()) })
/// # }
/// ```
#[derive(Clone)]
pub struct Orchestrator {
    house: Arc<House>,
}

impl Orchestrator {
    pub(crate) fn new(house: House) -> Self {
        Self {
            house: Arc::new(house),
        }
    }

    pub(crate) fn house(&self) -> &House {
        &self.house
    }

    /// Takes a question to the right agents and brings back one answer.
    ///
    /// # Errors
    /// A [`Problem`] says what was wrong, with whom, and whether asking again may help.
    pub async fn orchestrate(&self, request: OrchestrationRequest) -> Result<Answer, Problem> {
        self.run(RequestId::new(), request, None).await
    }

    /// The same, telling the listener what happens while it happens.
    ///
    /// # Errors
    /// As [`orchestrate`](Self::orchestrate).
    pub async fn orchestrate_aloud(
        &self,
        request: OrchestrationRequest,
        listener: Listener,
    ) -> Result<Answer, Problem> {
        let hear = move |_, event: &RequestEvent| listener(event.clone());
        self.run(RequestId::new(), request, Some(Box::new(hear)))
            .await
    }

    /// Does a request under that id; who listens is told each event with its number.
    pub(crate) async fn run(
        &self,
        id: RequestId,
        request: OrchestrationRequest,
        audience: Option<Audience>,
    ) -> Result<Answer, Problem> {
        let mut errand = Errand::new(id);
        if let Some(audience) = audience {
            let log = self.house.log_of(id, 1);
            errand.listener = Some(log.listener(audience));
            errand.log = Some(log);
        }
        let stoppable = self.house.running.enter(id);
        let outcome = tokio::select! {
            biased;
            outcome = self.pass(errand, request) => outcome,
            () = stoppable.stopped() => Err(Problem::cancelled()),
        };
        outcome.map_err(|problem| problem.of_request(id))
    }

    async fn pass(
        &self,
        mut errand: Errand,
        mut request: OrchestrationRequest,
    ) -> Result<Answer, Problem> {
        let house = &*self.house;
        errand.session_id.clone_from(&request.session_id);
        let log = errand.log.take();
        request.validate(&house.config)?;
        let deadline = house.deadline(&request);
        // In a box, as few requests need it, and all would have to carry it.
        let turn = match &request.session_id {
            Some(_) => Box::pin(house.take_turn(&errand, &mut request, deadline)).await?,
            None => None,
        };
        // Whoever is not waited for has not lost any time yet.
        let deadline = match &errand.books {
            Books::Journal => deadline,
            Books::Apart(_) => house.deadline(&request),
        };
        let arrival = house.admit(errand, deadline).await?;
        let time = arrival.deadline.remaining(Instant::now());
        let plan = house.plan(&request, time).await?;
        let question = turn.as_ref().map(|_| request.content.trim().to_owned());
        let ledger = Ledger::open(house, &arrival, &plan, request.content.trim());
        let execution = execute::run(house, &arrival, &plan, &mut request).await;
        let times = ledger.times();
        let conclusion = aggregate::conclude(arrival.id, plan, execution, &times, request);
        house.log(&arrival, &conclusion);
        if let (Some(turn), Some(question), Ok(answer)) = (turn, question, &conclusion) {
            Box::pin(turn.end(question, answer)).await;
        }
        if let Some(log) = log {
            // Whoever reads of the end may believe to have read all that came before, unless the store
            // is away: that keeps nobody waiting.
            let _ = tokio::time::timeout(LOG_PATIENCE, Box::pin(log.close())).await;
        }
        ledger.close(conclusion)
    }

    /// The routing decision for a request, without running anything.
    ///
    /// # Errors
    /// A [`Problem`] when the request is faulty or names an agent that there is not.
    pub async fn route(&self, request: &OrchestrationRequest) -> Result<Plan, Problem> {
        let config = &self.house.config;
        request.validate(config)?;
        let time = request.timeout.unwrap_or(config.request_timeout);
        self.house.plan(request, time).await
    }

    /// All agents.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.house.registry
    }

    /// The agent of that name.
    ///
    /// # Errors
    /// `AgentNotFound`, naming those that there are.
    pub fn agent(&self, name: &str) -> Result<Arc<Registered>, Problem> {
        let registry = &self.house.registry;
        let found = registry.find(name);
        found.ok_or_else(|| Problem::no_such_agent(name, registry))
    }

    /// Why requests are not welcome now; `None` when they are.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.house.admission.is_closed() {
            return Some("draining");
        }
        let agents = self.house.registry.all();
        let mut mailboxes = agents.iter().flat_map(|agent| &agent.instances);
        let working = mailboxes.any(|mailbox| mailbox.state() == InstanceState::Healthy);
        (!working).then_some("no agent can take work")
    }
}
