//! Whom the router turns to where rules and classifier are unsure.

use std::sync::Arc;
use std::time::Duration;

use super::{Edition, Routes, Sketch};
use crate::routing::advice::Adviser;
use crate::routing::classifier::Classifier;
use crate::routing::decision::RoutingStrategy;
use crate::routing::draft::Draft;
use crate::routing::drafting::texts_of;
use crate::routing::embedding::{Embedder, Senses, Studies};
use crate::routing::question::Question;
use crate::words::AgentCard;

/// Those that there are.
#[derive(Debug, Default)]
pub(crate) struct Helpers {
    pub embedder: Option<Arc<Embedder>>,
    pub adviser: Option<Adviser>,
}

/// Whether a language model shall be asked.
enum Wish<'a> {
    /// No.
    None,
    /// Yes, but there is none.
    Unheard,
    /// Yes.
    Of(&'a Adviser),
}

impl Routes {
    /// Has those look at a draft that there are, the embedding model first, for three quarters of the
    /// time at most. Whether nobody was missing.
    pub(super) async fn help(
        &self,
        sketch: &mut Sketch,
        question: &Question<'_>,
        time: Duration,
    ) -> bool {
        let was_sensed = self.sense(sketch, question, time / 4).await;
        let was_advised = match self.wants_advice(&sketch.draft, question) {
            Wish::None => true,
            Wish::Unheard => {
                let nobody = "no language model is configured";
                sketch.draft.trouble.push(nobody.into());
                true
            }
            Wish::Of(adviser) => self.consult(adviser, sketch, question, time / 2).await,
        };
        was_sensed && was_advised
    }

    /// Drafts anew with embeddings, where the draft is unsure and there are any. Whether nothing was
    /// missing; otherwise the reason is among the troubles of the draft.
    async fn sense(&self, sketch: &mut Sketch, question: &Question<'_>, time: Duration) -> bool {
        let Some(embedder) = &self.shared.helpers.embedder else {
            return true;
        };
        let is_unsure = sketch.draft.is_unsure(embedder.threshold());
        if question.strategy != RoutingStrategy::Hybrid || !is_unsure {
            return true;
        }
        let guide = &sketch.edition.guide;
        // Rules alone have nothing to add embeddings to, and nor have centroids.
        let learned = guide.learned.as_ref();
        let learned = learned.filter(|it| it.places.len() <= Classifier::MOST_WEIGHED);
        let Some(learned) = learned else {
            return true;
        };
        let Some(classifier) = learned.embedded.get() else {
            let reason = "the examples of the agents have no embeddings yet";
            sketch.draft.trouble.push(reason.into());
            return false;
        };
        let texts = texts_of(question);
        match embedder.embed(texts.clone(), time).await {
            Ok(vectors) if vectors[0].len() != classifier.dimensions() => {
                let reason =
                    "the embedding model's vectors are not as long as those of the examples";
                sketch.draft.trouble.push(reason.into());
                false
            }
            Ok(vectors) => {
                let texts = texts.into_iter().zip(vectors).collect();
                let senses = Senses { classifier, texts };
                sketch.draft = guide.draft(question, Some(&senses));
                true
            }
            Err(reason) => {
                sketch.draft.trouble.push(reason.into());
                false
            }
        }
    }

    /// Has the embedding model that is configured, if any is, look at the examples that were last
    /// published; from then on decisions that are unsure look at embeddings. The actor that follows the
    /// registry does so by itself.
    ///
    /// # Errors
    /// Says why the model gives no embeddings.
    pub async fn embed_examples(&self) -> Result<(), String> {
        match self.shared.helpers.embedder.clone() {
            Some(embedder) => {
                let studies = Studies::new(embedder, None);
                studies.attempt(&self.edition(), &[]).await
            }
            None => Ok(()),
        }
    }

    pub(in crate::routing) fn embedder(&self) -> Option<&Arc<Embedder>> {
        self.shared.helpers.embedder.as_ref()
    }

    pub(in crate::routing) fn edition(&self) -> Arc<Edition> {
        self.shared.guide.load_full()
    }

    /// Whether there was advice; otherwise the reason is among the troubles of the draft.
    async fn consult(
        &self,
        adviser: &Adviser,
        sketch: &mut Sketch,
        question: &Question<'_>,
        time: Duration,
    ) -> bool {
        let guide = &sketch.edition.guide;
        let may = |card: &&AgentCard| {
            question
                .permitted
                .is_none_or(|permitted| permitted.contains(&card.name))
                && self.obstacle(&card.name).is_none()
        };
        let agents: Vec<&AgentCard> = guide.shortlist(question).into_iter().filter(may).collect();
        let is_complex = sketch.draft.is_complex(question.content);
        match adviser.consult(&agents, question, is_complex, time).await {
            Ok(consultation) => {
                guide.fuse(&mut sketch.draft, consultation, question.strategy);
                true
            }
            Err(reason) => {
                sketch.draft.trouble.push(reason.to_string().into());
                false
            }
        }
    }

    fn wants_advice(&self, draft: &Draft, question: &Question<'_>) -> Wish<'_> {
        let adviser = self.shared.helpers.adviser.as_ref();
        match (question.strategy, adviser) {
            (RoutingStrategy::Llm, Some(adviser)) => Wish::Of(adviser),
            (RoutingStrategy::Llm, None) => Wish::Unheard,
            (RoutingStrategy::Hybrid, Some(adviser)) if draft.is_unsure(adviser.threshold()) => {
                Wish::Of(adviser)
            }
            _ => Wish::None,
        }
    }
}
