//! Where the value of each key is.
//!
//! Keys of requests that were made in the same millisecond share a row: it is the rows of a B-tree that
//! cost, and requests that are let in together are mostly written together. Nobody but the
//! orchestrator makes these keys, so that nobody can crowd a row. Every other key has its own.

use redb::{Error, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::super::StateKey;
use super::block::Place;

/// What keys begin with → the rest of each key and what is known of it.
pub(super) const KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("keys");

/// When a key expires (in milliseconds since 1970), and where its value is; no place where it has
/// fields.
pub(super) type Known = (u64, Option<Place>);

/// How long what is known of a key is in a row.
const KNOWN_BYTES: usize = 24;

/// The number of the block of a key that has fields.
const NOWHERE: u64 = u64::MAX;

/// The index, open for changes. It holds one row at a time, so that changes of keys that lie together
/// cost one change of the table.
pub(super) struct Index<'t> {
    rows: Table<'t, &'static str, &'static [u8]>,
    /// What the keys of the row begin with that is held.
    beginning: String,
    row: Vec<u8>,
    changed: bool,
}

impl<'t> Index<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        let mut index = Self {
            rows: transaction.open_table(KEYS)?,
            beginning: String::new(),
            row: Vec::new(),
            changed: false,
        };
        index.read_row()?;
        Ok(index)
    }

    /// What is known of the key.
    pub(super) fn get(&mut self, key: &str) -> Result<Option<Known>, Error> {
        let rest = self.hold_row_of(key)?;
        Ok(find(&self.row, rest).map(|item| item.known))
    }

    /// Knows that of the key from now on; returns what was known of it.
    pub(super) fn put(&mut self, key: &str, known: Known) -> Result<Option<Known>, Error> {
        let rest = self.hold_row_of(key)?;
        let old = find(&self.row, rest).map(|item| (item.known, item.end));
        let known = to_bytes(known);
        if let Some((_, end)) = old {
            self.row[end - KNOWN_BYTES..end].copy_from_slice(&known);
        } else {
            let length =
                u8::try_from(rest.len()).expect("a rest has as many bytes as a key's id has");
            self.row.push(length);
            self.row.extend_from_slice(rest.as_bytes());
            self.row.extend_from_slice(&known);
        }
        self.changed = true;
        Ok(old.map(|(known, _)| known))
    }

    /// Forgets the key; returns what was known of it.
    pub(super) fn remove(&mut self, key: &str) -> Result<Option<Known>, Error> {
        let rest = self.hold_row_of(key)?;
        let Some(Item { known, end, .. }) = find(&self.row, rest) else {
            return Ok(None);
        };
        self.row.drain(end - KNOWN_BYTES - rest.len() - 1..end);
        self.changed = true;
        Ok(Some(known))
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.write_row()
    }

    /// Returns the rest of the key.
    fn hold_row_of<'k>(&mut self, key: &'k str) -> Result<&'k str, Error> {
        let (beginning, rest) = divide(key);
        if beginning != self.beginning {
            self.write_row()?;
            self.beginning.clear();
            self.beginning.push_str(beginning);
            self.read_row()?;
        }
        Ok(rest)
    }

    fn read_row(&mut self) -> Result<(), Error> {
        self.row.clear();
        if let Some(row) = self.rows.get(&*self.beginning)? {
            self.row.extend_from_slice(row.value());
        }
        Ok(())
    }

    fn write_row(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.changed) {
            if self.row.is_empty() {
                self.rows.remove(&*self.beginning)?;
            } else {
                self.rows.insert(&*self.beginning, &self.row[..])?;
            }
        }
        Ok(())
    }
}

/// What is known of a key.
pub(super) fn look_up(
    rows: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Known>, Error> {
    let (beginning, rest) = divide(key);
    let row = rows.get(beginning)?;
    Ok(row.and_then(|row| find(row.value(), rest).map(|item| item.known)))
}

/// Up to so many keys that have not expired by `now`, the last first: those of the family that come before
/// that one, or all of it.
pub(super) fn latest(
    rows: &impl ReadableTable<&'static str, &'static [u8]>,
    family: &str,
    before: Option<&str>,
    most: usize,
    now: u64,
) -> Result<Vec<String>, Error> {
    let (first, end) = (format!("{family}:"), format!("{family};"));
    let end = before.unwrap_or(&end);
    let (last, _) = divide(end);
    let mut found = Vec::new();
    for row in rows.range(&*first..=last.max(&first))?.rev() {
        let (beginning, row) = row?;
        let items = items(row.value()).filter(|item| item.known.0 > now);
        let keys = items.map(|item| format!("{}{}", beginning.value(), item.rest));
        let mut keys: Vec<String> = keys.filter(|key| **key < *end).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        found.append(&mut keys);
        if found.len() >= most {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// What the key has in common with those beside which it lies, and the rest of it: a request's id
/// begins with the millisecond in which it was made, 12 digits and a hyphen.
fn divide(key: &str) -> (&str, &str) {
    const ID: usize = 36;
    const MILLISECOND: usize = 13;
    let id = key.strip_prefix(StateKey::REQUEST);
    let id = id.and_then(|id| id.strip_prefix(':'));
    let rest = id
        .filter(|id| id.len() == ID)
        .and_then(|id| id.get(MILLISECOND..));
    let rest = rest.unwrap_or_default();
    (&key[..key.len() - rest.len()], rest)
}

struct Item<'r> {
    rest: &'r str,
    known: Known,
    /// Where the next one begins.
    end: usize,
}

fn find<'r>(row: &'r [u8], rest: &str) -> Option<Item<'r>> {
    items(row).find(|item| item.rest == rest)
}

/// All that a row holds: of each key how long its rest is (one byte), the rest, and what is known.
fn items(row: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let (length, bytes) = row[end..].split_first()?;
        let (rest, bytes) = bytes.split_at_checked(usize::from(*length))?;
        end += 1 + rest.len() + KNOWN_BYTES;
        Some(Item {
            rest: std::str::from_utf8(rest).ok()?,
            known: from_bytes(bytes)?,
            end,
        })
    })
}

/// The expiry, the number of the block, the first byte, and how many: little-endian.
fn to_bytes((expiry, place): Known) -> [u8; KNOWN_BYTES] {
    let (block, start, length) = place.unwrap_or((NOWHERE, 0, 0));
    let mut bytes = [0; KNOWN_BYTES];
    bytes[..8].copy_from_slice(&expiry.to_le_bytes());
    bytes[8..16].copy_from_slice(&block.to_le_bytes());
    bytes[16..20].copy_from_slice(&start.to_le_bytes());
    bytes[20..].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Known> {
    let (expiry, bytes) = bytes.split_first_chunk()?;
    let (block, bytes) = bytes.split_first_chunk()?;
    let (start, bytes) = bytes.split_first_chunk()?;
    let length = bytes.first_chunk()?;
    let block = u64::from_le_bytes(*block);
    let place = (
        block,
        u32::from_le_bytes(*start),
        u32::from_le_bytes(*length),
    );
    Some((
        u64::from_le_bytes(*expiry),
        (block != NOWHERE).then_some(place),
    ))
}
