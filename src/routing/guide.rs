//! What the router knows at one time, and what it makes of a text by itself.

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::sync::Arc;

use super::classifier::{Classifier, Reading, Verdict};
use super::decision::{Candidate, Decided, Share, Signal};
use super::draft::Errand;
use super::evidence::{Evidence, weigh};
use super::negation;
use super::question::Question;
use super::rules::{Match, RuleTable};
use super::signs::Signs;
use super::text::Text;
use crate::words::AgentCard;

/// Candidates that the record names at most.
pub(super) const SHOWN: usize = 5;
/// Words that the record names as reasons at most.
const REASONS: usize = 3;
/// How sure the classifier has to be of a text of which it knows no word.
const WORDLESS: f32 = 0.9;
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
        let mut matches = self.rules.matches_in(&text.words, &text.written);
        let class_of = |place: usize| classes.binary_search(&place).ok();
        let voices = matches
            .iter()
            .filter_map(|found| Some((class_of(found.place)?, found.weight)));
        let voices = voices.collect();
        if let Some(place) = self.previous(question, &text) {
            self.speak_up(&mut matches, place);
        }
        let signs = Signs::of(&text).and(question.signs());
        let reading = Reading {
            text,
            signs,
            voices,
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

    /// Who could do what a text asks.
    pub fn consider(&self, text: &str, question: &Question<'_>) -> Errand {
        let Some(learned) = &self.learned else {
            let (_, matches) = self.read(text, question, &[]);
            return self.errand(&matches, None, None);
        };
        let (reading, matches) = self.read(text, question, &learned.places);
        let verdict = learned.classifier.judge(&reading, SHOWN);
        self.errand(&matches, Some((learned, &verdict)), Some(&reading))
    }

    fn errand(
        &self,
        matches: &[Match],
        learned: Option<(&Learned, &Verdict)>,
        reading: Option<&Reading<'_>>,
    ) -> Errand {
        let is_sure = learned.is_some_and(|(learned, verdict)| learned.is_sure(verdict));
        let evidence = weigh(matches, learned, is_sure);
        let decided = match (evidence.first(), matches.first()) {
            (Some(best), Some(loudest)) if best.place == loudest.place => Decided::Simple,
            (Some(_), _) if is_sure => Decided::Classifier,
            _ => Decided::Fallback,
        };
        let words = match (evidence.first(), learned, reading) {
            (Some(best), Some((learned, _)), Some(reading)) => learned.reasons(best.place, reading),
            _ => String::new(),
        };
        let reasoning = match evidence.first() {
            Some(best) if decided != Decided::Fallback => self.reasoning(best, &words),
            _ => self.excuse(evidence.first(), learned),
        };
        let candidates = evidence.iter().enumerate().map(|(rank, evidence)| {
            let reasons = if rank == 0 { &*words } else { "" };
            self.candidate(evidence, reasons)
        });
        Errand {
            part: None,
            options: candidates.collect(),
            decided,
            reasoning: reasoning.into(),
        }
    }

    fn candidate(&self, evidence: &Evidence<'_>, reasons: &str) -> Candidate {
        let keywords = evidence.rules.map_or(0, |found| found.keywords.len());
        let mut signals = Vec::with_capacity(keywords + 2);
        if let Some(found) = evidence.rules {
            signals.extend(found.keywords.iter().cloned().map(Signal::Keyword));
        }
        signals.extend(evidence.learned.map(Signal::Classifier));
        if !reasons.is_empty() {
            signals.push(Signal::Because(reasons.into()));
        }
        Candidate {
            agent: self.cards[evidence.place].name.clone(),
            score: rounded(evidence.score),
            signals,
            place: evidence.place,
        }
    }

    fn reasoning(&self, best: &Evidence<'_>, reasons: &str) -> String {
        let name = &self.cards[best.place].name;
        let mut told = String::with_capacity(128);
        let written = match (best.rules, best.learned) {
            (Some(found), None) => write!(told, "{} speaks for {name}", Quoted(&found.keywords)),
            (Some(found), Some(sure)) => write!(
                told,
                "{} speaks for {name}; the classifier is {} sure of it",
                Quoted(&found.keywords),
                Share(sure)
            ),
            (None, sure) => {
                let sure = Share(sure.unwrap_or_default());
                write!(told, "the classifier is {sure} sure of {name}")
            }
        };
        written.expect("a string takes all that there is memory for");
        if best.learned.is_some() && !reasons.is_empty() {
            told.push_str(", by ");
            told.push_str(reasons);
        }
        told
    }

    /// Why nobody is chosen.
    fn excuse(&self, best: Option<&Evidence<'_>>, learned: Option<(&Learned, &Verdict)>) -> String {
        const NO_KEYWORD: &str = "no keyword of any agent is in the request";
        match (best, learned) {
            (Some(best), Some((learned, verdict))) => format!(
                "{NO_KEYWORD}, and it is unlike what the agents are known for: the classifier is \
                 {} sure of {}, and decides from {}",
                Share(best.score),
                self.cards[best.place].name,
                Share(learned.needed(verdict).into())
            ),
            _ => NO_KEYWORD.to_owned(),
        }
    }
}

impl Learned {
    fn is_sure(&self, verdict: &Verdict) -> bool {
        verdict.best().1 >= self.needed(verdict)
    }

    /// The confidence from which on it decides.
    fn needed(&self, verdict: &Verdict) -> f32 {
        let threshold = self.classifier.threshold();
        if verdict.knows_words {
            threshold
        } else {
            threshold.max(WORDLESS)
        }
    }

    /// Whether it has seen enough of that agent to judge it.
    pub fn knows(&self, place: usize) -> bool {
        self.strangers.binary_search(&place).is_err() && self.class_of(place).is_some()
    }

    fn class_of(&self, place: usize) -> Option<usize> {
        self.places.binary_search(&place).ok()
    }

    /// What in the text speaks most for that agent: words, and what can be seen of it.
    fn reasons(&self, place: usize, reading: &Reading<'_>) -> String {
        let mut reasons = String::new();
        let Some(class) = self.class_of(place) else {
            return reasons;
        };
        let mut add = |parts: &[&str]| {
            if !reasons.is_empty() {
                reasons.push_str(", ");
            }
            parts.iter().for_each(|part| reasons.push_str(part));
        };
        for word in self.classifier.reasons(&reading.text, class, REASONS) {
            add(&["\"", word, "\""]);
        }
        for sign in self.classifier.telling_signs(reading.signs, class) {
            add(&[sign.told()]);
        }
        reasons
    }
}

/// To three digits, and never to certainty.
fn rounded(score: f64) -> f64 {
    ((score * 1000.0).round() / 1000.0).min(0.99)
}

/// Words between quotation marks.
struct Quoted<'a>(&'a [Arc<str>]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}\"{word}\"")?;
        }
        Ok(())
    }
}
