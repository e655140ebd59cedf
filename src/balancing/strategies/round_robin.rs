use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;

use super::{Candidate, Strategy};

/// Each in turn.
#[derive(Debug, Default)]
pub struct RoundRobin {
    turn: AtomicUsize,
}

impl Strategy for RoundRobin {
    fn choose(&self, candidates: &[Candidate], _: &mut Rng) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % candidates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    #[test]
    fn each_gets_its_turn() {
        let strategy = RoundRobin::default();
        let candidates = [candidate(0), candidate(1), candidate(2)];
        let chosen: Vec<_> = (0..6)
            .map(|_| strategy.choose(&candidates, &mut Rng::with_seed(1)))
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }
}
