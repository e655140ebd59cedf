//! What the calls to an instance have shown of it, and how much that is still worth.

use std::time::Duration;

use super::Tempo;

/// What a sample keeps of its weight when the next one comes: some 32 count.
pub(super) const KEPT: f64 = 1.0 - 1.0 / 32.0;

/// In so many seconds, evidence of speed loses two thirds of its weight.
pub(super) const SERVICE_FADE: f64 = 300.0;

/// In so many, evidence of success: whoever failed gets another chance sooner.
pub(super) const SUCCESS_FADE: f64 = 30.0;

/// In so many, what the round trips of late were.
const ROUND_TRIP_FADE: f64 = 10.0;

/// The round trip that an instance is thought to need before it has been asked, seconds.
const FIRST_ROUND_TRIP: f64 = 1.0;

/// Differences of speed below so many standard errors are taken for chance.
const SIGNIFICANT: f64 = 2.0;

/// So many samples are expected to look like the pool's before any is taken at its word.
const PRIOR: f64 = 2.0;

/// So little of a failure is none.
const NEGLIGIBLE: f64 = 1e-3;

/// What is left of a weight after so many seconds.
pub(super) fn fade(seconds: f64, constant: f64) -> f64 {
    let part = seconds / constant;
    if part < 1e-4 {
        // As good as the exponential, for calls that come every few milliseconds.
        1.0 - part
    } else {
        (-part).exp()
    }
}

/// The logarithm of the seconds; what takes less than a microsecond counts as one.
pub(super) fn logarithm(span: Duration) -> f64 {
    span.as_secs_f64().max(1e-6).ln()
}

/// What is known of an instance at one moment, by the calls that it has answered.
///
/// ```
/// use std::time::{Duration, Instant};
/// use agent_orchestrator::judgement::{CallEnd, Load, Outcome, Pace};
///
/// let now = Instant::now();
/// let pace = Pace::new();
/// let [slow, quick] = [Load::new(&pace, now), Load::new(&pace, now)];
/// for _ in 0..32 {
///     slow.learn(CallEnd::served(Outcome::Success, Duration::from_secs(4)), now);
///     quick.learn(CallEnd::served(Outcome::Success, Duration::from_secs(1)), now);
/// }
/// let slowness = |load: &Load| load.evidence(now).slowness(pace.tempo()).exp();
/// assert!(slowness(&slow) > 1.5 && slowness(&quick) < 0.7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The mean of the logarithms of the seconds that successes took.
    pub(super) middle: f64,
    /// How many of them it is made of, by weight.
    pub(super) weight: f64,
    /// Successes, by weight.
    pub(super) successes: f64,
    /// Failures, by weight.
    pub(super) failures: f64,
    /// Failures since the last success, by weight.
    pub(super) run: f64,
    /// The seconds since the last of them.
    pub(super) age: f64,
    /// The seconds since it last finished anything, or got something to do.
    pub(super) silence: f64,
}

impl Evidence {
    /// How much slower it is than the pool, as the logarithm of a factor: 0 is as quick. It
    /// is 0 unless the difference is beyond chance, for heavy tails must not look like slowness;
    /// and is believed the more, the more samples there are.
    #[must_use]
    pub fn slowness(&self, pool: Tempo) -> f64 {
        if self.weight <= 1.0 {
            return 0.0;
        }
        let weight = self.weight * fade(self.age, SERVICE_FADE);
        let difference = self.middle - pool.middle;
        if weight <= 1.0 || difference.abs() < SIGNIFICANT * pool.spread / weight.sqrt() {
            0.0
        } else {
            difference * weight / (weight + PRIOR)
        }
    }

