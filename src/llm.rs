//! Language models, behind one port: whoever speaks the chat completions of OpenAI (Ollama, llama.cpp,
//! vLLM and most others do).
//!
//! A model is asked for an answer in a JSON schema, at temperature 0, and for the probabilities of its
//! words. Servers may ignore any of that, so whoever asks looks at the answer again.

mod base_url;
mod openai;
mod stream;
mod wire;

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

pub use base_url::BaseUrl;
pub use openai::{LlmConfig, OpenAi};

/// A language model somewhere.
pub trait ChatModel: Send + Sync + 'static {
    /// Has a model go on with a conversation. Dropping the future cancels it, down to the server.
    ///
    /// # Errors
    /// An [`LlmError`] says what went wrong, and whether asking again may help.
    fn chat(&self, chat: Chat) -> BoxFuture<'_, Result<Said, LlmError>>;

    /// Turns texts into vectors, one for each, all of one length.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    fn embed(
        &self,
        model: String,
        texts: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, LlmError>>;

    /// Whether the server is there.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    fn ping(&self) -> BoxFuture<'_, Result<(), LlmError>>;

    /// Where it is, for people; without secrets.
    fn place(&self) -> &str;
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// Which model.
    pub model: String,
    /// The conversation so far; the last to speak is a user.
    pub messages: Vec<Message>,
    /// The schema that the answer shall follow; `None`: it is free.
    pub schema: Option<Value>,
    /// Words that the answer may have at most, as models count them.
    pub max_tokens: u32,
    /// Whether the probabilities of the words of the answer are wanted.
    pub wants_probabilities: bool,
}

/// A turn of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// What is said.
    pub content: String,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// Its words.
    pub content: String,
    /// The pieces of its words with the natural logarithm of their probabilities, where the server
    /// tells.
    pub tokens: Vec<(String, f64)>,
}

/// Why a model did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The system gives no client for HTTP.
    #[error("no client for language models can be made: {0}")]
    NoClient(String),
    /// The server cannot be reached, or went away.
    #[error("the language model at {place} cannot be reached: {problem}")]
    Unreachable {
        /// Where it should be.
        place: String,
        /// What happened.
        problem: String,
    },
    /// The server refuses.
    #[error("the language model at {place} answered {status}: {problem}")]
    Refused {
        /// Where it is.
        place: String,
        /// The status of HTTP.
        status: u16,
        /// What it said.
        problem: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// What it answered makes no sense.
    #[error("the language model at {place} answered what makes no sense: {problem}")]
    Nonsense {
        /// Where it is.
        place: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

impl LlmError {
    /// Whether asking again at once may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoClient(_) => false,
            Self::Unreachable { .. } | Self::Nonsense { .. } => true,
            Self::Refused {
                status,
                retry_after,
                ..
            } => matches!(status, 408 | 500 | 502 | 503 | 504) && retry_after.is_none(),
        }
    }
}

impl Message {
    /// Says how a model shall behave.
    pub fn system(content: impl Into<String>) -> Self {
        Self {
            role: "system",
            content: content.into(),
        }
    }

    /// Says what is wanted of it.
    pub fn user(content: impl Into<String>) -> Self {
        Self {
            role: "user",
            content: content.into(),
        }
    }
}
