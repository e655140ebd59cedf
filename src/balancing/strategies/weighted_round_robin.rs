use std::sync::{Mutex, PoisonError};

use fastrand::Rng;

use super::{Candidate, Strategy};

/// Each in turn, as often as its weight says, and evenly spread: weights 5, 1, 1 give
/// `a a b a c a a` and not `a a a a a b c`.
///
/// This is nginx's smooth weighted round-robin: every choice raises each candidate by its weight,
/// takes the highest, and lowers that one by the sum.
#[derive(Debug, Default)]
pub struct WeightedRoundRobin {
    heights: Mutex<Vec<i64>>,
}

impl Strategy for WeightedRoundRobin {
    fn choose(&self, candidates: &[Candidate], _: &mut Rng) -> usize {
        // Nothing panics while the lock is held, and no await happens under it.
        let mut heights = self.heights.lock().unwrap_or_else(PoisonError::into_inner);
        let members = candidates.iter().map(|c| c.member + 1).max().unwrap_or(0);
        if heights.len() < members {
            heights.resize(members, 0);
        }
        let (mut highest, mut total) = (0, 0);
        for (index, candidate) in candidates.iter().enumerate() {
            heights[candidate.member] += i64::from(candidate.weight);
            total += i64::from(candidate.weight);
            if heights[candidate.member] > heights[candidates[highest].member] {
                highest = index;
            }
        }
        heights[candidates[highest].member] -= total;
        highest
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prop_assert_eq, proptest};

    use super::super::candidate;
    use super::*;

    fn weighing(weights: &[u32]) -> Vec<Candidate> {
        let weighing = |(member, weight): (usize, &u32)| Candidate {
            weight: *weight,
            ..candidate(member)
        };
        weights.iter().enumerate().map(weighing).collect()
    }

    #[test]
    fn turns_are_spread_evenly() {
        let strategy = WeightedRoundRobin::default();
        let candidates = weighing(&[5, 1, 1]);
        let chosen: Vec<_> = (0..7)
            .map(|_| strategy.choose(&candidates, &mut Rng::with_seed(1)))
            .collect();
        assert_eq!(chosen, [0, 0, 1, 0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn each_round_gives_everybody_its_weight(weights in collection::vec(1_u32..9, 1..6)) {
            let strategy = WeightedRoundRobin::default();
            let candidates = weighing(&weights);
            let mut counts = vec![0; weights.len()];
            for _ in 0..weights.iter().sum::<u32>() {
                counts[strategy.choose(&candidates, &mut Rng::with_seed(1))] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
