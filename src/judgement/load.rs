//! How much an instance has to do, and how well it has been doing it.
//!
//! The mailbox counts here, balancers and reports read here, from any thread: what is learned is
//! put together under a lock by whoever got an answer, and what balancers look at is published.
//! Work is counted by [`Place`]s that give themselves back when dropped, so the count returns to
//! zero whatever happens to the work.

mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::epoch::Epoch;
use super::evidence::logarithm;
use super::published::Published;
use super::{Evidence, Outcome, Pace};
use record::{Impression, Record};

/// The load and the record of one instance.
#[derive(Debug)]
pub struct Load {
    epoch: Epoch,
    pace: Arc<Pace>,
    /// Places taken, and in steps of [`WORKING`] those of them that are worked on: in one word, so
    /// that whoever looks sees both at the same moment.
    places: CachePadded<AtomicU64>,
    /// When it last finished anything, or got something to do when it had nothing.
    stirred: AtomicU64,
    record: Published<Record, Impression>,
    /// Of the record, what is asked for most: nanoseconds, 0 while it is unknown.
    response_time: AtomicU64,
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
    /// Tasks that were answered, well or badly.
    pub processed: u64,
    /// Mean time of recent successful answers; `None` before the first.
    pub response_time: Option<Duration>,
    /// Share of recent judged calls that succeeded; 1 before the first.
    pub success_rate: f64,
}

/// How a call ended, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallEnd {
    /// What it says of the instance.
    pub outcome: Outcome,
    /// How long it was worked on.
    pub service: Duration,
    /// How long its caller waited.
    pub round_trip: Duration,
}

impl CallEnd {
    /// That of a call that did not have to wait.
    #[must_use]
    pub fn served(outcome: Outcome, service: Duration) -> Self {
        Self {
            outcome,
            service,
            round_trip: service,
        }
    }
}

/// All calls since the beginning, the oldest counting as much as the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifetime {
    /// Calls that were judged.
    pub calls: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// The time that all their callers waited.
    pub waited: Duration,
}

impl Load {
    /// Nothing to do yet, for one of the instances that keep that pace.
    #[must_use]
    pub fn new(pace: &Arc<Pace>, now: Instant) -> Arc<Self> {
        pace.join();
        Arc::new(Self {
            epoch: Epoch::new(now),
            pace: Arc::clone(pace),
            places: CachePadded::default(),
            stirred: AtomicU64::new(0),
            record: Published::new(Record::new(now)),
            response_time: AtomicU64::new(0),
        })
    }

