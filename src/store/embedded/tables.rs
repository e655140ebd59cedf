//! How entries lie in the database, and how they are found again when their time is over.
//!
//! - `keys`: key → (expiry, place of the value); no place where the key has fields.
//! - `fields`: (key, field) → value. They live as long as their key.
//! - `blocks`: (second, number) → keys and values that were written together and expire within
//!   the same second.
//!
//! Invariant: every value is in a block under the second in which it expires, rounded up; every
//! key that has fields is in a block under that second or an earlier one, where a sweep finds that
//! it is alive, and lists it anew. A key that was rewritten is in its old block too; `keys` decides.
//!
//! Many small values in one large one make writing cheap, as in a log: a row of a B-tree costs
//! more than the bytes in it, and bytes that are much alike cost little when they are compressed.
//! Deleting takes whole blocks. The price is that a value that was replaced takes its space until
//! it would have expired.

use std::collections::BTreeMap;
use std::collections::btree_map;

use bytes::Bytes;
use redb::{
    Database, Error, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use super::super::Entry;
use super::block::{Block, MOST_KEYS, Place, Press, Unpacked};

const KEYS: TableDefinition<&str, (u64, Option<Place>)> = TableDefinition::new("keys");
const FIELDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("fields");
const BLOCKS: TableDefinition<(u64, u64), &[u8]> = TableDefinition::new("blocks");

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
    let mut unfinished = BTreeMap::new();
    for entry in entries {
        tables.put(entry, now, &mut unfinished)?;
    }
    for (second, block) in unfinished {
        tables.finish(second, &block)?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(())
}

/// Reads the value of a key that has not expired by `now`.
pub(super) fn read(database: &Database, key: &str, now: u64) -> Result<Option<Bytes>, Error> {
    let transaction = database.begin_read()?;
    let row = transaction.open_table(KEYS)?.get(key)?;
    let (expiry, place) = row.map_or((0, None), |row| row.value());
    let Some(place) = place.filter(|_| expiry > now) else {
        return Ok(None);
    };
    let blocks = transaction.open_table(BLOCKS)?;
    let Some(block) = blocks.get((second_after(expiry), place.0))? else {
        return Err(Error::Corrupted(format!("the value of {key} is missing")));
    };
    let block = Unpacked::new(block.value())?;
    Ok(Some(Bytes::copy_from_slice(block.value(place)?)))
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
    let (mut deleted, mut unfinished) = (0, BTreeMap::new());
    for key in &due {
        deleted += usize::from(tables.delete_expired(key, now, &mut unfinished)?);
    }
    for (second, block) in unfinished {
        tables.finish(second, &block)?;
    }
    drop(tables);
    if due.is_empty() {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(Swept {
        deleted,
        finished: due.len() < MOST_KEYS,
    })
}

struct Tables<'t> {
    keys: Table<'t, &'static str, (u64, Option<Place>)>,
    fields: Table<'t, (&'static str, &'static str), &'static [u8]>,
    blocks: Table<'t, (u64, u64), &'static [u8]>,
    press: Press,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            keys: transaction.open_table(KEYS)?,
            fields: transaction.open_table(FIELDS)?,
            blocks: transaction.open_table(BLOCKS)?,
            press: Press::default(),
        })
    }

    /// Writes one entry; its value goes to the unfinished block of its second.
    fn put(
        &mut self,
        entry: &Entry,
        now: u64,
        unfinished: &mut BTreeMap<u64, Block>,
    ) -> Result<(), Error> {
        let key = entry.key.as_str();
        let expiry = now.saturating_add(entry.ttl_millis());
        let second = second_after(expiry);
        let place = match &entry.field {
            None => {
                let block = self.block_with_room(second, &entry.value, unfinished)?;
                Some(block.add(key, &entry.value)?)
            }
            Some(_) => None,
        };
        let old = self.keys.insert(key, (expiry, place))?;
        let old = old.map(|old| old.value());
        if old.is_some_and(|(expiry, had)| had.is_none() && (place.is_some() || expiry <= now)) {
            self.delete_fields(key)?;
        }
        if let Some(field) = &entry.field {
            self.fields
                .insert((key, field.as_str()), &entry.value[..])?;
            let listed = |(old_expiry, place): (u64, Option<Place>)| {
                place.is_none() && old_expiry > now && second_after(old_expiry) <= second
            };
            if !old.is_some_and(listed) {
                self.list(second, key, unfinished)?;
            }
        }
        Ok(())
    }

    /// Lists a key that has no value of its own, so that a sweep comes upon it.
    fn list(
        &mut self,
        second: u64,
        key: &str,
        unfinished: &mut BTreeMap<u64, Block>,
    ) -> Result<(), Error> {
        let block = self.block_with_room(second, &[], unfinished)?;
        block.add(key, &[]).map(drop)
    }

    fn block_with_room<'u>(
        &mut self,
        second: u64,
        value: &[u8],
        unfinished: &'u mut BTreeMap<u64, Block>,
    ) -> Result<&'u mut Block, Error> {
        let block = match unfinished.entry(second) {
            btree_map::Entry::Occupied(block) => block.into_mut(),
            btree_map::Entry::Vacant(place) => place.insert(Block::new(self.free_number(second)?)),
        };
        if !block.has_room_for(value) {
            self.finish(second, block)?;
            block.turn_over();
        }
        Ok(block)
    }

    fn free_number(&self, second: u64) -> Result<u64, Error> {
        let mut blocks = self.blocks.range((second, 0)..=(second, u64::MAX))?;
        let last = blocks.next_back().transpose()?;
        Ok(last.map_or(0, |(block, _)| block.value().1 + 1))
    }

    fn finish(&mut self, second: u64, block: &Block) -> Result<(), Error> {
        let packed = block.pack(&mut self.press)?;
        self.blocks.insert((second, block.number), packed)?;
        Ok(())
    }

    /// Removes blocks of keys that may have expired, at most so many that the last one makes
    /// [`MOST_KEYS`] keys; returns the keys.
    fn take_due(&mut self, now: u64) -> Result<Vec<String>, Error> {
        let mut due = Vec::new();
        let rows = ..=(now / 1000, u64::MAX);
        for row in self.blocks.extract_from_if(rows, |_, _| true)? {
            let (_, block) = row?;
            let block = Unpacked::new(block.value())?;
            due.extend(block.keys().into_iter().map(str::to_owned));
            if due.len() >= MOST_KEYS {
                break;
            }
        }
        Ok(due)
    }

    /// Deletes the key if it has expired indeed, and says whether it has.
    fn delete_expired(
        &mut self,
        key: &str,
        now: u64,
        unfinished: &mut BTreeMap<u64, Block>,
    ) -> Result<bool, Error> {
        let Some((expiry, place)) = self.keys.get(key)?.map(|found| found.value()) else {
            return Ok(false);
        };
        if expiry > now {
            if place.is_none() {
                self.list(second_after(expiry), key, unfinished)?;
            }
            return Ok(false);
        }
        self.keys.remove(key)?;
        if place.is_none() {
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

    use super::super::block::MOST_BYTES;
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

    /// The number of rows in `keys`, `fields` and `blocks`.
    fn rows(database: &Database) -> [u64; 3] {
        let transaction = database.begin_read().unwrap();
        [
            transaction.open_table(KEYS).unwrap().len().unwrap(),
            transaction.open_table(FIELDS).unwrap().len().unwrap(),
            transaction.open_table(BLOCKS).unwrap().len().unwrap(),
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
    fn a_key_whose_fields_are_rewritten_again_and_again_is_listed_once() {
        let db = database();
        for second in 0..500 {
            write(&db, &[field("k", "f", 60_000)], second * 1_000).unwrap();
            sweep_all(&db, second * 1_000);
        }
        assert!(rows(&db)[2] <= 2, "{:?}", rows(&db));
    }

    #[test]
    fn values_of_every_size_come_back_from_their_blocks() {
        let db = database();
        let sizes = [
            0,
            1,
            MOST_BYTES - 1,
            1,
            1,
            MOST_BYTES,
            MOST_BYTES + 1,
            0,
            300_000,
        ];
        let ttl = Duration::from_millis(1_000);
        let batch: Vec<Entry> = (0..20)
            .flat_map(|round| sizes.map(|size| (round, size)))
            .enumerate()
            .map(|(i, (round, size))| Entry::new(format!("k{i}"), vec![round; size], ttl))
            .collect();
        write(&db, &batch, 0).unwrap();
        for entry in &batch {
            let value = read(&db, &entry.key, 1).unwrap();
            assert!(value.as_ref() == Some(&entry.value), "{}", entry.key);
        }
        assert_eq!(sweep_all(&db, 1_000), batch.len());
        assert_eq!(rows(&db), [0, 0, 0]);
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
        assert_eq!(rows(&db)[..2], [6, 10]);
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
