use fastrand::Rng;

use super::{Candidate, Strategy, cheapest};

/// The best by response time (0.3), success rate (0.3), load (0.2) and health (0.2).
///
/// The factors are multiplied as powers, and not added, so that no strength makes up for a
/// weakness: an instance that fails at once has a splendid response time. Time is relative to the
/// fastest of the pool, so that the rule means the same for agents of milliseconds and of minutes.
#[derive(Debug, Clone, Copy)]
pub struct Weighted;

/// What a factor of zero counts as, so that the worst can still be compared.
const FLOOR: f64 = 1e-6;

impl Strategy for Weighted {
    fn choose(&self, candidates: &[Candidate], chance: &mut Rng) -> usize {
        let times = candidates.iter().filter_map(|c| c.response_time);
        let fastest = times.fold(f64::INFINITY, f64::min);
        let scores = candidates.iter().map(|c| score(c, fastest));
        cheapest(scores.map(|score| -score), chance)
    }
}

#[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
fn score(candidate: &Candidate, fastest: f64) -> f64 {
    let time = candidate
        .response_time
        .map_or(1.0, |time| fastest / time.max(f64::MIN_POSITIVE));
    let slots = candidate.concurrency as f64 * f64::from(candidate.weight);
    let load = 1.0 / (1.0 + candidate.taken as f64 / slots);
    let health = f64::from(u8::from(candidate.healthy));
    let factors = [
        (time, 0.3),
        (candidate.success_rate, 0.3),
        (load, 0.2),
        (health, 0.2),
    ];
    factors
        .into_iter()
        .map(|(factor, power)| factor.max(FLOOR).powf(power))
        .product()
}

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    fn chosen(candidates: &[Candidate]) -> usize {
        Weighted.choose(candidates, &mut Rng::with_seed(1))
    }

    #[test]
    fn failing_fast_is_no_merit() {
        let sinkhole = Candidate {
            response_time: Some(0.001),
            success_rate: 0.0,
            ..candidate(0)
        };
        let honest = Candidate {
            response_time: Some(0.5),
            taken: 4,
            ..candidate(1)
        };
        assert_eq!(chosen(&[sinkhole, honest]), 1);
    }

    #[test]
    fn everything_else_equal_the_less_busy_the_faster_and_the_healthy_is_chosen() {
        let busy = Candidate {
            taken: 5,
            ..candidate(0)
        };
        assert_eq!(chosen(&[busy, candidate(1)]), 1);
        let timed = |member, seconds| Candidate {
            response_time: Some(seconds),
            ..candidate(member)
        };
        assert_eq!(chosen(&[timed(0, 60.0), timed(1, 30.0)]), 1);
        let ill = Candidate {
            healthy: false,
            ..candidate(0)
        };
        assert_eq!(chosen(&[ill, candidate(1)]), 1);
    }
}
