use std::time::Duration;

use crate::words::{AgentError, AgentErrorKind};

/// How a call to an agent ended, in the only respect that breakers, balancers and metrics care
/// about: what it says of the agent. It is decided once, where the answer arrives.
///
/// | what happened | outcome |
/// |---|---|
/// | an answer | `Success` |
/// | the question was at fault (4xx except 408 and 429) | `UserError` |
/// | an error, a crash, a lost connection, 5xx, 408, the attempt's own time-out | `Failure` |
/// | 429, or 503 with `Retry-After` | `Busy` |
/// | the caller went away, or gave less time than the agent usually takes | `Unjudged` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The agent answered.
    Success,
    /// The agent rightly refused the question.
    UserError,
    /// The agent failed.
    Failure,
    /// The agent had too much to do.
    Busy {
        /// How long it wants to be left alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// Nothing can be said of the agent.
    Unjudged,
}

impl Outcome {
    /// What an agent's error says of it.
    #[must_use]
    pub fn of_error(error: &AgentError) -> Self {
        match error.kind() {
            AgentErrorKind::User => Self::UserError,
            AgentErrorKind::Failure | AgentErrorKind::Fatal => Self::Failure,
            AgentErrorKind::Busy { retry_after } => Self::Busy { retry_after },
        }
    }

    /// What it says of an agent that it did not answer within the time it was `granted`: nothing,
    /// when its like `usually` answer in more than that, or nobody knows. Only when it was granted
    /// the time that it is `configured` to take is it to blame in any case.
    #[must_use]
    pub fn of_time_out(granted: Duration, configured: Duration, usually: Option<Duration>) -> Self {
        let usually = usually.unwrap_or(configured).min(configured);
        if granted.is_zero() || granted < usually {
            Self::Unjudged
        } else {
            Self::Failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_blame_decides_the_outcome() {
        let cases = [
            (AgentError::user("divide by zero"), Outcome::UserError),
            (AgentError::failure("connection lost"), Outcome::Failure),
            (AgentError::fatal("poisoned"), Outcome::Failure),
            (
                AgentError::busy("429", None),
                Outcome::Busy { retry_after: None },
            ),
        ];
        for (error, outcome) in cases {
            assert_eq!(Outcome::of_error(&error), outcome, "{error}");
        }
    }

    #[test]
    fn a_caller_in_haste_proves_nothing() {
        let second = Duration::from_secs(1);
        let judged = |granted, usually| Outcome::of_time_out(granted, second * 30, usually);
        assert_eq!(judged(second, None), Outcome::Unjudged);
        assert_eq!(judged(second, Some(second * 2)), Outcome::Unjudged);
        assert_eq!(judged(second * 2, Some(second)), Outcome::Failure);
        assert_eq!(judged(second * 30, None), Outcome::Failure);
        assert_eq!(judged(second * 30, Some(second * 60)), Outcome::Failure);
        assert_eq!(judged(Duration::ZERO, None), Outcome::Unjudged);
    }
}
