use std::collections::VecDeque;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseActFuture, WrapFuture,
};
use jiff::Timestamp;
use uuid::Uuid;

use super::recorder::{Observation, Recorder};
use super::summary::{Summary, Sums};
use crate::store::{Journal, StateKey, StoreError};

const COLLECT_EVERY: Duration = Duration::from_secs(1);
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Whether metrics are taken, and how long their sums are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetricsConfig {
    pub enabled: bool,
    pub retention: Duration,
}

/// Collects what the threads have counted, keeps the last hour by minutes in memory, and writes
/// the sums of each hour to the store, where they stay for the configured retention.
pub(crate) struct Metrics {
    config: MetricsConfig,
    id: Uuid,
    recorder: Recorder,
    journal: Journal,
    minutes: VecDeque<Slot>,
    hour: Slot,
}

/// What was counted in one minute or one hour, numbered from 1970.
#[derive(Debug, Default)]
struct Slot {
    number: i64,
    sums: Sums,
}

/// The metrics, as the rest of the orchestrator sees them; cheap to clone.
#[derive(Debug, Clone)]
pub struct MetricsHandle {
    enabled: bool,
    recorder: Recorder,
    actor: Addr<Metrics>,
}

/// Sums up the last stretch of time.
#[derive(Message)]
#[rtype(result = "Result<Summary, StoreError>")]
struct Summarise(Duration);

/// Hands everything over to the journal now.
#[derive(Message)]
#[rtype(result = "()")]
struct Close;

impl MetricsHandle {
    /// Counts a request.
    pub fn observe(&self, seen: &Observation<'_>) {
        if self.enabled {
            self.recorder.observe(seen);
        }
    }

    /// Counts how satisfied a user was, 0 to 1.
    pub fn observe_satisfaction(&self, satisfaction: f64) {
        if self.enabled {
            self.recorder.observe_satisfaction(satisfaction);
        }
    }

    /// The figures of the last `window`. Up to an hour they are this orchestrator's own, counted
    /// in minutes; beyond that they are those of all that share the store, counted in hours.
    ///
    /// # Errors
    /// When the window is longer than an hour and the store cannot be read.
    pub async fn summary(&self, window: Duration) -> Result<Summary, StoreError> {
        match self.actor.send(Summarise(window)).await {
            Ok(summary) => summary,
            Err(_ended) => Ok(Sums::default().summary(window, false)),
        }
    }

    /// Hands what was counted over to the journal.
    pub(crate) async fn close(&self) {
        // When the actor has ended before, there is nothing to hand over.
        let _ = self.actor.send(Close).await;
    }
}

impl Metrics {
    pub(crate) fn new(config: MetricsConfig, id: Uuid, journal: Journal) -> Self {
        Self {
            config,
            id,
            recorder: Recorder::new(),
            journal,
            minutes: VecDeque::new(),
            hour: Slot::default(),
        }
    }

    /// Starts the actor on that thread.
    pub(crate) fn start_on(self, thread: &actix_rt::ArbiterHandle) -> MetricsHandle {
        MetricsHandle {
            enabled: self.config.enabled,
            recorder: self.recorder.clone(),
            actor: Self::start_in_arbiter(thread, |_| self),
        }
    }

    fn collect(&mut self) {
        let fresh = self.recorder.collect();
        let now = Timestamp::now().as_second();
        self.minutes
            .retain(|slot| slot.number > (now - HOUR) / MINUTE);
        if fresh.is_empty() {
            return;
        }
        if self
            .minutes
            .back()
            .is_none_or(|slot| slot.number != now / MINUTE)
        {
            self.minutes.push_back(Slot::of(now / MINUTE));
        }
        if let Some(slot) = self.minutes.back_mut() {
            slot.sums.merge(&fresh);
        }
        if self.hour.number != now / HOUR {
            self.hour = Slot::of(now / HOUR);
        }
        self.hour.sums.merge(&fresh);
        self.write_hour();
    }

