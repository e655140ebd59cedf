use super::centroids::Centroids;
use super::packed::{Packed, Sums};
use super::softmax::{self, Effort, Example};
use super::sparse::Sparse;

/// Beyond so many classes, a weight of every class for every feature would take gigabytes and minutes.
pub(super) const MOST_DENSE: usize = 512;

const EFFORT: Effort = Effort {
    c: 20.0,
    passes: 40,
    tolerance: 0.01,
};

/// What was learned.
#[derive(Debug)]
pub(super) enum Model {
    /// A weight of every class for every feature.
    Weights(Packed),
    /// What is typical of each class.
    Centroids(Centroids),
}

impl Model {
    pub fn fit(examples: &[Example<'_>], features: usize, classes: usize) -> Self {
        if classes > MOST_DENSE {
            return Self::Centroids(Centroids::fit(examples, features, classes));
        }
        let weights = softmax::fit(examples, features, classes, EFFORT);
        Self::Weights(Packed::new(&weights.rows, classes))
    }

    /// Adds what the features say of each class.
    pub fn score(&self, features: &Sparse, sums: &mut Sums) {
        match self {
            Self::Weights(weights) => weights.score(features, sums),
            Self::Centroids(centroids) => centroids.score(features, sums.as_mut_slice()),
        }
    }

    /// How much a feature speaks for a class rather than for the others: the weights of a feature sum
    /// to zero, since every step of training takes from others what it gives to one.
    pub fn lean(&self, feature: usize, class: usize) -> f32 {
        match self {
            Self::Weights(weights) => weights.weight(feature, class),
            Self::Centroids(centroids) => centroids.lean(feature, class),
        }
    }
}
