use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// No more calls are looked at than these.
///
/// The number makes the rate as sure of itself as the run of failures beside it: of a service
/// that fails one call in five, 20 calls have ten failures about as often as five come in a row.
/// And it keeps what was long ago from outvoting what is now: of ten calls a second, an hour of
/// success is forgotten in two seconds.
pub(super) const MOST: usize = 20;

/// What one call has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub failed: bool,
    pub slow: bool,
}

/// The latest calls, none of them older than a certain span.
#[derive(Debug)]
pub(super) struct Window {
    span: Duration,
    samples: VecDeque<(Instant, Sample)>,
    failed: usize,
    slow: usize,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub part: usize,
    pub of: usize,
}

impl Share {
    /// Whether it is at least that share, of enough calls.
    pub(super) fn reaches(self, share: f64, minimum: usize) -> bool {
        #[allow(clippy::cast_precision_loss)] // there are no more than `MOST`
        let (part, of) = (self.part as f64, self.of as f64);
        self.of >= minimum.clamp(1, MOST) && part >= share * of
    }
}

impl Window {
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            samples: VecDeque::with_capacity(MOST),
            failed: 0,
            slow: 0,
        }
    }

    pub(super) fn add(&mut self, sample: Sample, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > self.span;
        while let Some((at, sample)) = self.samples.front().copied()
            && (old(at) || self.samples.len() >= MOST)
        {
            self.samples.pop_front();
            self.failed -= usize::from(sample.failed);
            self.slow -= usize::from(sample.slow);
        }
        self.samples.push_back((now, sample));
        self.failed += usize::from(sample.failed);
        self.slow += usize::from(sample.slow);
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
        (self.failed, self.slow) = (0, 0);
    }

    pub(super) fn failures(&self) -> Share {
        self.share(self.failed)
    }

    pub(super) fn slow_calls(&self) -> Share {
        self.share(self.slow)
    }

    fn share(&self, part: usize) -> Share {
        Share {
            part,
            of: self.samples.len(),
        }
    }
}
