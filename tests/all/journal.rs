//! The write-behind between requests and the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use actix_rt::Arbiter;
use agent_orchestrator::RequestId;
use agent_orchestrator::store::{Embedded, Entry, Journal, StateKey, Store};

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::moody::Moody;
use crate::support::redis::RedisServer;
use crate::support::server::{PATIENCE, Process, until};

const MINUTE: Duration = Duration::from_mins(1);
/// As many records wait for a store that is away.
const ROOM: usize = 65_536;

fn journal_on(store: Arc<dyn Store>) -> Journal {
    Journal::start_on(&Arbiter::new().handle(), store)
}

fn new_key() -> StateKey {
    StateKey::Request(RequestId::new())
}

async fn read(journal: &Journal, key: StateKey) -> Option<String> {
    let value = journal.read(key).await.unwrap()?;
    Some(String::from_utf8(value.to_vec()).unwrap())
}

async fn until_written(journal: &Journal) {
    until("all is written", async || journal.report().pending == 0).await;
}

/// Does the work on a thread of its own, and fails when it does not come to an end.
fn without_waiting(work: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    end.recv_timeout(PATIENCE).unwrap();
}

#[actix_rt::test]
async fn what_was_put_is_read_at_once_and_still_when_it_is_written() {
    let store = Arc::new(Embedded::in_memory().unwrap());
    let journal = journal_on(store.clone());
    let key = new_key();
    journal.put(key, &1, MINUTE);
    assert_eq!(read(&journal, key).await.unwrap(), "1");
    until_written(&journal).await;
    assert_eq!(read(&journal, key).await.unwrap(), "1");
    assert_eq!(store.read(key.to_string()).await.unwrap().unwrap(), "1");
    assert_eq!(read(&journal, new_key()).await, None);
}

#[actix_rt::test]
async fn what_is_being_written_is_read_and_so_is_what_replaces_it() {
    let store = Moody::slow();
    let journal = journal_on(store.clone());
    let key = new_key();
    journal.put(key, &1, MINUTE);
    store.begun(1).await;
    assert_eq!(read(&journal, key).await.unwrap(), "1");
    journal.put(key, &2, MINUTE);
    assert_eq!(read(&journal, key).await.unwrap(), "2");
    store.let_go();
    until_written(&journal).await;
    assert_eq!(store.written(key), ["1", "2"]);
}

#[actix_rt::test]
async fn a_record_that_is_put_twice_before_it_is_written_is_written_once() {
    let store = Moody::slow();
    let journal = journal_on(store.clone());
    journal.put(new_key(), &0, MINUTE);
    store.begun(1).await;
    let key = new_key();
    for value in 1..=3 {
        journal.put(key, &value, MINUTE);
    }
    store.let_go();
    until_written(&journal).await;
    assert_eq!(store.written(key), ["3"]);
    assert_eq!(journal.report().written, 2);
}

#[actix_rt::test]
async fn a_steady_stream_is_written_many_at_a_time() {
    tokio::time::pause();
    let store = Moody::slow();
    let journal = Journal::start_on(&Arbiter::current(), store.clone());
    let mut writes = 0;
    for _ in 0..1_000 {
        journal.put(new_key(), &1, MINUTE);
        tokio::time::advance(Duration::from_millis(1)).await;
        if store.begun.load(Ordering::SeqCst) > writes {
            writes += 1;
            store.let_one_go();
        }
    }
    assert!((5..=25).contains(&writes), "{writes} writes in a second");
}

#[actix_rt::test]
async fn all_fields_of_a_key_are_written() {
    let store = Moody::slow();
    let journal = journal_on(store.clone());
    let key = StateKey::Rollup { hour: 1 };
    for field in ["a", "b"] {
        journal.put_field(key, field.to_owned(), &1, MINUTE);
    }
    store.let_go();
    until_written(&journal).await;
    let fields = journal.fields(key).await.unwrap();
    assert_eq!(fields.len(), 2, "{fields:?}");
}

#[actix_rt::test]
async fn what_is_collected_is_written_in_lists_each_record_once_whatever_fails() {
    let store = Moody::quick();
    let journal = journal_on(store.clone());
    let key = StateKey::Metrics { second: 1 };
    store.away.store(true, Ordering::SeqCst);
    (0..3).for_each(|n| journal.collect(key, &n, MINUTE));
    until("an attempt has failed", async || {
        journal.report().failed_writes >= 1
    })
    .await;
    (3..6).for_each(|n| journal.collect(key, &n, MINUTE));
    assert_eq!(journal.report().pending, 6);

    store.away.store(false, Ordering::SeqCst);
    until_written(&journal).await;
    let fields = journal.fields(key).await.unwrap();
    let lists = fields.iter().map(|(_, list)| serde_json::from_slice(list));
    let mut lists: Vec<Vec<u32>> = lists.map(Result::unwrap).collect();
    lists.sort();
    assert_eq!(lists, [[0, 1, 2], [3, 4, 5]]);
    assert_eq!(journal.report().written, 6);
}

#[actix_rt::test]
async fn what_cannot_be_written_is_kept_and_written_when_the_store_has_recovered() {
    let store = Moody::quick();
    let journal = journal_on(store.clone());
    store.away.store(true, Ordering::SeqCst);
    let keys: Vec<StateKey> = (0..100).map(|_| new_key()).collect();
    for key in &keys {
        journal.put(*key, &"kept", MINUTE);
    }
    until("a second attempt has failed", async || {
        journal.report().failed_writes >= 2
    })
    .await;
    assert_eq!(journal.report().pending, 100);
    assert_eq!(read(&journal, keys[0]).await.unwrap(), "\"kept\"");
    assert!(journal.read(new_key()).await.is_err());
    assert!(journal.ping().await.is_err());

    store.away.store(false, Ordering::SeqCst);
    until_written(&journal).await;
    for key in keys {
        assert_eq!(store.written(key), ["\"kept\""]);
    }
    let report = journal.report();
    assert_eq!((report.written, report.dropped), (100, 0));
}

