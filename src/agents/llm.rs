//! An agent that is a language model with instructions.
//!
//! It knows what came with the task: its context, the earlier turns, and what agents before it answered.
//! It has no tools: it can neither look anything up nor do anything, and its instructions had better
//! say so.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::llm::{Chat, ChatModel, LlmError, Message};
use crate::words::{Agent, AgentContext, AgentError, Reply, Role, Task};

/// Earlier turns that the model is shown at most.
const MOST_TURNS: usize = 20;
/// Of the context and of each earlier result, the model is shown so many characters.
const MOST_CHARS: usize = 20_000;

/// What kind of agent the model makes.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmAgentConfig {
    /// Its instructions.
    pub system: String,
    /// Which model; `None`: the one that the section `llm` names for routing.
    pub model: Option<String>,
    /// How long its answers may be, in words as models count them.
    pub max_tokens: u32,
}

/// A language model with instructions.
pub struct LlmAgent {
    config: LlmAgentConfig,
    models: Option<Models>,
}

/// Where models are, and which is meant where none is named.
#[derive(Clone)]
pub struct Models {
    /// Where they are.
    pub server: Arc<dyn ChatModel>,
    /// Which is meant.
    pub usual: String,
    /// The longest time for an answer.
    pub timeout: Duration,
}

impl LlmAgent {
    /// An agent that asks one of these models; without any, it says so to everybody.
    #[must_use]
    pub fn new(config: LlmAgentConfig, models: Option<Models>) -> Self {
        Self { config, models }
    }

    fn chat(&self, task: &Task, cx: &AgentContext, usual: &str) -> Chat {
        let mut messages = vec![Message::system(&self.config.system)];
        let turns = &task.history[task.history.len().saturating_sub(MOST_TURNS)..];
        messages.extend(turns.iter().map(|turn| Message {
            role: match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::System => "system",
            },
            content: turn.content.clone(),
        }));
        if !task.context.is_empty() {
            let context = Value::Object(task.context.clone()).to_string();
            messages.push(Message::user(format!(
                "Context, as JSON: {}",
                cut(&context)
            )));
        }
        for result in cx.previous_results() {
            let said = cut(&result.result.content);
            messages.push(Message::user(format!(
                "{} answered before: {said}",
                result.agent
            )));
        }
        messages.push(Message::user(&task.content));
        Chat {
            model: self
                .config
                .model
                .clone()
                .unwrap_or_else(|| usual.to_owned()),
            messages,
            schema: None,
            max_tokens: self.config.max_tokens,
            wants_probabilities: false,
        }
    }
}

impl Agent for LlmAgent {
    async fn handle(&self, task: Task, cx: &AgentContext) -> Result<Reply, AgentError> {
        let Some(models) = &self.models else {
            return Err(AgentError::failure(
                "needs a language model, and none is configured (llm)",
            ));
        };
        let chat = self.chat(&task, cx, &models.usual);
        let answering = models.server.chat(chat);
        match tokio::time::timeout(models.timeout, answering).await {
            Ok(Ok(said)) => Ok(Reply::text(said.content.trim())),
            Ok(Err(error)) => Err(blame(&error)),
            Err(_elapsed) => {
                let span = models.timeout;
                Err(AgentError::failure(format!(
                    "its language model did not answer within {span:?}"
                )))
            }
        }
    }
}

fn blame(error: &LlmError) -> AgentError {
    match error {
        LlmError::Refused {
            status: 429,
            retry_after,
            ..
        } => AgentError::busy(error.to_string(), *retry_after),
        _ => AgentError::failure(error.to_string()),
    }
}

fn cut(text: &str) -> &str {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
