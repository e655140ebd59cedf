use actix::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AgentContext, AgentError, AgentName, Reply};

/// What one agent is asked to do.
///
/// ```
/// use agent_orchestrator::Task;
///
/// let task = Task::new("What is 17% of 2340?");
/// assert_eq!(task.content, "What is 17% of 2340?");
/// assert!(task.history.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The user's question, trimmed and never empty.
    pub content: String,
    /// Facts for the agents, as the client gave them.
    pub context: Map<String, Value>,
    /// Earlier turns of the conversation, oldest first.
    pub history: Vec<Turn>,
    /// Who asks, as the client gave it.
    pub user_context: Map<String, Value>,
}

impl Task {
    /// A task with this content and nothing else.
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// Who spoke in a [`Turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person who asks.
    User,
    /// An agent.
    Assistant,
    /// Whoever set the conversation up.
    System,
}

/// What an earlier agent of a sequence answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreviousResult {
    /// The agent that answered.
    pub agent: AgentName,
    /// Its answer.
    pub result: Reply,
    /// When it answered, UTC.
    pub timestamp: jiff::Timestamp,
}

/// The message that a raw actix actor handles to be an agent (see
/// [`AgentSpec::actor`](crate::AgentSpec::actor)).
#[derive(Debug, Message)]
#[rtype(result = "Result<Reply, AgentError>")]
pub struct Ask {
    /// What is asked.
    pub task: Task,
    /// The request it belongs to.
    pub context: AgentContext,
}
