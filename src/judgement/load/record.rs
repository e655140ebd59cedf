use std::time::{Duration, Instant};

use super::{CallEnd, Lifetime};
use crate::judgement::evidence::{KEPT, RoundTrip, SERVICE_FADE, SUCCESS_FADE, fade};
use crate::judgement::{Evidence, Outcome};

/// The record of an instance: sums that fade, and sums that do not.
#[derive(Debug)]
pub(super) struct Record {
    learned_at: Instant,
    /// Of the logarithms of the seconds that successes took.
    service: Fading,
    successes: f64,
    failures: f64,
    run: f64,
    round_trip: RoundTrip,
    response_time: Fading,
    success: Fading,
    pub processed: u64,
    pub lifetime: Lifetime,
}

/// Of a record, what is looked at whenever somebody chooses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Impression {
    learned_at: Instant,
    middle: f64,
    weight: f64,
    successes: f64,
    failures: f64,
    run: f64,
    round_trip: RoundTrip,
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

    /// A call that says something of the instance, and the logarithm of the seconds of its service.
    pub(super) fn learn(&mut self, call: CallEnd, service: f64, now: Instant) {
        self.processed += 1;
        if call.outcome == Outcome::UserError {
            return;
        }
        let since = seconds_between(self.learned_at, now);
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
            self.service.add(service);
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

    pub(super) fn response_time(&self) -> Option<Duration> {
        self.response_time.mean().map(Duration::from_secs_f64)
    }

    pub(super) fn success_rate(&self) -> f64 {
        self.success.mean().unwrap_or(1.0)
    }
}

impl From<&Record> for Impression {
    fn from(record: &Record) -> Self {
        Self {
            learned_at: record.learned_at,
            middle: record.service.mean().unwrap_or_default(),
            weight: record.service.weight,
            successes: record.successes,
            failures: record.failures,
            run: record.run,
            round_trip: record.round_trip,
        }
    }
}

impl Impression {
    /// What it is worth now, of an instance that has been silent for so many seconds.
    pub(super) fn evidence(&self, now: Instant, silence: f64) -> Evidence {
        Evidence {
            middle: self.middle,
            weight: self.weight,
            successes: self.successes,
            failures: self.failures,
            run: self.run,
            age: seconds_between(self.learned_at, now),
            silence,
        }
    }

    /// The round trip that is to be expected, seconds.
    pub(super) fn round_trip(&self, now: Instant) -> f64 {
        let age = seconds_between(self.learned_at, now);
        self.round_trip.after(age)
    }
}

fn seconds_between(before: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(before).as_secs_f64()
}
