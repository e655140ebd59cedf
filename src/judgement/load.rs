//! How much an instance has to do, and how well it has been doing it.
//!
//! The mailbox counts here, balancers and reports read here, from any thread and without waiting
//! for an actor. Work is counted by [`Place`]s that give themselves back when dropped, so the
//! count returns to zero whatever happens to the work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::Outcome;

/// Newer calls count more: each one makes all before it worth this much less.
const FADE: f64 = 1.0 - 1.0 / 32.0;

/// The load and the record of one instance.
#[derive(Debug)]
pub struct Load {
    capacity: usize,
    /// Places taken, and in steps of [`WORKING`] those of them that are worked on: in one word, so
    /// that whoever looks sees both at the same moment.
    places: CachePadded<AtomicU64>,
    record: Mutex<Record>,
}

/// As many places can be counted.
const MOST: usize = u32::MAX as usize;

/// One place that is worked on, in the word that counts places.
const WORKING: u64 = 1 << 32;

/// What a [`Load`] says at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadReport {
    /// Tasks that the agent is working on.
    pub in_flight: usize,
    /// Tasks that wait for it.
    pub queued: usize,
    /// How many tasks it may hold, working and waiting.
    pub capacity: usize,
    /// Tasks that were answered, well or badly.
    pub processed: u64,
    /// Mean time of recent successful answers; `None` before the first.
    pub response_time: Option<Duration>,
    /// Share of recent judged calls that succeeded; 1 before the first.
    pub success_rate: f64,
}

#[derive(Debug, Default)]
struct Record {
    processed: u64,
    response_time: FadingMean,
    success: FadingMean,
}

/// A mean over roughly the last 32 samples, by exponentially fading weights.
#[derive(Debug, Default)]
struct FadingMean {
    sum: f64,
    weight: f64,
}

impl FadingMean {
    fn add(&mut self, sample: f64) {
        self.sum = self.sum * FADE + sample;
        self.weight = self.weight * FADE + 1.0;
    }

    fn get(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

impl Load {
    /// Nothing to do yet, and room for `capacity` tasks, of which four thousand million count.
    #[must_use]
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity: capacity.min(MOST),
            places: CachePadded::default(),
            record: Mutex::default(),
        })
    }

    /// Counts one more task, unless there is no room: checked and reserved in one step.
    #[must_use]
    pub fn reserve(self: &Arc<Self>) -> Option<Place> {
        self.places
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |places| {
                (taken(places) < self.capacity).then_some(places + 1)
            })
            .ok()
            .map(|_| Place {
                load: Arc::clone(self),
                working: false,
            })
    }

    /// Whether [`reserve`](Self::reserve) would find room.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.taken() < self.capacity
    }

    /// Tasks that are in its hands, working and waiting.
    #[must_use]
    pub fn taken(&self) -> usize {
        taken(self.places.load(Ordering::Acquire))
    }

    /// Remembers how a call ended and how long it took. Time counts for successes only, so that
    /// an instance is not thought fast because it fails fast.
    pub fn learn(&self, outcome: Outcome, took: Duration) {
        let mut record = self.record();
        match outcome {
            Outcome::Success => {
                record.response_time.add(took.as_secs_f64());
                record.success.add(1.0);
            }
            Outcome::Failure | Outcome::Busy => record.success.add(0.0),
            Outcome::UserError => {}
            Outcome::Unjudged => return,
        }
        record.processed += 1;
    }

    /// Mean time of recent successful answers.
    #[must_use]
    pub fn response_time(&self) -> Option<Duration> {
        self.record()
            .response_time
            .get()
            .map(Duration::from_secs_f64)
    }

    /// Everything it knows.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let places = self.places.load(Ordering::Acquire);
        let in_flight = working(places);
        let record = self.record();
        LoadReport {
            in_flight,
            queued: taken(places) - in_flight,
            capacity: self.capacity,
            processed: record.processed,
            response_time: record.response_time.get().map(Duration::from_secs_f64),
            success_rate: record.success.get().unwrap_or(1.0),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing panics while the lock is held, and no await happens under it.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places that are taken, by the word that counts them.
fn taken(places: u64) -> usize {
    usize::try_from(places % WORKING).expect("no more are taken than there are, a usize")
}

/// Places that are worked on, by the word that counts them.
fn working(places: u64) -> usize {
    usize::try_from(places / WORKING).expect("no more are worked on than are taken")
}

/// A task's place in an instance; dropping it makes room for another.
#[derive(Debug)]
pub struct Place {
    load: Arc<Load>,
    working: bool,
}

impl Place {
    /// The task is being worked on from now on.
    pub fn begin(&mut self) {
        if !self.working {
            self.working = true;
            self.load.places.fetch_add(WORKING, Ordering::AcqRel);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let given_back = if self.working { 1 + WORKING } else { 1 };
        self.load.places.fetch_sub(given_back, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_never_more_work_than_room() {
        let load = Load::new(100);
        let places: Vec<Place> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..250).filter_map(|_| load.reserve()).collect::<Vec<_>>())
                })
                .collect();
            callers
                .into_iter()
                .flat_map(|caller| caller.join().unwrap())
                .collect()
        });
        assert_eq!(places.len(), 100);
        drop(places);
        assert_eq!(load.taken(), 0);
    }

    #[test]
    fn a_place_counts_as_queued_until_work_begins() {
        let load = Load::new(2);
        let mut place = load.reserve().unwrap();
        assert_eq!((load.report().in_flight, load.report().queued), (0, 1));
        place.begin();
        assert_eq!((load.report().in_flight, load.report().queued), (1, 0));
        drop(place);
        assert_eq!((load.report().in_flight, load.report().queued), (0, 0));
    }

    #[test]
    fn failing_fast_does_not_look_fast() {
        let load = Load::new(1);
        load.learn(Outcome::Success, Duration::from_secs(2));
        for _ in 0..10 {
            load.learn(Outcome::Failure, Duration::from_millis(1));
        }
        let report = load.report();
        assert_eq!(report.response_time, Some(Duration::from_secs(2)));
        assert!(report.success_rate < 0.2);
    }

    #[test]
    fn old_calls_fade() {
        let load = Load::new(1);
        for _ in 0..100 {
            load.learn(Outcome::Success, Duration::from_secs(10));
        }
        for _ in 0..100 {
            load.learn(Outcome::Success, Duration::from_secs(1));
        }
        assert!(load.response_time().unwrap() < Duration::from_millis(1500));
    }
}
