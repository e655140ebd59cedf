mod probes;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::judgement::{
    Bar, Breaker, BreakerCause, BreakerChange, BreakerConfig, BreakerState, Forced, Outcome,
    Permit, Verdict,
};

const SECOND: Duration = Duration::from_secs(1);
const CALL: Duration = Duration::from_secs(30);
const BUSY: Outcome = Outcome::Busy { retry_after: None };

/// A breaker, and what it tells, at a time that the test decides.
struct Bench {
    breaker: Breaker,
    now: Instant,
    told: Arc<Mutex<Vec<BreakerChange>>>,
}

impl Bench {
    fn new(config: BreakerConfig) -> Self {
        let (now, told) = (Instant::now(), Arc::<Mutex<Vec<_>>>::default());
        let notes = Arc::clone(&told);
        let listener = move |change| notes.lock().unwrap().push(change);
        let breaker = Breaker::listened_to(config, CALL, now, Some(Box::new(listener)));
        Self { breaker, now, told }
    }

    fn usual() -> Self {
        Self::new(BreakerConfig::default())
    }

    fn admit(&self) -> Permit {
        self.breaker.admit(self.now).unwrap()
    }

    fn call(&self, verdict: impl Into<Verdict>) {
        self.admit().settle(verdict, self.now, 1.0);
    }

    fn calls(&self, count: usize, outcome: Outcome) {
        (0..count).for_each(|_| self.call(outcome));
    }

    fn state(&self) -> BreakerState {
        self.breaker.state(self.now)
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
    }

    fn causes(&self) -> Vec<BreakerCause> {
        let told = self.told.lock().unwrap();
        told.iter().map(|change| change.cause).collect()
    }

    /// One that has opened and may soon be tried again.
    fn rested() -> Self {
        let mut bench = Self::usual();
        bench.calls(5, Outcome::Failure);
        assert_eq!(bench.state(), BreakerState::Open);
        bench.wait(5 * SECOND);
        assert_eq!(bench.state(), BreakerState::HalfOpen);
        bench
    }
}

