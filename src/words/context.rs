use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{AgentName, PreviousResult, RequestEvent, RequestId, SessionId};

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
    previous_results: Option<Arc<[PreviousResult]>>,
    cancellation: Cancellation,
    listener: Option<Listener>,
    session_id: Option<SessionId>,
}

/// Whether nobody wants the answer any more, and the token for those who wait for that. Most
/// tasks are done before anybody does, and so the token is made when it is asked for.
#[derive(Default)]
struct Cancellation {
    over: AtomicBool,
    token: OnceLock<CancellationToken>,
}

impl Cancellation {
    fn cancel(&self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    fn token(&self) -> CancellationToken {
        let token = self.token.get_or_init(CancellationToken::new);
        // Looked at after the token is there: whoever cancels sees the one or is seen here.
        if self.over.load(Ordering::SeqCst) {
            token.cancel();
        }
        token.clone()
    }
}

impl AgentContext {
    /// A context with no earlier results and nobody listening.
    #[must_use]
    pub fn new(agent: impl Into<AgentName>, request_id: RequestId, deadline: Instant) -> Self {
        Self::with_audience(agent.into(), request_id, deadline, None, None, None)
    }

    pub(crate) fn with_audience(
        agent: AgentName,
        request_id: RequestId,
        deadline: Instant,
        previous_results: Option<Arc<[PreviousResult]>>,
        listener: Option<Listener>,
        session_id: Option<SessionId>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                agent,
                request_id,
                deadline,
                previous_results,
                cancellation: Cancellation::default(),
                listener,
                session_id,
            }),
        }
    }

    /// The id of the request.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.inner.request_id
    }

    /// The conversation that the request is a part of, if it is of any; its earlier turns are in the
    /// task's [history](crate::Task::history).
    #[must_use]
    pub fn session_id(&self) -> Option<&SessionId> {
        self.inner.session_id.as_ref()
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
        self.inner.previous_results.as_deref().unwrap_or_default()
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
        self.inner.cancellation.token().cancelled().await;
    }

    /// Whether nobody wants the answer any more; for blocking loops.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancellation.over.load(Ordering::SeqCst)
    }

    /// Fires when nobody wants the answer any more.
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.inner.cancellation.token()
    }

    /// Nobody wants the answer any more.
    pub(crate) fn cancel(&self) {
        self.inner.cancellation.cancel();
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
