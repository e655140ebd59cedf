mod body;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::PipelineConfig;
use super::problem::Problem;
use crate::routing::{Mode, RoutingStrategy};
use crate::supervision::OnFailure;
use crate::words::{AgentName, Fault, SessionId, Task, Turn};

/// What a request may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of `content`, after trimming.
    pub max_content_chars: usize,
    /// Bytes of the body.
    pub max_body_bytes: usize,
}

const MAX_AGENTS: usize = 16;
const MAX_METADATA: usize = 16;
const MAX_METADATA_CHARS: usize = 256;
/// Agents and metadata beyond this are too many in any case, and not looked at one by one.
const LOOKED_AT: usize = 100;

/// When a parallel run has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Require {
    /// When all agents have answered.
    All,
    /// When one agent has answered; the others are waited for.
    #[default]
    Any,
    /// When one agent has answered; the others are cancelled.
    First,
    /// When more than half of the agents have answered.
    Quorum,
}

/// A question, and how it wants to be answered: the body of `POST /orchestrate`.
///
/// ```
/// use agent_orchestrator::OrchestrationRequest;
///
/// let request = OrchestrationRequest {
///     agents: vec!["util_agent".to_owned()],
///     ..OrchestrationRequest::new("What is 17% of 2340?")
/// };
/// assert_eq!(request.content, "What is 17% of 2340?");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OrchestrationRequest {
    /// What the user asks.
    pub content: String,
    /// Facts for the agents.
    pub context: Map<String, Value>,
    /// Earlier turns of the conversation, oldest first.
    pub history: Vec<Turn>,
    /// The conversation to continue and to append to; its turns come before the
    /// [history](Self::history).
    pub session_id: Option<SessionId>,
    /// Who asks.
    pub user_context: Map<String, Value>,
    /// The agents to ask, in order; the router decides when there are none.
    pub agents: Vec<String>,
    /// How several agents work together; `None` (`auto`): as the routing decision says.
    pub mode: Option<Mode>,
    /// How to route; `None`: as configured.
    pub routing_strategy: Option<RoutingStrategy>,
    /// When a parallel run has succeeded.
    pub require: Require,
    /// What a sequence does when an agent could not answer; `None`: as each agent is configured.
    pub on_failure: Option<OnFailure>,
    /// The time for the whole request; `None`: the configured maximum.
    pub timeout: Option<Duration>,
    /// Stored and echoed.
    pub metadata: BTreeMap<String, String>,
    /// The agents that the caller may use, whatever routing says; `None`: all. Not a part of the body:
    /// whoever mounts or calls the orchestrator knows who asks.
    pub permitted: Option<Vec<AgentName>>,
}

impl OrchestrationRequest {
    /// A question, with nothing else said about it.
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }

    /// Checks what its type leaves open.
    ///
    /// # Errors
    /// A `ValidationError` naming every fault at once.
    pub fn validate(&self, config: &PipelineConfig) -> Result<(), Problem> {
        let faults = self.faults(config);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(faults))
        }
    }

    fn faults(&self, config: &PipelineConfig) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, message: String| {
            let pointer = pointer.to_owned();
            faults.push(Fault { pointer, message });
        };
        let most = config.limits.max_content_chars;
        // No text has more characters than bytes: most need no counting.
        let content = self.content.trim();
        if content.is_empty() {
            fault("/content", "expected 1 or more characters".to_owned());
        } else if content.len() > most && content.chars().count() > most {
            fault("/content", format!("expected at most {most} characters"));
        }
        if self.agents.len() > MAX_AGENTS {
            fault("/agents", format!("expected at most {MAX_AGENTS} agents"));
        }
        for (i, agent) in self.agents.iter().enumerate().take(LOOKED_AT) {
            if !agent.is_empty() && self.agents[..i].contains(agent) {
                fault(&format!("/agents/{i}"), format!("`{agent}` is named twice"));
            }
        }
        if self.mode == Some(Mode::Single) && self.agents.len() > 1 {
            let message = "mode `single` takes one agent; choose `sequential` or `parallel`";
            fault("/mode", message.to_owned());
        }
        let longest = config.request_timeout;
        if self.timeout.is_some_and(|t| t.is_zero() || t > longest) {
            let longest = config.longest_ms();
            fault("/timeout_ms", format!("expected 1 to {longest}"));
        }
        if self.metadata.len() > MAX_METADATA {
            fault(
                "/metadata",
                format!("expected at most {MAX_METADATA} members"),
            );
        }
        for (name, value) in self.metadata.iter().take(LOOKED_AT) {
            if name.chars().count().max(value.chars().count()) > MAX_METADATA_CHARS {
                let pointer = format!("/metadata/{}", name.replace('~', "~0").replace('/', "~1"));
                let message = format!("expected at most {MAX_METADATA_CHARS} characters");
                fault(&pointer, message);
            }
        }
        faults
    }

    /// What an agent is asked; taken out of the request, which keeps the rest.
    pub(super) fn take_task(&mut self) -> Task {
        Task {
            content: std::mem::take(&mut self.content).trim().to_owned(),
            context: std::mem::take(&mut self.context),
            history: std::mem::take(&mut self.history),
            user_context: std::mem::take(&mut self.user_context),
        }
    }
}
