use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use arc_swap::ArcSwap;

use super::{BalancingConfig, Pool};
use crate::mailbox::Mailbox;
use crate::words::AgentName;

/// Owns the pools of all agents, and publishes them.
#[derive(Debug)]
pub struct Balancer {
    config: BalancingConfig,
    published: Pools,
}

/// The pools as last published; cheap to clone, read from any thread without waiting.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    pools: Arc<ArcSwap<HashMap<AgentName, Arc<Pool>>>>,
}

/// An agent's instances are ready to be chosen.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Join {
    /// Whose they are.
    pub agent: AgentName,
    /// The instances, in order.
    pub instances: Vec<Arc<Mailbox>>,
}

impl Balancer {
    /// A balancer that publishes to `published`.
    #[must_use]
    pub fn new(config: BalancingConfig, published: Pools) -> Self {
        Self { config, published }
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
}

impl Handler<Join> for Balancer {
    type Result = ();

    fn handle(&mut self, Join { agent, instances }: Join, _: &mut Self::Context) {
        let pool = Arc::new(Pool::new(instances, self.config));
        self.published.pools.rcu(|pools| {
            let mut pools = HashMap::clone(pools);
            pools.insert(agent.clone(), Arc::clone(&pool));
            pools
        });
    }
}
