//! The figures of reliability that breakers and counters are held to; those that are a matter of
//! balancing are in `benches/balancing`.

use std::time::{Duration, Instant};

use agent_orchestrator::judgement::{Breaker, BreakerConfig, BreakerState, Outcome};
use fastrand::Rng;
use futures::future::join_all;

use crate::support::server::until;
use crate::support::stage::{Stage, app, ask, mailbox};

/// Calls to an agent in virtual time, a certain number a second at random moments, each with the
/// outcome that is drawn for it; how often the breaker opened, and when first.
fn trips(
    rate: f64,
    seconds: f64,
    seed: u64,
    outcome: impl Fn(f64, &mut Rng) -> Outcome,
) -> (usize, Option<f64>) {
    let (start, mut chance) = (Instant::now(), Rng::with_seed(seed));
    let breaker = Breaker::new(BreakerConfig::default(), Duration::from_secs(30), start);
    let (mut at, mut trips, mut first) = (0.0, 0, None);
    loop {
        at += -chance.f64().max(1e-12).ln() / rate;
        if at > seconds {
            return (trips, first);
        }
        let now = start + Duration::from_secs_f64(at);
        let Ok(permit) = breaker.admit(now) else {
            continue;
        };
        let before = breaker.state(now);
        permit.settle(outcome(at, &mut chance), now, chance.f64());
        if before != BreakerState::Open && breaker.state(now) == BreakerState::Open {
            trips += 1;
            first.get_or_insert(at);
        }
    }
}

/// Fails that often, and is asked what cannot be answered that often.
fn failing(failures: f64, user_errors: f64) -> impl Fn(f64, &mut Rng) -> Outcome {
    move |_, chance| {
        if chance.f64() < user_errors {
            Outcome::UserError
        } else if chance.f64() < failures {
            Outcome::Failure
        } else {
            Outcome::Success
        }
    }
}

/// Figure 1, first half.
#[test]
fn one_failure_in_a_hundred_and_three_faults_of_the_question_never_open_a_breaker() {
    let hours = (0..50).map(|seed| trips(2.0, 3600.0, seed, failing(0.01, 0.03)).0);
    assert_eq!(hours.sum::<usize>(), 0, "in fifty hours");
}

/// Figure 1, second half.
#[test]
fn when_half_of_ten_calls_a_second_fail_the_breaker_opens_within_five_seconds() {
    let late = (0..1000)
        .map(|seed| {
            let since_a_minute = |at: f64, chance: &mut Rng| {
                failing(if at < 60.0 { 0.0 } else { 0.5 }, 0.0)(at, chance)
            };
            let opened = trips(10.0, 120.0, seed, since_a_minute).1;
            opened.expect("a minute is enough") - 60.0
        })
        .filter(|took| *took > 5.0)
        .count();
    assert!(late <= 50, "{late} of 1000 took longer");
}

/// Figure 7.
#[test]
fn whether_a_breaker_opens_does_not_depend_on_how_often_it_is_asked() {
    for rate in [1.0, 10.0, 100.0, 1000.0] {
        for seed in 0..20 {
            let calls = 2000.0;
            let (ill, _) = trips(rate, calls / rate, seed, failing(0.6, 0.0));
            assert!(ill > 0, "{rate} calls a second, of which most fail");
            let (well, _) = trips(rate, calls / rate, seed, failing(0.02, 0.0));
            assert_eq!(well, 0, "{rate} calls a second, of which hardly any fails");
        }
    }
}

/// Figure 8.
#[actix_web::test]
async fn whatever_becomes_of_tasks_nothing_is_counted_as_in_flight_afterwards() {
    let stage = Stage::new();
    let limit = Duration::from_millis(50);
    let agent = stage
        .agent("a")
        .instances(3)
        .retry_safe(true)
        .job_timeout(limit);
    let mut app = app([agent]);
    app.settings_mut().house.breaker.enabled = false;
    let house = app.start().await.unwrap();
    let deeds = [
        "hello",
        "boom",
        "step_boom",
        "fail",
        "refuse",
        "hang",
        "fatal",
        "step",
    ];
    let mut chance = Rng::with_seed(8);
    for _ in 0..10 {
        let asked = (0..40).map(|_| ask(&house, "a", deeds[chance.usize(..deeds.len())]));
        let mut under_way = Vec::new();
        for mut asked in asked.map(Box::pin) {
            if futures::poll!(&mut asked).is_pending() {
                under_way.push(asked);
            }
        }
        // Some go away, the others wait.
        under_way.truncate(25);
        join_all(under_way).await;
    }
    for number in 0..3 {
        let load = mailbox(&house, "a", number);
        until("nothing is in flight", async || load.load().taken() == 0).await;
    }
    house.shutdown().await;
}
