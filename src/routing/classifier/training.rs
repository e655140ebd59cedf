//! How a classifier comes to be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::calibration::{Calibration, quantile};
use super::lexicon::Lexicon;
use super::model::Model;
use super::packed::Sums;
use super::softmax::Example;
use super::sparse::Sparse;
use super::vocabulary::Vocabulary;
use super::{Classifier, Reading};

/// An example for a classifier to learn from.
#[derive(Debug)]
pub(in crate::routing) struct Lesson<'a> {
    pub reading: Reading<'a>,
    pub class: usize,
    /// How much it counts; 1 is ordinary.
    pub weight: f32,
    /// Whether the classifier is judged by it: not where it may be wrong.
    pub trusted: bool,
}

/// What came of training.
#[derive(Debug)]
pub(in crate::routing) struct Training {
    pub classifier: Classifier,
    /// The examples that were judged by models that had not seen them.
    pub judged: usize,
    /// The share of those that were judged rightly.
    pub accuracy: f64,
    /// How long it took.
    pub took: Duration,
}

/// No classifier has to be surer than this, however sure it usually is.
const ENOUGH: f32 = 0.9;
/// Parts that the examples are divided into: each is judged by a model that was trained on the
/// others.
const FOLDS: usize = 3;
/// The share of what it was trained for that a classifier may decline to decide.
const DECLINED: f32 = 0.05;

impl Classifier {
    /// Trains a classifier for so many classes; the same lessons make the same classifier.
    pub fn train(lessons: &[Lesson<'_>], classes: usize) -> Training {
        let began = Instant::now();
        let texts = lessons
            .iter()
            .map(|lesson| lesson.reading.text.words.as_str());
        let embedding = lessons.first().and_then(|lesson| lesson.reading.embedding);
        let dimensions = embedding.map_or(0, <[f32]>::len);
        let vocabulary = Vocabulary::new(texts, classes, dimensions);
        let features = in_parallel(lessons.len(), 64, |at| {
            let mut features = Sparse::default();
            vocabulary.features(&lessons[at].reading, &mut features);
            features
        });
        let folds = folds(lessons, classes);
        let fit = |left_out: Option<usize>| {
            let kept = |at: &usize| left_out.is_none() || folds[*at] != left_out;
            let examples = (0..lessons.len()).filter(kept).map(|at| Example {
                features: &features[at],
                class: lessons[at].class,
                weight: lessons[at].weight,
            });
            Model::fit(&examples.collect::<Vec<_>>(), vocabulary.size(), classes)
        };
        // One with everything, and one for each part that is left out: those are judged at once, so
        // that only one of each thread is kept at a time.
        let mut outcomes = in_parallel(1 + FOLDS, 1, |number| match number.checked_sub(1) {
            None => (Some(fit(None)), Vec::new()),
            Some(fold) => {
                let model = fit(Some(fold));
                let judged = (0..lessons.len())
                    .filter(|at| folds[*at] == Some(fold) && lessons[*at].trusted);
                let judged = judged.map(|at| {
                    let mut sums = Sums::default();
                    sums.clear(classes);
                    model.score(&features[at], &mut sums);
                    let scores = &sums.as_slice()[..classes];
                    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    (best, scores[lessons[at].class] >= best)
                });
                (None, judged.collect::<Vec<_>>())
            }
        });
        let judged: Vec<(f32, bool)> = outcomes
            .iter_mut()
            .flat_map(|(_, judged)| std::mem::take(judged))
            .collect();
        let whole = outcomes
            .swap_remove(0)
            .0
            .expect("the first is the one with everything");
        let calibration = Calibration::fit(&judged);
        let confidences = judged
            .iter()
            .map(|(score, _)| calibration.confidence(*score));
        let threshold = quantile(&mut confidences.collect::<Vec<_>>(), DECLINED).min(ENOUGH);
        let texts = lessons
            .iter()
            .map(|lesson| lesson.reading.text.words.as_str());
        let lexicon = match &whole {
            Model::Weights(weights) => Some(Lexicon::new(texts, &vocabulary, weights, classes)),
            Model::Centroids(_) => None,
        };
        Training {
            classifier: Self {
                classes,
                model: whole,
                lexicon,
                vocabulary,
                calibration,
                threshold,
            },
            judged: judged.len(),
            accuracy: share_right(&judged),
            took: began.elapsed(),
        }
    }
}

/// Deals the lessons of each class to the folds in turn. One that is alone in its class could not
/// be judged by others.
fn folds(lessons: &[Lesson<'_>], classes: usize) -> Vec<Option<usize>> {
    let mut sizes = vec![0_usize; classes];
    for lesson in lessons {
        sizes[lesson.class] += 1;
    }
    let mut dealt = vec![0_usize; classes];
    let deal = |lesson: &Lesson<'_>| {
        let turn = &mut dealt[lesson.class];
        *turn += 1;
        (sizes[lesson.class] > 1).then_some(*turn % FOLDS)
    };
    lessons.iter().map(deal).collect()
}

fn share_right(judged: &[(f32, bool)]) -> f64 {
    let right = judged.iter().filter(|(_, right)| *right).count();
    #[allow(clippy::cast_precision_loss)] // examples are fewer than 2^52
    let share = right as f64 / judged.len().max(1) as f64;
    share
}

/// Does so many things, `batch` after `batch`, with all cores.
fn in_parallel<T: Send>(count: usize, batch: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let labour = || loop {
        let from = next.fetch_add(batch, Ordering::Relaxed);
        if from >= count {
            break;
        }
        let results: Vec<T> = (from..count.min(from + batch)).map(&work).collect();
        let mut done = done
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        done.push((from, results));
    };
    thread::scope(|scope| {
        for _ in 1..cores.min(count.div_ceil(batch)) {
            scope.spawn(labour);
        }
        labour();
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(from, _)| *from);
    done.into_iter().flat_map(|(_, results)| results).collect()
}
