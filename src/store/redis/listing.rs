//! Finds keys by their age, though a server can only be asked for keys that one knows.
//!
//! Of each family there is a sorted set for each minute, with the ids that were made then, and one
//! of those minutes. A minute expires with the last of its keys; then it is taken off the list of
//! minutes by whoever comes upon it. No set grows for longer than a minute, and none for ever.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::Pipeline;
use uuid::Uuid;

use super::super::{Entry, StoreError};
use super::Redis;

/// Minutes that are looked at in one go.
const MINUTES_AT_ONCE: usize = 32;
/// An empty minute that is so old will stay empty.
const SETTLED: u64 = 5;

impl Redis {
    /// Enters the listed ones of these entries.
    pub(super) async fn list(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let requests = self.listing(entries);
        self.each(requests).await
    }

    /// The requests that enter them, each for keys of one slot.
    pub(super) fn listing(&self, entries: &[Entry]) -> Vec<Pipeline> {
        let mut minutes: BTreeMap<(&str, u64), (Vec<&str>, u64)> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.listed) {
            if let Some((family, id, minute)) = parts(&entry.key) {
                let (ids, ttl) = minutes.entry((family, minute)).or_default();
                ids.push(id);
                *ttl = entry.ttl_millis().max(*ttl);
            }
        }
        let requests = minutes
            .into_iter()
            .flat_map(|((family, minute), (ids, ttl))| {
                let all = self.minutes_key(family);
                let mut add = Pipeline::new();
                add.cmd("ZADD").arg(&all).arg(minute).arg(minute).ignore();
                // Whoever lists later keeps it.
                add.cmd("PEXPIRE").arg(&all).arg(ttl).arg("NX").ignore();
                add.cmd("PEXPIRE").arg(&all).arg(ttl).arg("GT").ignore();
                let key = self.minute_key(family, minute);
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
            let reading = minutes.iter().map(|minute| {
                let mut request = Pipeline::new();
                request
                    .cmd("ZREVRANGEBYLEX")
                    .arg(self.minute_key(family, *minute));
                request.arg(&bound).arg("-").arg("LIMIT").arg(0).arg(most);
                request.cmd("EXISTS").arg(self.minute_key(family, *minute));
                request
            });
            let read: Vec<(Vec<String>, bool)> = self.each(reading.collect()).await?;
            let mut gone = Vec::new();
            for (minute, (ids, exists)) in minutes.into_iter().zip(read) {
                found.extend(ids.into_iter().map(|id| format!("{family}:{id}")));
                if !exists && minute + SETTLED < this_minute() {
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

    fn minute_key(&self, family: &str, minute: u64) -> String {
        self.key(&format!("listed:{family}:{minute}"))
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
