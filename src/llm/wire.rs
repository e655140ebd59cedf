//! What goes over the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Chat, Message, Said};

#[derive(Serialize)]
pub(super) struct ChatRequest<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    temperature: f64,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
pub(super) struct ChatResponse {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: MessageIn,
    #[serde(default)]
    logprobs: Option<LogProbs>,
}

#[derive(Deserialize)]
struct MessageIn {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LogProbs {
    #[serde(default)]
    content: Option<Vec<LogProb>>,
}

#[derive(Deserialize)]
struct LogProb {
    token: String,
    logprob: f64,
}

#[derive(Serialize)]
pub(super) struct EmbeddingRequest<'a> {
    pub model: &'a str,
    pub input: &'a [String],
}

#[derive(Deserialize)]
pub(super) struct EmbeddingResponse {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

impl<'a> ChatRequest<'a> {
    pub fn new(chat: &'a Chat) -> Self {
        let messages = chat.messages.iter();
        let schema = chat.schema.as_ref();
        Self {
            model: &chat.model,
            messages: messages
                .map(|Message { role, content }| MessageOut { role, content })
                .collect(),
            temperature: 0.0,
            max_tokens: chat.max_tokens,
            stream: true,
            response_format: schema.map(|schema| {
                let named = json!({"name": "answer", "strict": true, "schema": schema});
                json!({"type": "json_schema", "json_schema": named})
            }),
            logprobs: chat.wants_probabilities.then_some(true),
        }
    }
}

impl ChatResponse {
    /// What was said; `None` when nothing was.
    pub fn said(self) -> Option<Said> {
        let choice = self.choices.into_iter().next()?;
        let tokens = choice.logprobs.into_iter().flat_map(LogProbs::tokens);
        Some(Said {
            content: choice
                .message
                .content
                .filter(|said| !said.trim().is_empty())?,
            tokens: tokens.collect(),
        })
    }
}

impl LogProbs {
    pub fn tokens(self) -> impl Iterator<Item = (String, f64)> {
        let tokens = self.content.unwrap_or_default().into_iter();
        tokens.map(|it| (it.token, it.logprob))
    }
}

impl EmbeddingResponse {
    /// The vectors in the order of the texts; `None` when they are not so many, are empty, or differ in
    /// length.
    pub fn vectors(mut self, texts: usize) -> Option<Vec<Vec<f32>>> {
        self.data.sort_by_key(|embedding| embedding.index);
        let vectors: Vec<Vec<f32>> = self.data.into_iter().map(|it| it.embedding).collect();
        let length = vectors.first().map_or(0, Vec::len);
        let sound =
            length > 0 && vectors.len() == texts && vectors.iter().all(|it| it.len() == length);
        sound.then_some(vectors)
    }
}
