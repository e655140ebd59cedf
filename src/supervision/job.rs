//! One job of a life: an agent's work on one task, and how it is seen through to its end.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use actix::{Message, Recipient};

use super::guarded::guarded_wait;
use super::leash::Leash;
use super::pulse::{Marked, Tenancy};
use crate::mailbox::{AskError, Job};
use crate::words::{Agent, AgentContext, AgentErrorKind, ExitReason, Reply, Task};

/// What became of an agent's work; `Err` is the cause of the life's end.
pub(super) type WorkDone = Result<Result<Reply, AskError>, ExitReason>;

/// An agent at work.
///
/// The agent is held beside the work, so that, when this is the last that holds it, it is dropped
/// with the work and not at the end of it: an answer is not lost to an agent's `Drop`.
pub(super) struct Work {
    future: Pin<Box<dyn Future<Output = WorkDone>>>,
    _agent: Rc<dyn Any>,
}

impl Work {
    /// The agent's work on a task.
    pub(super) fn new<A: Agent>(agent: Rc<A>, task: Task, context: AgentContext) -> Self {
        let held = Rc::clone(&agent);
        let handling = async move { agent.handle(task, &context).await };
        let future = async {
            match guarded_wait(handling).await {
                Ok(Ok(reply)) => Ok(Ok(reply)),
                Ok(Err(error)) if error.kind() == AgentErrorKind::Fatal => {
                    Err(ExitReason::Fatal(error.to_string()))
                }
                Ok(Err(error)) => Ok(Err(AskError::Agent(error))),
                Err(panic) => Err(panic),
            }
        };
        Self {
            future: Box::pin(future),
            _agent: held,
        }
    }
}

impl Future for Work {
    type Output = WorkDone;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WorkDone> {
        self.future.as_mut().poll(cx)
    }
}

/// A job that went on by itself has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) enum JobEnded {
    /// It was done.
    Done,
    /// It was given up.
    GivenUp,
    /// It has taken the life with it.
    Fatally(ExitReason),
}

/// Sees a job through to its end, which may come after the end of the life that began it.
pub(super) async fn attend(
    mut work: Marked<Work>,
    job: Job,
    host: Recipient<JobEnded>,
    leash: Leash,
    _tenancy: Tenancy,
) {
    let cancelled = job.cancellation();
    let (answer, mut ended) = tokio::select! {
        biased;
        () = leash.killed().cancelled() => (Some(Err(AskError::Stopped)), JobEnded::GivenUp),
        // Nobody hears an answer any more, or somebody else has given one.
        () = cancelled.cancelled() => (None, JobEnded::GivenUp),
        done = &mut work => match done {
            Ok(result) => (Some(result), JobEnded::Done),
            Err(cause) => (Some(Err(AskError::Crashed)), JobEnded::Fatally(cause)),
        },
    };
    if let (Err(panic), JobEnded::Done | JobEnded::GivenUp) = (work.drop_guarded(), &ended) {
        ended = JobEnded::Fatally(panic);
    }
    // The host hears of it first: a life that has ended must not take what the caller asks next.
    host.do_send(ended);
    if let Some(result) = answer {
        job.settle(result, Instant::now());
    }
}
