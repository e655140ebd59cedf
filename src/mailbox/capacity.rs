use std::time::Duration;

/// What an instance can do at once, and in what time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Tasks that the agent works on at once; at least 1.
    pub concurrency: usize,
    /// Tasks that may wait beside them at most, however fast the agent is.
    pub queue: usize,
    /// Tasks that may wait beside them in any case, however slow it is.
    pub min_queue: usize,
    /// How long one attempt at a task may take, waiting included.
    pub timeout: Duration,
    /// How long a task may be worked on before it counts as hung; `None`: as long as it takes.
    pub job_timeout: Option<Duration>,
    /// Whether its jobs may block the thread it lives on, which is its own then.
    pub blocking: bool,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            concurrency: 8,
            queue: 64,
            min_queue: 1,
            timeout: Duration::from_secs(30),
            job_timeout: None,
            blocking: false,
        }
    }
}
