use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, StreamHandler};
use arc_swap::ArcSwap;

use super::{BalancingConfig, Pool};
use crate::supervision::{Changed, Registry};
use crate::words::AgentName;

/// Owns the pools of all agents, and publishes them. It follows the registry: whoever comes or
/// goes there, comes or goes here.
#[derive(Debug)]
pub struct Balancer {
    config: BalancingConfig,
    registry: Registry,
    published: Pools,
}

/// The pools as last published; cheap to clone, read from any thread without waiting.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    pools: Arc<ArcSwap<HashMap<AgentName, Arc<Pool>>>>,
}

/// Looks at the registry now; answered when what is there is published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Muster;

impl Balancer {
    /// A balancer of the agents of that registry, which publishes to `published`.
    #[must_use]
    pub fn new(config: BalancingConfig, registry: Registry, published: Pools) -> Self {
        Self {
            config,
            registry,
            published,
        }
    }

    /// Pools whose members have stayed the same stay, with all that their strategies remember.
    fn muster(&self) {
        let before = self.published.pools.load();
        let pools = self.registry.all().into_iter().map(|agent| {
            let name = agent.card.name.clone();
            let old = before.get(&name);
            let same = old.filter(|pool| pool.has_members(&agent.instances));
            let pool = same.cloned().unwrap_or_else(|| {
                let members = agent.instances.clone();
                Arc::new(Pool::new(members, self.config))
            });
            (name, pool)
        });
        self.published.pools.store(Arc::new(pools.collect()));
    }
}

impl Pools {
    /// The pool of the agent of that name.
    #[must_use]
    pub fn find(&self, agent: &str) -> Option<Arc<Pool>> {
        self.pools.load().get(agent).cloned()
    }
}

impl Actor for Balancer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.registry.changes());
    }
}

impl Handler<Muster> for Balancer {
    type Result = ();

    fn handle(&mut self, _: Muster, _: &mut Self::Context) {
        self.muster();
    }
}

impl StreamHandler<Changed> for Balancer {
    fn handle(&mut self, _: Changed, _: &mut Self::Context) {
        self.muster();
    }
}
