//! What the router learns of agents: from their examples, descriptions and keywords, and from what
//! users said of its decisions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::classifier::{Classifier, Lesson, Training};
use super::guide::{Guide, Learned};
use super::question::Question;
use super::rules::{RuleError, RuleTable};
use crate::words::AgentCard;

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
        let training = guide.train(&said, &places);
        let schooling = Schooling {
            lessons: said.len(),
            accuracy: (training.judged > 0).then_some(training.accuracy),
            took: training.took,
        };
        drop(said);
        guide.learned = Some(Learned {
            classifier: training.classifier,
            places,
        });
        Ok((guide, Some(schooling)))
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

    fn train(&self, said: &[Said<'_>], places: &[usize]) -> Training {
        let lessons = said.iter().map(|said| {
            let question = Question::new(said.text);
            let (reading, _) = self.read(said.text, &question, places);
            Lesson {
                reading,
                class: places.partition_point(|place| *place < said.place),
                weight: said.weight,
                trusted: said.trusted,
            }
        });
        Classifier::train(&lessons.collect::<Vec<_>>(), places.len())
    }
}
