//! Follows the events of a request, wherever it is worked on.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Numbered, derived};
use crate::pipeline::kept::Kept;
use crate::pipeline::{Orchestrator, Problem};
use crate::store::{Place, StateKey, StoreError};
use crate::words::RequestId;

/// How often it is looked whether more has happened.
const GLANCE: Duration = Duration::from_millis(50);
/// The same while the state cannot be read.
const AWAY: Duration = Duration::from_millis(500);
/// Events that are read in one go.
const AT_ONCE: usize = 256;

/// A reader of the events of one request: those after that one, whether they have happened or will, to
/// the last.
pub(crate) struct Follower {
    orchestrator: Orchestrator,
    id: RequestId,
    /// What was read last.
    place: Place,
    /// What was read and not handed out.
    read: VecDeque<Numbered>,
    over: bool,
}

impl Orchestrator {
    /// The events of a request that come after the one of that number; `None` when that was the last.
    ///
    /// # Errors
    /// `RequestNotFound` when nothing is known of it (any more), `StateUnavailable`.
    pub(crate) async fn events(
        &self,
        request: &str,
        after: u64,
    ) -> Result<Option<Follower>, Problem> {
        let (id, _) = self.record(request).await?;
        let mut follower = Follower {
            orchestrator: self.clone(),
            id,
            place: Place {
                epoch: 0,
                number: after,
            },
            read: VecDeque::new(),
            over: false,
        };
        let read = follower.read_on().await;
        read.map_err(|error| Problem::no_state(&error))?;
        let nothing_left = follower.over && follower.read.is_empty();
        Ok((!nothing_left).then_some(follower))
    }
}

impl Follower {
    /// The next event, once it has happened; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Option<Numbered> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            match self.read_on().await {
                Ok(()) if self.read.is_empty() && !self.over => tokio::time::sleep(GLANCE).await,
                Ok(()) => {}
                Err(_away) => tokio::time::sleep(AWAY).await,
            }
        }
    }

    /// Reads what has happened since.
    async fn read_on(&mut self) -> Result<(), StoreError> {
        let orchestrator = self.orchestrator.clone();
        let house = orchestrator.house();
        // Looked at first: once it is finished, its log is.
        let record = house.journal.read(StateKey::Request(self.id)).await?;
        let entries = self.entries(self.place).await?;
        if let Some((place, _)) = entries.last() {
            self.place = *place;
            let events = entries.iter();
            let events = events.filter_map(|(place, event)| Numbered::read(place.number, event));
            self.read.extend(events);
            return Ok(());
        }
        let kept = match &record {
            Some(record) => orchestrator.reading(record).await.ok(),
            None => None,
        };
        let Some(kept) = kept else {
            // It has expired meanwhile.
            self.over = true;
            return Ok(());
        };
        let before = match self.last_written().await? {
            0 if kept.asynchronous && !kept.status.is_final() => return Ok(()),
            0 => self.derive(&kept),
            before => before,
        };
        if kept.status.is_final() {
            self.over = true;
            if self.place.number <= before {
                self.read
                    .push_back(derived::last(before.saturating_add(1), self.id, &kept));
            }
        }
        Ok(())
    }

    /// Takes what the record tells, where there is no log, and says how many events that makes.
    fn derive(&mut self, kept: &Kept<'_>) -> u64 {
        let events = derived::events(self.id, kept);
        let count = events.len() as u64;
        let after = self.place.number;
        self.read
            .extend(events.into_iter().filter(|it| it.number > after));
        self.place.number = after.max(count);
        count
    }

    /// The number of the last event in the log; 0 when there is none.
    async fn last_written(&mut self) -> Result<u64, StoreError> {
        if self.place.epoch > 0 {
            return Ok(self.place.number);
        }
        let mut last = Place::START;
        // Whoever goes on from a number does not know in which epoch that was.
        while let Some((place, _)) = self.entries(last).await?.last() {
            last = *place;
        }
        if last.number > 0 && self.place.number >= last.number {
            self.place.epoch = last.epoch;
        }
        Ok(last.number)
    }

    async fn entries(&self, after: Place) -> Result<Vec<(Place, bytes::Bytes)>, StoreError> {
        let store = &self.orchestrator.house().store;
        let log = StateKey::Events(self.id).to_string();
        store.entries(log, after, AT_ONCE).await
    }
}
