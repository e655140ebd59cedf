use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use super::stream::Stream;
use super::wire::{ChatRequest, ChatResponse, EmbeddingRequest, EmbeddingResponse};
use super::{BaseUrl, Chat, ChatModel, LlmError, Said};

/// A connection that is not there within this time will not be.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that was idle for so long is not used again: many servers close theirs after five
/// seconds, perhaps at the moment at which they are asked.
const IDLE: Duration = Duration::from_secs(4);
/// Answers are not read beyond this.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Errors are quoted up to this.
const MAX_QUOTE_CHARS: usize = 200;

/// Where language models are, and which are used for what.
#[derive(Clone, PartialEq)]
pub struct LlmConfig {
    /// Where chat completions are, up to and including `/v1`.
    pub base_url: BaseUrl,
    /// The key that is sent as a bearer token.
    pub api_key: Option<String>,
    /// The model for ordinary requests.
    pub routing_model: String,
    /// The model for requests that are long, ask for several things or fit many agents.
    pub complex_routing_model: String,
    /// The model that turns texts into vectors; `None`: texts have none.
    pub embedding_model: Option<String>,
    /// The longest time for an answer of an agent's model.
    pub timeout: Duration,
}

/// A server that speaks as OpenAI's does. Connects when it is first asked.
pub struct OpenAi {
    base_url: BaseUrl,
    place: String,
    api_key: Option<String>,
    client: Client,
}

impl OpenAi {
    /// A client of that server.
    ///
    /// # Errors
    /// When the system gives no client for HTTP.
    pub fn new(config: &LlmConfig) -> Result<Self, LlmError> {
        // The process has one provider of cryptography; that there is one already is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            // What is configured is what is asked; a proxy of the environment knows nothing of it.
            .no_proxy()
            .build()
            .map_err(|error| LlmError::NoClient(error.to_string()))?;
        Ok(Self {
            place: config.base_url.to_string(),
            base_url: config.base_url.clone(),
            api_key: config.api_key.clone(),
            client,
        })
    }

    /// The answer to a request, if it is one.
    async fn send(&self, request: RequestBuilder) -> Result<Response, LlmError> {
        let request = match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        if status.is_success() {
            return Ok(response);
        }
        Err(LlmError::Refused {
            place: self.place.clone(),
            status: status.as_u16(),
            problem: quoted(&self.body(response).await?),
            retry_after,
        })
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, LlmError> {
        let response = self.send(request).await?;
        self.whole(response).await
    }

    async fn whole<T: DeserializeOwned>(&self, response: Response) -> Result<T, LlmError> {
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|error| self.nonsense(error.to_string()))
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, LlmError> {
        let mut body = Vec::new();
        let all = |chunk: &[u8]| {
            body.extend_from_slice(chunk);
            Ok(())
        };
        self.read(response, all).await?;
        Ok(body)
    }

    /// Reads an answer to its end, chunk by chunk.
    async fn read(
        &self,
        mut response: Response,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), LlmError> {
        let mut length = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(&error))? {
            length += chunk.len();
            if length > MAX_ANSWER_BYTES {
                return Err(self.nonsense(format!("it is longer than {MAX_ANSWER_BYTES} bytes")));
            }
            take(&chunk).map_err(|problem| self.nonsense(problem))?;
        }
        Ok(())
    }

    async fn said(&self, response: Response) -> Result<Said, LlmError> {
        let said = if is_stream(&response) {
            let mut stream = Stream::default();
            self.read(response, |chunk| stream.take(chunk)).await?;
            stream.end()
        } else {
            // Not every server can.
            self.whole::<ChatResponse>(response).await?.said()
        };
        said.ok_or_else(|| self.nonsense("it says nothing"))
    }

    fn lost(&self, error: &reqwest::Error) -> LlmError {
        use std::error::Error;
        let mut problem: &dyn Error = error;
        while let Some(source) = problem.source() {
            problem = source;
        }
        LlmError::Unreachable {
            place: self.place.clone(),
            problem: problem.to_string(),
        }
    }

    fn nonsense(&self, problem: impl Into<String>) -> LlmError {
        LlmError::Nonsense {
            place: self.place.clone(),
            problem: problem.into(),
        }
    }
}

impl ChatModel for OpenAi {
    fn chat(&self, chat: Chat) -> BoxFuture<'_, Result<Said, LlmError>> {
        Box::pin(async move {
            let request = self.client.post(self.base_url.endpoint("chat/completions"));
            let request = request.json(&ChatRequest::new(&chat));
            let response = self.send(request).await?;
            self.said(response).await
        })
    }

    fn embed(
        &self,
        model: String,
        texts: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, LlmError>> {
        Box::pin(async move {
            let request = EmbeddingRequest {
                model: &model,
                input: &texts,
            };
            let request = self
                .client
                .post(self.base_url.endpoint("embeddings"))
                .json(&request);
            let response: EmbeddingResponse = self.ask(request).await?;
            let vectors = response.vectors(texts.len());
            vectors
                .ok_or_else(|| self.nonsense("it has not one vector of one length for each text"))
        })
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), LlmError>> {
        Box::pin(async move {
            let request = self.client.get(self.base_url.endpoint("models"));
            self.ask::<serde_json::Value>(request).await.map(|_| ())
        })
    }

    fn place(&self) -> &str {
        &self.place
    }
}

/// Hides the key.
impl fmt::Debug for LlmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmConfig")
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("routing_model", &self.routing_model)
            .field("complex_routing_model", &self.complex_routing_model)
            .field("embedding_model", &self.embedding_model)
            .field("timeout", &self.timeout)
            .finish()
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    header.parse().ok().map(Duration::from_secs)
}

fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(MAX_QUOTE_CHARS).collect()
}
