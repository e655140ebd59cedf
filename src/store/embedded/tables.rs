//! How entries lie in the database, and how they are found again when their time is over.
//!
//! - `keys`: key → (expiry, value); the value is none where the key has fields.
//! - `fields`: (key, field) → value. They live as long as their key.
//! - `expiries`: (second, number) → keys that may have expired by that second.
//!
//! Invariant: every key is listed in `expiries` under the second in which it expires, rounded up.
//! A key that was rewritten is listed under its old second too; `keys` decides.
//!
//! A row of `expiries` lists many keys, which makes writing it as cheap as not writing it: the
//! keys of a batch mostly expire in the same second.

use std::collections::BTreeMap;

use bytes::Bytes;
use redb::{
    Database, Error, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use super::super::Entry;

const KEYS: TableDefinition<&str, (u64, Option<&[u8]>)> = TableDefinition::new("keys");
const FIELDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("fields");
const EXPIRIES: TableDefinition<(u64, u64), Vec<&str>> = TableDefinition::new("expiries");

/// How many keys a row of `expiries` lists, and after how many a sweep ends its transaction.
const KEYS_AT_ONCE: usize = 1000;

/// What one transaction of a sweep has done.
pub(super) struct Swept {
    /// How many keys were deleted.
    pub(super) deleted: usize,
    /// Whether nothing is left to delete.
    pub(super) finished: bool,
}

/// Makes the tables, so that there is something to read before the first write.
pub(super) fn create(database: &Database) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    Tables::open(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Finds out whether the tables can be read.
pub(super) fn check(database: &Database) -> Result<(), Error> {
    database.begin_read()?.open_table(KEYS)?.first()?;
    Ok(())
}

/// Writes the entries in one transaction, at the time `now` (in milliseconds since 1970).
pub(super) fn write(database: &Database, entries: &[Entry], now: u64) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    let mut tables = Tables::open(&transaction)?;
    let mut listed: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for entry in entries {
        if let Some(second) = tables.put(entry, now)? {
            listed.entry(second).or_default().push(&entry.key);
        }
    }
    for (second, keys) in listed {
        tables.list(second, &keys)?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(())
}

/// Reads the value of a key that has not expired by `now`.
pub(super) fn read(database: &Database, key: &str, now: u64) -> Result<Option<Bytes>, Error> {
    let keys = database.begin_read()?.open_table(KEYS)?;
    let found = keys.get(key)?;
    Ok(found.and_then(|found| match found.value() {
        (expiry, Some(value)) if expiry > now => Some(Bytes::copy_from_slice(value)),
        _ => None,
    }))
}

/// Reads the fields of a key that has not expired by `now`, sorted.
pub(super) fn fields(
    database: &Database,
    key: &str,
    now: u64,
) -> Result<Vec<(String, Bytes)>, Error> {
    let transaction = database.begin_read()?;
    let found = transaction.open_table(KEYS)?.get(key)?;
    if !found.is_some_and(|found| matches!(found.value(), (expiry, None) if expiry > now)) {
        return Ok(Vec::new());
    }
    let fields = transaction.open_table(FIELDS)?;
    let after = after(key);
    let mut all = Vec::new();
    for row in fields.range((key, "")..(&after, ""))? {
        let (name, value) = row?;
        let name = name.value().1.to_owned();
        all.push((name, Bytes::copy_from_slice(value.value())));
    }
    Ok(all)
}

/// Deletes some of the keys that have expired by `now`, in one transaction of bounded size.
pub(super) fn sweep(database: &Database, now: u64) -> Result<Swept, Error> {
    let transaction = database.begin_write()?;
    let mut tables = Tables::open(&transaction)?;
    let due = tables.take_due(now)?;
    let mut deleted = 0;
    for key in &due {
        deleted += usize::from(tables.delete_expired(key, now)?);
    }
    drop(tables);
    if due.is_empty() {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(Swept {
        deleted,
        finished: due.len() < KEYS_AT_ONCE,
    })
}

struct Tables<'t> {
    keys: Table<'t, &'static str, (u64, Option<&'static [u8]>)>,
    fields: Table<'t, (&'static str, &'static str), &'static [u8]>,
    expiries: Table<'t, (u64, u64), Vec<&'static str>>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            keys: transaction.open_table(KEYS)?,
            fields: transaction.open_table(FIELDS)?,
            expiries: transaction.open_table(EXPIRIES)?,
        })
    }

    /// Writes one entry; returns the second to list its key under, unless it is listed there.
    fn put(&mut self, entry: &Entry, now: u64) -> Result<Option<u64>, Error> {
        let key = entry.key.as_str();
        let expiry = now.saturating_add(entry.ttl_millis());
        let value = entry.field.is_none().then_some(&entry.value[..]);
        let (mut listed_under, mut has_old_fields) = (None, false);
        if let Some(old) = self.keys.insert(key, (expiry, value))? {
            let (old_expiry, old_value) = old.value();
            listed_under = Some(second_after(old_expiry));
            has_old_fields = old_value.is_none() && (value.is_some() || old_expiry <= now);
        }
        if has_old_fields {
            self.delete_fields(key)?;
        }
        if let Some(field) = &entry.field {
            self.fields
                .insert((key, field.as_str()), &entry.value[..])?;
        }
        let second = second_after(expiry);
        Ok((listed_under != Some(second)).then_some(second))
    }

    /// Lists keys under the second in which they expire.
    fn list(&mut self, second: u64, keys: &[&str]) -> Result<(), Error> {
        let last = self
            .expiries
            .range((second, 0)..=(second, u64::MAX))?
            .next_back();
        let free = last.transpose()?.map_or(0, |(row, _)| row.value().1 + 1);
        for (number, keys) in (free..).zip(keys.chunks(KEYS_AT_ONCE)) {
            self.expiries.insert((second, number), keys.to_vec())?;
        }
        Ok(())
    }

    /// Removes rows of keys that may have expired from the list, at most so many that the last
    /// one makes [`KEYS_AT_ONCE`] keys.
    fn take_due(&mut self, now: u64) -> Result<Vec<String>, Error> {
        let mut due = Vec::new();
        let rows = ..=(now / 1000, u64::MAX);
        for row in self.expiries.extract_from_if(rows, |_, _| true)? {
            let (_, keys) = row?;
            due.extend(keys.value().into_iter().map(str::to_owned));
            if due.len() >= KEYS_AT_ONCE {
                break;
            }
        }
        Ok(due)
    }

    /// Deletes the key if it has expired indeed, and says whether it has.
    fn delete_expired(&mut self, key: &str, now: u64) -> Result<bool, Error> {
        let found = self.keys.get(key)?.map(|found| {
            let (expiry, value) = found.value();
            (expiry, value.is_none())
        });
        let Some((_, has_fields)) = found.filter(|(expiry, _)| *expiry <= now) else {
            return Ok(false);
        };
        self.keys.remove(key)?;
        if has_fields {
            self.delete_fields(key)?;
        }
        Ok(true)
    }

    fn delete_fields(&mut self, key: &str) -> Result<(), Error> {
        let after = after(key);
        self.fields
            .retain_in((key, "")..(&after, ""), |_, _| false)?;
        Ok(())
    }
}