    fn write_hour(&self) {
        let hour = self.hour.number;
        let (key, field) = (StateKey::Rollup { hour }, self.id.to_string());
        let (sums, ttl) = (&self.hour.sums, self.config.retention);
        self.journal.put_field(key, field, sums, ttl);
    }

    fn last_minutes(&self, window: Duration) -> Sums {
        let now = Timestamp::now().as_second();
        let span = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
        let mut sums = Sums::default();
        let recent = |slot: &&Slot| (slot.number + 1) * MINUTE > now.saturating_sub(span);
        for slot in self.minutes.iter().filter(recent) {
            sums.merge(&slot.sums);
        }
        sums
    }

    /// The hours that the window touches, at most as many as are kept.
    fn hours(&self, window: Duration) -> std::ops::RangeInclusive<i64> {
        let now = Timestamp::now().as_second();
        let span = window.min(self.config.retention).as_secs();
        let span = i64::try_from(span).unwrap_or(i64::MAX);
        now.saturating_sub(span).div_euclid(HOUR)..=now / HOUR
    }
}

impl Slot {
    fn of(number: i64) -> Self {
        Self {
            number,
            sums: Sums::default(),
        }
    }
}

/// What all orchestrators have counted in these hours. What this one has counted of the present
/// hour may not be written yet, so it is put in the place of what was.
async fn last_hours(
    journal: Journal,
    hours: std::ops::RangeInclusive<i64>,
    own: (i64, String, Sums),
) -> Result<Sums, StoreError> {
    let (own_hour, own_field, own_sums) = own;
    let mut sums = Sums::default();
    if hours.contains(&own_hour) {
        sums = own_sums;
    }
    for hour in hours {
        for (field, value) in journal.fields(StateKey::Rollup { hour }).await? {
            if hour == own_hour && field == own_field {
                continue;
            }
            if let Ok(counted) = serde_json::from_slice(&value) {
                sums.merge(&counted);
            }
        }
    }
    Ok(sums)
}

impl Actor for Metrics {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.config.enabled {
            ctx.run_interval(COLLECT_EVERY, |metrics, _| metrics.collect());
        }
    }
}

impl Handler<Summarise> for Metrics {
    type Result = ResponseActFuture<Self, Result<Summary, StoreError>>;

    fn handle(&mut self, Summarise(window): Summarise, _: &mut Self::Context) -> Self::Result {
        self.collect();
        let enabled = self.config.enabled;
        if window.as_secs() <= HOUR.unsigned_abs() {
            let summary = self.last_minutes(window).summary(window, enabled);
            return Box::pin(actix::fut::ready(Ok(summary)));
        }
        let own = (
            self.hour.number,
            self.id.to_string(),
            self.hour.sums.clone(),
        );
        let sums = last_hours(self.journal.clone(), self.hours(window), own);
        Box::pin(
            sums.into_actor(self)
                .map(move |sums, _, _| sums.map(|sums| sums.summary(window, enabled))),
        )
    }
}

impl Handler<Close> for Metrics {
    type Result = MessageResult<Close>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        self.collect();
        MessageResult(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::Embedded;

    #[actix_rt::test]
    async fn an_hour_of_ones_own_counts_only_within_the_window() {
        let store = Arc::new(Embedded::in_memory().unwrap());
        let journal = Journal::start_on(&actix_rt::Arbiter::current(), store);
        let mut own = Sums::default();
        own.add(&Observation {
            strategy: "simple",
            cached: false,
            success: true,
            routing_time: Duration::ZERO,
            execution_time: Duration::ZERO,
            agents: &[],
        });
        let counted = async |hour| {
            let own = (hour, "me".to_owned(), own.clone());
            let sums = last_hours(journal.clone(), 7..=9, own).await.unwrap();
            !sums.is_empty()
        };
        assert!(counted(9).await);
        assert!(!counted(6).await);
    }
}
