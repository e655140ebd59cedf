//! Who could do what a text asks: rules and classifier are heard, and their reasons told.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::classifier::{Classifier, Reading, Verdict};
use super::decision::{Candidate, Decided, Share, Signal};
use super::draft::Errand;
use super::embedding::Senses;
use super::evidence::{Evidence, weigh};
use super::guide::{Guide, Learned};
use super::question::Question;
use super::rules::Match;

/// Candidates that the record names at most.
pub(super) const SHOWN: usize = 5;
/// Words that the record names as reasons at most.
const REASONS: usize = 3;
/// How sure the classifier has to be of a text of which it knows no word.
const WORDLESS: f32 = 0.9;

/// What was learned, applied to a text.
pub(super) struct Judgement<'a> {
    pub learned: &'a Learned,
    classifier: &'a Classifier,
    pub verdict: Verdict,
    is_embedded: bool,
}

impl Guide {
    /// Who could do what a text asks; with senses, as far as they know the text.
    pub fn consider(
        &self,
        text: &str,
        question: &Question<'_>,
        senses: Option<&Senses<'_>>,
    ) -> Errand {
        let Some(learned) = &self.learned else {
            let (_, matches) = self.read(text, question, &[]);
            return self.errand(&matches, None);
        };
        let (mut reading, matches) = self.read(text, question, &learned.places);
        let mut classifier = &learned.classifier;
        if let Some(senses) = senses
            && let Some(embedding) = senses.of(text)
        {
            classifier = senses.classifier;
            reading.embedding = Some(embedding);
        }
        let judgement = Judgement {
            learned,
            classifier,
            verdict: classifier.judge(&reading, SHOWN),
            is_embedded: reading.embedding.is_some(),
        };
        self.errand(&matches, Some((&judgement, &reading)))
    }

    fn errand(&self, matches: &[Match], judged: Option<(&Judgement<'_>, &Reading<'_>)>) -> Errand {
        let judgement = judged.map(|(judgement, _)| judgement);
        let is_sure = judgement.is_some_and(Judgement::is_sure);
        let evidence = weigh(matches, judgement, is_sure);
        let decided = match (evidence.first(), matches.first()) {
            (Some(best), Some(loudest)) if best.place == loudest.place => Decided::Simple,
            (Some(_), _) if is_sure => Decided::Classifier,
            _ => Decided::Fallback,
        };
        let reasons = match (evidence.first(), judged) {
            (Some(best), Some((judgement, reading))) => judgement.reasons(best.place, reading),
            _ => String::new(),
        };
        let reasoning = match evidence.first() {
            Some(best) if decided != Decided::Fallback => self.reasoning(best, judgement, &reasons),
            _ => self.excuse(evidence.first(), judgement),
        };
        let candidates = evidence.iter().enumerate().map(|(rank, evidence)| {
            let reasons = if rank == 0 { &*reasons } else { "" };
            self.candidate(evidence, judgement, reasons)
        });
        Errand {
            part: None,
            options: candidates.collect(),
            decided,
            reasoning: reasoning.into(),
        }
    }

    fn candidate(
        &self,
        evidence: &Evidence<'_>,
        judgement: Option<&Judgement<'_>>,
        reasons: &str,
    ) -> Candidate {
        let keywords = evidence.rules.map_or(0, |found| found.keywords.len());
        let mut signals = Vec::with_capacity(keywords + 2);
        if let Some(found) = evidence.rules {
            signals.extend(found.keywords.iter().cloned().map(Signal::Keyword));
        }
        let signal = match judgement {
            Some(judgement) if judgement.is_embedded => Signal::Embedding,
            _ => Signal::Classifier,
        };
        signals.extend(evidence.learned.map(signal));
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

    fn reasoning(
        &self,
        best: &Evidence<'_>,
        judgement: Option<&Judgement<'_>>,
        reasons: &str,
    ) -> String {
        let name = &self.cards[best.place].name;
        let judge = judgement.map_or("", |judgement| judgement.name());
        let mut told = String::with_capacity(128);
        let written = match (best.rules, best.learned) {
            (Some(found), None) => write!(told, "{} speaks for {name}", Quoted(&found.keywords)),
            (Some(found), Some(sure)) => write!(
                told,
                "{} speaks for {name}; {judge} is {} sure of it",
                Quoted(&found.keywords),
                Share::of(sure)
            ),
            (None, sure) => {
                let sure = Share::of(sure.unwrap_or_default());
                write!(told, "{judge} is {sure} sure of {name}")
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
    fn excuse(&self, best: Option<&Evidence<'_>>, judgement: Option<&Judgement<'_>>) -> String {
        const NO_KEYWORD: &str = "no keyword of any agent is in the request";
        match (best, judgement) {
            (Some(best), Some(judgement)) => format!(
                "{NO_KEYWORD}, and it is unlike what the agents are known for: {} is {} sure of {}, \
                 and decides from {}",
                judgement.name(),
                Share::of(best.score),
                self.cards[best.place].name,
                Share::of(judgement.needed().into())
            ),
            _ => NO_KEYWORD.to_owned(),
        }
    }
}

impl Judgement<'_> {
    fn is_sure(&self) -> bool {
        self.verdict.best().1 >= self.needed()
    }

    /// The confidence from which on it decides. Embeddings know words that no example had.
    fn needed(&self) -> f32 {
        let threshold = self.classifier.threshold();
        if self.verdict.knows_words || self.is_embedded {
            threshold
        } else {
            threshold.max(WORDLESS)
        }
    }

    /// Who judges, for people.
    fn name(&self) -> &'static str {
        if self.is_embedded {
            "the classifier with embeddings"
        } else {
            "the classifier"
        }
    }

    /// What in the text speaks most for that agent: words, and what can be seen of it.
    fn reasons(&self, place: usize, reading: &Reading<'_>) -> String {
        let Some(class) = self.learned.class_of(place) else {
            return String::new();
        };
        let mut reasons = String::with_capacity(64);
        let mut add = |parts: &[&str]| {
            if !reasons.is_empty() {
                reasons.push_str(", ");
            }
            reasons.extend(parts.iter().copied());
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
