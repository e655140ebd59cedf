use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{info, warn};
use serde::Serialize;

use super::Embedder;
use super::library::Library;
use crate::routing::learning::Correction;
use crate::routing::routes::{Edition, Routes};
use crate::store::Journal;

/// How long to wait after the embedding model has failed.
const RETRY: Duration = Duration::from_secs(5);

/// How far embeddings are of use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingReport {
    /// The embedding model.
    pub model: String,
    /// Whether all examples have their vectors, and decisions that are unsure look at them.
    pub ready: bool,
    /// Numbers in a vector; 0 while there are none.
    pub dimensions: usize,
    /// The share of the examples that models were right about which had not seen them; null where
    /// there are too few to tell.
    pub out_of_fold_accuracy: Option<f64>,
    /// Why it is not ready.
    pub problem: Option<String>,
}

/// Teaches the guides that are published to judge by embeddings; cheap to clone.
#[derive(Clone)]
pub(in crate::routing) struct Studies {
    embedder: Arc<Embedder>,
    library: Arc<tokio::sync::Mutex<Library>>,
    report: Arc<Mutex<EmbeddingReport>>,
}

impl Studies {
    pub fn new(embedder: Arc<Embedder>, journal: Option<Journal>) -> Self {
        let report = EmbeddingReport {
            model: embedder.model().to_owned(),
            ready: false,
            dimensions: 0,
            out_of_fold_accuracy: None,
            problem: Some("the examples are being embedded".to_owned()),
        };
        Self {
            library: Arc::new(tokio::sync::Mutex::new(Library::new(
                journal,
                embedder.model(),
            ))),
            embedder,
            report: Arc::new(Mutex::new(report)),
        }
    }

    pub fn report(&self) -> EmbeddingReport {
        self.lock().clone()
    }

    /// Has the guide that decides now judge by embeddings, too; tries until it can. Dropping the future
    /// ends it.
    pub async fn teach(self, routes: Routes, corrections: Vec<Correction>) {
        let edition = routes.edition();
        self.lock().ready = false;
        while let Err(problem) = self.attempt(&edition, &corrections).await {
            self.note(problem);
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Says once what is wrong.
    fn note(&self, problem: String) {
        let mut report = self.lock();
        if report.problem.as_ref() != Some(&problem) {
            warn!("router: {problem}");
        }
        report.problem = Some(problem);
    }

    /// Has that guide judge by embeddings, if it can.
    pub async fn attempt(
        &self,
        edition: &Arc<Edition>,
        corrections: &[Correction],
    ) -> Result<(), String> {
        let texts = edition.guide.texts_to_learn(corrections);
        let mut library = self.library.lock().await;
        let vectors = library.look_up(&texts, &self.embedder).await?;
        drop(library);
        let dimensions = vectors.first().map_or(0, |vector| vector.len());
        let (edition, corrections) = (Arc::clone(edition), corrections.to_vec());
        let studied = actix_rt::task::spawn_blocking(move || {
            edition.guide.learn_embeddings(&corrections, &vectors)
        });
        let schooling = studied.await.map_err(|error| error.to_string())?;
        let mut report = self.lock();
        let Some(schooling) = schooling else {
            report.problem = Some("there are too few examples, or too many agents".to_owned());
            return Ok(());
        };
        info!(
            "router: embeddings of {} texts by {} are looked at where it is unsure",
            schooling.lessons, report.model
        );
        report.ready = true;
        report.dimensions = dimensions;
        report.out_of_fold_accuracy = schooling.accuracy;
        report.problem = None;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, EmbeddingReport> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
