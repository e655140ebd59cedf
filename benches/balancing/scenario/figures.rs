//! What the figures of reliability are measured in.

use std::sync::Arc;

use super::{Fault, Scenario, USUAL, Work};

/// One of eleven servers takes 2 s for half a minute, and clients wait for one.
pub fn linkerd() -> Scenario {
    Scenario {
        rate: 1000.0,
        even: true,
        span: 60.0,
        deadline: 1.0,
        queue: 1_000_000,
        ..Scenario::new(
            "S0 the experiment of linkerd's makers",
            11,
            1_000_000,
            Work::Normal(0.167, 0.005),
        )
    }
    .slow(|i, at| {
        if i == 0 && 15.0 < at && at < 45.0 {
            2.0 / 0.167
        } else {
            1.0
        }
    })
}

/// Twice as many requests as usual for 100 s, 1.6 times what can be done.
pub fn overload() -> Scenario {
    Scenario {
        span: 400.0,
        deadline: 10.0,
        queue: 1024,
        attempts: 1,
        bursts: Arc::new(|at| if 100.0 < at && at < 200.0 { 2.0 } else { 1.0 }),
        ..Scenario::new("O overload, 1.6 times for 100 s", 1, 32, USUAL)
    }
    .keeps_busy(0.8 * 32.0)
}

/// Everything is five times slower for 20 s, and what takes longer than 5 s is tried again.
pub fn metastable(instances: usize) -> Scenario {
    Scenario {
        span: 400.0,
        deadline: 20.0,
        attempt: Some(5.0),
        attempts: 3,
        queue: 1024,
        ..Scenario::new(
            "R all is 5 times slower for 20 s",
            instances,
            32 / instances,
            USUAL,
        )
    }
    .keeps_busy(0.8 * 32.0)
    .slow(|_, at| if 100.0 < at && at < 120.0 { 5.0 } else { 1.0 })
}

/// Everything fails, at once, for the middle third.
pub fn outage() -> Scenario {
    Scenario {
        attempts: 3,
        ..Scenario::new("F all fails for 100 s", 8, 4, USUAL)
    }
    .keeps_busy(0.7 * 32.0)
    .faulty(|_, at| (100.0 < at && at < 200.0).then_some((1.0, Fault::Fails(0.05))))
}

/// So many of eight instances fail, at once, for good.
pub fn broken(count: usize) -> Scenario {
    Scenario {
        attempts: 1,
        ..Scenario::new("P so many of 8 fail", 8, 4, USUAL)
    }
    .keeps_busy(0.7 * 32.0)
    .faulty(move |i, _| (i < count).then_some((1.0, Fault::Fails(0.05))))
}

/// Instances come and go, and nothing else happens.
pub fn moving() -> Vec<Scenario> {
    let base = |name, moves| {
        Scenario {
            moves,
            ..Scenario::new(name, 8, 4, USUAL)
        }
        .keeps_busy(0.5 * 32.0)
    };
    #[allow(clippy::cast_precision_loss)] // there are eight
    let at = |i: usize| 40.0 + 25.0 * i as f64;
    let deployed = (0..8).flat_map(|i| [(at(i), i, false), (at(i) + 5.0, i, true)]);
    vec![
        base("deployment", deployed.collect()),
        base(
            "shrinking to four",
            (0..4).map(|i| (150.0, i, false)).collect(),
        ),
        Scenario {
            first: 4,
            ..base(
                "growing from four",
                (4..8).map(|i| (150.0, i, true)).collect(),
            )
        },
    ]
}
