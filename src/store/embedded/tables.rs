//! How entries lie in the database, and how they are found again when their time is over.
//!
//! - `keys`: key → (expiry, place of the value); no place where the key has fields. Keys that begin alike
//!   may share a row: see [`index`](super::index).
//! - `fields`: (key, field) → value. They live as long as their key.
//! - `blocks`: (second, number) → keys and values that were written together and expire within
//!   the same second.
//! - `queue`: number → a job that is not finished.
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
use std::collections::btree_map::Entry as Unfinished;

use bytes::Bytes;
use redb::{
    Database, Error, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction,
};

use super::super::Entry;
use super::block::{Block, MOST_KEYS, Place, Press, Unpacked};
use super::index::{Index, Known};

pub(super) const FIELDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("fields");
pub(super) const BLOCKS: TableDefinition<(u64, u64), &[u8]> = TableDefinition::new("blocks");
pub(super) const QUEUE: TableDefinition<u64, &[u8]> = TableDefinition::new("queue");

/// What one transaction of a sweep has done.
pub(super) struct Swept {
    /// How many keys were deleted.
    pub(super) deleted: usize,
    /// Whether nothing is left to delete.
    pub(super) finished: bool,
}

/// Makes the tables, so that there is something to read before the first write.
pub(super) fn create(database: &Database) -> Result<(), Error> {
    change(database, |_| Ok(()))
}

