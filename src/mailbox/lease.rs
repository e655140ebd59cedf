use std::sync::Arc;
use std::time::{Duration, Instant};

use super::envelope::Delivery;
use super::{AskError, Envelope, Mailbox};
use crate::judgement::{Deadline, Outcome, Permit, Place};
use crate::words::{AgentContext, InstanceId, Reply, Task};

/// An instance's promise to take one task. Dropped unused, it leaves no trace.
#[derive(Debug)]
#[must_use = "a lease is a place that nobody else can have"]
pub struct Lease {
    mailbox: Arc<Mailbox>,
    place: Place,
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
    /// The time spent inside the agent.
    pub inside: Duration,
}

impl Lease {
    pub(super) fn new(mailbox: Arc<Mailbox>, place: Place, permit: Permit, since: Instant) -> Self {
        Self {
            mailbox,
            place,
            permit,
            since,
        }
    }

    /// The instance that has promised.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        self.mailbox.instance()
    }

    /// The deadline of an attempt here: the request's, or the agent's own where that is nearer.
    #[must_use]
    pub fn deadline(&self, request: Deadline) -> Deadline {
        request.no_later_than(Deadline::after(self.since, self.mailbox.capacity.timeout))
    }

    /// Puts the task into the mailbox and waits for the answer, but not much longer than until
    /// the deadline of the context: deadlines are looked at some fifty times a second.
    ///
    /// Dropping the future cancels the work: a task that still waits is never begun, and one that
    /// is being worked on is dropped at its next await.
    pub async fn ask(self, task: Task, context: AgentContext) -> Answered {
        let Self {
            mailbox,
            place,
            permit,
            since,
        } = self;
        let deadline = context.deadline();
        let _cancelled_when_dropped = CancelGuard(context.clone());
        let (envelope, delivery) = Envelope::new(task, context, place);
        mailbox.put(envelope);

        let delivery = delivery.await.unwrap_or_else(|_unanswered| {
            let at = Instant::now();
            Delivery {
                result: Err(AskError::Crashed),
                inside: at.saturating_duration_since(since),
                at,
            }
        });
        let outcome = match &delivery.result {
            Ok(_) => Outcome::Success,
            Err(AskError::DeadlineExceeded) => Outcome::of_time_out(
                deadline.saturating_duration_since(since),
                mailbox.capacity.timeout,
                mailbox.load.response_time(),
            ),
            Err(error) => error.outcome(),
        };
        permit.settle(outcome, delivery.at);
        mailbox.load.learn(outcome, delivery.inside);
        Answered {
            instance: mailbox.instance.clone(),
            result: delivery.result,
            outcome,
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
