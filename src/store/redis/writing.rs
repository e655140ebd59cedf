//! Writes values and fields, so that no key is ever left without its time to live.

use std::collections::HashSet;

use futures::{TryStreamExt, stream};
use redis::{Cmd, Pipeline, RedisWrite};

use super::super::{Entry, StoreError};
use super::{AT_ONCE, Redis};

/// Bytes that are sent with one request, if it is for more than one entry: all that is done about them
/// happens in the cache of a processor then, and in memory that was used a moment ago.
const HANDFUL: usize = 32 << 10;

/// Handfuls that are under way at once.
const HANDFULS: usize = 2;

/// The name of a command, and all of it that is not a key, a field or a value, at most.
const NAME_BYTES: usize = 32;

impl Redis {
    pub(super) async fn write_all(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let (values, fields) = last_ones(&entries);
        let is_cluster = self.link.address().is_cluster();
        let together = if is_cluster { 0 } else { HANDFUL };
        let setting = handfuls(&values, together).map(|values| self.setting(values, &[]));
        let keys = fields.chunk_by(|entry, next| entry.key == next.key);
        let filling = keys.flat_map(|fields| handfuls(fields, HANDFUL));
        let filling = filling.map(|fields| self.filling(fields));
        let requests = setting.chain(filling).chain(self.listing(&entries));
        let at_once = if is_cluster { AT_ONCE } else { HANDFULS };
        let send = async |request| self.link.query(&request).await;
        let requests = stream::iter(requests.map(Ok));
        requests.try_for_each_concurrent(at_once, send).await
    }

    /// Writes values of keys that are not there; returns those which it wrote.
    pub(super) async fn write_new<'e>(
        &self,
        values: &'e [Entry],
    ) -> Result<Vec<&'e Entry>, StoreError> {
        let is_cluster = self.link.address().is_cluster();
        let together = if is_cluster { 1 } else { values.len().max(1) };
        let all: Vec<&Entry> = values.iter().collect();
        let requests = all.chunks(together);
        let requests = requests.map(|values| self.setting(values, &["NX"]));
        let done: Vec<Vec<Option<String>>> = self.each(requests.collect()).await?;
        self.each::<(), ()>(self.listing(values)).await?;
        let answered = all.into_iter().zip(done.into_iter().flatten());
        let new = answered.filter_map(|(entry, done)| done.map(|_ok| entry));
        Ok(new.collect())
    }

    /// The request that sets values, each with its time to live, on these conditions.
    fn setting(&self, values: &[&Entry], conditions: &[&str]) -> Pipeline {
        let mut request = Pipeline::with_capacity(values.len());
        for entry in values {
            let mut set = Cmd::with_capacity(6, self.prefix.len() + bytes(entry) + NAME_BYTES);
            set.arg("SET");
            set.write_arg_fmt(format_args!("{}{}", self.prefix, entry.key));
            set.arg(&entry.value[..]);
            set.arg("PX").arg(entry.ttl_millis()).arg(conditions);
            request.add_command(set);
        }
        request
    }

    /// The request that sets fields of one key. They all live as long as the last of them.
    fn filling(&self, fields: &[&Entry]) -> Pipeline {
        let mut request = Pipeline::new();
        let Some(last) = fields.last() else {
            return request;
        };
        let key = self.key(&last.key);
        let all: usize = fields.iter().map(|entry| bytes(entry)).sum();
        let mut set = Cmd::with_capacity(2 + 2 * fields.len(), key.len() + all + NAME_BYTES);
        set.arg("HSET").arg(&key);
        for entry in fields {
            set.arg(&entry.field).arg(&entry.value[..]);
        }
        request.atomic().add_command(set);
        request.cmd("PEXPIRE").arg(key).arg(last.ttl_millis());
        request
    }
}

/// Values and fields, sorted by key. Of those for the same place only the last one is left: it wins,
/// whatever is sent first.
fn last_ones(entries: &[Entry]) -> (Vec<&Entry>, Vec<&Entry>) {
    let (mut values, mut fields): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.field.is_none());
    values.sort_by_key(|entry| &entry.key);
    let same = values.chunk_by(|entry, next| entry.key == next.key);
    let values = same.filter_map(|same| same.last().copied()).collect();

    let mut places = HashSet::new();
    fields.reverse();
    fields.retain(|entry| places.insert((&entry.key, &entry.field)));
    fields.reverse();
    fields.sort_by_key(|entry| &entry.key);
    (values, fields)
}

/// The entries in parts of up to so many bytes, or of one entry.
fn handfuls<'e>(entries: &'e [&'e Entry], most: usize) -> impl Iterator<Item = &'e [&'e Entry]> {
    let mut held = 0;
    entries.chunk_by(move |entry, next| {
        held += bytes(entry);
        let fits = held + bytes(next) <= most;
        held = if fits { held } else { 0 };
        fits
    })
}

fn bytes(entry: &Entry) -> usize {
    let field = entry.field.as_ref().map_or(0, String::len);
    entry.key.len() + field + entry.value.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::RedisConfig;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_key_is_left_without_an_end() {
        let store = Redis::new(RedisConfig {
            url: "redis://localhost".to_owned(),
            prefix: "p:".to_owned(),
            timeout: SECOND,
        })
        .unwrap();
        let [a, b] = ["a", "b"].map(|key| Entry::new(key, "1", SECOND));
        let [f, g] = ["f", "g"].map(|field| Entry::field("c", field, "2", SECOND));
        let sent = [store.setting(&[&a, &b], &[]), store.filling(&[&f, &g])];
        let sent = sent.into_iter().flat_map(|it| it.get_packed_pipeline());
        let sent = String::from_utf8(sent.collect()).unwrap();
        let words = sent.split("\r\n");
        let words = words.filter(|word| !word.is_empty() && !word.starts_with(['*', '$']));
        assert_eq!(
            words.collect::<Vec<_>>().join(" "),
            "SET p:a 1 PX 1000 SET p:b 1 PX 1000 MULTI HSET p:c f 2 g 2 PEXPIRE p:c 1000 EXEC"
        );
    }

    #[test]
    fn of_entries_for_the_same_place_only_the_last_is_sent() {
        let entries = [
            Entry::new("b", "1", SECOND),
            Entry::field("h", "y", "1", SECOND),
            Entry::new("a", "2", SECOND),
            Entry::field("h", "x", "2", SECOND),
            Entry::field("g", "y", "3", SECOND),
            Entry::new("b", "3", SECOND),
            Entry::field("h", "y", "4", SECOND),
        ];
        let (values, fields) = last_ones(&entries);
        assert_eq!(values, [2, 5].map(|i| &entries[i]));
        assert_eq!(fields, [4, 3, 6].map(|i| &entries[i]));
    }

    #[test]
    fn a_handful_is_bounded_and_never_empty() {
        let sized = |bytes: usize| Entry::new("k", vec![0; bytes], SECOND);
        // With a key of one byte each.
        let entries = [3, 5, 0, 10, 0, 8, 9].map(sized);
        let entries: Vec<&Entry> = entries.iter().collect();
        let lengths = |most| -> Vec<usize> { handfuls(&entries, most).map(<[_]>::len).collect() };
        assert_eq!(lengths(10), [2, 1, 1, 2, 1]);
        assert_eq!(lengths(100), [7]);
        assert_eq!(lengths(0), [1; 7]);
    }
}
