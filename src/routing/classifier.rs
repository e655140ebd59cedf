//! A text classifier that is trained in the blink of an eye, and says how sure it is.
//!
//! It is logistic regression (see [`softmax`]) over what can be seen of a text: words and pairs of
//! words, runs of characters (which see through typing errors and inflections), rough meanings,
//! structural signs, and the rules that speak for each class. Linear, because that is what wins with
//! few examples, takes microseconds, and can be explained.
//!
//! Invariant: the confidence is calibrated on examples that the model that judged them had not
//! seen, and so is the threshold below which the classifier had better not decide.

mod calibration;
mod centroids;
mod grams;
mod lexicon;
mod model;
mod packed;
mod softmax;
mod sparse;
mod training;
mod vocabulary;

use std::cell::RefCell;

use super::signs::Signs;
use super::text::Text;
use crate::words::Sign;
use calibration::Calibration;
use lexicon::Lexicon;
use model::{MOST_DENSE, Model};
use packed::Sums;
use sparse::Sparse;
use vocabulary::{Familiarity, Vocabulary};

pub(super) use grams::BySpread;
pub(super) use training::{Lesson, Training};

/// What was noticed in a text before it is classified.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub text: Text<'a>,
    pub signs: Signs,
    /// How loudly rules speak for classes.
    pub voices: Vec<(usize, f64)>,
    /// What an embedding model makes of the text, for a classifier that was trained with such vectors.
    pub embedding: Option<&'a [f32]>,
}

/// Tells texts of some classes apart.
#[derive(Debug)]
pub(super) struct Classifier {
    classes: usize,
    vocabulary: Vocabulary,
    model: Model,
    /// What known words say, where the model has weights.
    lexicon: Option<Lexicon>,
    calibration: Calibration,
    threshold: f32,
}

/// What a classifier makes of a text: the likeliest classes, best first, and how sure it is of each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub ranked: Vec<(usize, f32)>,
    /// Whether it knows any of the words: otherwise it goes by runs of characters alone.
    pub knows_words: bool,
}

/// A sign that speaks less for a class is no reason.
const SIGN_TELLS: f32 = 0.3;

thread_local! {
    /// What judging one text after the other needs and need not be made anew.
    static SCRATCH: RefCell<(Sparse, Sums)> = RefCell::default();
}

impl Classifier {
    /// So many classes have a weight for every feature; where there are more, each has a centroid, which
    /// is a matter of rare features alone.
    pub const MOST_WEIGHED: usize = MOST_DENSE;

    /// What the classifier makes of the text; at most `shown` classes.
    pub fn judge(&self, reading: &Reading<'_>, shown: usize) -> Verdict {
        SCRATCH.with_borrow_mut(|(features, scores)| {
            scores.clear(self.classes);
            let familiarity = self.score(reading, features, scores);
            let mut verdict = Verdict {
                ranked: ranked(&scores.as_slice()[..self.classes], shown),
                knows_words: familiarity.knows_words(),
            };
            for (_, score) in &mut verdict.ranked {
                *score = self.calibration.confidence(*score * familiarity.share());
            }
            verdict
        })
    }

    /// Adds what the text says of each class. Returns how familiar it is.
    fn score(
        &self,
        reading: &Reading<'_>,
        features: &mut Sparse,
        scores: &mut Sums,
    ) -> Familiarity {
        let vocabulary = &self.vocabulary;
        if let (Some(lexicon), Model::Weights(weights)) = (&self.lexicon, &self.model) {
            vocabulary.beside_words(reading, features);
            weights.score(features, scores);
            return lexicon.score(reading, vocabulary, weights, self.classes, scores);
        }
        let familiarity = vocabulary.features(reading, features);
        self.model.score(features, scores);
        familiarity
    }

    /// The words of the text that speak most for the class, loudest first.
    pub fn reasons<'a>(
        &self,
        text: &'a Text<'_>,
        class: usize,
        most: usize,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reasons: Vec<(&str, f32)> = Vec::new();
        for word in text.each_word() {
            if let Some(row) = self.vocabulary.row_of_word(word)
                && !reasons.iter().any(|(known, _)| *known == word)
            {
                reasons.push((word, self.model.lean(row, class)));
            }
        }
        reasons.retain(|(_, lean)| *lean > 0.0);
        reasons.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        reasons.into_iter().take(most).map(|(word, _)| word)
    }

    /// Those of the signs that speak for the class.
    pub fn telling_signs(&self, signs: Signs, class: usize) -> impl Iterator<Item = Sign> {
        let tells =
            move |sign: &Sign| self.model.lean(Vocabulary::row_of_sign(*sign), class) > SIGN_TELLS;
        signs.iter().filter(tells)
    }

    /// Numbers in the embeddings that it was trained with; 0: with none.
    pub fn dimensions(&self) -> usize {
        self.vocabulary.dimensions()
    }

    /// The confidence below which the best class is a guess: one text in twenty of those that it was
    /// trained for is below it.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }
}

impl Verdict {
    /// The likeliest class, and how sure it is.
    pub fn best(&self) -> (usize, f32) {
        self.ranked[0]
    }
}

/// The best classes, best first.
fn ranked(scores: &[f32], shown: usize) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = Vec::with_capacity(shown + 1);
    for (class, &score) in scores.iter().enumerate() {
        if ranked.len() == shown && ranked.last().is_none_or(|last| last.1 >= score) {
            continue;
        }
        let place = ranked.partition_point(|(_, better)| *better >= score);
        ranked.insert(place, (class, score));
        ranked.truncate(shown);
    }
    ranked
}
