//! What decides in the simulation: all of it is the orchestrator's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agent_orchestrator::balancing::{BalancingConfig, Candidate, Member, Pool, Strategy};
use agent_orchestrator::judgement::{BreakerConfig, BreakerState, Pace};
use agent_orchestrator::mailbox::{Capacity, Mailbox, MailboxSpec};
use agent_orchestrator::words::InstanceId;
use fastrand::Rng;

use crate::scenario::Scenario;

/// A way of balancing, and what stands around it.
#[derive(Clone)]
pub struct Policy {
    pub name: &'static str,
    pub balancing: BalancingConfig,
    /// Whether retry budget, deadlines and admission by them are switched on.
    pub whole: bool,
    /// Whether breakers are.
    pub breakers: bool,
}

/// An orchestrator, as far as balancing goes.
pub struct Orchestrator {
    pub pool: Pool,
    pub mailboxes: Vec<Arc<Mailbox>>,
    pub ids: Vec<InstanceId>,
    /// How many tasks of others it believes each instance to have.
    pub elsewhere: Arc<[AtomicUsize]>,
}

impl Orchestrator {
    pub fn new(
        scenario: &Scenario,
        policy: &Policy,
        start: Instant,
        trips: &Arc<AtomicUsize>,
    ) -> Self {
        let pace = Pace::new();
        let mailbox = |number| {
            let trips = Arc::clone(trips);
            let slots = (scenario.slots)(number, 0.0);
            let timeout = Duration::from_secs_f64(scenario.attempt.unwrap_or(scenario.deadline));
            let spec = MailboxSpec {
                agent: "agent".into(),
                number,
                weight: 1,
                capacity: Capacity {
                    concurrency: scenario.told_slots.unwrap_or(slots),
                    queue: scenario.queue,
                    timeout: if policy.whole { timeout } else { FOREVER },
                    ..Capacity::default()
                },
                breaker: BreakerConfig {
                    enabled: policy.breakers,
                    ..BreakerConfig::default()
                },
                listener: Some(Box::new(move |change| {
                    let opened = usize::from(change.state == BreakerState::Open);
                    trips.fetch_add(opened, Ordering::Relaxed);
                })),
                pace: Arc::clone(&pace),
            };
            Mailbox::new(spec, start)
        };
        let mailboxes: Vec<Arc<Mailbox>> = (0..scenario.instances).map(mailbox).collect();
        let first = mailboxes.iter().take(scenario.first).cloned();
        let pool = Pool::new(first.map(Member::new).collect(), policy.balancing);
        let elsewhere: Arc<[AtomicUsize]> = mailboxes.iter().map(|_| AtomicUsize::new(0)).collect();
        let pool = match (scenario.news_every, policy.balancing.strategy()) {
            (Some(_), Some(strategy)) => pool.with_strategy(Arc::new(Hearsay {
                strategy,
                elsewhere: Arc::clone(&elsewhere),
            })),
            _ => pool,
        };
        let ids = mailboxes.iter().map(|it| it.instance().clone()).collect();
        Self {
            pool,
            mailboxes,
            ids,
            elsewhere,
        }
    }
}

/// A deadline for those who know of none.
pub const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// Adds to what an orchestrator knows of the tasks of an instance what it has heard of those of
/// others.
#[derive(Debug)]
struct Hearsay {
    strategy: Arc<dyn Strategy>,
    elsewhere: Arc<[AtomicUsize]>,
}

impl Strategy for Hearsay {
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        let heard = |it: &Candidate<'_>| self.elsewhere[it.member].load(Ordering::Relaxed);
        let candidates = candidates.iter().map(|it| Candidate {
            taken: it.taken + heard(it),
            ..*it
        });
        let candidates: Vec<Candidate<'_>> = candidates.collect();
        self.strategy.choose(&candidates, now, chance)
    }
}
