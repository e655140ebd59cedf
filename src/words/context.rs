use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{AgentName, PreviousResult, RequestEvent, RequestId};

/// Receives the events of one request as they happen. It is called on the thread of the caller and
/// on those of the agents, and must not block.
pub type Listener = Arc<dyn Fn(RequestEvent) + Send + Sync>;

/// The request that a task belongs to, as its agent sees it; cheap to clone.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::{AgentContext, RequestId};
///
/// let cx = AgentContext::new("weather", RequestId::new(), Instant::now() + Duration::from_secs(3));
/// assert!(cx.remaining() <= Duration::from_secs(3));
/// assert!(!cx.is_cancelled());
/// ```
#[derive(Clone)]
pub struct AgentContext {
    inner: Arc<Inner>,
}

struct Inner {
    agent: AgentName,
    request_id: RequestId,
    deadline: Instant,
    previous_results: Arc<[PreviousResult]>,
    cancellation: CancellationToken,
    listener: Option<Listener>,
}

impl AgentContext {
    /// A context with no earlier results and nobody listening.
    #[must_use]
    pub fn new(agent: impl Into<AgentName>, request_id: RequestId, deadline: Instant) -> Self {
        Self::with_audience(agent.into(), request_id, deadline, Arc::new([]), None)
    }

    pub(crate) fn with_audience(
        agent: AgentName,
        request_id: RequestId,
        deadline: Instant,
        previous_results: Arc<[PreviousResult]>,
        listener: Option<Listener>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                agent,
                request_id,
                deadline,
                previous_results,
                cancellation: CancellationToken::new(),
                listener,
            }),
        }
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.inner.request_id
    }

    /// When the answer is no longer wanted.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.inner.deadline
    }

    /// The time left until the [deadline](Self::deadline); zero when it has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.inner
            .deadline
            .saturating_duration_since(Instant::now())
    }

    /// What earlier agents of a sequence answered, in order.
    #[must_use]
    pub fn previous_results(&self) -> &[PreviousResult] {
        &self.inner.previous_results
    }

    /// Says a part of the answer to whoever listens, before the answer is complete.
    pub fn emit(&self, text: impl Into<String>) {
        if let Some(listener) = &self.inner.listener {
            listener(RequestEvent::AgentDelta {
                agent: self.inner.agent.clone(),
                text: text.into(),
            });
        }
    }

    /// Waits until nobody wants the answer any more: the caller went away, or ran out of time.
    ///
    /// The agent's own future is dropped then; this is for what it has spawned elsewhere.
    pub async fn cancelled(&self) {
        self.inner.cancellation.cancelled().await;
    }

    /// Whether nobody wants the answer any more; for blocking loops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancellation.is_cancelled()
    }

    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.inner.cancellation
    }
}

impl fmt::Debug for AgentContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentContext")
            .field("agent", &self.inner.agent)
            .field("request_id", &self.inner.request_id)
            .field("deadline", &self.inner.deadline)
            .finish_non_exhaustive()
    }
}
