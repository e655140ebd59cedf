//! Multinomial logistic regression, solved in the dual.
//!
//! The primal problem is `min ½‖W‖² + C Σᵢ (log Σ_c exp(w_c·xᵢ) − w_{yᵢ}·xᵢ)`. Its dual gives each
//! example a distribution αᵢ over the classes, with `W = C Σᵢ xᵢ ⊗ (e_{yᵢ} − αᵢ)`, and the gap
//! between the two is `C Σᵢ KL(αᵢ ‖ softmax(W xᵢ))`: an example is settled when the model gives the
//! distribution that the example already has. Examples are visited one at a time, in random order,
//! and each visit takes a Newton step on the simplex, whose Hessian is diagonal in the dual
//! (Yu, Huang, Lin: "Dual coordinate descent methods for logistic regression and maximum entropy
//! models", 2011). There is no step size to choose, and the gap says when it is done.

use super::sparse::Sparse;

/// An example to learn from: what it looks like, its class, and how much it counts.
pub(super) struct Example<'a> {
    pub features: &'a Sparse,
    pub class: usize,
    pub weight: f32,
}

/// How hard to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// The weight of an example's loss against the norm of the weights.
    pub c: f32,
    /// Passes over all examples at most.
    pub passes: usize,
    /// The gap, as a share of the primal objective, at which it is good enough.
    pub tolerance: f32,
}

/// Weights: a row for each feature, a column for each class.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub classes: usize,
    pub rows: Vec<f32>,
}

impl Weights {
    fn none(features: usize, classes: usize) -> Self {
        Self {
            classes,
            rows: vec![0.0; features * classes],
        }
    }

    /// Adds what the features say of each class to `scores`.
    pub fn score(&self, features: &Sparse, scores: &mut [f32]) {
        for (feature, value) in features.iter() {
            let row = &self.rows[feature * self.classes..][..self.classes];
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += value * weight;
            }
        }
    }

    fn learn(&mut self, features: &Sparse, change: &[f32], c: f32) {
        for (feature, value) in features.iter() {
            let scale = c * value;
            let row = &mut self.rows[feature * self.classes..][..self.classes];
            for (weight, change) in row.iter_mut().zip(change) {
                *weight -= scale * change;
            }
        }
    }
}

