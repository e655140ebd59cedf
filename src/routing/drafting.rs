//! From what is asked to a draft of who does it: one errand, or several in an order.

use std::borrow::Cow;

use super::clauses::{self, Clause, Joint};
use super::decision::{Decided, Mode};
use super::draft::{Draft, Errand};
use super::embedding::Senses;
use super::guide::Guide;
use super::injection;
use super::negation;
use super::question::Question;
use super::signs::Signs;
use super::text::Text;
use crate::words::Sign;

/// How sure to be of a clause's agent for the clause to be an errand of its own.
const CLAUSE: f64 = 0.5;

/// An errand that a clause asks for, and how it follows what comes before it.
struct Step {
    errand: Errand,
    follows: bool,
}

impl Guide {
    /// Who does what the question asks, as far as can be said without asking a language model; with
    /// senses, by the embeddings of the texts that it [considers](texts_of).
    pub fn draft(&self, question: &Question<'_>, senses: Option<&Senses<'_>>) -> Draft {
        let honest = honest(question.content);
        let question = &Question {
            content: &honest,
            ..*question
        };
        let whole = self.consider(question.content, question, senses);
        let mut steps = self.steps(question, senses);
        let (errands, mode) = match steps.len() {
            0 => (vec![whole], Mode::Single),
            1 => (vec![single(whole, steps.remove(0).errand)], Mode::Single),
            _ => self.several(steps),
        };
        Draft {
            errands,
            mode,
            advice: None,
            trouble: Vec::new(),
        }
    }

    /// The errands of the clauses, those of one agent in a row as one; empty where the text is to be
    /// taken as a whole.
    fn steps(&self, question: &Question<'_>, senses: Option<&Senses<'_>>) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        // What tells how things are goes to whoever is asked next.
        let mut told = String::new();
        for clause in clauses_of(question) {
            let errand = self.accept(&clause, question, senses);
            match (errand, steps.last_mut()) {
                (None, _) => join(&mut told, clause.text),
                (Some(errand), Some(last)) if is_same(&last.errand, &errand) => {
                    let part = last.errand.part.get_or_insert_default();
                    join(part, &std::mem::take(&mut told));
                    join(part, clause.text);
                }
                (Some(mut errand), _) => {
                    let mut part = std::mem::take(&mut told);
                    join(&mut part, clause.text);
                    errand.part = Some(part);
                    steps.push(Step {
                        errand,
                        follows: clause.joint == Joint::Then || clause.refers_back(),
                    });
                }
            }
        }
        if let Some(last) = steps.last_mut() {
            join(last.errand.part.get_or_insert_default(), &told);
        }
        steps
    }

    /// The errand that a clause asks for, if it asks for one by itself.
    fn accept(
        &self,
        clause: &Clause<'_>,
        question: &Question<'_>,
        senses: Option<&Senses<'_>>,
    ) -> Option<Errand> {
        if negation::only_negates(clause.text) {
            return None;
        }
        let errand = self.consider(clause.text, question, senses);
        let asks = if self.is_talk(&errand) {
            clause.joint != Joint::And
        } else {
            clause.is_request()
        };
        (asks && errand.confidence() >= CLAUSE).then_some(errand)
    }

    /// Work comes before conversation, and otherwise what was asked first.
    fn several(&self, steps: Vec<Step>) -> (Vec<Errand>, Mode) {
        let (talk, work): (Vec<Step>, Vec<Step>) = steps
            .into_iter()
            .partition(|step| self.is_talk(&step.errand));
        let follows = work.iter().skip(1).any(|step| step.follows);
        let mut errands: Vec<Errand> = Vec::new();
        for Step { errand, .. } in work.into_iter().chain(talk) {
            match errands.iter_mut().find(|known| is_same(known, &errand)) {
                Some(known) => {
                    let more = errand.part.unwrap_or_default();
                    join(known.part.get_or_insert_default(), &more);
                }
                None => errands.push(errand),
            }
        }
        let mode = match errands.len() {
            1 => Mode::Single,
            _ if follows => Mode::Sequential,
            _ => Mode::Parallel,
        };
        if mode == Mode::Single {
            errands[0].part = None;
        }
        (errands, mode)
    }

    fn is_talk(&self, errand: &Errand) -> bool {
        let group = errand
            .best()
            .map(|best| self.cards[best.place].group.as_deref());
        group == Some(Some("chat"))
    }
}

/// The texts that a draft considers: the whole, and the clauses that may ask for something each.
pub(super) fn texts_of(question: &Question<'_>) -> Vec<String> {
    let honest = honest(question.content);
    let question = &Question {
        content: &honest,
        ..*question
    };
    let clauses = clauses_of(question).into_iter();
    let clauses = clauses.map(|clause| clause.text.to_owned());
    let mut texts: Vec<String> = std::iter::once(honest.to_string()).chain(clauses).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The clauses that may ask for something each; none where the text is to be taken as a whole.
fn clauses_of<'a>(question: &Question<'a>) -> Vec<Clause<'a>> {
    if question.mode == Some(Mode::Single) {
        return Vec::new();
    }
    let clauses = clauses::split(question.content);
    if clauses.len() < 2 || is_technical(question.content) {
        return Vec::new();
    }
    clauses
}

/// One clause asks for something, the others tell how things are: whoever is surer.
fn single(whole: Errand, clause: Errand) -> Errand {
    if clause.confidence() > whole.confidence() {
        Errand {
            part: None,
            ..clause
        }
    } else {
        whole
    }
}

/// The text without what speaks to the router; all of it where nothing else is said.
fn honest(text: &str) -> Cow<'_, str> {
    if !injection::addresses_router(text) {
        return text.into();
    }
    let clauses = clauses::split(text).into_iter();
    let honest = clauses.filter(|clause| !injection::addresses_router(clause.text));
    let honest: Vec<&str> = honest.map(|clause| clause.text).collect();
    if honest.is_empty() {
        text.into()
    } else {
        honest.join(" ").into()
    }
}

fn is_same(one: &Errand, other: &Errand) -> bool {
    let place = |errand: &Errand| errand.best().map(|best| best.place);
    one.decided != Decided::Fallback && place(one) == place(other)
}

/// Programs and command lines have full stops and dashes of their own.
fn is_technical(text: &str) -> bool {
    let signs = Signs::of(&Text::new(text));
    [
        Sign::CodeFence,
        Sign::CodeMarks,
        Sign::ShellMarks,
        Sign::ErrorMessage,
    ]
    .into_iter()
    .any(|sign| signs.has(sign))
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}
