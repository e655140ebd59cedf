use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::judgement::{Deadline, Outcome, Place};
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
    /// It was worked on for longer than the agent's jobs may take, and was taken away.
    #[error("the agent worked on this request for longer than it may")]
    Hung,
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
            Self::Crashed | Self::Hung | Self::DeadlineExceeded => Outcome::Failure,
            Self::Stopped => Outcome::Unjudged,
        }
    }

    /// Whether the agent says that it has done nothing yet.
    pub(super) fn is_unbegun(&self) -> bool {
        matches!(self, Self::Agent(error) if !error.has_begun())
    }
}

/// What comes back.
#[derive(Debug)]
pub(super) struct Delivery {
    pub result: Result<Reply, AskError>,
    /// Whether work on the task was begun.
    pub begun: bool,
    /// The time spent inside the agent.
    pub inside: Duration,
    /// When it was sent.
    pub at: Instant,
}

/// A caller who waits for an answer.
#[derive(Debug)]
pub(super) struct Call {
    pub context: AgentContext,
    place: Place,
    answer: oneshot::Sender<Delivery>,
}

impl Call {
    /// Its task is being worked on from now on.
    pub(super) fn begin(&mut self) {
        self.place.begin();
    }

    /// Answers. The place is free before the caller knows.
    pub(super) fn answer(self, delivery: Delivery) {
        drop(self.place);
        // A caller that is gone has no use for an answer.
        let _ = self.answer.send(delivery);
    }
}

/// A task that waits, and who waits for it.
#[derive(Debug)]
pub(crate) struct Envelope {
    task: Task,
    call: Call,
    since: Instant,
}

impl Envelope {
    pub(super) fn new(
        task: Task,
        context: AgentContext,
        place: Place,
        since: Instant,
    ) -> (Self, oneshot::Receiver<Delivery>) {
        let (answer, delivery) = oneshot::channel();
        let call = Call {
            context,
            place,
            answer,
        };
        (Self { task, call, since }, delivery)
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.call.answer.is_closed()
    }

    /// Whether its time was up before its turn came.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.call.context.deadline() <= now
    }

    /// Whether it has waited for more than half of the time that it was given.
    pub(super) fn has_waited_too_long(&self, now: Instant) -> bool {
        let deadline = Deadline::at(self.call.context.deadline());
        deadline.is_half_spent(self.since, now)
    }

    /// What is in it.
    pub(super) fn open(self) -> (Task, Call) {
        (self.task, self.call)
    }

    /// Gives it back unopened, and says why.
    pub(super) fn return_to_sender(self, why: AskError) {
        self.call.answer(Delivery {
            result: Err(why),
            begun: false,
            inside: Duration::ZERO,
            at: Instant::now(),
        });
    }
}
