use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{BalancingConfig, Candidate, Strategy};
use crate::mailbox::{Lease, Mailbox, Refusal};
use crate::words::InstanceId;

/// The instances of one agent, and the rule for choosing among them.
#[derive(Debug)]
pub struct Pool {
    members: Vec<Arc<Mailbox>>,
    strategy: Option<Box<dyn Strategy>>,
}

impl Pool {
    /// A pool of these instances.
    #[must_use]
    pub fn new(members: Vec<Arc<Mailbox>>, config: BalancingConfig) -> Self {
        let strategy = config.enabled.then(|| config.algorithm.strategy());
        Self { members, strategy }
    }

    /// Whether these are its instances, in this order.
    pub(super) fn has_members(&self, instances: &[Arc<Mailbox>]) -> bool {
        let same = |(one, other): (&Arc<Mailbox>, &Arc<Mailbox>)| Arc::ptr_eq(one, other);
        self.members.len() == instances.len() && self.members.iter().zip(instances).all(same)
    }

    /// Chooses an instance that was not `tried` and takes a place in it.
    ///
    /// # Errors
    /// When none will have the task: the refusal that promises the soonest return.
    pub fn lease(&self, tried: &[InstanceId], now: Instant) -> Result<Lease, Refusal> {
        if let ([only], []) = (self.members.as_slice(), tried) {
            return only.reserve(now);
        }
        let mut refusals = Vec::new();
        let mut candidates = self.candidates(tried, now, &mut refusals);
        while !candidates.is_empty() {
            let index = self.choose(&candidates);
            let member = &self.members[candidates.swap_remove(index).member];
            match member.reserve(now) {
                Ok(lease) => return Ok(lease),
                // Somebody else took the last place since we looked.
                Err(refusal) => refusals.push(refusal),
            }
            candidates.sort_unstable_by_key(|candidate| candidate.member);
        }
        Err(soonest(refusals))
    }

    fn candidates(
        &self,
        tried: &[InstanceId],
        now: Instant,
        refusals: &mut Vec<Refusal>,
    ) -> Vec<Candidate> {
        let mut candidates = Vec::with_capacity(self.members.len());
        for (number, member) in self.members.iter().enumerate() {
            if tried.contains(member.instance()) {
                continue;
            }
            match member.refusal(now) {
                Some(refusal) => refusals.push(refusal),
                None => candidates.push(candidate(number, member)),
            }
        }
        if candidates.iter().any(|candidate| candidate.healthy) {
            candidates.retain(|candidate| candidate.healthy);
        }
        candidates
    }

    fn choose(&self, candidates: &[Candidate]) -> usize {
        match &self.strategy {
            Some(strategy) if candidates.len() > 1 => {
                strategy.choose(candidates, &mut fastrand::Rng::new())
            }
            _ => 0,
        }
    }
}

fn candidate(number: usize, mailbox: &Mailbox) -> Candidate {
    let load = mailbox.load().report();
    Candidate {
        member: number,
        weight: mailbox.weight(),
        taken: load.in_flight + load.queued,
        concurrency: mailbox.capacity().concurrency,
        response_time: load.response_time.map(|time| time.as_secs_f64()),
        success_rate: load.success_rate,
        healthy: !mailbox.is_unwell(),
    }
}

/// A full instance has room again sooner than a breaker closes, and both sooner than what has no
/// life or is paused.
fn soonest(refusals: Vec<Refusal>) -> Refusal {
    let wait = |refusal: &Refusal| match refusal {
        Refusal::Full { retry_after } => (0, *retry_after),
        Refusal::Open { retry_after } => (1, *retry_after),
        Refusal::Stopped {
            retry_after: Some(pause),
        } => (2, *pause),
        Refusal::Paused => (3, Duration::ZERO),
        Refusal::Stopped { retry_after: None } => (4, Duration::ZERO),
    };
    let soonest = refusals.into_iter().min_by_key(wait);
    soonest.unwrap_or(Refusal::Stopped { retry_after: None })
}
