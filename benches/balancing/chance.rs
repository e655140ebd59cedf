//! Arrivals and draws, the same for every policy of a scenario and a seed.

use fastrand::Rng;

use crate::scenario::{Scenario, Work};

/// No piece of work takes longer, seconds.
const LONGEST: f64 = 60.0;

/// A request, with all that chance decides about it.
#[derive(Clone, Copy)]
pub struct Request {
    /// When it comes, seconds.
    pub at: f64,
    /// How long it is worked on by an instance in good health, seconds.
    pub work: f64,
    /// What is drawn at each attempt, to see whether it fails.
    pub draws: [f64; 3],
    /// Whether it is itself at fault.
    pub at_fault: bool,
}

pub fn requests(scenario: &Scenario, seed: u64) -> Vec<Request> {
    let mut rng = Rng::with_seed(hash(scenario.name) ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (mut at, mut requests) = (0.0, Vec::new());
    while at < scenario.span {
        let rate = scenario.rate * (scenario.bursts)(at);
        at += if scenario.even {
            1.0 / rate
        } else {
            -rng.f64().max(1e-12).ln() / rate
        };
        requests.push(Request {
            at,
            work: work(scenario.work, &mut rng),
            draws: [rng.f64(), rng.f64(), rng.f64()],
            at_fault: rng.f64() < scenario.user_errors,
        });
    }
    requests
}

fn work(work: Work, rng: &mut Rng) -> f64 {
    match work {
        Work::LogNormal(median, deviation) => {
            (median * (deviation * bell(rng)).exp()).clamp(0.02, LONGEST)
        }
        Work::Normal(middle, deviation) => (middle + deviation * bell(rng)).max(0.001),
        Work::TwoKinds(short, long) => {
            let usual = if rng.f64() < 0.9 { short } else { long };
            usual * (0.2 * bell(rng)).exp()
        }
    }
}

/// A number of the standard bell curve, by Box and Muller.
pub fn bell(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * rng.f64().max(1e-300).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// FNV-1a.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
