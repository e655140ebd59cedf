use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, AsyncContext, Context, Handler, Message, StreamHandler};
use arc_swap::ArcSwap;

use super::{BalancingConfig, Member, Pool};
use crate::mailbox::{InstanceState, Mailbox};
use crate::supervision::{Changed, Registry};
use crate::words::AgentName;

/// Owns the pools of all agents, and publishes them. It follows the registry: whoever comes or
/// goes there, comes or goes here, and whoever comes late or comes back is spared for a while.
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

    fn muster(&self) {
        let (before, now) = (self.published.pools.load(), Instant::now());
        let pools = self.registry.all().into_iter().map(|agent| {
            let name = agent.card.name.clone();
            let pool = if let Some(pool) = before.get(&name) {
                pool.followed_by(members(&agent.instances, pool, now))
            } else {
                let members = agent.instances.iter().cloned().map(Member::new);
                Pool::new(members.collect(), self.config)
            };
            (name, Arc::new(pool))
        });
        self.published.pools.store(Arc::new(pools.collect()));
    }
}

/// The instances as members of the pool that follows `before`.
fn members(instances: &[Arc<Mailbox>], before: &Pool, now: Instant) -> Vec<Member> {
    let member = |mailbox: &Arc<Mailbox>| {
        let mut known = before.members().iter();
        let known = known.find(|member| Arc::ptr_eq(&member.mailbox, mailbox));
        let is_late = known.is_none_or(|member| member.since.is_some() || member.was_away);
        let is_away = match mailbox.state() {
            InstanceState::Stopped => true,
            // Whoever is there from the start is as new as all others.
            InstanceState::Starting => is_late,
            _ => false,
        };
        let since = match known {
            Some(member) if is_away || !member.was_away => member.since,
            Some(_) | None => Some(now),
        };
        Member {
            mailbox: Arc::clone(mailbox),
            since,
            was_away: is_away,
        }
    };
    instances.iter().map(member).collect()
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
