//! What the stages of a request share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use actix_rt::ArbiterHandle;
use jiff::Timestamp;
use log::info;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Admission, AnswerBody, Entry, ErrorType, OrchestrationRequest, PipelineConfig, Problem,
};
use crate::balancing::{Balancer, Pools};
use crate::judgement::Deadline;
use crate::llm::OpenAi;
use crate::routing::{Plan, Question, Router, Routes};
use crate::store::Journal;
use crate::supervision::{AgentSpec, Registry, Root};
use crate::telemetry::{MetricsHandle, ResourceGauge};
use crate::words::{AgentName, Fault, Listener, RequestEvent, RequestId};

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
    /// The thread of the actors that own something, which no agent can block.
    pub control: ArbiterHandle,
}

/// A request that was let in.
pub(super) struct Arrival {
    pub id: RequestId,
    pub at: Instant,
    pub timestamp: Timestamp,
    pub deadline: Deadline,
    pub listener: Option<Listener>,
    _entry: Entry,
}

impl Arrival {
    /// Tells whoever listens; the event is made only then.
    pub(super) fn tell(&self, event: impl FnOnce() -> RequestEvent) {
        if let Some(listener) = &self.listener {
            listener(event());
        }
    }
}

impl House {
    pub(super) async fn admit(
        &self,
        id: RequestId,
        request: &OrchestrationRequest,
        listener: Option<Listener>,
    ) -> Result<Arrival, Problem> {
        let entry = self.admission.enter().await?;
        let at = Instant::now();
        let arrival = Arrival {
            id,
            at,
            timestamp: Timestamp::now(),
            deadline: Deadline::after(at, request.timeout.unwrap_or(self.config.request_timeout)),
            listener,
            _entry: entry,
        };
        arrival.tell(|| RequestEvent::Accepted { request_id: id });
        Ok(arrival)
    }

    /// Who works on the request; choosing takes no longer than that.
    pub(super) async fn plan(
        &self,
        request: &OrchestrationRequest,
        time: Duration,
    ) -> Result<Plan, Problem> {
        let unknown = |name: &&String| self.registry.find(name).is_none();
        if let Some(name) = request.agents.iter().find(unknown) {
            return Err(Problem::no_such_agent(name, &self.registry));
        }
        let permitted = request.permitted.as_deref();
        let named: Vec<AgentName> = request
            .agents
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        let forbidden = |name: &&AgentName| permitted.is_some_and(|it| !it.contains(name));
        if let Some(name) = named.iter().find(forbidden) {
            return Err(Problem::not_permitted(name));
        }
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
