//! Where the value of each key is.
//!
//! Keys of requests that were made one after the other share a row: it is the rows of a B-tree that
//! cost, and requests that are let in together are mostly written together. Every other key has its
//! own.
//!
//! Invariant: no row is crowded. An id of a request begins with the millisecond in which it was made and
//! a counter, and ends with what nobody knows before; those that share a row differ in the last eight bits
//! of the counter. Nobody but the orchestrator makes these ids.

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

/// How many characters a UUID has, and how many of them those have in common that share a row: of a
/// UUIDv7 (RFC 9562, with a counter of 42 bits) all but the end of the counter and 32 random bits.
const ID: usize = 36;
const COMMON: usize = 26;

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
        Ok(find(&self.row, rest)?.map(|item| item.known))
    }

    /// Knows that of the key from now on; returns what was known of it.
    pub(super) fn put(&mut self, key: &str, known: Known) -> Result<Option<Known>, Error> {
        let rest = self.hold_row_of(key)?;
        let old = find(&self.row, rest)?.map(|item| (item.known, item.end));
        let known = to_bytes(known);
        if let Some((_, end)) = old {
            self.row[end - KNOWN_BYTES..end].copy_from_slice(&known);
        } else {
            let length = u8::try_from(rest.len()).expect("a rest is shorter than an id");
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
        let Some(Item { known, end, .. }) = find(&self.row, rest)? else {
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
    match rows.get(beginning)? {
        Some(row) => Ok(find(row.value(), rest)?.map(|item| item.known)),
        None => Ok(None),
    }
}

/// Up to so many keys that have not expired by `now`, the last first: those of the family that come before
/// that one, or all of it. Each is of the family and an id, all ids of the same length.
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
        let mut keys = Vec::new();
        for item in items(row.value()) {
            let Item { rest, known, .. } = item?;
            let key = format!("{}{rest}", beginning.value());
            if known.0 > now && *key < *end {
                keys.push(key);
            }
        }
        keys.sort_unstable_by(|a, b| b.cmp(a));
        found.append(&mut keys);
        if found.len() >= most {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// What the key has in common with those beside which it lies, and the rest of it.
fn divide(key: &str) -> (&str, &str) {
    let id = key.strip_prefix(StateKey::REQUEST);
    let id = id.and_then(|id| id.strip_prefix(':'));
    let id = id.filter(|id| id.len() == ID);
    let rest = id.and_then(|id| id.get(COMMON..)).unwrap_or_default();
    (&key[..key.len() - rest.len()], rest)
}

struct Item<'r> {
    rest: &'r str,
    known: Known,
    /// Where the next one begins.
    end: usize,
}

fn find<'r>(row: &'r [u8], rest: &str) -> Result<Option<Item<'r>>, Error> {
    for item in items(row) {
        let item = item?;
        if item.rest == rest {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

/// All that a row holds: of each key how long its rest is (one byte), the rest, and what is known.
fn items(row: &[u8]) -> impl Iterator<Item = Result<Item<'_>, Error>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let item = item(row, start);
        next = item.as_ref().map_or(row.len(), |item| item.end);
        let damaged = || Error::Corrupted("a row of the index of keys cannot be read".to_owned());
        (start < row.len()).then(|| item.ok_or_else(damaged))
    })
}

fn item(row: &[u8], start: usize) -> Option<Item<'_>> {
    let (length, bytes) = row[start..].split_first()?;
    let (rest, bytes) = bytes.split_at_checked(usize::from(*length))?;
    Some(Item {
        rest: std::str::from_utf8(rest).ok()?,
        known: from_bytes(bytes)?,
        end: start + 1 + rest.len() + KNOWN_BYTES,
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
    let place = (block != NOWHERE).then_some(place);
    Some((u64::from_le_bytes(*expiry), place))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::{ContextV7, Timestamp, Uuid};

    use super::*;

    #[test]
    fn keys_share_a_beginning_if_they_are_of_requests_and_were_made_one_after_the_other() {
        let id = "01a21bef-6857-7008-a27d-e6746931522b";
        for (key, rest) in [
            (format!("request:{id}"), "746931522b"),
            (format!("dead:{id}"), ""),
            (format!("requests:{id}"), ""),
            (format!("request:{id}0"), ""),
            (format!("request:{}", &id[1..]), ""),
            ("request:".to_owned(), ""),
            (String::new(), ""),
            // 36 bytes, and no end of a character after 26 of them.
            (format!("request:{}ä{}", "x".repeat(25), "x".repeat(9)), ""),
            (format!("request:{}", "ä".repeat(18)), "äääää"),
        ] {
            let (beginning, end) = divide(&key);
            assert_eq!(format!("{beginning}{end}"), key);
            assert_eq!(end, rest, "{key}");
        }
    }

    #[test]
    fn no_row_is_crowded_even_where_time_stands_still() {
        let context = ContextV7::new();
        let mut rows = BTreeMap::<String, usize>::new();
        for _ in 0..100_000 {
            let id = Uuid::new_v7(Timestamp::from_unix(&context, 1_800_000_000, 0));
            let key = StateKey::REQUEST.to_owned() + ":" + &id.to_string();
            *rows.entry(divide(&key).0.to_owned()).or_default() += 1;
        }
        assert_eq!(*rows.values().max().unwrap(), 256);
        assert!(rows.len() <= 100_000 / 256 + 2, "{}", rows.len());
    }

    #[test]
    fn a_damaged_row_is_an_error_once() {
        let mut row = vec![2, b'a', b'b'];
        row.extend(to_bytes((7, Some((1, 2, 3)))));
        let whole = find(&row, "ab").unwrap().unwrap();
        assert_eq!(whole.known, (7, Some((1, 2, 3))));
        assert_eq!(whole.end, row.len());
        for damaged in 1..row.len() {
            assert!(find(&row[..damaged], "ab").is_err());
            assert_eq!(items(&row[..damaged]).count(), 1);
        }
        assert!(find(&[], "ab").unwrap().is_none());
    }
}
