use std::any::Any;
use std::fmt;

/// How the life of an agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It stopped by itself, having nothing left to do.
    Finished,
    /// It panicked; the panic's message.
    Panicked(String),
    /// It said that it could not go on ([`AgentError::fatal`](crate::AgentError::fatal)).
    Fatal(String),
    /// It could not be started: its factory panicked, or its start hook failed or took too long.
    StartFailed(String),
    /// The thread it lived on ended.
    ThreadEnded,
    /// It blocked its thread for longer than it may.
    ThreadBlocked,
    /// Another agent blocked the thread that both lived on.
    Displaced,
    /// It was told to end and to be started anew, by an operator or because a sibling ended.
    Restarted,
    /// It was told to stop.
    Shutdown,
}

impl ExitReason {
    /// The end by this panic.
    #[must_use]
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(text.unwrap_or("with something that is not text").to_owned())
    }

    /// Whether nobody wanted it.
    #[must_use]
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Finished | Self::Restarted | Self::Shutdown)
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("stopped by itself"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Fatal(message) => write!(f, "could not go on: {message}"),
            Self::StartFailed(message) => write!(f, "could not start: {message}"),
            Self::ThreadEnded => f.write_str("its thread ended"),
            Self::ThreadBlocked => f.write_str("blocked its thread"),
            Self::Displaced => f.write_str("its thread was blocked by another agent"),
            Self::Restarted => f.write_str("was told to start anew"),
            Self::Shutdown => f.write_str("was told to stop"),
        }
    }
}