/// The text that comes next after `key`, so that nothing lies between them.
fn after(key: &str) -> String {
    format!("{key}\0")
}

/// The first full second at which something with this expiry (in milliseconds) is over.
fn second_after(expiry: u64) -> u64 {
    expiry.div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;
    use redb::ReadableTableMetadata;
    use redb::backends::InMemoryBackend;

    use super::*;

    fn database() -> Database {
        let database = Database::builder().create_with_backend(InMemoryBackend::new());
        let database = database.unwrap();
        create(&database).unwrap();
        database
    }

    fn sweep_all(database: &Database, now: u64) -> usize {
        let mut deleted = 0;
        loop {
            let swept = sweep(database, now).unwrap();
            deleted += swept.deleted;
            if swept.finished {
                return deleted;
            }
        }
    }

    /// The number of rows in `keys`, `fields` and `expiries`.
    fn rows(database: &Database) -> [u64; 3] {
        let transaction = database.begin_read().unwrap();
        [
            transaction.open_table(KEYS).unwrap().len().unwrap(),
            transaction.open_table(FIELDS).unwrap().len().unwrap(),
            transaction.open_table(EXPIRIES).unwrap().len().unwrap(),
        ]
    }

    fn value(key: impl Into<String>, ttl_ms: u64) -> Entry {
        Entry::new(key, "value", Duration::from_millis(ttl_ms))
    }

    fn field(key: &str, field: &str, ttl_ms: u64) -> Entry {
        Entry::field(key, field, "value", Duration::from_millis(ttl_ms))
    }

    #[test]
    fn an_expired_key_is_not_returned_even_before_the_sweep() {
        let db = database();
        write(&db, &[value("k", 100), field("h", "f", 100)], 1_000).unwrap();
        assert!(read(&db, "k", 1_099).unwrap().is_some());
        assert_eq!(fields(&db, "h", 1_099).unwrap().len(), 1);
        assert!(read(&db, "k", 1_100).unwrap().is_none());
        assert!(fields(&db, "h", 1_100).unwrap().is_empty());
        assert_eq!(rows(&db), [2, 1, 1]);
    }

    #[test]
    fn a_sweep_leaves_nothing_of_what_has_expired() {
        let db = database();
        let batch: Vec<Entry> = (0..2_500).map(|i| value(format!("k{i}"), 100)).collect();
        write(&db, &batch, 0).unwrap();
        write(&db, &[field("h", "a", 100), field("h", "b", 100)], 0).unwrap();
        assert_eq!(rows(&db), [2_501, 2, 4]);

        assert!(
            !sweep(&db, 1_000).unwrap().finished,
            "transactions are bounded"
        );
        sweep_all(&db, 1_000);
        assert_eq!(rows(&db), [0, 0, 0]);
    }

    #[test]
    fn a_rewritten_key_outlives_its_first_expiry() {
        let db = database();
        write(&db, &[value("k", 1_000), field("h", "a", 1_000)], 0).unwrap();
        write(&db, &[value("k", 9_000), field("h", "b", 9_000)], 500).unwrap();
        assert_eq!(sweep_all(&db, 5_000), 0);
        assert!(read(&db, "k", 5_000).unwrap().is_some());
        assert_eq!(fields(&db, "h", 5_000).unwrap().len(), 2);
        assert_eq!(sweep_all(&db, 10_000), 2);
        assert_eq!(rows(&db), [0, 0, 0]);
    }

    #[test]
    fn a_key_rewritten_within_a_second_is_listed_once() {
        let db = database();
        for now in 0..500 {
            write(&db, &[value("k", 60_000)], 1_000 + now).unwrap();
        }
        assert!(rows(&db)[2] <= 2, "{:?}", rows(&db));
    }

    #[test]
    fn fields_that_have_expired_do_not_come_back_with_a_new_one() {
        let db = database();
        write(&db, &[field("h", "old", 100)], 0).unwrap();
        write(&db, &[field("h", "new", 100)], 200).unwrap();
        let names: Vec<String> = fields(&db, "h", 250)
            .unwrap()
            .into_iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(names, ["new"]);
    }

    #[test]
    fn the_fields_of_one_key_are_not_those_of_its_neighbours() {
        let db = database();
        for key in ["a", "a\0", "a\0b", "aa", "b", ""] {
            write(
                &db,
                &[field(key, "", 100), field(key, "\u{10ffff}", 100)],
                0,
            )
            .unwrap();
        }
        write(&db, &[value("a", 100)], 0).unwrap();
        assert!(fields(&db, "a", 1).unwrap().is_empty());
        assert_eq!(rows(&db), [6, 10, 6]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write(Vec<Entry>),
        Wait(u64),
        Sweep,
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let key = prop::sample::select(vec!["a", "b", "c"]);
        let name = prop::option::of(prop::sample::select(vec!["x", "y"]));
        (key, name, any::<u8>(), 1..4_000u64).prop_map(|(key, name, byte, ttl)| Entry {
            field: name.map(str::to_owned),
            ..Entry::new(key, vec![byte], Duration::from_millis(ttl))
        })
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            prop::collection::vec(entry(), 0..5).prop_map(Step::Write),
            (0..2_000u64).prop_map(Step::Wait),
            Just(Step::Sweep),
        ];
        prop::collection::vec(step, 1..40)
    }

    /// The rules of the store in the plainest form: field, or "" for the value, by key.
    type Model = BTreeMap<String, (u64, bool, BTreeMap<String, Bytes>)>;

    fn put(model: &mut Model, entry: &Entry, now: u64) {
        let plain = entry.field.is_none();
        model.retain(|key, (_, old, _)| *key != entry.key || !plain && !*old);
        let held = model.entry(entry.key.clone()).or_default();
        held.0 = now + entry.ttl_millis();
        held.1 = plain;
        held.2
            .insert(entry.field.clone().unwrap_or_default(), entry.value.clone());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_happens_the_store_tells_what_a_plain_map_would(steps in steps()) {
            let db = database();
            let (mut model, mut now) = (Model::new(), 1_000);
            for step in steps {
                match step {
                    Step::Wait(ms) => now += ms,
                    Step::Sweep => { sweep_all(&db, now); }
                    Step::Write(entries) => {
                        write(&db, &entries, now).unwrap();
                        for entry in &entries {
                            put(&mut model, entry, now);
                        }
                    }
                }
                model.retain(|_, (expiry, _, _)| *expiry > now);
                for key in ["a", "b", "c"] {
                    let held = model.get(key).cloned().unwrap_or_default();
                    let wanted = held.2.get("").filter(|_| held.1).cloned();
                    prop_assert_eq!(read(&db, key, now).unwrap(), wanted);
                    let wanted = if held.1 { Vec::new() } else { held.2.into_iter().collect() };
                    prop_assert_eq!(fields(&db, key, now).unwrap(), wanted);
                }
            }
            sweep_all(&db, now + 10_000);
            prop_assert_eq!(rows(&db), [0, 0, 0]);
        }
    }
}
