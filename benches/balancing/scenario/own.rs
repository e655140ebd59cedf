//! Five more, fixed before anything was tuned on them.

use std::sync::Arc;

use super::{Fault, Scenario, USUAL, Work, middle};

/// Seconds since the instance came, in a deployment that takes 20 s for each.
fn warming(i: usize, at: f64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // there are eight
    let back = 40.0 + 20.0 * i as f64 + 5.0;
    at - back
}

pub fn all() -> Vec<Scenario> {
    let base = |name| Scenario::new(name, 8, 4, USUAL);
    let is_bad = middle(300.0);
    #[allow(clippy::cast_precision_loss)] // there are eight
    let leaves = |i: usize| 40.0 + 20.0 * i as f64;
    let deployed = (0..8).flat_map(|i| [(leaves(i), i, false), (leaves(i) + 5.0, i, true)]);
    vec![
        Scenario {
            moves: deployed.collect(),
            ..base("N1 deployment: each goes for 5 s and comes back cold")
        }
        .keeps_busy(0.70 * 28.0)
        .slow(|i, at| match warming(i, at) {
            since if since >= 0.0 => (4.0 - 3.0 * since / 20.0).max(1.0),
            _ => 1.0,
        }),
        base("N2 two of 8 flap: all fails for 3 s of 12")
            .keeps_busy(0.70 * 28.0)
            .faulty(|i, at| {
                let phase = if i == 1 { 6.0 } else { 0.0 };
                let bad = i < 2 && (at + phase) % 12.0 < 3.0;
                bad.then_some((1.0, Fault::Fails(0.1)))
            }),
        Scenario {
            slots: Arc::new(|i, _| if i < 4 { 2 } else { 8 }),
            ..base("N3 unequal: 2 slots, or 8 of a third of the speed")
        }
        .keeps_busy(0.75 * (4.0 * 2.0 + 4.0 * 8.0 / 3.0))
        .slow(|i, _| if i < 4 { 1.0 } else { 3.0 }),
        base("N4 one is limited: 9 of 10 are busy, come back in 2 s")
            .keeps_busy(0.70 * 28.0)
            .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((0.9, Fault::Busy(2.0)))),
        Scenario {
            deadline: 20.0,
            ..Scenario::new(
                "N5 black hole, two kinds of work",
                8,
                4,
                Work::TwoKinds(0.2, 5.0),
            )
        }
        .keeps_busy(0.70 * 28.0)
        .faulty(move |i, at| (i == 0 && is_bad(at)).then_some((1.0, Fault::Fails(20.0)))),
    ]
}
