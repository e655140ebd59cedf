use std::fmt;
use std::time::Duration;

/// Why an agent could not answer.
///
/// The kind decides who is to blame, and so what the circuit breaker and the supervisor make of
/// it. Any standard error becomes a [failure](AgentError::failure) through `?`; like
/// `anyhow::Error`, this type therefore is not itself a [`std::error::Error`].
///
/// ```
/// use agent_orchestrator::{AgentError, AgentErrorKind};
///
/// fn parse(text: &str) -> Result<i64, AgentError> {
///     if text.is_empty() {
///         return Err(AgentError::user("give me a number, for example 42"));
///     }
///     Ok(text.parse::<i64>()?)
/// }
/// assert_eq!(parse("").unwrap_err().kind(), AgentErrorKind::User);
/// assert!(parse("x").unwrap_err().is_retryable());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentError {
    kind: AgentErrorKind,
    message: String,
    retryable: bool,
    begun: bool,
}

/// Who is to blame for an [`AgentError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentErrorKind {
    /// The question: no agent in good health could have answered it. Neutral for the breaker.
    User,
    /// The agent, or something it depends on. Counts against its breaker.
    Failure,
    /// The agent has too much to do. Counts against its breaker only when it was being probed.
    Busy {
        /// How long to leave it alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// The agent's state can no longer be trusted: this caller is told that it crashed, and its
    /// supervisor starts a new life.
    Fatal,
}

impl AgentError {
    /// The question cannot be answered as it was put; asking again changes nothing.
    #[must_use]
    pub fn user(message: impl Into<String>) -> Self {
        Self::of(AgentErrorKind::User, message, false)
    }

    /// The agent failed; the same question may succeed later.
    #[must_use]
    pub fn failure(message: impl Into<String>) -> Self {
        Self::of(AgentErrorKind::Failure, message, true)
    }

    /// The agent has too much to do now.
    #[must_use]
    pub fn busy(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self::of(AgentErrorKind::Busy { retry_after }, message, true)
    }

    /// The agent cannot go on living; see [`AgentErrorKind::Fatal`].
    #[must_use]
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::of(AgentErrorKind::Fatal, message, true)
    }

    /// Says whether asking again may help, where the default of the kind is wrong.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Says that the agent has done nothing yet, so that the task may be given to another without
    /// harm, whatever it is. That is so of errors that say that it is [busy](Self::busy).
    #[must_use]
    pub fn not_begun(mut self) -> Self {
        self.begun = false;
        self
    }

    /// Who is to blame.
    #[must_use]
    pub fn kind(&self) -> AgentErrorKind {
        self.kind
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether the agent may have done something already.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    fn of(kind: AgentErrorKind, message: impl Into<String>, retryable: bool) -> Self {
        Self {
            kind,
            message: message.into(),
            retryable,
            begun: !matches!(kind, AgentErrorKind::Busy { .. }),
        }
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for AgentError {
    fn from(error: E) -> Self {
        Self::failure(error.to_string())
    }
}
