use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Strategy, cheapest, two};

/// The better of two that the lot decides, by round trips of late times tasks in its hands.
///
/// "Peak EWMA" over "the power of two choices", as in Finagle and tower: a round trip longer
/// than expected is believed at once, shorter ones by and by, and what nobody asks fades to
/// nothing within some ten seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct P2cEwma;

impl Strategy for P2cEwma {
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        if candidates.len() < 2 {
            return 0;
        }
        let (one, other) = two(candidates.len(), chance);
        let pair = [candidates[one], candidates[other]];
        [one, other][cheapest(&pair, chance, |candidate| cost(candidate, now))]
    }
}

#[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
fn cost(candidate: &Candidate<'_>, now: Instant) -> f64 {
    let expected = candidate.load.round_trip(now) * (candidate.taken + 1) as f64;
    expected / f64::from(candidate.weight) / candidate.warmth
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    #[test]
    fn of_two_the_quicker_for_what_it_has_to_do_is_chosen() {
        let crowd = Crowd::of(2);
        crowd.answered(0, 1, 4.0);
        crowd.answered(1, 1, 2.0);
        let mut candidates = crowd.candidates();
        assert_eq!(crowd.shares(&P2cEwma, &candidates), [0, 1000]);
        candidates[1].taken = 2;
        assert_eq!(crowd.shares(&P2cEwma, &candidates), [1000, 0]);
    }

    #[test]
    fn the_worst_of_all_is_never_chosen_and_all_others_are() {
        let crowd = Crowd::of(4);
        for (member, seconds) in [2.0, 4.0, 8.0, 16.0].into_iter().enumerate() {
            crowd.answered(member, 1, seconds);
        }
        let shares = crowd.shares(&P2cEwma, &crowd.candidates());
        assert_eq!(shares[3], 0);
        assert!(shares[..3].iter().all(|share| *share > 100), "{shares:?}");
    }
}