#[actix_rt::test]
async fn what_does_not_fit_while_the_store_is_away_is_dropped_and_counted() {
    let store = Moody::slow();
    store.away.store(true, Ordering::SeqCst);
    let journal = journal_on(store.clone());
    journal.put(new_key(), &0, MINUTE);
    store.begun(1).await;
    let keys: Vec<StateKey> = (0..ROOM + 10).map(|_| new_key()).collect();
    let (putting, put) = (journal.clone(), keys.clone());
    without_waiting(move || {
        for key in put {
            putting.put(key, &1, MINUTE);
        }
    });
    assert_eq!(journal.report().dropped, 10);
    // What is there already can still be brought up to date.
    journal.put(keys[0], &2, MINUTE);
    assert_eq!(journal.report().dropped, 10);

    store.away.store(false, Ordering::SeqCst);
    store.let_go();
    until_written(&journal).await;
    assert_eq!(store.written(keys[0]), ["2"]);
    assert_eq!(store.written(keys[ROOM - 1]), ["1"]);
    assert_eq!(store.written(keys[ROOM]), [""; 0]);
    assert_eq!(journal.report().written, 1 + ROOM as u64);
}

#[actix_rt::test]
async fn nobody_waits_for_a_write_that_is_in_progress() {
    let store = Moody::slow();
    let journal = journal_on(store.clone());
    journal.put(new_key(), &0, MINUTE);
    store.begun(1).await;
    let putting = journal.clone();
    without_waiting(move || {
        for _ in 0..1000 {
            putting.put(new_key(), &1, MINUTE);
        }
        assert_eq!(putting.report().pending, 1001);
    });
    assert_eq!(store.begun.load(Ordering::SeqCst), 1);
    store.let_go();
    until_written(&journal).await;
}

#[actix_rt::test]
async fn putting_writing_and_reporting_never_wait_for_each_other() {
    let journal = journal_on(Moody::quick());
    let reporting = journal.clone();
    without_waiting(move || {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200_000 {
                        let _ = reporting.report();
                    }
                });
            }
            for _ in 0..50_000 {
                reporting.put(new_key(), &1, MINUTE);
            }
        });
    });
    until_written(&journal).await;
    // Where the writer hardly gets a core, there may have been no room for some.
    let report = journal.report();
    assert_eq!(report.written + report.dropped, 50_000);
}

#[actix_rt::test]
async fn a_record_whose_time_is_over_is_gone_and_is_swept_away() {
    let late = Arc::new(AtomicBool::new(false));
    let hand = late.clone();
    let clock = move || SystemTime::now() + MINUTE * u32::from(hand.load(Ordering::SeqCst));
    let store = Arc::new(Embedded::in_memory().unwrap().with_clock(clock));
    let journal = journal_on(store.clone());
    let key = new_key();
    journal.put(key, &1, MINUTE / 2);
    until_written(&journal).await;
    assert!(read(&journal, key).await.is_some());
    late.store(true, Ordering::SeqCst);
    assert_eq!(read(&journal, key).await, None);
    assert_eq!(store.sweep().await.unwrap(), 1);
}

#[actix_rt::test]
async fn a_record_is_not_gone_before_its_time_is_over() {
    let late = Arc::new(AtomicBool::new(false));
    let hand = late.clone();
    let waited = Duration::from_micros(59_999_600);
    let written = SystemTime::UNIX_EPOCH + Duration::from_micros(900);
    let clock = move || written + waited * u32::from(hand.load(Ordering::SeqCst));
    let store = Embedded::in_memory().unwrap().with_clock(clock);
    let entry = Entry::new("key", "value", MINUTE);
    store.write(vec![entry]).await.unwrap();
    late.store(true, Ordering::SeqCst);
    assert!(store.read("key".to_owned()).await.unwrap().is_some());
}

#[actix_rt::test]
async fn the_state_of_a_request_is_kept_as_long_as_configured() {
    let config = agents(&[CHAT]);
    let file = config.path().join("state.redb");
    let variables = [
        ("ORCHESTRATOR__STATE__PATH", file.to_str().unwrap()),
        ("ORCHESTRATOR__STATE__REQUEST_TTL", "1"),
    ];
    let process = Process::orchestrator(config.path(), &variables);
    let client = Client::of(&process);
    let id = client.say("hello").await.request_id();
    until("it is forgotten", async || {
        let record = client.record(id).await;
        record.status == 404 && record.body()["error_type"] == "RequestNotFound"
    })
    .await;
}

#[actix_rt::test]
async fn orchestrators_that_share_a_redis_count_together() {
    let redis = RedisServer::start();
    let config = agents(&[CHAT]);
    let url = redis.url();
    let variables = [
        ("ORCHESTRATOR__STATE__BACKEND", "redis"),
        ("ORCHESTRATOR__STATE__REDIS__URL", url.as_str()),
    ];
    let processes = [3, 4].map(|count| {
        let process = Process::orchestrator(config.path(), &variables);
        (Client::of(&process), process, count)
    });
    for (client, _, count) in &processes {
        for _ in 0..*count {
            client.say("hello").await.json(200);
        }
    }
    for (client, ..) in &processes {
        until("both are counted together", async || {
            let path = "/metrics/summary?window_seconds=90000";
            let summary = client.get(path).await.json(200);
            summary["totals"]["requests"] == 7 && summary["agents"]["chat_agent"]["succeeded"] == 7
        })
        .await;
    }
}
