use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use log::warn;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Embedder;
use crate::store::{Journal, StateKey};
use crate::words::hex;

/// Texts that are embedded in one call.
const BATCH: usize = 64;
/// How long vectors are kept after the last that was added: long enough for every restart.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The vectors of texts, each asked for once, and kept in the store.
pub(super) struct Library {
    /// Where they are kept; `None`: nowhere.
    journal: Option<Journal>,
    key: StateKey,
    vectors: HashMap<String, Arc<[f32]>>,
    is_read: bool,
}

/// A vector as it is stored: whole numbers up to 127, and what to multiply them with.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    scale: f32,
    numbers: Vec<i8>,
}

impl Library {
    /// Of what that model makes of texts.
    pub fn new(journal: Option<Journal>, model: &str) -> Self {
        let digest = Sha256::digest(model);
        let model = digest
            .first_chunk()
            .expect("a digest is longer than eight bytes");
        Self {
            journal,
            key: StateKey::Embeddings {
                model: u64::from_be_bytes(*model),
            },
            vectors: HashMap::new(),
            is_read: false,
        }
    }

    /// A vector for each text, all of one length; those that are not known are asked for, and kept.
    pub async fn look_up(
        &mut self,
        texts: &[String],
        embedder: &Embedder,
    ) -> Result<Vec<Arc<[f32]>>, String> {
        self.read().await;
        let mut unknown: Vec<(String, &String)> =
            texts.iter().map(|text| (name(text), text)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|(name, _)| !self.vectors.contains_key(name));
        for batch in unknown.chunks(BATCH) {
            let asked = batch.iter().map(|(_, text)| (*text).clone()).collect();
            let vectors = embedder.embed_examples(asked).await?;
            for ((name, _), vector) in batch.iter().zip(vectors) {
                self.keep(name, &vector);
            }
        }
        let known = |text: &String| self.vectors.get(&name(text)).cloned();
        let vectors: Option<Vec<Arc<[f32]>>> = texts.iter().map(known).collect();
        let vectors = vectors.ok_or("the model gave vectors for some texts only")?;
        if vectors
            .windows(2)
            .any(|pair| pair[0].len() != pair[1].len())
        {
            // The model behind the name is another one now.
            self.vectors.clear();
            return Err("the vectors differ in length; all are asked for again".to_owned());
        }
        Ok(vectors)
    }

    /// What is stored, once; what cannot be read is asked for again.
    async fn read(&mut self) {
        let Some(journal) = self.journal.as_ref().filter(|_| !self.is_read) else {
            return;
        };
        self.is_read = true;
        match journal.fields(self.key).await {
            Ok(fields) => {
                for (name, value) in fields {
                    if let Ok(stored) = serde_json::from_slice::<Stored>(&value) {
                        self.vectors.insert(name, stored.vector());
                    }
                }
            }
            Err(error) => warn!("the embeddings of examples are made again: {error}"),
        }
    }

    fn keep(&mut self, name: &str, vector: &[f32]) {
        let stored = Stored::of(vector);
        if let Some(journal) = &self.journal {
            journal.put_field(self.key, name.to_owned(), &stored, KEPT);
        }
        self.vectors.insert(name.to_owned(), stored.vector());
    }
}

impl Stored {
    fn of(vector: &[f32]) -> Self {
        let largest = vector
            .iter()
            .fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let scale = largest.max(f32::MIN_POSITIVE) / 127.0;
        #[allow(clippy::cast_possible_truncation)] // they are between -127 and 127
        let numbers = vector.iter().map(|x| (x / scale).round() as i8);
        Self {
            scale,
            numbers: numbers.collect(),
        }
    }

    fn vector(&self) -> Arc<[f32]> {
        let numbers = self.numbers.iter();
        numbers.map(|x| f32::from(*x) * self.scale).collect()
    }
}

/// What a text is kept under.
fn name(text: &str) -> String {
    hex(&Sha256::digest(text)[..16])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stored_vector_points_nearly_the_same_way(vector in prop::collection::vec(-2.0_f32..2.0, 1..50)) {
            let kept = Stored::of(&vector).vector();
            let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
            for (kept, was) in kept.iter().zip(&vector) {
                prop_assert!((kept - was).abs() <= largest / 200.0);
            }
        }
    }
}
