//! Who is let in, as far as that is a matter of room and time.
//!
//! A queue is only worth what can still be answered of it. So its length follows from how fast the
//! agent is: what waits shall wait for no more than a third of the time that an attempt may take. And
//! whoever would wait for more than a third of its own time, or could not be answered before its
//! deadline, is told so at once, and not when it is too late to ask somebody else.
//!
//! Why a third, and not half: whoever has waited for half of its time is overtaken by newcomers, and
//! a queue that is just so long that this happens keeps doing it, and starves those it has let in.

use std::time::{Duration, Instant};

use super::{Capacity, Refusal};
use crate::judgement::{Deadline, Load};

/// What is asked for when a task is to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// After this, the answer is worth nothing.
    pub deadline: Deadline,
    /// Whether it belongs to a request on which work was done already. Such a task is never
    /// refused for want of room that newcomers take, and comes before them: what was done would
    /// be lost. There are never more of them than the orchestrator lets requests in.
    pub under_way: bool,
}

impl Claim {
    /// That of a request that has just come.
    #[must_use]
    pub fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            under_way: false,
        }
    }
}

/// Nobody waits for more than this part of its time.
const WAITING: u32 = 3;

/// In an emergency, an instance that is thought broken holds no more than it could do in this time
/// beside what it works on.
const EMERGENCY: Duration = Duration::from_secs(1);

impl Capacity {
    /// How many tasks may wait for an agent that usually takes that long.
    fn queue_at(&self, usually: Option<Duration>) -> usize {
        let patience = self.timeout / WAITING;
        let at_least = self.min_queue.min(self.queue);
        self.done_in(patience, usually)
            .map_or(self.queue, |done| done.clamp(at_least, self.queue))
    }

    /// How many tasks are begun in that time; `None` when nobody knows.
    fn done_in(&self, span: Duration, usually: Option<Duration>) -> Option<usize> {
        #[allow(clippy::cast_precision_loss)] // nobody has 2^52 slots
        let done = span.as_secs_f64() / usually?.as_secs_f64() * self.concurrency as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it saturates
        Some(done as usize)
    }

    /// As many it may hold at its present pace, working and waiting.
    pub(super) fn size(&self, load: &Load) -> usize {
        let queue = self.queue_at(load.response_time());
        self.concurrency.saturating_add(queue)
    }

    /// As many there may be with the one that claims a place.
    pub(super) fn most(&self, load: &Load, claim: Claim) -> usize {
        if claim.under_way {
            usize::MAX
        } else if load.taken() < self.concurrency {
            // There is room in any case; how much need not be found out.
            self.concurrency.saturating_add(self.queue)
        } else {
            self.size(load)
        }
    }

    /// As many it may hold in an emergency.
    pub(super) fn most_in_an_emergency(&self, load: &Load) -> usize {
        let queue = self.done_in(EMERGENCY, load.response_time());
        let queue = queue.unwrap_or(0).min(self.queue);
        self.concurrency.saturating_add(queue)
    }

    /// How long a task waits that so many `others` are before.
    pub(super) fn wait(&self, load: &Load, others: usize) -> Duration {
        let Some(usually) = load.response_time() else {
            return Duration::ZERO;
        };
        let ahead = (others + 1).saturating_sub(self.concurrency);
        #[allow(clippy::cast_precision_loss)] // nobody has 2^52 slots
        let rounds = ahead as f64 / self.concurrency as f64;
        Duration::try_from_secs_f64(usually.as_secs_f64() * rounds).unwrap_or(Duration::MAX)
    }

    /// Whether a task that so many `others` are before would have to wait for so long that its
    /// answer would be late.
    pub(super) fn is_too_late(
        &self,
        load: &Load,
        others: usize,
        claim: Claim,
        now: Instant,
    ) -> Option<Refusal> {
        if claim.under_way || others < self.concurrency {
            return None;
        }
        let attempt = Deadline::after(now, self.timeout);
        let remaining = claim.deadline.no_later_than(attempt).remaining(now);
        let (wait, usually) = (self.wait(load, others), load.response_time()?);
        let is_let_wait = others < self.concurrency.saturating_add(self.min_queue);
        // Of times that are spread very widely, the percentile is a guess beyond all bounds.
        let longest = self.timeout / 3 * 2;
        let (most, service) = if is_let_wait {
            (remaining, usually)
        } else if wait <= remaining / WAITING && wait.saturating_add(longest) <= remaining {
            return None;
        } else {
            let service = load.pace().p95().unwrap_or(usually);
            (remaining / WAITING, service.min(longest))
        };
        let too_long = wait.saturating_sub(most);
        let too_late = wait.saturating_add(service).saturating_sub(remaining);
        let excess = too_long.max(too_late);
        (!excess.is_zero()).then(|| Refusal::TooLate {
            retry_after: excess.clamp(Duration::from_secs(1), Duration::from_secs(30)),
        })
    }
}
