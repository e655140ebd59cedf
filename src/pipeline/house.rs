//! What the stages of a request share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use actix_rt::ArbiterHandle;
use jiff::Timestamp;
use log::info;
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use super::background::{Background, UNFINISHED_TTL};
use super::books::Books;
use super::events::EventLog;
use super::running::Running;
use super::sessions::{SessionConcurrency, SessionLease, Sessions, TurnTaken, Wait};
use super::{
    Admission, AnswerBody, Entry, ErrorType, OrchestrationRequest, Peers, PipelineConfig, Problem,
    Recruits,
};
use crate::balancing::{Balancer, Pools};
use crate::judgement::Deadline;
use crate::llm::OpenAi;
use crate::routing::{Plan, Question, Router, Routes};
use crate::store::{Journal, Store};
use crate::supervision::{AgentSpec, Registry, Root};
use crate::telemetry::{MetricsHandle, ResourceGauge};
use crate::words::{AgentName, Fault, Listener, RequestEvent, RequestId, SessionId};

/// Reads an entry of `agents.yaml`; otherwise says what is wrong with it.
pub(crate) type Recruiter = Box<dyn Fn(&Value) -> Result<AgentSpec, Vec<Fault>> + Send + Sync>;

/// What an orchestrator is made of.
pub(crate) struct House {
    pub id: Uuid,
    pub started: Instant,
    pub config: PipelineConfig,
    pub registry: Registry,
    pub root: Addr<Root>,
    pub pools: Pools,
    pub balancer: Addr<Balancer>,
    pub routes: Routes,
    pub router: Addr<Router>,
    /// Where language models are, where any are configured.
    pub model: Option<Arc<OpenAi>>,
    /// Reads what an agent shall be that is registered at run time.
    pub recruiter: Recruiter,
    pub admission: Admission,
    pub metrics: MetricsHandle,
    pub gauge: ResourceGauge,
    pub journal: Journal,
    pub store: Arc<dyn Store>,
    pub running: Running,
    pub sessions: Sessions,
    pub recruits: Recruits,
    /// Rung when the list of agents may have changed.
    pub crew_bell: Notify,
    pub background: Background,
    pub peers: Peers,
    /// The thread of what is done in the background.
    pub workshop: ArbiterHandle,
    /// The thread of the actors that own something, which no agent can block.
    pub control: ArbiterHandle,
}

/// A request on its way in.
pub(super) struct Errand {
    pub id: RequestId,
    /// When it came.
    pub timestamp: Timestamp,
    /// How often it was begun, this time included.
    pub attempt: u32,
    /// The conversation that it is a part of.
    pub session_id: Option<SessionId>,
    /// Why earlier attempts came to nothing.
    pub setbacks: Vec<String>,
    /// How often it was begun, also by those who left it to others; 0 where nobody can.
    pub epoch: u32,
    pub listener: Option<Listener>,
    /// Where all is entered that the listener is told.
    pub log: Option<EventLog>,
    pub books: Books,
}

impl Errand {
    /// One for which somebody waits.
    pub(super) fn new(id: RequestId) -> Self {
        Self {
            id,
            timestamp: Timestamp::now(),
            attempt: 1,
            session_id: None,
            setbacks: Vec::new(),
            epoch: 0,
            listener: None,
            log: None,
            books: Books::Journal,
        }
    }

    /// Tells whoever listens; the event is made only then.
    pub(super) fn tell(&self, event: impl FnOnce() -> RequestEvent) {
        if let Some(listener) = &self.listener {
            listener(event());
        }
    }
}

/// A request that was let in.
pub(super) struct Arrival {
    pub errand: Errand,
    pub at: Instant,
    pub deadline: Deadline,
    _entry: Entry,
}

impl Deref for Arrival {
    type Target = Errand;

    fn deref(&self) -> &Errand {
        &self.errand
    }
}

impl House {
    /// The log of an attempt at a request: the first, or one after others.
    pub(super) fn log_of(&self, id: RequestId, epoch: u32) -> EventLog {
        let ttl = self.config.request_ttl + self.config.request_timeout;
        EventLog::begin(Arc::clone(&self.store), id, epoch, ttl)
    }

