//! The steps of the start, from the ground floor up.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use actix::{Actor, Addr};
use actix_rt::ArbiterHandle;
use futures::StreamExt;
use serde_json::Value;
use uuid::Uuid;

use super::StartError;
use crate::agents::chat::Roster;
use crate::agents::llm::Models;
use crate::agents::{AgentEntry, Surroundings};
use crate::balancing::{Balancer, Muster, Pools};
use crate::llm::{ChatModel, OpenAi};
use crate::pipeline::Recruiter;
use crate::routing::{Adviser, Embedder, Helpers, Remember, Router, Routes};
use crate::settings::{Settings, StateConfig};
use crate::store::{Embedded, Journal, Redis, Store, StoreError};
use crate::supervision::{AgentSpec, AgentThreads, Enlist, Origin, Registry, RegistryError, Root};
use crate::telemetry::{Metrics, MetricsConfig, MetricsHandle};
use crate::words::Reader;

const JUST_STARTED: &str = "it was just started, and nothing stops it";

pub(super) fn open_store(state: &StateConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match state {
        StateConfig::Memory => Arc::new(Embedded::in_memory()?),
        StateConfig::File(path) => Arc::new(Embedded::open(path)?),
        StateConfig::Redis(config) => Arc::new(Redis::new(config.clone())?),
    })
}

pub(super) async fn start_agents(
    settings: &Settings,
    specs: Vec<AgentSpec>,
    control: &ArbiterHandle,
) -> Result<(Addr<Root>, Registry), StartError> {
    let threads = AgentThreads::start(agent_threads()).map_err(StartError::Threads)?;
    let (root, registry) = Root::start_on(control, settings.house.clone(), threads);
    for spec in specs {
        let enlisted = root.send(Enlist(spec, Origin::Start)).await;
        enlisted.unwrap_or(Err(RegistryError::Ended))?;
    }
    Ok((root, registry))
}

pub(super) async fn start_balancer(
    settings: &Settings,
    registry: &Registry,
    control: &ArbiterHandle,
) -> (Addr<Balancer>, Pools) {
    let pools = Pools::default();
    let balancer = Balancer::new(settings.balancing, registry.clone(), pools.clone());
    let balancer = Balancer::start_in_arbiter(control, |_| balancer);
    balancer.send(Muster).await.expect(JUST_STARTED);
    (balancer, pools)
}

pub(super) async fn start_router(
    settings: &Settings,
    registry: &Registry,
    journal: &Journal,
    model: Option<&Arc<OpenAi>>,
    control: &ArbiterHandle,
) -> (Addr<Router>, Routes) {
    let helpers = helpers(settings, model);
    let fallback = settings.fallback_agent.as_str().into();
    let routes = Routes::of(fallback, Some(registry.clone()), settings.memory, helpers);
    let router = Router::new(registry.clone(), routes.clone(), journal.clone());
    let router = Router::start_in_arbiter(control, |_| router);
    router.send(Remember).await.expect(JUST_STARTED);
    (router, routes)
}

/// The language models that agents may be, where any are configured.
pub(super) fn models(settings: &Settings, server: Option<&Arc<OpenAi>>) -> Option<Models> {
    let config = settings.llm.as_ref()?;
    let server: Arc<dyn ChatModel> = Arc::<OpenAi>::clone(server?);
    Some(Models {
        server,
        usual: config.routing_model.clone(),
        timeout: config.timeout,
    })
}

/// Who asks models about routing, where any are configured.
pub(super) fn helpers(settings: &Settings, model: Option<&Arc<OpenAi>>) -> Helpers {
    let Some(model) = model else {
        return Helpers::default();
    };
    let breaker = settings.house.breaker;
    let model = || Arc::<OpenAi>::clone(model);
    let embedder = |config| Arc::new(Embedder::new(config, model(), breaker));
    let adviser = |config| Adviser::new(config, model(), breaker);
    Helpers {
        embedder: settings.embedding().map(embedder),
        adviser: settings.advice().map(adviser),
    }
}

/// A client of the language models, where any are configured.
pub(super) fn model(settings: &Settings) -> Result<Option<Arc<OpenAi>>, StartError> {
    let client = settings.llm.as_ref().map(OpenAi::new).transpose()?;
    Ok(client.map(Arc::new))
}

/// Keeps the roster that agents speak of as the registry is.
pub(super) fn keep_roster(roster: Roster, registry: Registry, control: &ArbiterHandle) {
    let publish = move |registry: &Registry| {
        let agents = registry.all();
        roster.publish(agents.iter().map(|agent| agent.card.clone()).collect());
    };
    publish(&registry);
    control.spawn(async move {
        let mut changes = std::pin::pin!(registry.changes());
        while changes.next().await.is_some() {
            publish(&registry);
        }
    });
}

/// Reads the entries of agents that are registered at run time: those that run elsewhere.
pub(super) fn recruiter(settings: &Settings, around: Surroundings) -> Recruiter {
    let house = settings.house.clone();
    Box::new(move |entry: &Value| {
        let faults = RefCell::new(Vec::new());
        let place = Reader::new(entry, &faults);
        let common = |group: Option<&str>| house.supervisor_of(group);
        let read = AgentEntry::read(&place, Path::new("."), common);
        if read.as_ref().is_some_and(|entry| !entry.is_remote()) {
            let kind = place.member("kind");
            if let Some(kind) = kind {
                kind.fault("only agents that run elsewhere can be registered: http");
            }
        }
        let faults = faults.take();
        match read {
            Some(entry) if faults.is_empty() => Ok(entry.spec(&around)),
            _ => Err(faults),
        }
    })
}

pub(super) fn start_metrics(
    settings: &Settings,
    id: Uuid,
    journal: &Journal,
    control: &ArbiterHandle,
) -> MetricsHandle {
    let config = MetricsConfig {
        enabled: settings.pipeline.metrics_ttl.is_some(),
        retention: settings.metrics_retention,
    };
    Metrics::new(config, id, journal.clone()).start_on(control)
}

pub(super) fn place_of(state: &StateConfig) -> &Path {
    match state {
        StateConfig::File(path) => path,
        StateConfig::Memory | StateConfig::Redis(_) => ".".as_ref(),
    }
}

/// Half of the cores: agents mostly wait for others.
fn agent_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).max(1)
}
