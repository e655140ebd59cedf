//! What the router learns of agents: from their examples, descriptions and keywords, and from what
//! users said of its decisions.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::classifier::{Classifier, Lesson, Training};
use super::guide::{Guide, Learned};
use super::question::Question;
use super::rules::{RuleError, RuleTable};
use crate::words::AgentCard;

/// From so many texts on, the classifier knows an agent better than its keywords do.
const FAMILIAR: usize = 5;
/// An agent with few examples is not to drown among those with many: each of its examples counts for
/// more, but for no more than this.
const MOST_WEIGHT: f32 = 8.0;
/// How much a description counts against an example.
const DESCRIPTION: f32 = 0.5;

/// A request, and the agent that is right for it, as a user said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Correction {
    /// The request that it is of.
    pub request: String,
    pub text: String,
    pub agent: String,
    pub weight: f32,
}

/// What training was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schooling {
    /// Examples that it learned from.
    pub lessons: usize,
    /// The share of them that models were right about which had not seen them; `None` where there
    /// were too few to tell.
    pub accuracy: Option<f64>,
    /// How long it took.
    pub took: Duration,
}

impl Schooling {
    fn of(training: &Training, lessons: usize) -> Self {
        Self {
            lessons,
            accuracy: (training.judged > 0).then_some(training.accuracy),
            took: training.took,
        }
    }
}

/// A text to learn from.
struct Said<'a> {
    text: &'a str,
    place: usize,
    weight: f32,
    trusted: bool,
}

impl Guide {
    /// Learns what there is to learn of these agents.
    ///
    /// An agent of which nothing but keywords is known is left to the rules, and so are all where
    /// fewer than two have more: there is nothing to tell apart.
    pub fn new(
        cards: Vec<AgentCard>,
        corrections: &[Correction],
    ) -> Result<(Self, Option<Schooling>), RuleError> {
        let rules = RuleTable::new(&cards)?;
        let mut guide = Self {
            cards,
            rules,
            learned: None,
        };
        let said = guide.said(corrections);
        let mut places: Vec<usize> = said.iter().map(|said| said.place).collect();
        places.sort_unstable();
        places.dedup();
        if places.len() < 2 {
            return Ok((guide, None));
        }
        let training = guide.train(&said, &places, None);
        let schooling = Schooling::of(&training, said.len());
        let counts = counts(&said, &places).into_iter();
        let strangers = places
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count < FAMILIAR);
        let strangers = strangers.map(|(place, _)| *place).collect();
        drop(said);
        guide.learned = Some(Learned {
            classifier: training.classifier,
            places,
            strangers,
            embedded: OnceLock::new(),
        });
        Ok((guide, Some(schooling)))
    }

    /// The texts that there are to learn from, in their order.
    pub fn texts_to_learn(&self, corrections: &[Correction]) -> Vec<String> {
        let said = self.said(corrections).into_iter();
        said.map(|said| said.text.to_owned()).collect()
    }

    /// Learns the same anew, with an embedding of each text; `None` where there is nothing to tell apart,
    /// or there are too many agents to weigh embeddings for.
    pub fn learn_embeddings(
        &self,
        corrections: &[Correction],
        embeddings: &[Arc<[f32]>],
    ) -> Option<Schooling> {
        let learned = self.learned.as_ref()?;
        if learned.places.len() > Classifier::MOST_WEIGHED {
            return None;
        }
        let said = self.said(corrections);
        let training = self.train(&said, &learned.places, Some(embeddings));
        let schooling = Schooling::of(&training, said.len());
        // Whoever was quicker learned the same.
        let _ = learned.embedded.set(training.classifier);
        Some(schooling)
    }

    fn said<'a>(&'a self, corrections: &'a [Correction]) -> Vec<Said<'a>> {
        let mut all = Vec::new();
        for (place, card) in self.cards.iter().enumerate() {
            let examples = card.examples.iter().chain(card.more_examples.iter());
            all.extend(examples.map(|text| Said {
                text,
                place,
                weight: 1.0,
                trusted: true,
            }));
            if !card.description.is_empty() {
                all.push(Said {
                    text: &card.description,
                    place,
                    weight: DESCRIPTION,
                    trusted: false,
                });
            }
        }
        for correction in corrections {
            let named = |card: &AgentCard| *card.name == *correction.agent;
            if let Some(place) = self.cards.iter().position(named) {
                all.push(Said {
                    text: &correction.text,
                    place,
                    weight: correction.weight,
                    trusted: false,
                });
            }
        }
        all
    }

    fn train(
        &self,
        said: &[Said<'_>],
        places: &[usize],
        embeddings: Option<&[Arc<[f32]>]>,
    ) -> Training {
        #[allow(clippy::cast_precision_loss)] // examples are fewer than 2^24
        let balance = |count: &usize| {
            let usual = said.len() as f32 / places.len() as f32;
            (usual / *count as f32).clamp(1.0, MOST_WEIGHT)
        };
        let balance: Vec<f32> = counts(said, places).iter().map(balance).collect();
        let lessons = said.iter().enumerate().map(|(number, said)| {
            let class = places.partition_point(|place| *place < said.place);
            let question = Question::new(said.text);
            let (mut reading, _) = self.read(said.text, &question, places);
            reading.embedding = embeddings.map(|all| &*all[number]);
            Lesson {
                reading,
                class,
                weight: said.weight * balance[class],
                trusted: said.trusted,
            }
        });
        Classifier::train(&lessons.collect::<Vec<_>>(), places.len())
    }
}

/// How many texts there are of each of the places, which are in order.
fn counts(said: &[Said<'_>], places: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; places.len()];
    for said in said {
        counts[places.partition_point(|place| *place < said.place)] += 1;
    }
    counts
}
