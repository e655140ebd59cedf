//! How much an agent takes on, for how long, and what becomes of what it does not answer.

use std::time::Duration;

use super::{AgentSpec, JobTimeout, OnFailure};
use crate::words::AgentName;

impl AgentSpec {
    /// How many tasks an instance works on at once; 8 unless said.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.capacity.concurrency = concurrency;
        self
    }

    /// How many tasks may wait for an instance at most; 64 unless said. It is fewer for one that is
    /// slow: as many as it can begin in a third of its [`timeout`](Self::timeout).
    pub fn queue(mut self, most: usize) -> Self {
        self.capacity.queue = most;
        self
    }

    /// How many tasks may wait for an instance however slow it is; 1 unless said.
    pub fn min_queue(mut self, least: usize) -> Self {
        self.capacity.min_queue = least;
        self
    }

    /// How long one attempt at a task may take, waiting included; 30 s unless said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.capacity.timeout = timeout;
        self
    }

    /// How long a task may be worked on, waiting not included, before it counts as hung: its
    /// caller is told, and the work is dropped. As long as its [`timeout`](Self::timeout) unless
    /// said; [`JobTimeout::Unlimited`] for jobs that take as long as they take.
    pub fn job_timeout(mut self, limit: impl Into<JobTimeout>) -> Self {
        self.job_timeout = limit.into();
        self
    }

    /// Whether its jobs may block their thread: calculate for long, or call what is not
    /// asynchronous. Each instance has a thread to itself then, and nobody else is kept waiting.
    pub fn blocking(mut self, blocking: bool) -> Self {
        self.capacity.blocking = blocking;
        self
    }

    /// What a sequence does when this agent could not answer; it stops unless said.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Whether a task that was begun may be begun again, elsewhere if possible, when it was not
    /// answered; not unless said. It is asked at most three times, and after two crashes never
    /// again. What was not begun is given to another in any case.
    pub fn retry_safe(mut self, safe: bool) -> Self {
        self.retry_safe = safe;
        self
    }

    /// Whether a second instance is asked, too, when the first takes longer than nineteen of
    /// twenty; the first answer counts. Not unless said, and only where it is
    /// [safe](Self::retry_safe) that two work on the same task. At most one task in twenty is.
    pub fn hedge(mut self, hedge: bool) -> Self {
        self.hedge = hedge;
        self
    }

    /// The agents that are asked, in order, when no instance of this one could answer.
    pub fn fallback<T: Into<AgentName>>(mut self, agents: impl IntoIterator<Item = T>) -> Self {
        self.fallback = agents.into_iter().map(Into::into).collect();
        self
    }
}
