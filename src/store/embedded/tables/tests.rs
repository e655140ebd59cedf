use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use redb::ReadableDatabase;
use redb::backends::InMemoryBackend;

use super::super::block::MOST_BYTES;
use super::super::index::KEYS;
use super::super::reading::{self, read};
use super::*;

fn database() -> Database {
    let database = Database::builder().create_with_backend(InMemoryBackend::new());
    let database = database.unwrap();
    create(&database).unwrap();
    database
}

fn write(database: &Database, entries: &[Entry], now: u64) -> Result<(), Error> {
    change(database, |batch| {
        entries.iter().try_for_each(|entry| batch.put(entry, now))
    })
}

fn fields(database: &Database, key: &str, now: u64) -> Result<Vec<(String, Bytes)>, Error> {
    reading::fields(database, key, None, usize::MAX, now)
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

#[test]
fn requests_that_were_made_together_share_a_row_as_long_as_there_is_one() {
    let db = database();
    let request = |millisecond: u32, number: u32| {
        let id = format!("01a21bef-{millisecond:04x}-7008-a27d-e6{number:02x}6931522b");
        value(format!("request:{id}"), 100 + u64::from(number))
    };
    let batch: Vec<Entry> = (0..60).map(|i| request(i / 20, i % 20)).collect();
    write(&db, &batch, 0).unwrap();
    assert_eq!(rows(&db)[0], 3);
    for entry in &batch {
        assert_eq!(read(&db, &entry.key, 1).unwrap().unwrap(), "value");
    }
    sweep_all(&db, 1_000);
    assert_eq!(rows(&db), [0, 0, 0]);
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Entry>),
    WriteNew(Entry),
    Remove(&'static str),
    Wait(u64),
    Sweep,
}

/// Some of them share a row.
const NAMES: [&str; 6] = [
    "a",
    "b",
    "request:01a21bef-6857-7008-a27d-e6746931522b",
    "request:01a21bef-6857-7008-a27d-e675b7a30a5b",
    "request:01a21bef-6857-7008-a27d-e6760ce1cc07",
    "request:01a21bef-6858-7000-b7a2-9a0eb0c64d6d",
];

fn entry() -> impl Strategy<Value = Entry> {
    let key = prop::sample::select(&NAMES[..]);
    let name = prop::option::of(prop::sample::select(vec!["x", "y"]));
    (key, name, any::<u8>(), 1..4_000u64).prop_map(|(key, name, byte, ttl)| Entry {
        field: name.map(str::to_owned),
        ..Entry::new(key, vec![byte], Duration::from_millis(ttl))
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(entry(), 0..5).prop_map(Step::Write),
        1 => entry().prop_map(Step::WriteNew),
        1 => prop::sample::select(&NAMES[..]).prop_map(Step::Remove),
        4 => (0..2_000u64).prop_map(Step::Wait),
        4 => Just(Step::Sweep),
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
                Step::WriteNew(entry) => {
                    change(&db, |batch| batch.put_new(&entry, now)).unwrap();
                    if !model.contains_key(&entry.key) {
                        put(&mut model, &entry, now);
                    }
                }
                Step::Remove(key) => {
                    change(&db, |batch| batch.remove(key, None)).unwrap();
                    model.remove(key);
                }
            }
            model.retain(|_, (expiry, _, _)| *expiry > now);
            let live = model.keys().rev().filter(|key| key.starts_with("request:"));
            let live: Vec<String> = live.cloned().collect();
            let newest = |before| reading::newest(&db, "request", before, 2, now).unwrap();
            for i in 0..=live.len() {
                let before = i.checked_sub(1).map(|i| &*live[i]);
                prop_assert_eq!(newest(before), &live[i..live.len().min(i + 2)]);
            }
            for key in NAMES {
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
