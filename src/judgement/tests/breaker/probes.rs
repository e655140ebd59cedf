//! The half-open breaker: who is let through, and what follows.

use proptest::prelude::*;

use super::*;

#[test]
fn half_open_lets_one_probe_through_at_a_time_and_three_successes_close_it() {
    let bench = Bench::rested();
    for _ in 0..3 {
        let probe = bench.admit();
        assert!(bench.breaker.admit(bench.now).is_err());
        assert_eq!(bench.state(), BreakerState::HalfOpen);
        probe.settle(Outcome::Success, bench.now, 0.0);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
    let causes = [
        BreakerCause::FailuresInARow(5),
        BreakerCause::Rested,
        BreakerCause::Recovered(3),
    ];
    assert_eq!(bench.causes(), causes);
}

#[test]
fn a_probe_that_is_no_success_opens_it_again_for_longer() {
    let slow = Verdict {
        outcome: Outcome::Success,
        slow: true,
    };
    for verdict in [Outcome::Failure.into(), BUSY.into(), slow] {
        let mut bench = Bench::rested();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            bench.call(verdict);
            let pause = bench.breaker.obstacle(bench.now).unwrap().retry_after;
            pauses.push(pause.as_secs());
            bench.wait(pause + 60 * SECOND);
        }
        assert_eq!(pauses, [5, 23, 51, 60], "{verdict:?}");
    }
}

#[test]
fn a_pause_is_jittered_and_the_first_again_after_recovery() {
    let mut bench = Bench::rested();
    bench.wait(25 * SECOND);
    bench.admit().settle(Outcome::Failure, bench.now, 0.0);
    let pause = bench.breaker.obstacle(bench.now).unwrap().retry_after;
    assert_eq!(pause, 5 * SECOND, "half of a third of thirty");
    bench.wait(pause);
    bench.calls(3, Outcome::Success);
    bench.calls(5, Outcome::Failure);
    assert_eq!(
        bench.breaker.obstacle(bench.now).unwrap().retry_after,
        5 * SECOND
    );
}

#[test]
fn whoever_leaves_an_agent_alone_does_not_prolong_its_outage_by_more_than_a_third() {
    let config = BreakerConfig::default();
    for outage in (15..180).step_by(5) {
        let pause = config.pause(outage * SECOND, 1.0);
        assert_eq!(pause, outage * SECOND / 3);
    }
    assert_eq!(config.pause(Duration::ZERO, 0.0), 5 * SECOND / 2);
    assert_eq!(config.pause(Duration::MAX, 1.0), 60 * SECOND);
}

#[test]
fn a_lost_probe_does_not_wedge_it() {
    let mut bench = Bench::rested();
    drop(bench.admit());
    let lost = bench.admit();
    bench.wait(CALL + SECOND);
    bench.calls(2, Outcome::Success);
    lost.settle(Outcome::Failure, bench.now, 0.0);
    assert_eq!(
        bench.state(),
        BreakerState::HalfOpen,
        "nobody listens to the lost"
    );
    bench.call(Outcome::Success);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn what_an_old_call_reports_is_ignored() {
    let mut bench = Bench::usual();
    let old: Vec<_> = (0..8).map(|_| bench.admit()).collect();
    bench.calls(5, Outcome::Failure);
    bench.wait(5 * SECOND);
    let probe = bench.admit();
    for (number, permit) in old.into_iter().enumerate() {
        let outcome = if number % 2 == 0 {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        permit.settle(outcome, bench.now, 0.0);
        assert_eq!(bench.state(), BreakerState::HalfOpen);
        assert!(
            bench.breaker.admit(bench.now).is_err(),
            "the probe is still out"
        );
    }
    probe.settle(Outcome::Success, bench.now, 0.0);
    bench.calls(2, Outcome::Success);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn in_an_emergency_it_neither_refuses_nor_learns() {
    let bench = Bench::rested();
    let regardless = bench.breaker.admit_regardless();
    let probe = bench.admit();
    regardless.settle(Outcome::Failure, bench.now, 0.0);
    assert_eq!(bench.state(), BreakerState::HalfOpen);
    drop(bench.breaker.admit_regardless());
    assert!(
        bench.breaker.admit(bench.now).is_err(),
        "the probe is still out"
    );
    probe.settle(Outcome::Success, bench.now, 0.0);
}

#[test]
fn a_new_life_is_tried_at_once() {
    let bench = Bench::usual();
    bench.breaker.renew();
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.calls(5, Outcome::Failure);
    bench.breaker.renew();
    assert_eq!(bench.state(), BreakerState::HalfOpen);
    bench.calls(3, Outcome::Success);
    assert_eq!(bench.state(), BreakerState::Closed);
    assert_eq!(bench.causes()[1], BreakerCause::Restarted);
}

#[test]
fn a_thousand_callers_at_once_get_one_probe() {
    for _ in 0..20 {
        let bench = Bench::rested();
        let probes: usize = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..1000)
                .map(|_| scope.spawn(|| bench.breaker.admit(bench.now).ok()))
                .collect();
            let permits: Vec<_> = callers.into_iter().map(|c| c.join().unwrap()).collect();
            permits.iter().flatten().count()
        });
        assert_eq!(probes, 1);
    }
}

proptest! {
    /// Whatever happens to probes, there is never more than one, and it never wedges: once all
    /// have come to an end, or enough time has passed, the next is let through.
    #[test]
    fn there_is_one_probe_at_most_and_always_a_next(
        steps in prop::collection::vec((0_u8..5, 0_u64..20), 1..100),
    ) {
        let mut bench = Bench::rested();
        let mut out: Vec<(Instant, Permit)> = Vec::new();
        for (step, seconds) in steps {
            match step {
                0 => bench.wait(Duration::from_secs(seconds)),
                1 => {
                    let live = out.iter().any(|(at, _)| bench.now - *at <= CALL);
                    let half_open = bench.state() == BreakerState::HalfOpen;
                    if let Ok(permit) = bench.breaker.admit(bench.now) {
                        prop_assert!(!half_open || !live, "two probes");
                        out.push((bench.now, permit));
                    }
                }
                2 => drop(out.pop()),
                step => if let Some((_, permit)) = out.pop() {
                    let outcome = if step == 3 { Outcome::Failure } else { BUSY };
                    permit.settle(outcome, bench.now, 0.5);
                },
            }
        }
        bench.wait(60 * SECOND);
        prop_assert!(bench.breaker.admit(bench.now).is_ok());
    }
}
