use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::answer::ResultBody;
use super::error_type::ErrorType;
use crate::mailbox::{AskError, Refusal};
use crate::store::StoreError;
use crate::supervision::Registry;
use crate::words::{AgentErrorKind, AgentName, Fault, InstanceId, RequestId, nearest};

/// Why there is no answer: a problem document (RFC 9457) in the making.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem {
    document: Box<Document>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Document {
    #[serde(rename = "type")]
    uri: String,
    title: &'static str,
    status: u16,
    detail: String,
    request_id: RequestId,
    success: bool,
    error: String,
    error_type: ErrorType,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<AgentName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultBody>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of that kind; the detail says what it is this time, and what to do.
    #[must_use]
    pub fn new(error_type: ErrorType, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let document = Document {
            uri: format!("urn:agent-orchestrator:problem:{error_type}"),
            title: error_type.title(),
            status: error_type.status(),
            error: detail.clone(),
            detail,
            request_id: RequestId::new(),
            success: false,
            error_type,
            retryable: error_type.is_retryable(),
            agent: None,
            errors: Vec::new(),
            result: None,
            retry_after: None,
        };
        Self {
            document: Box::new(document),
        }
    }

    pub(super) fn no_such_agent(name: &str, registry: &Registry) -> Self {
        let agents = registry.all();
        let known: Vec<&str> = agents.iter().map(|agent| &*agent.card.name).collect();
        let detail = match nearest(name, &known) {
            Some(nearest) => format!("there is no agent `{name}`; did you mean `{nearest}`?"),
            None => format!(
                "there is no agent `{name}`; there are: {}",
                known.join(", ")
            ),
        };
        Self::new(ErrorType::AgentNotFound, detail).of_agent(name)
    }

    pub(super) fn not_permitted(agent: &str) -> Self {
        let detail = format!("this caller may not use the agent `{agent}`");
        Self::new(ErrorType::PermissionDenied, detail).of_agent(agent)
    }

    /// The state cannot be read at the moment.
    pub(crate) fn no_state(error: &StoreError) -> Self {
        Self::new(ErrorType::StateUnavailable, error.to_string())
            .retry_after(Duration::from_secs(1))
    }

    pub(super) fn shutting_down() -> Self {
        let detail = "this orchestrator is shutting down; ask another one";
        Self::new(ErrorType::ShuttingDown, detail).retry_after(Duration::from_secs(1))
    }

    pub(super) fn cancelled() -> Self {
        Self::new(ErrorType::Cancelled, "the request was cancelled")
    }

    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let listed: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let mut problem = Self::new(ErrorType::ValidationError, listed.join("; "));
        problem.document.errors = faults;
        problem
    }

    pub(super) fn of_refusal(agent: &str, refusal: Refusal) -> Self {
        let (error_type, detail, retry_after) = match refusal {
            Refusal::Full { retry_after } => (
                ErrorType::Overloaded,
                format!("agent `{agent}` has more to do than it may hold"),
                Some(retry_after),
            ),
            Refusal::TooLate { retry_after } => (
                ErrorType::Overloaded,
                format!(
                    "agent `{agent}` has too much to do to answer this request before its deadline"
                ),
                Some(retry_after),
            ),
            Refusal::Cooling { retry_after } => (
                ErrorType::Overloaded,
                format!("agent `{agent}` has asked to be left alone for a while"),
                Some(retry_after),
            ),
            Refusal::HeldOpen => (
                ErrorType::CircuitBreakerOpenError,
                format!("the circuit breaker of agent `{agent}` is held open by an operator"),
                None,
            ),
            Refusal::Open { retry_after } => (
                ErrorType::CircuitBreakerOpenError,
                format!("agent `{agent}` failed too often and is left alone for a while"),
                Some(retry_after),
            ),
            Refusal::Paused => (
                ErrorType::AgentUnavailable,
                format!("agent `{agent}` is paused by an operator"),
                None,
            ),
            Refusal::Stopped { retry_after: None } => (
                ErrorType::AgentUnavailable,
                format!("agent `{agent}` is stopped"),
                None,
            ),
            Refusal::Stopped { retry_after } => (
                ErrorType::AgentUnavailable,
                format!("agent `{agent}` ended too often and is left alone for a while"),
                retry_after,
            ),
        };
        Self::new(error_type, detail)
            .of_agent(agent)
            .retry_after(retry_after.unwrap_or(Duration::from_secs(30)))
    }

    pub(super) fn of_ask(agent: &str, error: &AskError) -> Self {
        let problem = match error {
            AskError::Agent(error) => {
                let detail = format!("agent `{agent}`: {error}");
                match error.kind() {
                    AgentErrorKind::Busy { retry_after } => {
                        Self::new(ErrorType::Overloaded, detail)
                            .retry_after(retry_after.unwrap_or(Duration::from_secs(1)))
                    }
                    _ => Self::new(ErrorType::AgentFailed, detail),
                }
                .retryable(error.is_retryable())
            }
            AskError::Crashed => return Self::of_crashes(agent, &[]),
            AskError::Hung => Self::new(
                ErrorType::DeadlineExceeded,
                format!(
                    "agent `{agent}` worked on this request for longer than its jobs may take \
                     (job_timeout_ms)"
                ),
            ),
            AskError::DeadlineExceeded => Self::new(
                ErrorType::DeadlineExceeded,
                format!("agent `{agent}` did not answer in time"),
            ),
            AskError::Stopped => Self::new(
                ErrorType::AgentUnavailable,
                format!("agent `{agent}` was stopped before it came to this request"),
            )
            .retry_after(Duration::from_secs(30)),
        };
        problem.of_agent(agent)
    }

    /// These instances crashed over a request, one after the other.
    pub(super) fn of_crashes(agent: &str, instances: &[InstanceId]) -> Self {
        let named: Vec<&str> = instances.iter().map(InstanceId::as_str).collect();
        let detail = match named.as_slice() {
            [] | [_] => format!(
                "agent `{agent}` crashed while it worked on this request; it is started anew"
            ),
            [..] => format!(
                "agent `{agent}` crashed at each of {} attempts at this request ({}), which is \
                 not tried again",
                named.len(),
                named.join(", ")
            ),
        };
        Self::new(ErrorType::AgentCrashed, detail)
            .of_agent(agent)
            .retryable(named.len() < 2)
    }

    /// Says which request it is the answer to.
    #[must_use]
    pub fn of_request(mut self, id: RequestId) -> Self {
        self.document.request_id = id;
        self
    }

    /// Says which agent is to blame.
    #[must_use]
    pub fn of_agent(mut self, agent: &str) -> Self {
        self.document.agent = Some(agent.into());
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.document.retry_after = Some(span);
        self
    }

    /// Says whether asking again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.document.retryable = retryable;
        self
    }

    /// Attaches what was reached nevertheless.
    #[must_use]
    pub fn with_result(mut self, result: ResultBody) -> Self {
        self.document.result = Some(result);
        self
    }

    /// Its kind.
    #[must_use]
    pub fn error_type(&self) -> ErrorType {
        self.document.error_type
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.document.retryable
    }

    /// What it is this time.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.document.detail
    }

    /// The request that it is the answer to.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        self.document.request_id
    }

    /// What was reached nevertheless.
    #[must_use]
    pub fn result(&self) -> Option<&ResultBody> {
        self.document.result.as_ref()
    }

    /// How long to wait before asking again, where that is known.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.document.retry_after
    }

    /// The whole seconds to wait before asking again, at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let span = self.document.retry_after?;
        let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
        Some(seconds.max(1))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type(), self.detail())
    }
}

impl std::error::Error for Problem {}
