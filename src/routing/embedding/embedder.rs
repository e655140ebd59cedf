use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::judgement::{Breaker, BreakerConfig, Outcome};
use crate::llm::{ChatModel, LlmError};
use crate::routing::asking::{left_alone, outcome};

/// What it is called in reasons.
const MODEL: &str = "embedding model";
/// Requests that are embedded at once; more are decided without.
const AT_ONCE: usize = 16;
/// The longest time for a batch of examples, which nobody waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// When an embedding model is asked about a request.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingConfig {
    /// The model.
    pub model: String,
    /// Below this confidence a `hybrid` decision looks at the text's embedding.
    pub threshold: f64,
    /// The longest time that a decision waits for it.
    pub timeout: Duration,
}

/// Asks an embedding model, within bounds of time and number.
pub(crate) struct Embedder {
    config: EmbeddingConfig,
    model: Arc<dyn ChatModel>,
    breaker: Breaker,
    places: Semaphore,
}

impl Embedder {
    pub fn new(config: EmbeddingConfig, model: Arc<dyn ChatModel>, breaker: BreakerConfig) -> Self {
        Self {
            breaker: Breaker::new(breaker, config.timeout, Instant::now()),
            config,
            model,
            places: Semaphore::new(AT_ONCE),
        }
    }

    pub(in crate::routing) fn model(&self) -> &str {
        &self.config.model
    }

    pub(in crate::routing) fn threshold(&self) -> f64 {
        self.config.threshold
    }

    /// The vectors of a request's texts, in that time at most. Dropping the future cancels the
    /// question.
    pub(in crate::routing) async fn embed(
        &self,
        texts: Vec<String>,
        time: Duration,
    ) -> Result<Vec<Vec<f32>>, String> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(format!(
                "the embedding model is asked about {AT_ONCE} requests already"
            ));
        };
        let began = Instant::now();
        let permit = self
            .breaker
            .admit(began)
            .map_err(|open| left_alone(MODEL, open))?;
        let time = time.min(self.config.timeout);
        let asked = self.model.embed(self.config.model.clone(), texts);
        let (outcome, answer) = match timeout(time, asked).await {
            Ok(Ok(vectors)) => (Outcome::Success, Ok(vectors)),
            Ok(Err(error)) => (outcome(&error), Err(told(&error))),
            Err(_elapsed) => {
                let ms = time.as_millis();
                let reason = format!("the embedding model did not answer within {ms} ms");
                (Outcome::Failure, Err(reason))
            }
        };
        permit.settle(outcome, Instant::now(), fastrand::f64());
        answer
    }

    /// The vectors of examples; requests do not wait for them, nor they for requests.
    pub(super) async fn embed_examples(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, String> {
        let asked = self.model.embed(self.config.model.clone(), texts);
        match timeout(PATIENCE, asked).await {
            Ok(answer) => answer.map_err(|error| told(&error)),
            Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }
}

/// The errors speak of the server of language models, which is the one of embeddings, too.
fn told(error: &LlmError) -> String {
    format!("no embeddings: {error}")
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("config", &self.config)
            .field("place", &self.model.place())
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}
