//! The scenarios that the rules were first worked out with, by a simulation in another language.

use std::sync::Arc;

use super::{Fault, HEAVY, Scenario, USUAL, Work, middle};

pub fn all() -> Vec<Scenario> {
    let is_bad = middle(300.0);
    let base = |name| Scenario::new(name, 8, 4, USUAL);
    let rate = |rate| move |scenario: Scenario| Scenario { rate, ..scenario };
    vec![
        base("S1 homogeneous").keeps_busy(0.80 * 32.0),
        Scenario::new("S1b homogeneous, 4 of 16 slots", 4, 16, USUAL).keeps_busy(0.85 * 64.0),
        base("S2 one is 10 times slower for a third")
            .keeps_busy(0.75 * 7.1 * 4.0)
            .slow(move |i, at| if i == 0 && is_bad(at) { 10.0 } else { 1.0 }),
        base("S3 grey: half fails, 3 times slower")
            .keeps_busy(0.70 * 28.0)
            .slow(move |i, at| if i == 0 && is_bad(at) { 3.0 } else { 1.0 })
            .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((0.5, Fault::Fails(0.05)))),
        Scenario {
            deadline: 90.0,
            ..Scenario::new(
                "S4 sinkhole: all fails fast",
                8,
                4,
                Work::LogNormal(8.0, 0.5),
            )
        }
        .keeps_busy(0.70 * 28.0)
        .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((1.0, Fault::Fails(0.02)))),
        Scenario {
            first: 6,
            moves: vec![(100.0, 6, true), (100.0, 7, true)],
            ..base("S5 two of 8 join, cold")
        }
        .keeps_busy(0.80 * 6.3 * 4.0)
        .slow(|i, at| {
            let cold = 6.0 - 5.0 * (at - 100.0) / 60.0;
            if i < 6 { 1.0 } else { cold.max(1.0) }
        }),
        Scenario {
            bursts: Arc::new(|at| if at % 30.0 < 5.0 { 2.6 } else { 1.0 }),
            ..base("S6 bursts: 2.6 times for 5 s of 30")
        }
        .keeps_busy(0.60 * 32.0),
        rate(0.70 * 32.0 / 2.55)(Scenario {
            span: 600.0,
            deadline: 90.0,
            ..Scenario::new("S7 heavy tail", 8, 4, HEAVY)
        }),
        rate(0.70 * (6.0 + 1.0 / 6.0 + 0.5) * 4.0 / 2.55)(Scenario {
            span: 600.0,
            deadline: 90.0,
            ..Scenario::new("S8 heavy tail, two are 6 and 2 times slower", 8, 4, HEAVY)
        })
        .slow(|i, _| [6.0, 2.0].get(i).copied().unwrap_or(1.0)),
        Scenario {
            span: 180.0,
            deadline: 10.0,
            ..Scenario::new("S9 one stalls for 10 s every 60", 4, 16, USUAL)
        }
        .keeps_busy(0.65 * 64.0)
        .slow(|i, at| {
            let since = at % 60.0;
            if i == 0 && since < 10.0 {
                11.0 - since
            } else {
                1.0
            }
        }),
        Scenario {
            span: 120.0,
            deadline: 10.0,
            orchestrators: 4,
            news_every: Some(2.0),
            ..Scenario::new(
                "S10 4 orchestrators, news every 2 s",
                8,
                4,
                Work::LogNormal(0.2, 0.5),
            )
        }
        .keeps_busy(0.75 * 7.25 * 4.0)
        .slow(|i, _| if i == 0 { 4.0 } else { 1.0 }),
        Scenario {
            span: 1200.0,
            ..Scenario::new("S12 3 of one slot, one 5 times slower", 3, 1, USUAL)
        }
        .keeps_busy(0.70 * 2.2)
        .slow(|i, _| if i == 0 { 5.0 } else { 1.0 }),
        Scenario {
            batching: 0.08,
            ..Scenario::new("S13 batching, one 2 times slower", 4, 16, USUAL)
        }
        .keeps_busy(0.75 * 3.5 * 16.0 / 2.2)
        .slow(|i, _| if i == 0 { 2.0 } else { 1.0 }),
        Scenario {
            user_errors: 0.03,
            ..base("S11 1 % of failures, 3 % of user errors")
        }
        .keeps_busy(0.75 * 32.0)
        .faulty(|_, _| Some((0.01, Fault::Fails(0.5)))),
    ]
}
