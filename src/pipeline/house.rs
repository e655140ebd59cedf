//! What the stages of a request share.

use std::time::Instant;

use actix::Addr;
use actix_rt::ArbiterHandle;
use jiff::Timestamp;
use log::info;
use serde_json::Value;
use uuid::Uuid;

use super::{Admission, AnswerBody, Entry, OrchestrationRequest, PipelineConfig, Problem};
use crate::balancing::{Balancer, Pools};
use crate::judgement::Deadline;
use crate::routing::{Plan, Router, Routes};
use crate::store::Journal;
use crate::supervision::{AgentSpec, Registry, Root};
use crate::telemetry::{MetricsHandle, ResourceGauge};
use crate::words::{Fault, Listener, RequestEvent, RequestId};

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

    pub(super) fn plan(&self, request: &OrchestrationRequest) -> Result<Plan, Problem> {
        let unknown = |name: &&String| self.registry.find(name).is_none();
        if let Some(name) = request.agents.iter().find(unknown) {
            return Err(Problem::no_such_agent(name, &self.registry));
        }
        let explicit = request.agents.iter().map(|name| name.as_str().into());
        let plan = Plan::explicit(explicit.collect(), request.mode).unwrap_or_else(|| {
            let strategy = request
                .routing_strategy
                .unwrap_or(self.config.routing_strategy);
            let routing = self.routes.route(&request.content, strategy);
            Plan::routed(routing, request.mode)
        });
        Ok(plan)
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
