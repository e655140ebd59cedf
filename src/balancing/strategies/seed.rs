use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy};

/// `weighted` as it was first written down, for comparison: the four factors added up, over all
/// that ever happened, the first of the best.
///
/// It has known faults. Times beyond ten seconds and loads beyond ten tasks all count the same; an
/// instance that fails at once beats one that takes its time; nothing is ever forgotten.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seed;

impl Strategy for Seed {
    fn choose(&self, candidates: &[Candidate<'_>], _: Instant, _: &mut Rng) -> usize {
        let (mut best, mut best_score) = (0, f64::NEG_INFINITY);
        for (index, candidate) in candidates.iter().enumerate() {
            let score = score(candidate);
            if score > best_score {
                (best, best_score) = (index, score);
            }
        }
        best
    }
}

#[allow(clippy::cast_precision_loss)] // there are far fewer than 2^52 calls
fn score(candidate: &Candidate<'_>) -> f64 {
    let life = candidate.load.lifetime();
    let calls = life.calls.max(1) as f64;
    let response_time = life.waited.as_secs_f64() / calls;
    let success_rate = 1.0 - life.failures as f64 / calls;
    let healthy = if candidate.health > 0.0 { 1.0 } else { 0.0 };
    0.3 * (1.0 - (response_time / 10.0).min(1.0))
        + 0.3 * success_rate
        + 0.2 * (1.0 - (candidate.taken as f64 / 10.0).min(1.0))
        + 0.2 * healthy
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    #[test]
    fn it_has_the_faults_that_it_is_known_for() {
        let crowd = Crowd::of(2);
        let mut candidates = crowd.candidates();
        assert_eq!(
            crowd.shares(&Seed, &candidates),
            [1000, 0],
            "ties go to the first"
        );
        candidates[0].taken = 1;
        assert_eq!(crowd.shares(&Seed, &candidates), [0, 1000]);

        crowd.failed(0, 10);
        crowd.answered(1, 10, 12.0);
        candidates[0].taken = 0;
        candidates[1].taken = 1;
        assert_eq!(
            crowd.shares(&Seed, &candidates),
            [1000, 0],
            "failing fast is a merit"
        );
    }
}