/// Makes a change in one transaction.
pub(super) fn change<R>(
    database: &Database,
    make: impl FnOnce(&mut Batch<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    let transaction = database.begin_write()?;
    let mut batch = Batch::open(&transaction)?;
    let made = make(&mut batch)?;
    batch.finish()?;
    transaction.commit()?;
    Ok(made)
}

/// Deletes some of the keys that have expired by `now`, in one transaction of bounded size.
pub(super) fn sweep(database: &Database, now: u64) -> Result<Swept, Error> {
    let transaction = database.begin_write()?;
    let mut batch = Batch::open(&transaction)?;
    let due = batch.take_due(now)?;
    let mut deleted = 0;
    for key in &due {
        deleted += usize::from(batch.delete_expired(key, now)?);
    }
    batch.finish()?;
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

type Blocks<'t> = Table<'t, (u64, u64), &'static [u8]>;

/// The tables, open for changes that become visible together.
pub(super) struct Batch<'t> {
    keys: Index<'t>,
    fields: Table<'t, (&'static str, &'static str), &'static [u8]>,
    blocks: Blocks<'t>,
    queue: Table<'t, u64, &'static [u8]>,
    /// The block of each second that has room.
    unfinished: BTreeMap<u64, Block>,
    press: Press,
}

impl<'t> Batch<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            keys: Index::open(transaction)?,
            fields: transaction.open_table(FIELDS)?,
            blocks: transaction.open_table(BLOCKS)?,
            queue: transaction.open_table(QUEUE)?,
            unfinished: BTreeMap::new(),
            press: Press::default(),
        })
    }

    fn finish(mut self) -> Result<(), Error> {
        for (second, block) in &self.unfinished {
            pack(&mut self.blocks, *second, block, &mut self.press)?;
        }
        self.keys.finish()
    }

    /// Writes one entry, at the time `now` (in milliseconds since 1970); its value goes to the
    /// unfinished block of its second.
    pub(super) fn put(&mut self, entry: &Entry, now: u64) -> Result<(), Error> {
        let key = entry.key.as_str();
        let expiry = now.saturating_add(entry.ttl_millis());
        let second = second_after(expiry);
        let place = match &entry.field {
            None => Some(self.add_to_block(second, key, &entry.value)?),
            Some(_) => None,
        };
        let old = self.keys.put(key, (expiry, place))?;
        if old.is_some_and(|(expiry, had)| had.is_none() && (place.is_some() || expiry <= now)) {
            self.delete_fields(key)?;
        }
        if let Some(field) = &entry.field {
            self.fields
                .insert((key, field.as_str()), &entry.value[..])?;
            let listed = |(old_expiry, place): Known| {
                place.is_none() && old_expiry > now && second_after(old_expiry) <= second
            };
            if !old.is_some_and(listed) {
                self.list(second, key)?;
            }
        }
        Ok(())
    }

    /// The same, unless the key is there.
    pub(super) fn put_new(&mut self, entry: &Entry, now: u64) -> Result<(), Error> {
        let found = self.keys.get(entry.key.as_str())?;
        let is_there = found.is_some_and(|(expiry, _)| expiry > now);
        if is_there {
            Ok(())
        } else {
            self.put(entry, now)
        }
    }

    /// Forgets a key, or one of its fields.
    pub(super) fn remove(&mut self, key: &str, field: Option<&str>) -> Result<(), Error> {
        if let Some(field) = field {
            self.fields.remove((key, field))?;
            return Ok(());
        }
        let old = self.keys.remove(key)?;
        let had_fields = old.is_some_and(|(_, place)| place.is_none());
        if had_fields {
            self.delete_fields(key)?;
        }
        Ok(())
    }

    /// The last field of a key that has not expired by `now`.
    pub(super) fn last_field(&mut self, key: &str, now: u64) -> Result<Option<String>, Error> {
        let found = self.keys.get(key)?;
        if !found.is_some_and(|known| matches!(known, (expiry, None) if expiry > now)) {
            return Ok(None);
        }
        let end = after(key);
        let last = self.fields.range((key, "")..(&*end, ""))?.next_back();
        Ok(last.transpose()?.map(|(name, _)| name.value().1.to_owned()))
    }

    /// Puts jobs at the end of the queue, after all numbers up to that one, unless more than `most` would
    /// be in it.
    pub(super) fn enqueue(&mut self, jobs: &[Bytes], used: u64, most: u64) -> Result<bool, Error> {
        if self.queue.len()? + jobs.len() as u64 > most {
            return Ok(false);
        }
        let last = self.queue.last()?.map_or(0, |(number, _)| number.value());
        let last = last.max(used);
        for (number, job) in (last + 1..).zip(jobs) {
            self.queue.insert(number, &job[..])?;
        }
        Ok(true)
    }

    /// Takes a job out of the queue.
    pub(super) fn dequeue(&mut self, number: u64) -> Result<(), Error> {
        self.queue.remove(number)?;
        Ok(())
    }

    /// Lists a key that has no value of its own, so that a sweep comes upon it.
    fn list(&mut self, second: u64, key: &str) -> Result<(), Error> {
        self.add_to_block(second, key, &[]).map(drop)
    }

    fn add_to_block(&mut self, second: u64, key: &str, value: &[u8]) -> Result<Place, Error> {
        let block = match self.unfinished.entry(second) {
            Unfinished::Occupied(block) => block.into_mut(),
            Unfinished::Vacant(place) => {
                place.insert(Block::new(free_number(&self.blocks, second)?))
            }
        };
        if !block.has_room_for(value) {
            pack(&mut self.blocks, second, block, &mut self.press)?;
            block.turn_over();
        }
        block.add(key, value)
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
    fn delete_expired(&mut self, key: &str, now: u64) -> Result<bool, Error> {
        let Some((expiry, place)) = self.keys.get(key)? else {
            return Ok(false);
        };
        if expiry > now {
            if place.is_none() {
                self.list(second_after(expiry), key)?;
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

fn free_number(blocks: &Blocks<'_>, second: u64) -> Result<u64, Error> {
    let mut blocks = blocks.range((second, 0)..=(second, u64::MAX))?;
    let last = blocks.next_back().transpose()?;
    Ok(last.map_or(0, |(block, _)| block.value().1 + 1))
}

fn pack(
    blocks: &mut Blocks<'_>,
    second: u64,
    block: &Block,
    press: &mut Press,
) -> Result<(), Error> {
    blocks.insert((second, block.number), block.pack(press)?)?;
    Ok(())
}

/// The text that comes next after `key`, so that nothing lies between them.
pub(super) fn after(key: &str) -> String {
    format!("{key}\0")
}

/// The first full second at which something with this expiry (in milliseconds) is over.
pub(super) fn second_after(expiry: u64) -> u64 {
    expiry.div_ceil(1000)
}

#[cfg(test)]
mod tests;
