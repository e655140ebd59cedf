//! From scores to confidences that mean what they say.

/// How hard the slope is to move from the modest one, as so much evidence for that one: where hardly
/// anything was judged wrongly, there is nothing to learn a slope from.
const STUBBORN: f64 = 10.0;

/// Turns the score of a class into the share of cases in which a class with that score is the right
/// one: `1 / (1 + exp(-(slope * score + offset)))` (Platt scaling: J. Platt, "Probabilistic outputs for
/// support vector machines", 1999).
///
/// The score itself is taken, and not its lead over the others: a text that is like nothing known
/// leads to low scores throughout, whoever of them leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calibration {
    slope: f64,
    offset: f64,
}

impl Calibration {
    /// For a model that nothing is known of: sure only where the scores are high.
    pub const MODEST: Self = Self {
        slope: 1.0,
        offset: -2.0,
    };

    /// Fits the best scores of texts that the model had not seen, and whether they were right.
    ///
    /// The loss is convex, and Newton's method finds its minimum in a few steps. The outcomes are taken
    /// for a little less than certain, as Platt did, so that it exists when all were right.
    pub fn fit(judged: &[(f32, bool)]) -> Self {
        if judged.is_empty() {
            return Self::MODEST;
        }
        let right = judged.iter().filter(|(_, right)| *right).count();
        let certain = |count: usize| {
            #[allow(clippy::cast_precision_loss)] // examples are fewer than 2^52
            let count = count as f64;
            (count + 1.0) / (count + 2.0)
        };
        let targets = [1.0 - certain(judged.len() - right), certain(right)];
        let mut fitted = Self::MODEST;
        for _ in 0..50 {
            let step = fitted.newton(judged, targets);
            fitted.slope = (fitted.slope + step.0).clamp(0.05, 20.0);
            fitted.offset += step.1;
            if step.0.abs() + step.1.abs() < 1e-6 {
                break;
            }
        }
        fitted
    }

    fn newton(self, judged: &[(f32, bool)], targets: [f64; 2]) -> (f64, f64) {
        let slope = STUBBORN * (Self::MODEST.slope - self.slope);
        let (mut gradient, mut hessian) = ([slope, 0.0], [STUBBORN, 0.0, 1e-6]);
        for (score, right) in judged {
            let score = f64::from(*score);
            let share = self.share(score);
            let (off, bend) = (targets[usize::from(*right)] - share, share * (1.0 - share));
            gradient[0] += off * score;
            gradient[1] += off;
            hessian[0] += bend * score * score;
            hessian[1] += bend * score;
            hessian[2] += bend;
        }
        let [a, b, c] = hessian;
        let determinant = (a * c - b * b).max(1e-9);
        let slope = (c * gradient[0] - b * gradient[1]) / determinant;
        let offset = (a * gradient[1] - b * gradient[0]) / determinant;
        // Far from the minimum a step may be too bold.
        (slope.clamp(-1.0, 1.0), offset.clamp(-1.0, 1.0))
    }

    fn share(self, score: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * score + self.offset)).exp())
    }

    /// How sure to be of a class with that score.
    #[allow(clippy::cast_possible_truncation)] // a share
    pub fn confidence(self, score: f32) -> f32 {
        self.share(f64::from(score)) as f32
    }
}

/// The value below which that share of all lies.
pub(super) fn quantile(values: &mut [f32], share: f32) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f32::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // a place among the values
    let place = (share * values.len() as f32) as usize;
    values[place.min(values.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_right_three_times_in_four_shall_say_so() {
        let judged = |score: f32, right: u32| (0..400_u32).map(move |n| (score, n % 4 < right));
        let judged: Vec<_> = judged(1.0, 1)
            .chain(judged(2.0, 2))
            .chain(judged(3.0, 3))
            .collect();
        let calibration = Calibration::fit(&judged);
        for (score, share) in [(1.0, 0.25), (2.0, 0.5), (3.0, 0.75)] {
            let confidence = calibration.confidence(score);
            assert!((confidence - share).abs() < 0.01, "{score}: {confidence}");
        }
    }

    #[test]
    fn few_successes_are_no_certainty() {
        let calibration = Calibration::fit(&[(1.0, true), (2.0, true)]);
        assert!(calibration.confidence(2.0) < 0.95);
        assert!(Calibration::fit(&[]).confidence(1.0) < 0.5);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert!((quantile(&mut [3.0, 1.0, 2.0, 4.0], 0.5) - 3.0).abs() < 1e-6);
        assert!((quantile(&mut [], 0.5)).abs() < 1e-6);
    }
}
