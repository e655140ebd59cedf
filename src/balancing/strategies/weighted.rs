use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy, cheapest};
use crate::judgement::Tempo;

/// The best by response time (0.3), success rate (0.3), load (0.2) and health (0.2).
///
/// The factors are multiplied as powers, and not added, so that no strength makes up for a
/// weakness: an instance that fails at once has a splendid response time. Time is relative to the
/// pool, so that the rule means the same for agents of milliseconds and of minutes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weighted;

/// What a factor of zero counts as, so that the worst can still be compared.
const FLOOR: f64 = 0.02;

impl Strategy for Weighted {
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        let pool = candidates[0].load.pace().tempo();
        cheapest(candidates, chance, |candidate| {
            1.0 / score(candidate, pool, now)
        })
    }
}

fn score(candidate: &Candidate<'_>, pool: Tempo, now: Instant) -> f64 {
    let evidence = candidate.load.evidence(now);
    let load = 1.0 / (1.0 + candidate.pressure() / f64::from(candidate.weight));
    let factors = [
        ((-evidence.slowness(pool)).exp(), 0.3),
        (evidence.success(), 0.3),
        (load * candidate.warmth, 0.2),
        (candidate.health, 0.2),
    ];
    let powers = factors
        .into_iter()
        .map(|(factor, power): (f64, f64)| factor.max(FLOOR).powf(power));
    powers.product()
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    #[test]
    fn failing_fast_is_no_merit() {
        let crowd = Crowd::of(2);
        crowd.failed(0, 10);
        crowd.answered(1, 10, 0.5);
        let mut candidates = crowd.candidates();
        candidates[1].taken = 4;
        assert_eq!(crowd.shares(&Weighted, &candidates), [0, 1000]);
    }

    #[test]
    fn everything_else_equal_the_less_busy_the_faster_and_the_healthier_is_chosen() {
        let crowd = Crowd::of(2);
        let change = |change: fn(&mut Candidate<'_>)| {
            let mut candidates = crowd.candidates();
            change(&mut candidates[0]);
            crowd.shares(&Weighted, &candidates)
        };
        assert_eq!(change(|it| it.taken = 5), [0, 1000]);
        assert_eq!(change(|it| it.health = 0.5), [0, 1000]);
        assert_eq!(change(|it| it.warmth = 0.5), [0, 1000]);

        let crowd = Crowd::of(2);
        (0..32).for_each(|_| crowd.answered(0, 1, 60.0));
        (0..32).for_each(|_| crowd.answered(1, 1, 30.0));
        assert_eq!(crowd.shares(&Weighted, &crowd.candidates()), [0, 1000]);
    }
}
