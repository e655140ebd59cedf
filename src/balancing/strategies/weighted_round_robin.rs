use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy};

/// Each in turn, as often as its weight says, and evenly spread: weights 5, 1, 1 give
/// `a a b a c a a` and not `a a a a a b c`.
///
/// This is nginx's smooth weighted round-robin: every choice raises each candidate by its weight,
/// takes the highest, and lowers that one by the sum. An instance that fails counts for nothing at
/// first, and for one more with each choice until it has its weight again.
#[derive(Debug, Default)]
pub struct WeightedRoundRobin {
    turns: Mutex<Vec<Turn>>,
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    height: i64,
    /// What it lacks of its weight for having failed.
    penalty: i64,
    /// The failures that it is not punished for any more; `None` before the first choice.
    failures: Option<u64>,
}

impl Turn {
    /// What it weighs in this choice.
    fn weight(&mut self, candidate: &Candidate<'_>) -> i64 {
        let (whole, failures) = (
            i64::from(candidate.weight),
            candidate.load.lifetime().failures,
        );
        let before = self.failures.replace(failures);
        if before.is_some_and(|before| failures > before) {
            self.penalty = whole;
        }
        let weight = (whole - self.penalty).max(0);
        self.penalty = (self.penalty - 1).max(0);
        weight
    }
}

impl Strategy for WeightedRoundRobin {
    fn choose(&self, candidates: &[Candidate<'_>], _: Instant, _: &mut Rng) -> usize {
        // Nothing panics while the lock is held, and no await happens under it.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let members = candidates.iter().map(|c| c.member + 1).max().unwrap_or(0);
        if turns.len() < members {
            turns.resize(members, Turn::default());
        }
        let (mut highest, mut total) = (0, 0);
        for (index, candidate) in candidates.iter().enumerate() {
            let weight = turns[candidate.member].weight(candidate);
            turns[candidate.member].height += weight;
            total += weight;
            if turns[candidate.member].height > turns[candidates[highest].member].height {
                highest = index;
            }
        }
        turns[candidates[highest].member].height -= total;
        highest
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prop_assert_eq, proptest};

    use super::super::tests::Crowd;
    use super::*;

    fn weighing<'a>(crowd: &'a Crowd, weights: &[u32]) -> Vec<Candidate<'a>> {
        let mut candidates = crowd.candidates();
        for (candidate, weight) in candidates.iter_mut().zip(weights) {
            candidate.weight = *weight;
        }
        candidates
    }

    fn chosen(
        strategy: &WeightedRoundRobin,
        crowd: &Crowd,
        weights: &[u32],
        count: u32,
    ) -> Vec<usize> {
        let mut chance = Rng::with_seed(1);
        let candidates = weighing(crowd, weights);
        (0..count)
            .map(|_| strategy.choose(&candidates, crowd.now, &mut chance))
            .collect()
    }

    #[test]
    fn turns_are_spread_evenly() {
        let strategy = WeightedRoundRobin::default();
        let chosen = chosen(&strategy, &Crowd::of(3), &[5, 1, 1], 7);
        assert_eq!(chosen, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn whoever_fails_gets_its_weight_back_by_and_by() {
        let (strategy, crowd, weights) = (WeightedRoundRobin::default(), Crowd::of(2), [4, 4]);
        chosen(&strategy, &crowd, &weights, 8);
        crowd.failed(0, 1);
        let after = chosen(&strategy, &crowd, &weights, 4);
        assert_eq!(after.iter().filter(|it| **it == 0).count(), 1, "{after:?}");
        let later = chosen(&strategy, &crowd, &weights, 100);
        assert_eq!(later.iter().filter(|it| **it == 0).count(), 50);
    }

    proptest! {
        #[test]
        fn each_round_gives_everybody_its_weight(weights in collection::vec(1_u32..9, 1..6)) {
            let strategy = WeightedRoundRobin::default();
            let crowd = Crowd::of(weights.len());
            let mut counts = vec![0; weights.len()];
            for member in chosen(&strategy, &crowd, &weights, weights.iter().sum()) {
                counts[member] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
