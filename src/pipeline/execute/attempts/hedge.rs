//! Hedging: when the first instance takes longer than nineteen of twenty, a second one is asked,
//! too, and the first answer counts.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::{Either, select};

use super::{Attempts, Tried};
use crate::mailbox::{Answered, Lease};
use crate::words::{InstanceId, milliseconds};

impl Attempts<'_> {
    /// How long an instance is waited for alone; `None`: as long as it takes.
    pub(super) fn patience(&self, lease: &Lease) -> Option<Duration> {
        let hedges = self.agent.hedge && self.agent.retry_safe && self.step.attempts == 0;
        // What becomes of a probe, its breaker has to know.
        if !hedges || lease.is_probe(lease.since()) {
            return None;
        }
        let mailbox = &self.pool.members().first()?.mailbox;
        let longest = mailbox.capacity().timeout / 2;
        Some(mailbox.load().pace().p95()?.min(longest))
    }

    /// Asks one instance, and if it takes longer than that, perhaps a second.
    pub(super) async fn ask_perhaps_two(&mut self, lease: Lease, patience: Duration) -> Answered {
        let (since, one) = (lease.since(), lease.instance().clone());
        self.pool.hedges().deposit(since);
        let mut first = pin!(self.ask_one(lease, true));
        if let Ok(answered) = tokio::time::timeout(patience, &mut first).await {
            return answered;
        }
        let Some(lease) = self.second_lease(&one) else {
            return first.await;
        };
        let other = lease.instance().clone();
        let second = pin!(self.ask_one(lease, false));
        let (quicker, slower) = match select(first, second).await {
            Either::Left((answered, second)) if answered.result.is_err() => {
                let other = second.await;
                return self.after_a_failure(answered, other, since);
            }
            Either::Right((answered, first)) if answered.result.is_err() => {
                let other = first.await;
                return self.after_a_failure(answered, other, since);
            }
            Either::Left((answered, _)) => (answered, other),
            Either::Right((answered, _)) => (answered, one),
        };
        self.step.instance = Some(quicker.instance.clone());
        self.step.tried.push(Tried {
            instance: slower,
            error: "cancelled: another instance answered first".to_owned(),
            error_type: None,
            duration_ms: milliseconds(since.elapsed()),
        });
        quicker
    }

    fn second_lease(&self, first: &InstanceId) -> Option<Lease> {
        let tried = std::slice::from_ref(first);
        let lease = self.lease(tried, self.what.under_way).ok()?;
        self.pool.hedges().withdraw(Instant::now()).then_some(lease)
    }

    /// One of two has failed: what the other says counts.
    fn after_a_failure(&mut self, failed: Answered, other: Answered, since: Instant) -> Answered {
        self.step.instance = Some(other.instance.clone());
        self.step.inside += failed.inside;
        self.left.push(failed.instance.clone());
        self.note(failed, since);
        other
    }
}
