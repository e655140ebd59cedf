//! What is read from the tables.

use std::ops::ControlFlow;

use bytes::Bytes;
use redb::{Database, Error, ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::block::Unpacked;
use super::index::{self, KEYS};
use super::tables::{BLOCKS, FIELDS, QUEUE, after, second_after};

/// Finds out whether the tables can be read.
pub(super) fn check(database: &Database) -> Result<(), Error> {
    database.begin_read()?.open_table(KEYS)?.first()?;
    Ok(())
}

/// Reads the value of a key that has not expired by `now`.
pub(super) fn read(database: &Database, key: &str, now: u64) -> Result<Option<Bytes>, Error> {
    let transaction = database.begin_read()?;
    let known = index::look_up(&transaction.open_table(KEYS)?, key)?;
    let Some((expiry, Some(place))) = known.filter(|(expiry, _)| *expiry > now) else {
        return Ok(None);
    };
    let blocks = transaction.open_table(BLOCKS)?;
    let Some(block) = blocks.get((second_after(expiry), place.0))? else {
        return Err(Error::Corrupted(format!("the value of {key} is missing")));
    };
    let block = Unpacked::new(block.value())?;
    Ok(Some(Bytes::copy_from_slice(block.value(place)?)))
}

/// Reads up to so many fields of a key that has not expired by `now`, sorted: those from that one on,
/// or all.
pub(super) fn fields(
    database: &Database,
    key: &str,
    first: Option<&str>,
    most: usize,
    now: u64,
) -> Result<Vec<(String, Bytes)>, Error> {
    let transaction = database.begin_read()?;
    let known = index::look_up(&transaction.open_table(KEYS)?, key)?;
    if !known.is_some_and(|known| matches!(known, (expiry, None) if expiry > now)) {
        return Ok(Vec::new());
    }
    let fields = transaction.open_table(FIELDS)?;
    let end = after(key);
    let first = (key, first.unwrap_or_default());
    let mut all = Vec::new();
    for row in fields.range(first..(&*end, ""))?.take(most) {
        let (name, value) = row?;
        let name = name.value().1.to_owned();
        all.push((name, Bytes::copy_from_slice(value.value())));
    }
    Ok(all)
}

/// Lists keys of that family that have not expired by `now`, the last first.
pub(super) fn newest(
    database: &Database,
    family: &str,
    before: Option<&str>,
    most: usize,
    now: u64,
) -> Result<Vec<String>, Error> {
    let keys = database.begin_read()?.open_table(KEYS)?;
    index::latest(&keys, family, before, most, now)
}

/// The jobs of the queue, the oldest first, up to the point where `choose` says to stop; those that it
/// does not choose are left out.
pub(super) fn jobs(
    database: &Database,
    mut choose: impl FnMut(u64) -> ControlFlow<(), bool>,
) -> Result<Vec<(u64, Bytes)>, Error> {
    let mut jobs = Vec::new();
    for row in database.begin_read()?.open_table(QUEUE)?.iter()? {
        let (number, body) = row?;
        match choose(number.value()) {
            ControlFlow::Break(()) => break,
            ControlFlow::Continue(false) => {}
            ControlFlow::Continue(true) => {
                jobs.push((number.value(), Bytes::copy_from_slice(body.value())));
            }
        }
    }
    Ok(jobs)
}

/// The job of that number, unless it is finished.
pub(super) fn job(database: &Database, number: u64) -> Result<Option<Bytes>, Error> {
    let found = database.begin_read()?.open_table(QUEUE)?.get(number)?;
    Ok(found.map(|body| Bytes::copy_from_slice(body.value())))
}

/// How many jobs are not finished.
pub(super) fn depth(database: &Database) -> Result<u64, Error> {
    Ok(database.begin_read()?.open_table(QUEUE)?.len()?)
}
