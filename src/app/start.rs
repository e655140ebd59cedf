//! The steps of the start, from the ground floor up.

use std::path::Path;
use std::sync::Arc;

use actix::Actor;
use actix_rt::ArbiterHandle;
use uuid::Uuid;

use crate::balancing::{Balancer, Join, Pools};
use crate::routing::{Enrol, Router, Routes};
use crate::settings::{Settings, StateConfig};
use crate::store::{Embedded, Journal, Redis, Store, StoreError};
use crate::supervision::{AgentSpec, AgentThreads, Registered, Registry};
use crate::telemetry::{Metrics, MetricsConfig, MetricsHandle};
use crate::words::AgentCard;

pub(super) fn open_store(state: &StateConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match state {
        StateConfig::Memory => Arc::new(Embedded::in_memory()?),
        StateConfig::File(path) => Arc::new(Embedded::open(path)?),
        StateConfig::Redis(config) => Arc::new(Redis::new(config.clone())?),
    })
}

pub(super) fn start_agents(
    settings: &Settings,
    specs: Vec<AgentSpec>,
    control: &ArbiterHandle,
) -> Registry {
    let threads = AgentThreads::start(agent_threads());
    Registry::start(specs, settings.house, threads, control)
}

pub(super) async fn start_balancer(
    settings: &Settings,
    agents: &[Arc<Registered>],
    control: &ArbiterHandle,
) -> Pools {
    let pools = Pools::default();
    let balancer = Balancer::new(settings.balancing, pools.clone());
    let balancer = Balancer::start_in_arbiter(control, |_| balancer);
    for agent in agents {
        let join = Join {
            agent: agent.card.name.clone(),
            instances: agent.instances.clone(),
        };
        balancer
            .send(join)
            .await
            .expect("the balancer was just started and nothing stops it");
    }
    pools
}

pub(super) async fn start_router(
    settings: &Settings,
    agents: &[Arc<Registered>],
    control: &ArbiterHandle,
) -> Routes {
    let routes = Routes::new(settings.fallback_agent.as_str().into());
    let router = Router::new(routes.clone());
    let router = Router::start_in_arbiter(control, |_| router);
    let cards: Vec<AgentCard> = agents.iter().map(|agent| agent.card.clone()).collect();
    router
        .send(Enrol(cards))
        .await
        .expect("the router was just started and nothing stops it");
    routes
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