/// Finds the weights, for examples whose features are below `features` and classes below `classes`.
pub(super) fn fit(
    examples: &[Example<'_>],
    features: usize,
    classes: usize,
    effort: Effort,
) -> Weights {
    let mut weights = Weights::none(features, classes);
    let mut duals = vec![0.0_f32; examples.len() * classes];
    #[allow(clippy::cast_precision_loss)] // classes are few
    let count = classes as f32;
    let others = 1e-4 / count;
    for (example, dual) in examples.iter().zip(duals.chunks_exact_mut(classes)) {
        dual.fill(others.ln());
        dual[example.class] = (1.0 - others * (count - 1.0)).ln();
    }
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut dice = fastrand::Rng::with_seed(1);
    let norms: Vec<f32> = examples.iter().map(|l| l.features.square_norm()).collect();
    let mut visit = Visit::new(classes);
    for _ in 0..effort.passes {
        dice.shuffle(&mut order);
        let (mut gap, mut loss) = (0.0_f64, 0.0_f64);
        for &at in &order {
            let example = &examples[at];
            let dual = &mut duals[at * classes..][..classes];
            let c = effort.c * example.weight;
            visit.scores.fill(0.0);
            weights.score(example.features, &mut visit.scores);
            let (divergence, nll) = visit.step(dual, example.class, c * norms[at]);
            gap += f64::from(example.weight * divergence);
            loss += f64::from(example.weight * nll);
            weights.learn(example.features, &visit.change, c);
        }
        let norm: f64 = weights.rows.iter().map(|w| f64::from(w * w)).sum();
        let c = f64::from(effort.c);
        let relative = c * gap / (0.5 * norm + c * loss);
        if relative < f64::from(effort.tolerance) {
            break;
        }
    }
    weights
}

struct Visit {
    scores: Vec<f32>,
    alpha: Vec<f32>,
    target: Vec<f32>,
    change: Vec<f32>,
}

impl Visit {
    fn new(classes: usize) -> Self {
        let zeros = || vec![0.0; classes];
        Self {
            scores: zeros(),
            alpha: zeros(),
            target: zeros(),
            change: zeros(),
        }
    }

    /// Moves the dual (logarithms) of one example; leaves how it changed in `change`. Returns how far
    /// it was from settled, and the loss.
    fn step(&mut self, dual: &mut [f32], class: usize, stiffness: f32) -> (f32, f32) {
        let top = self.scores.iter().copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0;
        for score in &self.scores {
            sum += (score - top).exp();
        }
        let lse = top + sum.ln();
        let (mut divergence, mut weighted, mut total) = (0.0, 0.0, 0.0);
        for ((alpha, log), score) in self.alpha.iter_mut().zip(dual.iter()).zip(&self.scores) {
            *alpha = log.exp();
            let off = log - (score - lse);
            divergence += *alpha * off;
            let pliancy = *alpha / (1.0 + stiffness * *alpha);
            weighted -= pliancy * off;
            total += pliancy;
        }
        let level = weighted / total;
        let mut sum = 0.0;
        for ((target, (log, alpha)), score) in self
            .target
            .iter_mut()
            .zip(dual.iter().zip(&self.alpha))
            .zip(&self.scores)
        {
            let off = (score - lse) - log;
            let pull = (off - level) / (1.0 + stiffness * alpha);
            *target = log + pull.clamp(-30.0, 3.0);
            sum += target.exp();
        }
        let norm = sum.ln();
        for (((log, target), alpha), change) in dual
            .iter_mut()
            .zip(&self.target)
            .zip(&self.alpha)
            .zip(&mut self.change)
        {
            *log = (target - norm).max(-40.0);
            *change = log.exp() - alpha;
        }
        (divergence, lse - self.scores[class])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Effort = Effort {
        c: 5.0,
        passes: 500,
        tolerance: 1e-6,
    };

    /// Some texts of three classes, some of them the same in different classes.
    fn texts() -> Vec<(Sparse, usize)> {
        let mut dice = fastrand::Rng::with_seed(7);
        let texts = (0..60).map(|number| {
            let class = number % 3;
            let mut features = Sparse::default();
            features.push(dice.usize(..4), dice.f32());
            features.push(4 + (class + usize::from(dice.u8(..4) == 0)) % 3, 1.0);
            (features, class)
        });
        texts.collect()
    }

    fn examples(texts: &[(Sparse, usize)]) -> Vec<Example<'_>> {
        let examples = texts.iter().map(|(features, class)| Example {
            features,
            class: *class,
            weight: 1.0,
        });
        examples.collect()
    }

    /// `½‖W‖² + C Σ (log Σ exp(w_c·x) − w_y·x)`
    fn objective(weights: &Weights, texts: &[(Sparse, usize)], c: f32) -> f64 {
        let norm: f64 = weights.rows.iter().map(|w| f64::from(w * w)).sum();
        let losses = texts.iter().map(|(features, class)| {
            let mut scores = vec![0.0; weights.classes];
            weights.score(features, &mut scores);
            let sum: f64 = scores.iter().map(|score| f64::from(*score).exp()).sum();
            sum.ln() - f64::from(scores[*class])
        });
        0.5 * norm + f64::from(c) * losses.sum::<f64>()
    }

    #[test]
    fn nothing_near_the_weights_that_are_found_is_better() {
        let texts = texts();
        let found = fit(&examples(&texts), 7, 3, EXACT);
        let best = objective(&found, &texts, EXACT.c);
        let mut dice = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let mut other = found.clone();
            for weight in &mut other.rows {
                *weight += 0.02 * (dice.f32() - 0.5);
            }
            assert!(objective(&other, &texts, EXACT.c) > best - 1e-4);
        }
    }

    #[test]
    fn an_example_that_counts_twice_is_two_examples() {
        let texts = texts();
        let doubled: Vec<_> = texts.iter().chain(&texts[..1]).cloned().collect();
        let mut weighted = examples(&texts);
        weighted[0].weight = 2.0;
        let one = fit(&weighted, 7, 3, EXACT);
        let two = fit(&examples(&doubled), 7, 3, EXACT);
        for (a, b) in one.rows.iter().zip(&two.rows) {
            assert!((a - b).abs() < 0.01, "{a} and {b}");
        }
    }
}