#[test]
fn a_success_ends_the_series_of_failures() {
    let bench = Bench::new(BreakerConfig {
        failure_rate: None,
        ..BreakerConfig::default()
    });
    for _ in 0..10 {
        bench.calls(4, Outcome::Failure);
        bench.call(Outcome::Success);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.calls(5, Outcome::Failure);
    assert_eq!(bench.state(), BreakerState::Open);
    assert_eq!(bench.causes(), [BreakerCause::FailuresInARow(5)]);
}

#[test]
fn half_of_the_recent_calls_failing_opens_it() {
    let bench = Bench::usual();
    bench.calls(100, Outcome::Success);
    for _ in 0..9 {
        bench.call(Outcome::Failure);
        bench.call(Outcome::Success);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.call(Outcome::Failure);
    let cause = BreakerCause::FailureRate { failed: 10, of: 20 };
    assert_eq!(bench.causes(), [cause]);
}

#[test]
fn a_share_is_not_judged_of_a_few_calls_nor_of_old_ones() {
    let mut bench = Bench::usual();
    for _ in 0..4 {
        bench.call(Outcome::Failure);
        bench.call(Outcome::Success);
    }
    assert_eq!(bench.state(), BreakerState::Closed, "8 calls");
    bench.wait(61 * SECOND);
    bench.call(Outcome::Failure);
    bench.call(Outcome::Success);
    bench.call(Outcome::Failure);
    assert_eq!(
        bench.state(),
        BreakerState::Closed,
        "the old ones are forgotten"
    );
}

#[test]
fn a_window_holds_at_least_two_calls_of_the_longest_kind() {
    let mut bench = Bench::usual();
    for outcome in [Outcome::Failure, Outcome::Success].repeat(4) {
        bench.call(outcome);
    }
    bench.wait(60 * SECOND);
    bench.call(Outcome::Failure);
    bench.call(Outcome::Success);
    assert_eq!(bench.state(), BreakerState::Open, "within twice the 30 s");
}

#[test]
fn slow_calls_open_it_though_they_succeed() {
    let bench = Bench::usual();
    let slow = Verdict {
        outcome: Outcome::Success,
        slow: true,
    };
    bench.calls(2, Outcome::Success);
    (0..7).for_each(|_| bench.call(slow));
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.call(slow);
    let cause = BreakerCause::SlowCalls { slow: 8, of: 10 };
    assert_eq!(bench.causes(), [cause]);
}

#[test]
fn slow_is_what_takes_far_longer_than_usual_and_at_least_a_second() {
    let config = BreakerConfig::default();
    let is_slow = |ms, p95: Option<u64>| {
        config.is_slow(Duration::from_millis(ms), p95.map(Duration::from_millis))
    };
    assert!(!is_slow(999, Some(1)));
    assert!(is_slow(1000, Some(1)));
    assert!(!is_slow(60_000, None));
    assert!(!is_slow(2999, Some(1000)));
    assert!(is_slow(3000, Some(1000)));
}

#[test]
fn faults_of_the_question_and_callers_who_go_say_nothing() {
    for outcome in [Outcome::UserError, Outcome::Unjudged] {
        let bench = Bench::usual();
        bench.calls(4, Outcome::Failure);
        bench.calls(100, outcome);
        assert_eq!(bench.state(), BreakerState::Closed, "{outcome:?}");
        bench.call(Outcome::Failure);
        assert_eq!(bench.state(), BreakerState::Open, "they end no series");
    }
}

#[test]
fn being_busy_counts_for_the_rate_and_not_for_the_series() {
    let bench = Bench::usual();
    bench.calls(9, BUSY);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.call(BUSY);
    assert_eq!(bench.state(), BreakerState::Open);
}

#[test]
fn whoever_asks_to_be_left_alone_is_left_alone() {
    let mut bench = Bench::usual();
    bench.call(Outcome::Busy {
        retry_after: Some(7 * SECOND),
    });
    let refused = bench.breaker.admit(bench.now).unwrap_err();
    assert_eq!(
        (refused.retry_after, refused.reason),
        (7 * SECOND, Bar::Cooling)
    );
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.wait(7 * SECOND);
    bench.call(Outcome::Success);
    assert_eq!(bench.causes(), []);
}

#[test]
fn a_wish_to_be_left_alone_is_heard_even_after_the_breaker_has_opened() {
    let bench = Bench::usual();
    let late = bench.admit();
    bench.calls(5, Outcome::Failure);
    assert_eq!(
        bench.breaker.obstacle(bench.now).unwrap().reason,
        Bar::Failures
    );
    let busy = Outcome::Busy {
        retry_after: Some(100 * SECOND),
    };
    late.settle(busy, bench.now, 1.0);
    let obstacle = bench.breaker.obstacle(bench.now).unwrap();
    assert_eq!(
        (obstacle.retry_after, obstacle.reason),
        (100 * SECOND, Bar::Cooling)
    );
    assert_eq!(bench.state(), BreakerState::Open);
}

#[test]
fn an_open_breaker_waits_for_as_long_as_was_asked() {
    let mut bench = Bench::rested();
    bench.call(Outcome::Busy {
        retry_after: Some(200 * SECOND),
    });
    assert_eq!(
        bench.breaker.obstacle(bench.now).unwrap().retry_after,
        200 * SECOND
    );
    bench.wait(200 * SECOND);
    bench.call(Outcome::Busy {
        retry_after: Some(SECOND),
    });
    let pause = bench.breaker.obstacle(bench.now).unwrap().retry_after;
    assert_eq!(pause, 60 * SECOND, "its own pause is longer");
}

#[test]
fn an_operator_decides_over_its_head() {
    let mut bench = Bench::usual();
    let before = bench.admit();
    bench.breaker.force(Some(Forced::Open));
    bench.wait(1000 * SECOND);
    assert_eq!(bench.state(), BreakerState::Open);
    assert_eq!(
        bench.breaker.admit(bench.now).unwrap_err().reason,
        Bar::Operator
    );
    bench.breaker.renew();
    assert_eq!(bench.state(), BreakerState::Open);

    bench.breaker.force(Some(Forced::Closed));
    bench.calls(100, Outcome::Failure);
    assert_eq!(bench.breaker.forced(), Some(Forced::Closed));
    assert_eq!(bench.state(), BreakerState::Closed);

    bench.breaker.force(None);
    before.settle(Outcome::Failure, bench.now, 0.0);
    bench.calls(4, Outcome::Failure);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.call(Outcome::Failure);
    assert_eq!(bench.state(), BreakerState::Open);
    bench.breaker.force(None);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn disabled_it_never_opens_nor_asks_for_patience() {
    let bench = Bench::new(BreakerConfig {
        enabled: false,
        ..BreakerConfig::default()
    });
    bench.calls(100, Outcome::Failure);
    bench.call(Outcome::Busy {
        retry_after: Some(SECOND),
    });
    bench.calls(100, BUSY);
    assert_eq!(bench.state(), BreakerState::Closed);
}

proptest! {
    /// Against a list model, of failures and successes: it opens when the last five all failed, or
    /// half of the last twenty, if there are ten.
    #[test]
    fn it_opens_by_the_rules_and_never_else(failed in prop::collection::vec(any::<bool>(), 0..60)) {
        let bench = Bench::usual();
        let mut seen: Vec<bool> = Vec::new();
        for failed in failed {
            bench.call(if failed { Outcome::Failure } else { Outcome::Success });
            seen.push(failed);
            let last = |count: usize| &seen[seen.len().saturating_sub(count)..];
            let count = |of: &[bool]| of.iter().filter(|it| **it).count();
            let in_a_row = count(last(5)) == 5;
            let too_many = seen.len() >= 10 && 2 * count(last(20)) >= last(20).len();
            let opened = bench.state() == BreakerState::Open;
            prop_assert_eq!(opened, in_a_row || too_many, "{:?}", seen);
            if opened {
                break;
            }
        }
    }
}