    /// How many of its successes it is made of.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weight * fade(self.age, SERVICE_FADE)
    }

    /// The same of an instance that has something to do and gives no sign of life: three times
    /// as long as the pool hardly ever takes is taken for the time that it needs.
    #[must_use]
    pub fn stall(&self, pool: Tempo) -> Option<f64> {
        let stalls = pool.spread > 0.0 && self.silence > 3.0 * pool.p95();
        stalls.then(|| self.silence.ln() - pool.middle)
    }

    /// The share of its calls that succeed, from 0 to 1; 1 before the first. It is that of all
    /// calls of late or that of those since the last success, whichever is less; in either, two
    /// successes are taken for granted.
    #[must_use]
    pub fn success(&self) -> f64 {
        if self.failures < NEGLIGIBLE {
            return 1.0;
        }
        let left = fade(self.age, SUCCESS_FADE);
        let (successes, failures) = (self.successes * left, self.failures * left);
        if failures < NEGLIGIBLE {
            1.0
        } else {
            let of_late = (successes + PRIOR) / (successes + failures + PRIOR);
            of_late.min(PRIOR / (PRIOR + self.run * left))
        }
    }
}

/// The round trips of an instance: the last peak, and as it fades what came after it.
///
/// The rule is that of Finagle's and tower's "peak EWMA".
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RoundTrip {
    seconds: f64,
}

impl RoundTrip {
    /// Before the first call.
    pub(super) const UNKNOWN: Self = Self {
        seconds: FIRST_ROUND_TRIP,
    };

    /// As much of it is left after so many seconds without a call.
    pub(super) fn after(self, seconds: f64) -> f64 {
        self.seconds * fade(seconds, ROUND_TRIP_FADE)
    }

    /// What is expected after one more, so many seconds after the last.
    pub(super) fn learn(self, took: Duration, since: f64) -> Self {
        let took = took.as_secs_f64();
        let left = self.after(since);
        let seconds = if took > left {
            took
        } else {
            left + took * (1.0 - fade(since, ROUND_TRIP_FADE))
        };
        Self { seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: Tempo = Tempo {
        middle: 0.0,
        spread: 0.5,
    };

    fn evidence(middle: f64, weight: f64) -> Evidence {
        Evidence {
            middle,
            weight,
            successes: weight,
            failures: 0.0,
            run: 0.0,
            age: 0.0,
            silence: 0.0,
        }
    }

    #[test]
    fn chance_is_not_slowness() {
        assert!(evidence(0.3, 4.0).slowness(POOL).abs() < 1e-9);
        assert!(evidence(0.3, 32.0).slowness(POOL) > 0.25);
        let one_sample = evidence(5.0, 1.0);
        assert!(one_sample.slowness(POOL).abs() < 1e-9);
    }

    #[test]
    fn old_evidence_is_no_evidence() {
        let old = Evidence {
            age: 1200.0,
            ..evidence(1.0, 32.0)
        };
        assert!(old.slowness(POOL).abs() < 1e-9);
    }

    #[test]
    fn whoever_failed_is_forgiven_in_time() {
        let after = |age| {
            Evidence {
                successes: 0.0,
                failures: 8.0,
                age,
                ..evidence(0.0, 0.0)
            }
            .success()
        };
        assert!((after(0.0) - 0.2).abs() < 1e-9);
        assert!(after(30.0) > 0.4);
        assert!(after(300.0) > 0.99);
    }

    #[test]
    fn silence_is_taken_for_slowness_once_it_is_out_of_the_ordinary() {
        let silent = |silence| Evidence {
            silence,
            ..evidence(0.0, 32.0)
        };
        assert_eq!(silent(6.0).stall(POOL), None);
        assert_eq!(silent(10.0).stall(POOL), Some(10.0_f64.ln()));
        assert_eq!(
            silent(10.0).stall(Tempo::default()),
            None,
            "nothing is known"
        );
    }

    #[test]
    fn a_peak_is_believed_at_once_and_fades() {
        let peak = RoundTrip::UNKNOWN.learn(Duration::from_secs(5), 0.0);
        assert!((peak.seconds - 5.0).abs() < 1e-9);
        let later = peak.learn(Duration::from_secs(1), 10.0);
        assert!((2.0..3.0).contains(&later.seconds));
        assert!(peak.after(100.0) < 0.001);
    }
}
