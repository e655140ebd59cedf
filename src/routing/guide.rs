//! What the router knows at one time, and what it notices in a text.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::classifier::{Classifier, Reading};
use super::negation;
use super::question::Question;
use super::rules::{Match, RuleTable};
use super::signs::Signs;
use super::text::Text;
use crate::words::AgentCard;

/// How loudly it speaks for an agent to have answered last, where the text is short.
const PREVIOUS: f64 = 0.5;
const SHORT: usize = 6;
/// Agents that a language model is told of at most.
const TOLD: usize = 24;

/// The rules for some agents, and what was learned of them. It changes as a whole.
#[derive(Debug)]
pub(super) struct Guide {
    pub cards: Vec<AgentCard>,
    pub rules: RuleTable,
    /// What was learned of the agents that gave something to learn from.
    pub learned: Option<Learned>,
}

/// A classifier, and which agent each of its classes is.
#[derive(Debug)]
pub(super) struct Learned {
    pub classifier: Classifier,
    pub places: Vec<usize>,
    /// The agents of which it has seen so little that their rules know them better.
    pub strangers: Vec<usize>,
    /// The same with embeddings, once it has learned them.
    pub embedded: OnceLock<Classifier>,
}

impl Guide {
    /// One that knows nobody.
    pub fn ignorant() -> Self {
        Self {
            cards: Vec::new(),
            rules: RuleTable::new([]).expect("nothing makes a table that matches nothing"),
            learned: None,
        }
    }

    /// What is noticed in a text: by the rules, and for the classifier.
    pub fn read<'a>(
        &self,
        text: &'a str,
        question: &Question<'_>,
        classes: &[usize],
    ) -> (Reading<'a>, Vec<Match>) {
        let mut text = Text::new(text);
        if let Some((wanted, _)) = negation::divide(&text.written, &text.words) {
            text.words = wanted;
        }
        let signs = Signs::of(&text).and(question.signs());
        let mut matches = self.rules.matches_in(&text.words, &text.written, signs);
        let class_of = |place: usize| classes.binary_search(&place).ok();
        let voices = matches
            .iter()
            .filter_map(|found| Some((class_of(found.place)?, found.weight)));
        let voices = voices.collect();
        if let Some(place) = self.previous(question, &text) {
            self.speak_up(&mut matches, place);
        }
        let reading = Reading {
            text,
            signs,
            voices,
            embedding: None,
        };
        (reading, matches)
    }

    /// Adds to what rules say that the agent answered last.
    fn speak_up(&self, matches: &mut Vec<Match>, place: usize) {
        let said = Arc::from("the agent of the previous turn");
        match matches.iter_mut().find(|found| found.place == place) {
            Some(found) => {
                found.weight += PREVIOUS;
                found.keywords.push(said);
            }
            None => matches.push(Match {
                agent: self.cards[place].name.clone(),
                place,
                weight: PREVIOUS,
                keywords: vec![said],
            }),
        }
        matches.sort_by(|x, y| y.weight.total_cmp(&x.weight));
    }

    /// The agent that answered last, where the text is so short that it may go on from there.
    fn previous(&self, question: &Question<'_>, text: &Text<'_>) -> Option<usize> {
        let name = question.previous_agent()?;
        let short = text.each_word().nth(SHORT).is_none();
        let place = self.cards.iter().position(|card| &*card.name == name);
        place.filter(|_| short)
    }

    /// The agents that a model is told of: all where they are few, else those that fit best.
    pub fn shortlist(&self, question: &Question<'_>) -> Vec<&AgentCard> {
        if self.cards.len() <= TOLD {
            return self.cards.iter().collect();
        }
        let (places, learned) = match &self.learned {
            Some(learned) => (&learned.places[..], Some(learned)),
            None => (&[][..], None),
        };
        let (reading, matches) = self.read(question.content, question, places);
        let mut best: Vec<usize> = matches.iter().map(|found| found.place).collect();
        if let Some(learned) = learned {
            let verdict = learned.classifier.judge(&reading, TOLD);
            best.extend(
                verdict
                    .ranked
                    .iter()
                    .map(|(class, _)| learned.places[*class]),
            );
        }
        let mut known = HashSet::new();
        best.retain(|place| known.insert(*place));
        best.into_iter()
            .take(TOLD)
            .map(|place| &self.cards[place])
            .collect()
    }
}

impl Learned {
    /// Whether it has seen enough of that agent to judge it.
    pub fn knows(&self, place: usize) -> bool {
        self.strangers.binary_search(&place).is_err() && self.class_of(place).is_some()
    }

    pub fn class_of(&self, place: usize) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }
}
