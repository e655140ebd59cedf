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

    /// Puts the task into the mailbox and waits for the answer, but no longer than the deadline of
    /// the context.
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
        let (asked, deadline) = (Instant::now(), context.deadline());
        let _cancel_when_dropped = context.cancellation().clone().drop_guard();
        let (envelope, delivery) = Envelope::new(task, context, place);
        mailbox.put(envelope);

        let (result, inside) = match tokio::time::timeout_at(deadline.into(), delivery).await {
            Ok(Ok(delivery)) => delivery,
            Ok(Err(_dropped_unanswered)) => crashed(asked),
            Err(_elapsed) => (Err(AskError::DeadlineExceeded), asked.elapsed()),
        };
        let outcome = match &result {
            Ok(_) => Outcome::Success,
            Err(AskError::DeadlineExceeded) => Outcome::of_time_out(
                deadline.saturating_duration_since(since),
                mailbox.capacity.timeout,
                mailbox.load.response_time(),
            ),
            Err(error) => error.outcome(),
        };
        permit.settle(outcome, Instant::now());
        mailbox.load.learn(outcome, inside);
        Answered {
            instance: mailbox.instance.clone(),
            result,
            outcome,
            inside,
        }
    }
}

fn crashed(asked: Instant) -> Delivery {
    (Err(AskError::Crashed), asked.elapsed())
}
