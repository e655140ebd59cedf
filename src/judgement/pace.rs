//! In what time the instances of an agent do their work, all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::evidence::{KEPT, SERVICE_FADE, fade};
use super::published::Published;

/// A percentile is worth something from so many samples on.
const ENOUGH: u64 = 10;

/// By so many deviations lies the 95th percentile of a bell curve above its middle.
const P95: f64 = 1.645;

/// The pace of an agent: the logarithms of recent service times, over all instances.
///
/// Times of service are spread like a bell curve in their logarithms, or more widely; so means and
/// deviations are those of logarithms. Successes count alone, and old ones fade: each new sample
/// takes the place of one in 32 for each instance, and in 300 s everything loses two thirds of
/// its weight.
///
/// It is written under a lock by whoever got an answer, and read without one.
#[derive(Debug)]
pub struct Pace {
    members: AtomicUsize,
    sums: Published<Sums, Known>,
}

#[derive(Debug, Default)]
struct Sums {
    samples: u64,
    at: Option<Instant>,
    weight: f64,
    sum: f64,
    squares: f64,
}

/// What follows from them.
#[derive(Debug, Clone, Copy)]
struct Known {
    tempo: Tempo,
    /// Whether there are enough samples for percentiles.
    well: bool,
}

/// The middle and the spread of an agent's service times.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tempo {
    /// The mean of the logarithms of the seconds.
    pub middle: f64,
    /// Their standard deviation.
    pub spread: f64,
}

impl Tempo {
    /// Nineteen of twenty take no longer than so many seconds, if the curve is a bell.
    #[must_use]
    pub fn p95(self) -> f64 {
        (self.middle + P95 * self.spread).exp()
    }
}

impl Pace {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            members: AtomicUsize::new(0),
            sums: Published::new(Sums::default()),
        })
    }

    /// The pace of late; zeros before the first answer.
    #[must_use]
    pub fn tempo(&self) -> Tempo {
        self.sums.read().tempo
    }

    /// The time within which half were served; `None` while that is a guess.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.known(|tempo| tempo.middle.exp())
    }

    /// The time within which nineteen of twenty were served; `None` while that is a guess.
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        self.known(Tempo::p95)
    }

    fn known(&self, seconds: impl Fn(Tempo) -> f64) -> Option<Duration> {
        let Known { tempo, well } = self.sums.read();
        let seconds = well.then(|| seconds(tempo))?;
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// One more instance contributes.
    pub(super) fn join(&self) {
        self.members.fetch_add(1, Ordering::Relaxed);
    }

    /// One does no more.
    pub(super) fn leave(&self) {
        self.members.fetch_sub(1, Ordering::Relaxed);
    }

    /// A service has taken that long: the logarithm of its seconds.
    pub(super) fn learn(&self, sample: f64, now: Instant) {
        #[allow(clippy::cast_precision_loss)] // there are fewer than 2^52 instances
        let members = self.members.load(Ordering::Relaxed).max(1) as f64;
        self.sums.change(|sums| sums.learn(sample, members, now));
    }
}

impl Sums {
    fn learn(&mut self, sample: f64, members: f64, now: Instant) {
        let before = self.at.replace(now).unwrap_or(now);
        let since = now.saturating_duration_since(before).as_secs_f64();
        let kept = fade(since, SERVICE_FADE) * (1.0 - (1.0 - KEPT) / members);
        self.weight = self.weight * kept + 1.0;
        self.sum = self.sum * kept + sample;
        self.squares = self.squares * kept + sample * sample;
        self.samples += 1;
    }

    fn tempo(&self) -> Tempo {
        if self.samples == 0 {
            return Tempo::default();
        }
        let middle = self.sum / self.weight;
        let variance = self.squares / self.weight - middle * middle;
        Tempo {
            middle,
            spread: variance.max(0.0).sqrt(),
        }
    }
}

impl From<&Sums> for Known {
    fn from(sums: &Sums) -> Self {
        Self {
            tempo: sums.tempo(),
            well: sums.samples >= ENOUGH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_that_of_the_samples_and_unknown_while_they_are_few() {
        let (pace, now) = (Pace::new(), Instant::now());
        pace.join();
        for _ in 0..9 {
            pace.learn(0.0, now);
        }
        assert_eq!(pace.p95(), None);
        for n in 0..1000 {
            pace.learn(if n % 2 == 0 { 1.0 } else { -1.0 }, now);
        }
        let tempo = pace.tempo();
        assert!(tempo.middle.abs() < 0.05, "{tempo:?}");
        assert!((tempo.spread - 1.0).abs() < 0.05, "{tempo:?}");
        let p95 = pace.p95().unwrap().as_secs_f64();
        assert!((4.9..5.6).contains(&p95), "{p95}");
    }

    #[test]
    fn the_more_instances_the_longer_is_the_memory() {
        let middle_of = |members: usize| {
            let (pace, now) = (Pace::new(), Instant::now());
            (0..members).for_each(|_| pace.join());
            (0..1000).for_each(|_| pace.learn(0.0, now));
            (0..32).for_each(|_| pace.learn(1.0, now));
            pace.tempo().middle
        };
        assert!(middle_of(1) > 0.6);
        assert!(middle_of(8) < 0.15);
    }
}
