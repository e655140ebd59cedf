use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy};

/// Each in turn.
#[derive(Debug, Default)]
pub struct RoundRobin {
    turn: AtomicUsize,
}

impl Strategy for RoundRobin {
    fn choose(&self, candidates: &[Candidate<'_>], _: Instant, _: &mut Rng) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % candidates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    #[test]
    fn each_gets_its_turn() {
        let (strategy, crowd) = (RoundRobin::default(), Crowd::of(3));
        let chosen: Vec<_> = (0..6)
            .map(|_| strategy.choose(&crowd.candidates(), crowd.now, &mut Rng::with_seed(1)))
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }
}
