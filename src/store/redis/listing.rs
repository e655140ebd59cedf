//! Finds keys by their age, though a server can only be asked for keys that one knows.
//!
//! Of each family there are two sorted sets for each minute, with the ids that were made then, those
//! that are kept for long and the others, and one of those minutes. A set expires with the last of its
//! keys; then its minute is taken off the list of minutes by whoever comes upon it. No set grows for
//! longer than a minute, and none for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Pipeline;
use uuid::Uuid;

use super::super::{Entry, StoreError};
use super::Redis;

/// Minutes that are looked at in one go.
const MINUTES_AT_ONCE: usize = 32;
/// An empty minute that is so old will stay empty.
const SETTLED: u64 = 5;

/// From how long on an entry is kept for long, milliseconds.
const LONG: u64 = 2 * 3600 * 1000;

/// A set of ids: those of one minute that are kept for long, or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shelf<'a> {
    family: &'a str,
    minute: u64,
    long: bool,
}

impl Redis {
    /// Enters a listed entry that takes the place of another one, which was perhaps to be kept for
    /// longer.
    pub(super) async fn list_anew(&self, entry: &Entry) -> Result<(), StoreError> {
        let mut requests = self.listing(std::slice::from_ref(entry));
        if let Some((family, id, minute)) = parts(&entry.key)
            && entry.ttl_millis() < LONG
        {
            let long = true;
            let shelf = Shelf {
                family,
                minute,
                long,
            };
            let mut leave = Pipeline::new();
            leave
                .cmd("ZREM")
                .arg(self.shelf_key(shelf))
                .arg(id)
                .ignore();
            requests.push(leave);
        }
        self.each(requests).await
    }

    /// The requests that enter the listed ones of these entries, each for keys of one slot.
    pub(super) fn listing(&self, entries: &[Entry]) -> Vec<Pipeline> {
        let mut shelves: BTreeMap<Shelf<'_>, (Vec<&str>, u64)> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.listed) {
            if let Some((family, id, minute)) = parts(&entry.key) {
                let shelf = Shelf {
                    family,
                    minute,
                    long: entry.ttl_millis() >= LONG,
                };
                let (ids, ttl) = shelves.entry(shelf).or_default();
                ids.push(id);
                *ttl = entry.ttl_millis().max(*ttl);
            }
        }
        let requests = shelves.into_iter().flat_map(|(shelf, (ids, ttl))| {
            let (all, minute) = (self.minutes_key(shelf.family), shelf.minute);
            let mut add = Pipeline::new();
            add.cmd("ZADD").arg(&all).arg(minute).arg(minute).ignore();
            // Whoever lists later keeps it.
            add.cmd("PEXPIRE").arg(&all).arg(ttl).arg("NX").ignore();
            add.cmd("PEXPIRE").arg(&all).arg(ttl).arg("GT").ignore();
            let key = self.shelf_key(shelf);
            let mut fill = Pipeline::new();
            fill.cmd("ZADD").arg(&key);
            for id in ids {
                fill.arg(0).arg(id);
            }
            fill.ignore();
            fill.cmd("PEXPIRE").arg(&key).arg(ttl).arg("NX").ignore();
            fill.cmd("PEXPIRE").arg(&key).arg(ttl).arg("GT").ignore();
            [add, fill]
        });
        requests.collect()
    }

    /// Up to so many keys of the family, the newest first: those before that one, or all.
    pub(super) async fn latest(
        &self,
        family: &str,
        before: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let before = before.and_then(parts);
        let mut last =
            before.map_or_else(|| "+inf".to_owned(), |(_, _, minute)| minute.to_string());
        let mut found = Vec::new();
        loop {
            let mut request = Pipeline::new();
            request
                .cmd("ZREVRANGEBYSCORE")
                .arg(self.minutes_key(family));
            request.arg(&last).arg("-inf").arg("LIMIT").arg(0);
            request.arg(MINUTES_AT_ONCE);
            let (minutes,): (Vec<u64>,) = self.link.query(&request).await?;
            let Some(oldest) = minutes.last() else {
                return Ok(found);
            };
            last = format!("({oldest}");
            let bound = before.map_or_else(|| "+".to_owned(), |(_, id, _)| format!("({id}"));
            let shelves = minutes.iter().flat_map(|&minute| {
                [false, true].map(|long| Shelf {
                    family,
                    minute,
                    long,
                })
            });
            let reading = shelves.map(|shelf| {
                let key = self.shelf_key(shelf);
                let mut request = Pipeline::new();
                request.cmd("ZREVRANGEBYLEX").arg(&key);
                request.arg(&bound).arg("-").arg("LIMIT").arg(0).arg(most);
                request.cmd("EXISTS").arg(&key);
                request
            });
            let read: Vec<(Vec<String>, bool)> = self.each(reading.collect()).await?;
            let mut gone = Vec::new();
            for (minute, shelves) in minutes.into_iter().zip(read.chunks(2)) {
                let ids = shelves.iter().flat_map(|(ids, _)| ids);
                // One that was finished a moment ago may be on both.
                let ids: BTreeSet<&String> = ids.collect();
                found.extend(ids.into_iter().rev().map(|id| format!("{family}:{id}")));
                if !shelves.iter().any(|(_, exists)| *exists) && minute + SETTLED < this_minute() {
                    gone.push(minute);
                }
            }
            if !gone.is_empty() {
                let mut request = Pipeline::new();
                request.cmd("ZREM").arg(self.minutes_key(family));
                request.arg(gone).ignore();
                let () = self.link.query(&request).await?;
            }
            if found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }

    fn minutes_key(&self, family: &str) -> String {
        self.key(&format!("listed:{family}"))
    }

    fn shelf_key(&self, shelf: Shelf<'_>) -> String {
        let Shelf { family, minute, .. } = shelf;
        let kind = if shelf.long { ":long" } else { "" };
        self.key(&format!("listed:{family}:{minute}{kind}"))
    }
}

/// The family of a listed key, its id, and the minute (since 1970) in which that was made.
fn parts(key: &str) -> Option<(&str, &str, u64)> {
    let (family, id) = key.split_once(':')?;
    let (seconds, _) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    Some((family, id, seconds / 60))
}

fn this_minute() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs() / 60
}
