//! Embeddings: where rules and classifier are unsure, what an embedding model makes of the text is
//! looked at beside them.
//!
//! The agents' examples are embedded once, in the background, and kept in the store; the same linear
//! classifier is then trained on those vectors joined to its own features. A request costs the model
//! one short call, and only where the decision is open. Whatever goes wrong, what was decided without
//! it stands, and the record says why.

mod embedder;
mod library;
mod studies;

pub(crate) use embedder::Embedder;
pub use embedder::EmbeddingConfig;
pub use studies::EmbeddingReport;
pub(super) use studies::Studies;

use super::classifier::Classifier;

/// What a classifier goes by that knows embeddings: itself, and the vectors of some texts.
pub(super) struct Senses<'a> {
    pub classifier: &'a Classifier,
    pub texts: Vec<(String, Vec<f32>)>,
}

impl Senses<'_> {
    /// The vector of that text, if it was embedded.
    pub fn of(&self, text: &str) -> Option<&[f32]> {
        let found = self.texts.iter().find(|(known, _)| known == text);
        found.map(|(_, vector)| &vector[..])
    }
}
