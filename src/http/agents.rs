//! Who the agents are, and how they are.

use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use jiff::Timestamp;
use serde::Serialize;

use super::respond::{Response, ok, respond_json};
use crate::judgement::BreakerState;
use crate::mailbox::{InstanceState, Mailbox};
use crate::pipeline::Orchestrator;
use crate::supervision::Registered;
use crate::words::{AgentCard, Generation, InstanceId, milliseconds, seconds};

#[derive(Serialize)]
struct AgentList {
    agents: Vec<AgentView>,
}

/// An agent as the API shows it.
#[derive(Serialize)]
pub(super) struct AgentView {
    #[serde(flatten)]
    card: AgentCard,
    instances: Vec<InstanceView>,
}

#[derive(Serialize)]
struct InstanceView {
    id: InstanceId,
    state: InstanceState,
    /// Which of its lives it is in, or was in last.
    generation: Generation,
    /// How long that life has been taking work; null between two lives.
    uptime_seconds: Option<f64>,
    breaker: BreakerState,
    /// Whether an operator holds it in that state.
    breaker_forced: bool,
    in_flight: usize,
    queued: usize,
    capacity: usize,
    restarts: u64,
    average_response_time_ms: Option<f64>,
    success_rate: f64,
    requests_processed: u64,
    last_health_check: Option<Timestamp>,
    last_error: Option<String>,
}

/// `GET /agents`
pub(super) async fn list(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond_json(&request, async |_| {
        let agents = orchestrator.registry().all();
        let agents = agents.iter().map(|agent| AgentView::of(agent)).collect();
        ok(&AgentList { agents })
    })
    .await
}

/// `GET /agents/{name}`
pub(super) async fn show(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    name: Path<String>,
) -> Response {
    respond_json(&request, async |_| {
        let agent = orchestrator.agent(&name)?;
        ok(&AgentView::of(&agent))
    })
    .await
}

impl AgentView {
    pub(super) fn of(agent: &Registered) -> Self {
        let instances = agent.instances.iter();
        Self {
            card: agent.card.clone(),
            instances: instances.map(|mailbox| InstanceView::of(mailbox)).collect(),
        }
    }
}

impl InstanceView {
    fn of(mailbox: &Mailbox) -> Self {
        let (load, vitals) = (mailbox.load().report(), mailbox.vitals());
        let uptime = vitals.alive_since.map(|since| since.elapsed());
        Self {
            id: mailbox.instance().clone(),
            state: vitals.state,
            generation: vitals.generation,
            uptime_seconds: uptime.map(seconds),
            breaker: mailbox.breaker_state(Instant::now()),
            breaker_forced: mailbox.forced_breaker().is_some(),
            in_flight: load.in_flight,
            queued: load.queued,
            capacity: mailbox.size(),
            restarts: vitals.restarts,
            average_response_time_ms: load.response_time.map(milliseconds),
            success_rate: load.success_rate,
            requests_processed: load.processed,
            last_health_check: vitals.checked_at,
            last_error: vitals.last_error,
        }
    }
}
