use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::query::{self, Parameters};
use super::respond::{Response, ok, respond, respond_json};
use crate::llm::ChatModel;
use crate::pipeline::{Orchestrator, Peer, Problem};
use crate::store::JournalReport;
use crate::telemetry::{AgentHealth, OrchestratorStatus, Resources, agents_health};
use crate::words::{AgentName, milliseconds};

/// The body of `GET /health`.
#[derive(Serialize)]
struct Health {
    timestamp: Timestamp,
    orchestrator_status: OrchestratorStatus,
    agent_health: BTreeMap<AgentName, AgentHealth>,
    system_resources: Option<Resources>,
    agent_threads: AgentThreads,
    external_dependencies: Dependencies,
    version: &'static str,
    instance_id: Uuid,
    uptime_seconds: u64,
}

/// How the threads are that agents live on.
#[derive(Serialize)]
struct AgentThreads {
    /// Blocked by an agent and left behind, until they come free by themselves.
    leaked: usize,
}

#[derive(Serialize)]
struct Dependencies {
    state: StateHealth,
    llm: LlmHealth,
}

/// How the language models are.
#[derive(Serialize)]
struct LlmHealth {
    /// `openai`, for the convention that is spoken; `none` where none are configured.
    kind: &'static str,
    status: &'static str,
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct StateHealth {
    kind: &'static str,
    status: &'static str,
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    journal: JournalReport,
}

/// `GET /health`
pub(super) async fn health(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond_json(&request, async |_| {
        let house = orchestrator.house();
        let gauge = house.gauge.clone();
        let agents = agents_health(&house.registry);
        ok(&Health {
            timestamp: Timestamp::now(),
            orchestrator_status: agents.orchestrator_status(),
            agent_health: agents.agents,
            system_resources: web::block(move || gauge.read()).await.ok().flatten(),
            agent_threads: AgentThreads {
                leaked: house.registry.leaked_threads(),
            },
            external_dependencies: Dependencies {
                state: state_health(&orchestrator).await,
                llm: llm_health(&orchestrator).await,
            },
            version: env!("CARGO_PKG_VERSION"),
            instance_id: house.id,
            uptime_seconds: house.started.elapsed().as_secs(),
        })
    })
    .await
}

async fn state_health(orchestrator: &Orchestrator) -> StateHealth {
    let journal = &orchestrator.house().journal;
    let answered = journal.ping().await;
    StateHealth {
        kind: journal.kind(),
        status: match answered {
            Ok(_) => "healthy",
            Err(_) => "unavailable",
        },
        latency_ms: answered.as_ref().ok().copied().map(milliseconds),
        error: answered.err().map(|error| error.to_string()),
        journal: orchestrator.unwritten(),
    }
}

/// A server of language models that takes longer counts as unavailable.
const LLM_PATIENCE: Duration = Duration::from_millis(500);

async fn llm_health(orchestrator: &Orchestrator) -> LlmHealth {
    let Some(model) = &orchestrator.house().model else {
        return LlmHealth {
            kind: "none",
            status: "disabled",
            latency_ms: None,
            error: None,
        };
    };
    let began = Instant::now();
    let answered = match tokio::time::timeout(LLM_PATIENCE, model.ping()).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(format!("it does not answer within {LLM_PATIENCE:?}")),
    };
    LlmHealth {
        kind: "openai",
        status: match answered {
            Ok(()) => "healthy",
            Err(_) => "unavailable",
        },
        latency_ms: answered.is_ok().then(|| milliseconds(began.elapsed())),
        error: answered.err(),
    }
}

/// `GET /agents/health`
pub(super) async fn agents(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond_json(&request, async |_| {
        ok(&agents_health(orchestrator.registry()))
    })
    .await
}

/// `GET /livez`: the process answers.
pub(super) async fn livez(request: HttpRequest) -> Response {
    respond(&request, async |_| Ok(plain(HttpResponse::Ok(), "alive"))).await
}

/// `GET /readyz`: requests are welcome. Not so while draining, nor without any agent that can
/// take work; whether the state can be written does not matter.
pub(super) async fn readyz(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    respond(&request, async |_| {
        Ok(match orchestrator.obstacle() {
            None => plain(HttpResponse::Ok(), "ready"),
            Some(obstacle) => plain(HttpResponse::ServiceUnavailable(), obstacle),
        })
    })
    .await
}

/// `GET /metrics/summary?window_seconds=`
pub(super) async fn summary(
    orchestrator: Data<Orchestrator>,
    request: HttpRequest,
    query: Query<Parameters>,
) -> Response {
    respond_json(&request, async |_| {
        let window = window(&query)?;
        let summary = orchestrator.house().metrics.summary(window).await;
        ok(&summary.map_err(|error| Problem::no_state(&error))?)
    })
    .await
}

/// `GET /cluster`
pub(super) async fn cluster(orchestrator: Data<Orchestrator>, request: HttpRequest) -> Response {
    /// The orchestrators that share the state.
    #[derive(Serialize)]
    struct Cluster {
        instances: Vec<Peer>,
    }
    respond_json(&request, async |_| {
        let instances = orchestrator.peers().await?;
        ok(&Cluster { instances })
    })
    .await
}

/// The windows that can be summed up, seconds; the longest are ten years.
const WINDOWS: RangeInclusive<u64> = 1..=315_576_000;

fn window(query: &Parameters) -> Result<Duration, Problem> {
    query::read(query, &["window_seconds"], |query| {
        let window = query.integer("window_seconds", WINDOWS);
        Duration::from_secs(window.unwrap_or(3600))
    })
}

fn plain(mut response: actix_web::HttpResponseBuilder, text: &'static str) -> HttpResponse {
    response.insert_header(ContentType::plaintext()).body(text)
}
