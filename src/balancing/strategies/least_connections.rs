use fastrand::Rng;

use super::{Candidate, Strategy, cheapest};

/// The one with the least to do for its weight; equals by lot.
#[derive(Debug, Clone, Copy)]
pub struct LeastConnections;

impl Strategy for LeastConnections {
    fn choose(&self, candidates: &[Candidate], chance: &mut Rng) -> usize {
        #[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
        let cost = |c: &Candidate| (c.taken + 1) as f64 / f64::from(c.weight);
        cheapest(candidates.iter().map(cost), chance)
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    #[test]
    fn the_least_busy_for_its_weight_is_chosen() {
        let busy = |member, taken, weight| Candidate {
            weight,
            taken,
            ..candidate(member)
        };
        let mut chance = Rng::with_seed(1);
        let choose = |candidates: &[_], chance: &mut _| LeastConnections.choose(candidates, chance);
        assert_eq!(choose(&[busy(0, 3, 1), busy(1, 1, 1)], &mut chance), 1);
        assert_eq!(choose(&[busy(0, 3, 4), busy(1, 1, 1)], &mut chance), 0);
    }
}
