use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::judgement::{Outcome, Place};
use crate::words::{AgentContext, AgentError, Reply, Task};

/// Why a task that was let in was not answered with a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The agent said so.
    #[error("{0}")]
    Agent(AgentError),
    /// The agent's life ended while it held the task.
    #[error("the agent crashed while it worked on this request")]
    Crashed,
    /// The time was up.
    #[error("the agent did not answer in time")]
    DeadlineExceeded,
    /// The agent was stopped before it came to the task.
    #[error("the agent was stopped before it came to this request")]
    Stopped,
}

impl AskError {
    /// What it says of the agent, where the deadline has no part in it.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Agent(error) => Outcome::of_error(error),
            Self::Crashed | Self::DeadlineExceeded => Outcome::Failure,
            Self::Stopped => Outcome::Unjudged,
        }
    }
}

/// What comes back: the answer, and the time spent inside the agent.
pub(super) type Delivery = (Result<Reply, AskError>, Duration);

/// A task on its way through the mailbox, with its place and the slot for its answer.
///
/// Dropping it unanswered, as happens when the thread of an agent ends, tells the caller that the
/// agent crashed.
#[derive(Debug)]
pub(crate) struct Envelope {
    task: Option<Task>,
    context: AgentContext,
    place: Place,
    begun: Instant,
    answer: oneshot::Sender<Delivery>,
}

impl Envelope {
    pub(super) fn new(
        task: Task,
        context: AgentContext,
        place: Place,
    ) -> (Self, oneshot::Receiver<Delivery>) {
        let (answer, delivery) = oneshot::channel();
        let envelope = Self {
            task: Some(task),
            context,
            place,
            begun: Instant::now(),
            answer,
        };
        (envelope, delivery)
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    /// Fires when nobody waits for the answer any more.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.context.cancellation().clone()
    }

    /// Starts work on it: the task is handed out, once, and the clock of the agent runs.
    pub(crate) fn open(&mut self) -> Option<(Task, AgentContext)> {
        self.place.begin();
        self.begun = Instant::now();
        Some((self.task.take()?, self.context.clone()))
    }

    /// Answers it. The place is free before the caller knows.
    pub(crate) fn answer(self, result: Result<Reply, AskError>) {
        drop(self.place);
        // A caller that is gone has no use for an answer.
        let _ = self.answer.send((result, self.begun.elapsed()));
    }
}
