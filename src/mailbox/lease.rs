use std::sync::Arc;
use std::time::{Duration, Instant};

use super::envelope::Delivery;
use super::inbox::Lane;
use super::{AskError, Claim, Envelope, Mailbox};
use crate::judgement::{BreakerState, CallEnd, Deadline, Outcome, Permit, Place, Verdict};
use crate::words::{AgentContext, InstanceId, Reply, Task};

/// An instance's promise to take one task. Dropped unused, it leaves no trace.
#[derive(Debug)]
#[must_use = "a lease is a place that nobody else can have"]
pub struct Lease {
    case: Case,
    place: Place,
    claim: Claim,
}

/// What is to be learned from one call: the part of a [`Lease`] that its caller keeps.
#[derive(Debug)]
#[must_use = "a case that is dropped teaches nothing"]
pub struct Case {
    mailbox: Arc<Mailbox>,
    permit: Permit,
    since: Instant,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Who was asked.
    pub instance: InstanceId,
    /// The reply, or why there is none.
    pub result: Result<Reply, AskError>,
    /// What it says of the instance; already known to its breaker and its load.
    pub outcome: Outcome,
    /// Whether the agent may have done anything that it would be wrong to do twice.
    pub begun: bool,
    /// The time spent inside the agent.
    pub inside: Duration,
}

impl Case {
    pub(super) fn new(mailbox: Arc<Mailbox>, permit: Permit, since: Instant) -> Self {
        Self {
            mailbox,
            permit,
            since,
        }
    }

    /// Has breaker and load learn how the call ended: what it says of the instance, how long it
    /// was worked on, and when it was over. `chance` is a random number in `0.0..1.0`, for how long
    /// a breaker that opens stays open.
    pub fn close(self, outcome: Outcome, service: Duration, at: Instant, chance: f64) {
        let Mailbox {
            load,
            breaker_config,
            ..
        } = &*self.mailbox;
        let is_long = service >= breaker_config.slow_call_duration;
        let slow = is_long && breaker_config.is_slow(service, load.pace().p95());
        self.permit.settle(Verdict { outcome, slow }, at, chance);
        let round_trip = at.saturating_duration_since(self.since);
        let call = CallEnd {
            outcome,
            service,
            round_trip,
        };
        load.learn(call, at);
    }

    fn outcome(&self, delivery: &Delivery, deadline: Instant) -> Outcome {
        match &delivery.result {
            Ok(_) => Outcome::Success,
            Err(AskError::DeadlineExceeded) if !delivery.begun => Outcome::Unjudged,
            Err(AskError::DeadlineExceeded) => {
                let load = &self.mailbox.load;
                let usually = load.pace().median().or_else(|| load.response_time());
                // It is not to blame for the time that the task has waited, where that is known to
                // matter.
                let granted = match usually {
                    Some(_) => delivery.inside,
                    None => deadline.saturating_duration_since(self.since),
                };
                Outcome::of_time_out(granted, self.mailbox.capacity.timeout, usually)
            }
            Err(error) => error.outcome(),
        }
    }
}

impl Lease {
    pub(super) fn new(case: Case, place: Place, claim: Claim) -> Self {
        Self { case, place, claim }
    }

    /// The instance that has promised.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        self.case.mailbox.instance()
    }

    /// When it was promised.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.case.since
    }

    /// Whether it is the probe of a breaker that is half-open.
    #[must_use]
    pub fn is_probe(&self, now: Instant) -> bool {
        self.case.mailbox.breaker_state(now) == BreakerState::HalfOpen
    }

    /// The deadline of an attempt here: the request's, or the agent's own where that is nearer.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        let longest = self.case.mailbox.capacity.timeout;
        let attempt = Deadline::after(self.case.since, longest);
        self.claim.deadline.no_later_than(attempt)
    }

    /// The two halves of the promise, for who has the work done elsewhere, as simulations do: the
    /// place, which counts until it is dropped, and what is to be learned.
    pub fn split(self) -> (Place, Case) {
        (self.place, self.case)
    }

    /// Puts the task into the mailbox and waits for the answer, but not much longer than until
    /// the deadline of the context: deadlines are looked at some fifty times a second.
    ///
    /// Dropping the future cancels the work: a task that still waits is never begun, and one that
    /// is being worked on is dropped at its next await.
    pub async fn ask(self, task: Task, context: AgentContext) -> Answered {
        let Self { case, place, claim } = self;
        let deadline = context.deadline();
        let _cancelled_when_dropped = CancelGuard(context.clone());
        let (envelope, delivery) = Envelope::new(task, context, place, case.since);
        let lane = if claim.under_way {
            Lane::Urgent
        } else {
            Lane::Usual
        };
        case.mailbox.put(envelope, lane);

        let delivery = delivery.await.unwrap_or_else(|_unanswered| {
            let at = Instant::now();
            Delivery {
                result: Err(AskError::Crashed),
                begun: true,
                inside: at.saturating_duration_since(case.since),
                at,
            }
        });
        let outcome = case.outcome(&delivery, deadline);
        let instance = case.mailbox.instance.clone();
        case.close(outcome, delivery.inside, delivery.at, fastrand::f64());
        Answered {
            instance,
            outcome,
            begun: delivery.begun && !delivery.result.as_ref().is_err_and(AskError::is_unbegun),
            result: delivery.result,
            inside: delivery.inside,
        }
    }
}

/// Says, when it is dropped, that nobody wants the answer any more.
struct CancelGuard(AgentContext);

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
