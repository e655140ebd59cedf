use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy, cheapest};

/// The one with the least to do for its weight; equals by lot.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeastConnections;

impl Strategy for LeastConnections {
    fn choose(&self, candidates: &[Candidate<'_>], _: Instant, chance: &mut Rng) -> usize {
        #[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
        cheapest(candidates, chance, |candidate| {
            (candidate.taken + 1) as f64 / f64::from(candidate.weight) / candidate.warmth
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    #[test]
    fn the_least_busy_for_its_weight_is_chosen() {
        let crowd = Crowd::of(2);
        let mut candidates = crowd.candidates();
        (candidates[0].taken, candidates[1].taken) = (3, 1);
        assert_eq!(crowd.shares(&LeastConnections, &candidates), [0, 1000]);
        candidates[0].weight = 4;
        assert_eq!(crowd.shares(&LeastConnections, &candidates), [1000, 0]);
    }
}
