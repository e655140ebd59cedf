//! Writes values and fields, so that no key is ever left without its time to live.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use redis::{Cmd, Pipeline};

use super::super::{Entry, StoreError};
use super::{AT_ONCE, Redis};

/// Bytes of values that are sent with one request, if there is more than one.
const BYTES_AT_ONCE: usize = 128 << 10;

/// The name of a command, and all of it that is not a key, a field or a value, at most.
const NAME_BYTES: usize = 32;

impl Redis {
    pub(super) async fn write_all(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (values, fields): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| entry.field.is_none());
        // Of those for the same key the last one wins, whatever is sent first.
        let values: BTreeMap<&str, &Entry> = values.into_iter().map(|it| (&*it.key, it)).collect();
        let values: Vec<&Entry> = values.into_values().collect();
        self.write_values(&values).await?;
        let mut requests = self.filling(&fields);
        requests.extend(self.listing(&entries));
        self.each(requests).await
    }

    /// Writes values, as many with one request as a processor has at hand; in a cluster each with its own.
    async fn write_values(&self, values: &[&Entry]) -> Result<(), StoreError> {
        let together = !self.link.address().is_cluster();
        let mut bytes = 0;
        let requests = values.chunk_by(|value, next| {
            bytes += value.value.len();
            let fits = together && bytes + next.value.len() <= BYTES_AT_ONCE;
            bytes = if fits { bytes } else { 0 };
            fits
        });
        let at_once = if together { 2 } else { AT_ONCE };
        let requests = stream::iter(requests).map(Ok);
        let send = async |values: &[&Entry]| self.link.query(&self.setting(values, &[])).await;
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
            let (key, value) = (self.key(&entry.key), &entry.value[..]);
            let mut set = Cmd::with_capacity(5, key.len() + value.len() + NAME_BYTES);
            set.arg("SET").arg(key).arg(value);
            set.arg("PX").arg(entry.ttl_millis()).arg(conditions);
            request.add_command(set);
        }
        request
    }

    /// The requests that set fields, one for each key: no key is left behind without its time to live.
    fn filling(&self, fields: &[&Entry]) -> Vec<Pipeline> {
        let mut keys: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in fields {
            keys.entry(&entry.key).or_default().push(entry);
        }
        let requests = keys.into_iter().map(|(key, fields)| {
            let key = self.key(key);
            let bytes = |it: &&Entry| it.value.len() + it.field.as_ref().map_or(0, String::len);
            let bytes = key.len() + fields.iter().map(bytes).sum::<usize>();
            let mut set = Cmd::with_capacity(2 + 2 * fields.len(), bytes + NAME_BYTES);
            set.arg("HSET").arg(&key);
            for entry in &fields {
                set.arg(&entry.field).arg(&entry.value[..]);
            }
            let mut request = Pipeline::new();
            request.atomic().add_command(set).ignore();
            // They all live as long as the last.
            let ttl = fields.last().map(|entry| entry.ttl_millis());
            request.cmd("PEXPIRE").arg(&key).arg(ttl).ignore();
            request
        });
        requests.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::RedisConfig;
    use super::*;

    #[test]
    fn no_key_is_left_without_an_end() {
        let store = Redis::new(RedisConfig {
            url: "redis://localhost".to_owned(),
            prefix: "p:".to_owned(),
            timeout: Duration::from_secs(1),
        })
        .unwrap();
        let second = Duration::from_secs(1);
        let [a, b] = ["a", "b"].map(|key| Entry::new(key, "1", second));
        let field = Entry::field("c", "f", "2", second);
        let sent = [store.setting(&[&a, &b], &[])];
        let sent = sent.into_iter().chain(store.filling(&[&field]));
        let sent: Vec<u8> = sent.flat_map(|it| it.get_packed_pipeline()).collect();
        let sent = String::from_utf8(sent).unwrap();
        let words: Vec<&str> = sent.split("\r\n").collect();
        let is_word = |word: &&str| !word.is_empty() && !word.starts_with(['*', '$']);
        let words: Vec<&str> = words.into_iter().filter(is_word).collect();
        assert_eq!(
            words.join(" "),
            "SET p:a 1 PX 1000 SET p:b 1 PX 1000 MULTI HSET p:c f 2 PEXPIRE p:c 1000 EXEC"
        );
    }
}
