use std::time::{Duration, Instant};

use super::{CallEnd, Lifetime};
use crate::judgement::evidence::{KEPT, RoundTrip, SERVICE_FADE, SUCCESS_FADE, fade, logarithm};
use crate::judgement::{Evidence, Outcome};

/// The record of an instance: sums that fade, and sums that do not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    learned_at: Instant,
    /// Of the logarithms of the seconds that successes took.
    service: Fading,
    successes: f64,
    failures: f64,
    run: f64,
    pub round_trip: RoundTrip,
    response_time: Fading,
    success: Fading,
    pub processed: u64,
    pub lifetime: Lifetime,
}

/// A mean over roughly the last 32 samples, by exponentially fading weights.
#[derive(Debug, Clone, Copy, Default)]
struct Fading {
    sum: f64,
    weight: f64,
}

impl Fading {
    fn add(&mut self, sample: f64) {
        self.sum = self.sum * KEPT + sample;
        self.weight = self.weight * KEPT + 1.0;
    }

    fn fade(&mut self, left: f64) {
        self.sum *= left;
        self.weight *= left;
    }

    fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            learned_at: now,
            service: Fading::default(),
            successes: 0.0,
            failures: 0.0,
            run: 0.0,
            round_trip: RoundTrip::UNKNOWN,
            response_time: Fading::default(),
            success: Fading::default(),
            processed: 0,
            lifetime: Lifetime::default(),
        }
    }

    /// A call that says something of the instance.
    pub(super) fn learn(&mut self, call: CallEnd, now: Instant) {
        self.processed += 1;
        if call.outcome == Outcome::UserError {
            return;
        }
        let since = self.age(now);
        self.learned_at = now;
        self.service.fade(fade(since, SERVICE_FADE));
        let left = fade(since, SUCCESS_FADE);
        self.successes *= left;
        self.failures *= left;
        self.run *= left;
        self.round_trip = self.round_trip.learn(call.round_trip, since);
        self.lifetime.calls += 1;
        self.lifetime.waited += call.round_trip;
        if call.outcome == Outcome::Success {
            self.service.add(logarithm(call.service));
            self.response_time.add(call.service.as_secs_f64());
            self.success.add(1.0);
            self.successes += 1.0;
            self.run = 0.0;
        } else {
            self.success.add(0.0);
            self.failures += 1.0;
            self.run += 1.0;
            self.lifetime.failures += 1;
        }
    }

    /// The seconds since the last call that was judged.
    pub(super) fn age(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.learned_at).as_secs_f64()
    }

    pub(super) fn evidence(&self, now: Instant, silence: f64) -> Evidence {
        Evidence {
            middle: self.service.mean().unwrap_or_default(),
            weight: self.service.weight,
            successes: self.successes,
            failures: self.failures,
            run: self.run,
            age: self.age(now),
            silence,
        }
    }

    pub(super) fn response_time(&self) -> Option<Duration> {
        self.response_time.mean().map(Duration::from_secs_f64)
    }

    pub(super) fn success_rate(&self) -> f64 {
        self.success.mean().unwrap_or(1.0)
    }
}
