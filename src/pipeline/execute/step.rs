use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::judgement::Outcome;
use crate::pipeline::{ErrorType, Problem};
use crate::words::{AgentName, InstanceId, Reply, RequestEvent, milliseconds};

/// One agent's work on a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The agent.
    pub agent: AgentName,
    /// The agent that it stands in for, which could not answer; see the step before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_for: Option<AgentName>,
    /// The instance that worked last; `None` when none took the task.
    pub instance: Option<InstanceId>,
    /// Whether it answered.
    pub success: bool,
    /// Its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Reply>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The kind of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// When it was asked, UTC.
    pub started_at: Timestamp,
    /// How long the caller waited for it, milliseconds.
    pub duration_ms: f64,
    /// How often an instance was asked.
    pub attempts: u32,
    /// The instances that were asked and did not answer, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Why there is no answer, as the caller would be told.
    #[serde(skip)]
    pub(in crate::pipeline) problem: Option<Problem>,
    /// What it says of the agent; `None` when no instance was asked.
    #[serde(skip)]
    pub(in crate::pipeline) outcome: Option<Outcome>,
    /// Whether it has begun to work on the task, as far as is known.
    #[serde(skip)]
    pub(super) begun: bool,
    /// The time spent inside the agent.
    #[serde(skip)]
    pub(in crate::pipeline) inside: Duration,
    #[serde(skip)]
    began: Instant,
}

/// An instance that was asked and left, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The instance.
    pub instance: InstanceId,
    /// Why its answer is not the one that counts.
    pub error: String,
    /// The kind of the error; `None` when another instance was quicker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorType>,
    /// How long it was waited for, milliseconds.
    pub duration_ms: f64,
}

impl Step {
    /// The work of an agent that is about to be asked.
    pub(super) fn of(agent: AgentName, fallback_for: Option<AgentName>) -> Self {
        Self {
            agent,
            fallback_for,
            instance: None,
            success: false,
            result: None,
            error: None,
            error_type: None,
            started_at: Timestamp::now(),
            duration_ms: 0.0,
            attempts: 0,
            tried: Vec::new(),
            problem: None,
            outcome: None,
            begun: false,
            inside: Duration::ZERO,
            began: Instant::now(),
        }
    }

    /// Whether it was given up because the answer was no longer needed.
    pub(in crate::pipeline) fn was_cancelled(&self) -> bool {
        !self.success && self.problem.is_none()
    }

    /// It has come to an end.
    pub(super) fn end(&mut self, answer: Result<Reply, Problem>) {
        match answer {
            Ok(reply) => {
                self.success = true;
                self.result = Some(reply);
            }
            Err(problem) => {
                self.error = Some(problem.detail().to_owned());
                self.error_type = Some(problem.error_type());
                self.problem = Some(problem);
            }
        }
        self.duration_ms = milliseconds(self.began.elapsed());
    }

    /// Says, of work that did not come to its end, that another agent answered first.
    pub(super) fn give_up(&mut self) {
        if self.was_cancelled() {
            self.error = Some("cancelled: another agent answered first".to_owned());
            self.duration_ms = milliseconds(self.began.elapsed());
        }
    }

    /// The news that it has ended.
    pub(super) fn told(&self) -> RequestEvent {
        let agent = self.agent.clone();
        match &self.error {
            None => RequestEvent::AgentCompleted {
                agent,
                result: serde_json::to_value(&self.result).unwrap_or_default(),
            },
            Some(error) => RequestEvent::AgentFailed {
                agent,
                error: error.clone(),
            },
        }
    }
}
