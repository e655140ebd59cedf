//! The probe of the circuit breaker.

use std::time::{Duration, Instant};

use loom::thread;

use agent_orchestrator::judgement::{
    BreakerCause, BreakerChange, BreakerConfig, BreakerState, Deadline, Forced, Outcome, Verdict,
};
use breaker::{Breaker, Permit};

/// What the breaker is built of, here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
    pub(super) use loom::sync::{Arc, Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

#[allow(dead_code)] // what is not modelled here
#[path = "../../src/judgement/breaker.rs"]
mod breaker;
#[allow(dead_code)] // what is not modelled here
#[path = "../../src/judgement/circuit.rs"]
mod circuit;
#[allow(dead_code)] // what is not modelled here
#[path = "../../src/judgement/epoch.rs"]
mod epoch;
#[allow(dead_code)] // what is not modelled here
#[path = "../../src/judgement/notice.rs"]
mod notice;
#[allow(dead_code)] // what is not modelled here
#[path = "../../src/judgement/window.rs"]
mod window;

const CALL: Duration = Duration::from_secs(30);

/// A breaker that has opened and may be tried again, the time, and permits from before.
fn rested(permits: usize) -> (Breaker, Instant, Vec<Permit>) {
    let now = Instant::now();
    let config = BreakerConfig {
        failure_threshold: 1,
        success_threshold: 1,
        ..BreakerConfig::default()
    };
    let breaker = Breaker::new(config, CALL, now);
    let old = (0..permits).map(|_| breaker.admit(now).unwrap()).collect();
    let failing = breaker.admit(now).unwrap();
    failing.settle(Outcome::Failure, now, 0.0);
    (breaker, now + Duration::from_secs(5), old)
}

#[test]
fn of_callers_at_once_exactly_one_is_the_probe() {
    loom::model(|| {
        let (breaker, now, _) = rested(0);
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let breaker = breaker.clone();
                thread::spawn(move || breaker.admit(now).ok())
            })
            .collect();
        let mine = breaker.admit(now).ok();
        let theirs = callers.into_iter().map(|caller| caller.join().unwrap());
        let permits: Vec<Permit> = theirs.chain([mine]).flatten().collect();
        assert_eq!(permits.len(), 1);
        assert!(breaker.obstacle(now).is_some());
        drop(permits);
        assert!(breaker.obstacle(now).is_none());
    });
}

#[test]
fn whoever_comes_while_it_opens_is_refused_or_says_nothing_afterwards() {
    loom::model(|| {
        let now = Instant::now();
        let config = BreakerConfig {
            failure_threshold: 1,
            ..BreakerConfig::default()
        };
        let breaker = Breaker::new(config, CALL, now);
        let failing = breaker.admit(now).unwrap();
        let opening = thread::spawn(move || failing.settle(Outcome::Failure, now, 0.0));
        let mine = breaker.admit(now).ok();
        opening.join().unwrap();
        let obstacle = breaker.obstacle(now);
        assert!(obstacle.is_some());
        if let Some(permit) = mine {
            permit.settle(Outcome::Failure, now, 1.0);
        }
        assert_eq!(breaker.obstacle(now), obstacle);
    });
}

#[test]
fn what_old_calls_report_meanwhile_neither_closes_nor_opens_it() {
    for outcome in [Outcome::Success, Outcome::Failure] {
        loom::model(move || {
            let (breaker, now, old) = rested(1);
            let elder = thread::spawn(move || {
                for permit in old {
                    permit.settle(outcome, now, 0.0);
                }
            });
            let probe = breaker.admit(now).unwrap();
            assert_eq!(breaker.state(now), BreakerState::HalfOpen);
            assert!(breaker.admit(now).is_err(), "the probe is out");
            elder.join().unwrap();
            assert_eq!(breaker.state(now), BreakerState::HalfOpen);
            probe.settle(Outcome::Success, now, 0.0);
            assert_eq!(breaker.state(now), BreakerState::Closed);
        });
    }
}

#[test]
fn a_probe_that_is_given_up_makes_room_for_the_next_and_for_no_more() {
    loom::model(|| {
        let (breaker, now, _) = rested(0);
        let lost = breaker.admit(now).unwrap();
        let giving_up = thread::spawn(move || drop(lost));
        let other = {
            let breaker = breaker.clone();
            thread::spawn(move || breaker.admit(now).ok())
        };
        let mine = breaker.admit(now).ok();
        giving_up.join().unwrap();
        let theirs = other.join().unwrap();
        assert!(mine.is_none() || theirs.is_none(), "two probes");
        let taken = mine.is_some() || theirs.is_some();
        assert_eq!(breaker.admit(now).is_err(), taken);
    });
}

#[test]
fn a_lost_probe_is_followed_by_one_other() {
    loom::model(|| {
        let (breaker, now, _) = rested(0);
        let lost = breaker.admit(now).unwrap();
        let later = now + CALL + Duration::from_secs(1);
        let late = thread::spawn(move || lost.settle(Outcome::Failure, later, 0.0));
        let next = breaker.admit(later);
        late.join().unwrap();
        // Either the lost one came just in time and has opened the breaker, or nobody hears it.
        match next {
            Ok(probe) => {
                probe.settle(Outcome::Success, later, 0.0);
                assert_eq!(breaker.state(later), BreakerState::Closed);
            }
            Err(_) => assert_eq!(breaker.state(later), BreakerState::Open),
        }
    });
}
