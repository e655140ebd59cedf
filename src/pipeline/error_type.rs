use std::fmt;

use serde::Serialize;

/// The kinds of problems, by the names that clients tell them apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // the names are the contract's, and `title` says each in words
pub enum ErrorType {
    MalformedJson,
    PermissionDenied,
    AgentNotFound,
    AgentNameTaken,
    AgentNotRemovable,
    NoPreviousModel,
    AlreadyFinished,
    Cancelled,
    SessionBusy,
    IdempotencyKeyInUse,
    IdempotencyKeyMismatch,
    SessionNotFound,
    RequestNotFound,
    RouteNotFound,
    MethodNotAllowed,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationError,
    InternalError,
    GivenUp,
    AgentFailed,
    AgentCrashed,
    Overloaded,
    CircuitBreakerOpenError,
    AgentUnavailable,
    StateUnavailable,
    ShuttingDown,
    Interrupted,
    DeadlineExceeded,
}

impl ErrorType {
    /// Its HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::MalformedJson => 400,
            Self::PermissionDenied => 403,
            Self::AgentNotFound
            | Self::RequestNotFound
            | Self::SessionNotFound
            | Self::RouteNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::AgentNameTaken
            | Self::AgentNotRemovable
            | Self::NoPreviousModel
            | Self::AlreadyFinished
            | Self::Cancelled
            | Self::SessionBusy
            | Self::IdempotencyKeyInUse => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::ValidationError | Self::IdempotencyKeyMismatch => 422,
            Self::InternalError | Self::GivenUp => 500,
            Self::AgentFailed | Self::AgentCrashed => 502,
            Self::Overloaded
            | Self::CircuitBreakerOpenError
            | Self::AgentUnavailable
            | Self::StateUnavailable
            | Self::ShuttingDown
            | Self::Interrupted => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// What it is, the same for every occurrence.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MalformedJson => "The body is not JSON",
            Self::PermissionDenied => "That is not permitted",
            Self::AgentNotFound => "There is no such agent",
            Self::AgentNameTaken => "There is an agent of that name",
            Self::AgentNotRemovable => "The agent cannot be removed",
            Self::NoPreviousModel => "There is no model to go back to",
            Self::AlreadyFinished => "The request is finished",
            Self::Cancelled => "The request was cancelled",
            Self::IdempotencyKeyInUse => "A request of this key is worked on",
            Self::IdempotencyKeyMismatch => "The key was used for another request",
            Self::SessionBusy => "The session is busy",
            Self::SessionNotFound => "There is no such session",
            Self::RequestNotFound => "There is no such request",
            Self::RouteNotFound => "There is nothing at this path",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::NotAcceptable => "There is no answer of that media type",
            Self::PayloadTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "The body is of another media type",
            Self::ValidationError => "The request is not valid",
            Self::InternalError => "Something went wrong here",
            Self::GivenUp => "The request was given up",
            Self::AgentFailed => "The agent answered with an error",
            Self::AgentCrashed => "The agent crashed",
            Self::Overloaded => "There is too much to do",
            Self::CircuitBreakerOpenError => "The agent's circuit breaker is open",
            Self::AgentUnavailable => "The agent takes no work",
            Self::StateUnavailable => "The state cannot be read",
            Self::ShuttingDown => "The orchestrator is shutting down",
            Self::Interrupted => "The orchestrator ended",
            Self::DeadlineExceeded => "The time was up",
        }
    }

    /// Whether asking again may help, unless more is known.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        self.status() >= 502
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
