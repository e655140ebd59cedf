//! Finds keys by their age, though a server can only be asked for keys that one knows.
//!
//! Of each family there is a sorted set of seconds, and two shelves for each of those with the ids that
//! were made then. What is kept for long and then replaced by what is not has to be taken off again,
//! so that shelf is a sorted set of ids. The other one is a list of bundles, for a server is many
//! times quicker with one bundle of a thousand ids than with each of them; an id may be in several.
//! A shelf expires with the last of its keys; then its second is taken off by whoever comes upon
//! it. No shelf has more than is written of the requests of one second, and none lasts for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Pipeline;
use uuid::{Bytes, Uuid};

use super::super::{Entry, StoreError};
use super::Redis;

/// Seconds that are looked at in one go, at most.
const SECONDS_AT_ONCE: usize = 32;
/// A second without ids that is so old, in seconds, will stay so.
const SETTLED: u64 = 300;

/// From how long on an entry is kept for long, milliseconds.
const LONG: u64 = 2 * 3600 * 1000;

/// Where the ids of one second are that are kept for long, or the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shelf<'a> {
    family: &'a str,
    second: u64,
    long: bool,
}

impl Redis {
    /// Enters a listed entry that takes the place of another one, which was perhaps to be kept for
    /// longer.
    pub(super) async fn list_anew(&self, entry: &Entry) -> Result<(), StoreError> {
        let mut requests = self.listing(std::slice::from_ref(entry));
        if let Some((family, id, second)) = parts(&entry.key)
            && entry.ttl_millis() < LONG
        {
            let long = true;
            let shelf = self.shelf_key(Shelf {
                family,
                second,
                long,
            });
            let mut leave = Pipeline::new();
            leave.cmd("ZREM").arg(shelf).arg(id.to_string()).ignore();
            requests.push(leave);
        }
        self.each(requests).await
    }

    /// The requests that enter the listed ones of these entries, each for keys of one slot.
    pub(super) fn listing(&self, entries: &[Entry]) -> Vec<Pipeline> {
        let mut shelves: BTreeMap<Shelf<'_>, (Vec<Uuid>, u64)> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.listed) {
            if let Some((family, id, second)) = parts(&entry.key) {
                let shelf = Shelf {
                    family,
                    second,
                    long: entry.ttl_millis() >= LONG,
                };
                let (ids, ttl) = shelves.entry(shelf).or_default();
                ids.push(id);
                *ttl = entry.ttl_millis().max(*ttl);
            }
        }
        let requests = shelves.into_iter().flat_map(|(shelf, (ids, ttl))| {
            let (all, second) = (self.seconds_key(shelf.family), shelf.second);
            let mut add = Pipeline::new();
            add.cmd("ZADD").arg(&all).arg(second).arg(second).ignore();
            keep(&mut add, &all, ttl);
            let key = self.shelf_key(shelf);
            let mut fill = Pipeline::new();
            if shelf.long {
                fill.cmd("ZADD").arg(&key);
                for id in ids {
                    fill.arg(0).arg(id.to_string());
                }
            } else {
                let bundle: Vec<u8> = ids.into_iter().flat_map(Uuid::into_bytes).collect();
                fill.cmd("RPUSH").arg(&key).arg(bundle);
            }
            fill.ignore();
            keep(&mut fill, &key, ttl);
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
        let mut last = before.map_or_else(|| "+inf".to_owned(), |(_, _, last)| last.to_string());
        let before = before.map(|(_, id, _)| id);
        let (mut found, mut at_once) = (Vec::new(), 1);
        while found.len() < most {
            let seconds = self.seconds(family, &last, at_once).await?;
            let Some(oldest) = seconds.last() else {
                break;
            };
            last = format!("({oldest}");
            at_once = SECONDS_AT_ONCE.min(2 * at_once);
            let mut gone = Vec::new();
            for (second, ids) in self.made_in(family, seconds).await? {
                if ids.is_empty() && second + SETTLED < this_second() {
                    gone.push(second);
                }
                let ids = ids.into_iter().rev();
                let earlier = ids.filter(|id| before.is_none_or(|before| *id < before));
                found.extend(earlier.map(|id| format!("{family}:{id}")));
            }
            self.forget(family, gone).await?;
        }
        found.truncate(most);
        Ok(found)
    }

    /// Some seconds in which keys of the family were made, the last first, from that one on.
    async fn seconds(&self, family: &str, last: &str, most: usize) -> Result<Vec<u64>, StoreError> {
        let mut request = Pipeline::new();
        request
            .cmd("ZREVRANGEBYSCORE")
            .arg(self.seconds_key(family));
        request.arg(last).arg("-inf").arg("LIMIT").arg(0).arg(most);
        let (seconds,) = self.link.query(&request).await?;
        Ok(seconds)
    }

    /// All ids that were made in those seconds.
    async fn made_in(
        &self,
        family: &str,
        seconds: Vec<u64>,
    ) -> Result<Vec<(u64, BTreeSet<Uuid>)>, StoreError> {
        let shelf = |second, long| {
            self.shelf_key(Shelf {
                family,
                second,
                long,
            })
        };
        let reading = |command: &'static str, long: bool| {
            let requests = seconds.iter().map(|&second| {
                let mut request = Pipeline::new();
                let key = shelf(second, long);
                request.cmd(command).arg(key).arg(0).arg(-1);
                request
            });
            requests.collect()
        };
        let bundles: Vec<(Vec<Vec<u8>>,)> = self.each(reading("LRANGE", false)).await?;
        let long: Vec<(Vec<String>,)> = self.each(reading("ZRANGE", true)).await?;
        let shelves = bundles.into_iter().zip(long);
        let ids = shelves.map(|((bundles,), (long,))| {
            let ids = bundles
                .iter()
                .flat_map(|bundle| bundle.chunks_exact(size_of::<Bytes>()));
            let ids = ids.filter_map(|id| Uuid::from_slice(id).ok());
            let long = long.iter().filter_map(|id| Uuid::try_parse(id).ok());
            ids.chain(long).collect()
        });
        Ok(seconds.iter().copied().zip(ids).collect())
    }

    /// Takes seconds off of which nothing is left.
    async fn forget(&self, family: &str, seconds: Vec<u64>) -> Result<(), StoreError> {
        if seconds.is_empty() {
            return Ok(());
        }
        let mut request = Pipeline::new();
        let all = self.seconds_key(family);
        request.cmd("ZREM").arg(all).arg(seconds).ignore();
        self.link.query(&request).await
    }

    fn seconds_key(&self, family: &str) -> String {
        self.key(&format!("listed:{family}"))
    }

    fn shelf_key(&self, shelf: Shelf<'_>) -> String {
        let Shelf { family, second, .. } = shelf;
        let kind = if shelf.long { ":long" } else { "" };
        self.key(&format!("listed:{family}:{second}{kind}"))
    }
}

/// Has the key kept for that long at least: whoever lists later keeps it.
fn keep(request: &mut Pipeline, key: &str, ttl: u64) {
    for condition in ["NX", "GT"] {
        let keep = request.cmd("PEXPIRE").arg(key).arg(ttl);
        keep.arg(condition).ignore();
    }
}

/// The family of a listed key, its id, and the second (since 1970) in which that was made.
fn parts(key: &str) -> Option<(&str, Uuid, u64)> {
    let (family, id) = key.split_once(':')?;
    let id = Uuid::try_parse(id).ok()?;
    let (second, _) = id.get_timestamp()?.to_unix();
    Some((family, id, second))
}

fn this_second() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}
