use std::time::Instant;

use fastrand::Rng;

use super::{Candidate, Choices, Strategy, cheapest, two};
use crate::judgement::Tempo;

/// The one that is expected to answer soonest: the default.
///
/// It joins the shortest *expected delay*, and not the shortest queue. What is expected of an
/// instance is its share of the work already taken, times how slow it is, over how often it
/// succeeds:
///
/// `cost = slowness · (1 + 1.2 · max(0, taken + 1 − slots) / slots + taken / (4 · slots)) · (1 + taken / (2 · known + 2)) / success² / warmth`
///
/// Slowness is believed only beyond chance ([`Evidence`](crate::judgement::Evidence)), so that
/// heavy tails do not make an instance look slow; an instance that has something to do and gives
/// no sign of life is as slow as its silence is long. Success divides, for whoever fails fast is
/// not fast. The second term is the wait for a free slot, and a little more, for whoever waits makes
/// those behind it wait, too; the third keeps some distance from instances that are nearly full. Of
/// whom few answers are known, not many are expected at once: it may turn out to be slow.
///
/// Like join-idle-queue and join-shortest-expected-delay of the literature on queues, with
/// evidence instead of known speeds. How it compares is in `benches/balancing`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptive {
    choices: Choices,
}

/// How much the wait for a slot counts, in times of service.
const WAIT: f64 = 1.2;

/// How much a taken slot counts where others are free.
const NEARNESS: f64 = 0.25;

/// How much a taken slot counts, for each answer that is known, and one.
const UNPROVEN: f64 = 0.5;

/// Nobody succeeds less often than this, or everybody would be as bad as nobody.
const RAREST_SUCCESS: f64 = 0.02;

/// No worse than this is thought of an instance on trial: its breaker sees to it that not much is
/// risked, and those who do its work meanwhile have to know when it can do it again.
const TRIAL: f64 = 2.0;

impl Adaptive {
    /// The rule, for so many choices.
    #[must_use]
    pub fn new(choices: Choices) -> Self {
        Self { choices }
    }
}

impl Strategy for Adaptive {
    fn choose(&self, candidates: &[Candidate<'_>], now: Instant, chance: &mut Rng) -> usize {
        let pool = candidates[0].load.pace().tempo();
        let usual = Usual::of(candidates);
        let cost = |candidate: &Candidate<'_>| cost(candidate, usual, pool, now);
        if self.choices.are_two(candidates.len()) {
            let (one, other) = two(candidates.len(), chance);
            let pair = [candidates[one], candidates[other]];
            [one, other][cheapest(&pair, chance, cost)]
        } else {
            cheapest(candidates, chance, cost)
        }
    }
}

/// The mean weight of the candidates: who has twice as much takes twice as much for as much.
#[derive(Clone, Copy)]
struct Usual(f64);

impl Usual {
    #[allow(clippy::cast_precision_loss)] // nobody has 2^52 instances
    fn of(candidates: &[Candidate<'_>]) -> Self {
        let weights: u64 = candidates.iter().map(|it| u64::from(it.weight)).sum();
        Self(weights as f64 / candidates.len() as f64)
    }
}

#[allow(clippy::cast_precision_loss)] // mailboxes hold far fewer than 2^52 tasks
fn cost(candidate: &Candidate<'_>, usual: Usual, pool: Tempo, now: Instant) -> f64 {
    let evidence = candidate.load.evidence(now);
    let mut slowness = evidence.slowness(pool);
    if candidate.taken > 0
        && let Some(stall) = evidence.stall(pool)
    {
        slowness = slowness.max(stall);
    }
    let share = f64::from(candidate.weight) / usual.0;
    let (taken, slots) = (candidate.taken as f64, candidate.concurrency as f64 * share);
    let wait = (taken + 1.0 - slots).max(0.0) / slots;
    let success = evidence.success().max(RAREST_SUCCESS);
    let mut burden = slowness.exp() / (success * success);
    if candidate.on_trial {
        burden = burden.min(TRIAL);
    }
    let unproven = taken / share / (1.0 + evidence.weight());
    let crowd = 1.0 + WAIT * wait + NEARNESS * taken / slots;
    burden * crowd * (1.0 + UNPROVEN * unproven) / candidate.warmth
}

#[cfg(test)]
mod tests {
    use super::super::tests::Crowd;
    use super::*;

    fn always(crowd: &Crowd, candidates: &[Candidate<'_>]) -> usize {
        let shares = crowd.shares(&Adaptive::default(), candidates);
        let chosen = shares.iter().position(|share| *share == 1000);
        chosen.unwrap_or_else(|| panic!("{shares:?}"))
    }

    #[test]
    fn strangers_are_equals() {
        let crowd = Crowd::of(2);
        let shares = crowd.shares(&Adaptive::default(), &crowd.candidates());
        assert!(
            shares.iter().all(|share| (400..600).contains(share)),
            "{shares:?}"
        );
    }

    #[test]
    fn the_less_busy_and_the_quicker_is_chosen() {
        let crowd = Crowd::of(2);
        let mut candidates = crowd.candidates();
        candidates[0].taken = 3;
        assert_eq!(always(&crowd, &candidates), 1);
        (0..2).for_each(|_| crowd.answered(0, 16, 0.1));
        (0..2).for_each(|_| crowd.answered(1, 16, 4.0));
        assert_eq!(
            always(&crowd, &candidates),
            0,
            "three at the quick one are soon done"
        );
    }

    #[test]
    fn failing_fast_is_no_merit() {
        let crowd = Crowd::of(2);
        crowd.failed(0, 10);
        crowd.answered(1, 10, 8.0);
        let mut candidates = crowd.candidates();
        candidates[1].taken = 4;
        assert_eq!(always(&crowd, &candidates), 1);
    }

    #[test]
    fn whoever_has_shown_nothing_yet_is_given_less_at_once() {
        let crowd = Crowd::of(2);
        crowd.answered(0, 32, 1.0);
        let mut candidates = crowd.candidates();
        candidates[0].taken = 2;
        candidates[1].taken = 2;
        assert_eq!(always(&crowd, &candidates), 0);
        candidates[1].taken = 0;
        assert_eq!(always(&crowd, &candidates), 1);
    }

    #[test]
    fn whoever_has_just_come_is_spared() {
        let crowd = Crowd::of(2);
        let mut candidates = crowd.candidates();
        candidates[0].warmth = 0.1;
        candidates[1].taken = 4;
        assert_eq!(always(&crowd, &candidates), 1);
    }

    #[test]
    fn twice_the_weight_takes_twice_as_much() {
        let crowd = Crowd::of(2);
        let mut candidates = crowd.candidates();
        candidates[0].weight = 2;
        let strategy = Adaptive::default();
        let mut chance = Rng::with_seed(1);
        for _ in 0..300 {
            let chosen = strategy.choose(&candidates, crowd.now, &mut chance);
            candidates[chosen].taken += 1;
        }
        let taken = [candidates[0].taken, candidates[1].taken];
        assert!(taken[0].abs_diff(200) < 5, "{taken:?}");
    }

    #[test]
    fn two_choices_spread_what_all_would_give_to_one() {
        let crowd = Crowd::of(8);
        let mut candidates = crowd.candidates();
        candidates.iter_mut().skip(1).for_each(|it| it.taken = 1);
        assert_eq!(always(&crowd, &candidates), 0);
        let shares = crowd.shares(&Adaptive::new(Choices::Two), &candidates);
        assert!((150..350).contains(&shares[0]), "{shares:?}");
    }
}