    /// Until when the request is to be answered.
    pub(super) fn deadline(&self, request: &OrchestrationRequest) -> Deadline {
        let time = request.timeout.unwrap_or(self.config.request_timeout);
        Deadline::after(Instant::now(), time)
    }

    /// Waits for the request's turn in its session, and gives it what was said there before.
    pub(super) async fn take_turn(
        &self,
        errand: &Errand,
        request: &mut OrchestrationRequest,
        deadline: Deadline,
    ) -> Result<Option<Box<TurnTaken<'_>>>, Problem> {
        let Some(id) = &request.session_id else {
            return Ok(None);
        };
        let concurrency = match &errand.books {
            Books::Journal => self.config.session.concurrency,
            // Nobody waits who could be told to come again.
            Books::Apart(_) => SessionConcurrency::Enqueue,
        };
        let until = match &errand.books {
            Books::Journal => deadline.instant(),
            Books::Apart(_) => deadline.instant() + UNFINISHED_TTL,
        };
        let wait = Wait::until(until, concurrency);
        let turn = SessionLease::take(self, id, wait).await?;
        let turn = turn.begin(errand.id).await;
        let said_since = std::mem::take(&mut request.history);
        request.history = turn.history();
        request.history.extend(said_since);
        Ok(Some(Box::new(turn)))
    }

    pub(super) async fn admit(
        &self,
        errand: Errand,
        deadline: Deadline,
    ) -> Result<Arrival, Problem> {
        // Who waits for an answer is refused rather than kept waiting for long.
        let entry = match &errand.books {
            Books::Journal => self.admission.enter().await?,
            Books::Apart(_) => self.admission.enter_sooner_or_later().await?,
        };
        let at = Instant::now();
        let arrival = Arrival {
            errand,
            at,
            deadline,
            _entry: entry,
        };
        arrival.tell(|| RequestEvent::Accepted {
            request_id: arrival.id,
        });
        Ok(arrival)
    }

    /// Refuses agents that are not there or that the caller may not use.
    pub(super) fn check_agents(&self, request: &OrchestrationRequest) -> Result<(), Problem> {
        let unknown = |name: &&String| self.registry.find(name).is_none();
        if let Some(name) = request.agents.iter().find(unknown) {
            return Err(Problem::no_such_agent(name, &self.registry));
        }
        let permitted = request.permitted.as_deref();
        let forbidden =
            |name: &&String| permitted.is_some_and(|it| !it.iter().any(|agent| **agent == ***name));
        match request.agents.iter().find(forbidden) {
            Some(name) => Err(Problem::not_permitted(name)),
            None => Ok(()),
        }
    }

    /// Who works on the request; choosing takes no longer than that.
    pub(super) async fn plan(
        &self,
        request: &OrchestrationRequest,
        time: Duration,
    ) -> Result<Plan, Problem> {
        self.check_agents(request)?;
        let permitted = request.permitted.as_deref();
        let named = request.agents.iter().map(|name| name.as_str().into());
        let named: Vec<AgentName> = named.collect();
        if let Some(plan) = Plan::explicit(named, request.mode) {
            return Ok(plan);
        }
        let strategy = request.routing_strategy;
        let question = Question {
            content: request.content.trim(),
            context: Some(&request.context),
            history: &request.history,
            strategy: strategy.unwrap_or(self.config.routing_strategy),
            mode: request.mode,
            permitted,
        };
        let decided = self.routes.decide(&question, time).await;
        decided.map_err(|denied| Problem::new(ErrorType::PermissionDenied, denied.to_string()))
    }

    pub(super) fn log(&self, arrival: &Arrival, conclusion: &Result<AnswerBody, Problem>) {
        if !self.config.detailed_logging {
            return;
        }
        let took = arrival.at.elapsed();
        match conclusion {
            Ok(answer) => info!(
                "request {}: {} by {} in {took:?}",
                arrival.id,
                answer.routing.strategy.as_str(),
                answer.agents_used.join(", ")
            ),
            Err(problem) => info!("request {}: {problem} after {took:?}", arrival.id),
        }
    }
}