    /// Counts one more task, unless there are `most` already: checked and reserved in one step.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, most: usize, now: Instant) -> Option<Place> {
        let most = most.min(MOST);
        let before = self
            .places
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |places| {
                (taken(places) < most).then_some(places + 1)
            })
            .ok()?;
        if taken(before) == 0 {
            self.stir(now);
        }
        Some(Place {
            load: Arc::clone(self),
            working: false,
        })
    }

    /// Tasks that are in its hands, working and waiting.
    #[must_use]
    pub fn taken(&self) -> usize {
        taken(self.places.load(Ordering::Acquire))
    }

    /// Remembers how a call ended. Time counts for successes only, so that an instance is not
    /// thought fast because it fails fast.
    pub fn learn(&self, call: CallEnd, now: Instant) {
        if call.outcome == Outcome::Unjudged {
            return;
        }
        self.stir(now);
        let service = logarithm(call.service);
        self.record.change(|record| {
            record.learn(call, service, now);
            let usually = record.response_time().unwrap_or_default().as_nanos();
            let usually = u64::try_from(usually).unwrap_or(u64::MAX);
            self.response_time.store(usually, Ordering::Relaxed);
        });
        if call.outcome == Outcome::Success {
            self.pace.learn(service, now);
        }
    }

    /// What its calls have shown of it.
    #[must_use]
    pub fn evidence(&self, now: Instant) -> Evidence {
        let stirred = self.stirred.load(Ordering::Relaxed);
        let silence = self.epoch.seconds_since(stirred, now);
        self.record.read().evidence(now, silence)
    }

    /// The round trip that is to be expected of it, seconds.
    #[must_use]
    pub fn round_trip(&self, now: Instant) -> f64 {
        self.record.read().round_trip(now)
    }

    /// All its calls since the beginning.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.record.whole().lifetime
    }

    /// Mean time of recent successful answers.
    #[must_use]
    pub fn response_time(&self) -> Option<Duration> {
        let nanos = self.response_time.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// The pace of the agent that it is an instance of.
    #[must_use]
    pub fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// Everything that people want to know.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let places = self.places.load(Ordering::Acquire);
        let in_flight = working(places);
        let record = self.record.whole();
        LoadReport {
            in_flight,
            queued: taken(places) - in_flight,
            processed: record.processed,
            response_time: record.response_time(),
            success_rate: record.success_rate(),
        }
    }

    fn stir(&self, now: Instant) {
        self.stirred.store(self.epoch.nanos(now), Ordering::Relaxed);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.pace.leave();
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
    use proptest::prelude::*;

    use super::*;

    fn load() -> (Arc<Load>, Instant) {
        let now = Instant::now();
        (Load::new(&Pace::new(), now), now)
    }

    fn served(outcome: Outcome, seconds: f64) -> CallEnd {
        CallEnd::served(outcome, Duration::from_secs_f64(seconds))
    }

    #[test]
    fn there_is_never_more_work_than_room() {
        let (load, now) = load();
        let places: Vec<Place> = std::thread::scope(|scope| {
            let reserve = || (0..250).filter_map(|_| load.reserve(100, now)).collect();
            let callers: Vec<_> = (0..4).map(|_| scope.spawn(reserve)).collect();
            let found = callers.into_iter().map(|caller| caller.join().unwrap());
            found.flat_map(|places: Vec<Place>| places).collect()
        });
        assert_eq!(places.len(), 100);
        drop(places);
        assert_eq!(load.taken(), 0);
    }

    #[test]
    fn a_place_counts_as_queued_until_work_begins() {
        let (load, now) = load();
        let mut place = load.reserve(2, now).unwrap();
        assert_eq!((load.report().in_flight, load.report().queued), (0, 1));
        place.begin();
        assert_eq!((load.report().in_flight, load.report().queued), (1, 0));
        drop(place);
        assert_eq!((load.report().in_flight, load.report().queued), (0, 0));
    }

    #[test]
    fn failing_fast_does_not_look_fast() {
        let (load, now) = load();
        load.learn(served(Outcome::Success, 2.0), now);
        for _ in 0..10 {
            load.learn(served(Outcome::Failure, 0.001), now);
        }
        let report = load.report();
        assert_eq!(report.response_time, Some(Duration::from_secs(2)));
        assert!(report.success_rate < 0.2);
        assert!(load.evidence(now).success() < 0.3);
    }

    #[test]
    fn old_calls_fade() {
        let (load, now) = load();
        for _ in 0..100 {
            load.learn(served(Outcome::Success, 10.0), now);
        }
        for _ in 0..100 {
            load.learn(served(Outcome::Success, 1.0), now);
        }
        assert!(load.response_time().unwrap() < Duration::from_millis(1500));
        assert_eq!(load.lifetime().waited, Duration::from_secs(1100));
    }

    #[test]
    fn what_says_nothing_of_it_is_not_remembered() {
        let (load, now) = load();
        load.learn(served(Outcome::Unjudged, 1.0), now);
        assert_eq!(load.report().processed, 0);
        load.learn(served(Outcome::UserError, 1.0), now);
        assert_eq!(load.report().processed, 1);
        assert_eq!(load.lifetime(), Lifetime::default());
        assert_eq!(load.response_time(), None);
    }

    #[test]
    fn silence_begins_when_there_is_something_to_do() {
        let (load, now) = load();
        let later = now + Duration::from_secs(60);
        let _first = load.reserve(9, later);
        let much_later = later + Duration::from_secs(5);
        let _second = load.reserve(9, much_later);
        let silence = load.evidence(much_later).silence;
        assert!((silence - 5.0).abs() < 1e-6, "{silence}");
    }

    proptest! {
        /// Whatever becomes of places, the counts are those of the places that are there.
        #[test]
        fn counts_are_those_of_the_places_that_are_there(
            steps in prop::collection::vec((0_u8..3, any::<prop::sample::Index>()), 0..200),
        ) {
            let (load, now) = load();
            let mut places: Vec<Place> = Vec::new();
            for (step, which) in steps {
                match step {
                    0 => places.extend(load.reserve(16, now)),
                    1 if !places.is_empty() => which.get_mut(&mut places).begin(),
                    2 if !places.is_empty() => drop(places.swap_remove(which.index(places.len()))),
                    _ => {}
                }
                let working = places.iter().filter(|place| place.working).count();
                prop_assert_eq!(load.taken(), places.len());
                prop_assert_eq!(load.report().in_flight, working);
            }
            drop(places);
            prop_assert_eq!(load.taken(), 0);
        }
    }
}
