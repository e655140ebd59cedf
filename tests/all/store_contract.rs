//! What every store promises, and what only one of them does.

use std::any::Any;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use agent_orchestrator::store::{Embedded, Entry, Redis, RedisConfig, Store, StoreError};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};

use crate::support::redis::{RedisServer, free_port};
use crate::support::server::until;

const MINUTE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_millis(500);

/// A store, and what has to live as long as it.
struct Subject {
    store: Arc<dyn Store>,
    _ground: Box<dyn Any>,
}

impl Subject {
    fn embedded_in_memory() -> Self {
        Self::on((), Embedded::in_memory().unwrap())
    }

    fn embedded_file() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(&dir.path().join("store.redb")).unwrap();
        Self::on(dir, store)
    }

    fn redis() -> Self {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), Duration::from_secs(20));
        Self::on(server, store)
    }

    fn on(ground: impl Any, store: impl Store) -> Self {
        Self {
            store: Arc::new(store),
            _ground: Box::new(ground),
        }
    }
}

fn connected_to(url: &str, timeout: Duration) -> Redis {
    let config = RedisConfig {
        url: url.to_owned(),
        prefix: "test:".to_owned(),
        timeout,
    };
    Redis::new(config).unwrap()
}

macro_rules! every_store {
    ($($promise:ident),+ $(,)?) => {
        every_store!(@ embedded_in_memory: $($promise),+);
        every_store!(@ embedded_file: $($promise),+);
        every_store!(@ redis: $($promise),+);
    };
    (@ $kind:ident: $($promise:ident),+) => {
        mod $kind {
            $(
                #[actix_rt::test]
                async fn $promise() {
                    let subject = super::Subject::$kind();
                    super::$promise(subject.store.clone()).await;
                }
            )+
        }
    };
}

every_store![
    a_write_can_be_read,
    an_absent_key_is_none,
    a_write_replaces_value_and_time_to_live,
    an_expired_key_is_gone,
    fields_are_merged_and_sorted,
    fields_expire_together,
    expired_fields_do_not_come_back,
    later_entries_of_a_batch_win,
    any_bytes_and_any_text_survive,
    large_batches_are_written_whole,
    writers_do_not_disturb_each_other,
    a_store_in_good_health_answers_a_ping,
];

async fn a_write_can_be_read(store: Arc<dyn Store>) {
    put(&*store, "key", "value", MINUTE).await;
    assert_eq!(get(&*store, "key").await.unwrap(), "value");
}

async fn an_absent_key_is_none(store: Arc<dyn Store>) {
    assert_eq!(get(&*store, "absent").await, None);
    assert_eq!(fields(&*store, "absent").await, []);
    store.write(Vec::new()).await.unwrap();
}

async fn a_write_replaces_value_and_time_to_live(store: Arc<dyn Store>) {
    let longer = [
        Entry::new("longer", "1", MOMENT),
        Entry::new("longer", "2", MINUTE),
    ];
    let shorter = [
        Entry::new("shorter", "1", MINUTE),
        Entry::new("shorter", "2", MOMENT),
    ];
    let batch = [longer, shorter].concat();
    store.write(batch).await.unwrap();
    until_gone(&*store, "shorter").await;
    assert_eq!(get(&*store, "longer").await.unwrap(), "2");

    put(&*store, "longer", "3", MOMENT).await;
    until_gone(&*store, "longer").await;
}

async fn an_expired_key_is_gone(store: Arc<dyn Store>) {
    put(&*store, "stays", "value", MINUTE).await;
    let written = Instant::now();
    put(&*store, "goes", "value", MOMENT).await;
    until_gone(&*store, "goes").await;
    assert!(written.elapsed() >= MOMENT, "it was gone too early");
    assert!(get(&*store, "stays").await.is_some());
}

async fn fields_are_merged_and_sorted(store: Arc<dyn Store>) {
    put_field(&*store, "hash", "b", "1", MINUTE).await;
    put_field(&*store, "hash", "a", "2", MINUTE).await;
    put_field(&*store, "hash", "b", "3", MINUTE).await;
    put_field(&*store, "hashes", "c", "4", MINUTE).await;
    assert_eq!(
        fields(&*store, "hash").await,
        [pair("a", "2"), pair("b", "3")]
    );
}

async fn fields_expire_together(store: Arc<dyn Store>) {
    let batch = vec![
        Entry::field("goes", "a", "1", MINUTE),
        Entry::field("goes", "b", "1", MOMENT),
        Entry::field("stays", "a", "1", MOMENT),
        Entry::field("stays", "b", "1", MINUTE),
    ];
    store.write(batch).await.unwrap();
    until("the fields are gone", async || {
        fields(&*store, "goes").await.is_empty()
    })
    .await;
    assert_eq!(
        fields(&*store, "stays").await,
        [pair("a", "1"), pair("b", "1")]
    );
}

async fn expired_fields_do_not_come_back(store: Arc<dyn Store>) {
    put_field(&*store, "hash", "old", "1", MOMENT).await;
    until("the fields are gone", async || {
        fields(&*store, "hash").await.is_empty()
    })
    .await;
    put_field(&*store, "hash", "new", "2", MINUTE).await;
    assert_eq!(fields(&*store, "hash").await, [pair("new", "2")]);
}

async fn later_entries_of_a_batch_win(store: Arc<dyn Store>) {
    let values = (0..100).map(|i| Entry::new("key", i.to_string(), MINUTE));
    let named = (0..100).map(|i| Entry::field("hash", "f", i.to_string(), MINUTE));
    store.write(values.chain(named).collect()).await.unwrap();
    assert_eq!(get(&*store, "key").await.unwrap(), "99");
    assert_eq!(fields(&*store, "hash").await, [pair("f", "99")]);
}

async fn any_bytes_and_any_text_survive(store: Arc<dyn Store>) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let values = [Vec::new(), all_bytes, vec![0; 3], vec![b'x'; 1 << 20]];
    for key in [
        "",
        " ",
        "\0",
        "a\r\nb",
        "*?[x]",
        "ключ",
        "🗝",
        &"k".repeat(5000),
    ] {
        for value in &values {
            let hash = format!("hash of {key}");
            let batch = vec![
                Entry::new(key, value.clone(), MINUTE),
                Entry::field(&hash, key, value.clone(), MINUTE),
            ];
            store.write(batch).await.unwrap();
            assert!(get(&*store, key).await.unwrap() == *value, "{key:?}");
            let wanted = [(key.to_owned(), Bytes::from(value.clone()))];
            assert!(fields(&*store, &hash).await == wanted, "{key:?}");
        }
    }
}

async fn large_batches_are_written_whole(store: Arc<dyn Store>) {
    let key = |i: usize| format!("request:{i:08}");
    let batch = (0..10_000).map(|i| Entry::new(key(i), i.to_string(), MINUTE));
    store.write(batch.collect()).await.unwrap();
    for i in (0..10_000).step_by(97).chain([9_999]) {
        assert_eq!(get(&*store, &key(i)).await.unwrap(), i.to_string());
    }
    assert_eq!(get(&*store, &key(10_000)).await, None);
}

async fn writers_do_not_disturb_each_other(store: Arc<dyn Store>) {
    let key = |writer, i| format!("{writer}:{i}");
    let writers = (0..20).map(|writer| {
        let store = store.clone();
        actix_rt::spawn(async move {
            for i in 0..20 {
                put(&*store, &key(writer, i), &key(writer, i), MINUTE).await;
                put_field(&*store, "shared", &key(writer, i), "x", MINUTE).await;
                assert_eq!(get(&*store, &key(writer, i)).await.unwrap(), key(writer, i));
            }
        })
    });
    try_join_all(writers).await.unwrap();
    assert_eq!(fields(&*store, "shared").await.len(), 400);
}

async fn a_store_in_good_health_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert!(["embedded", "redis"].contains(&store.kind()));
}

mod only_redis {
    use super::*;

    #[actix_rt::test]
    async fn every_key_begins_with_the_prefix_and_has_an_end() {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), MINUTE);
        put(&store, "key", "value", MINUTE).await;
        put_field(&store, "hash", "field", "value", MINUTE).await;

        let client = ::redis::Client::open(server.url()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let mut keys: Vec<String> = ::redis::cmd("KEYS")
            .arg("*")
            .query_async(&mut raw)
            .await
            .unwrap();
        keys.sort();
        assert_eq!(keys, ["test:hash", "test:key"]);
        for key in keys {
            let left: u64 = ::redis::cmd("PTTL")
                .arg(key)
                .query_async(&mut raw)
                .await
                .unwrap();
            assert!((50_000..=60_000).contains(&left), "{left}");
        }
    }

    #[actix_rt::test]
    async fn a_server_may_be_started_later() {
        let port = free_port();
        let store = connected_to(&format!("redis://127.0.0.1:{port}"), TIMEOUT);
        let asked = Instant::now();
        let error = store.read("key".into()).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(5));
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );

        let _server = RedisServer::start_on(port);
        until("the server answers", async || store.ping().await.is_ok()).await;
        put(&store, "key", "value", MINUTE).await;
        assert_eq!(get(&store, "key").await.unwrap(), "value");
    }

    #[actix_rt::test]
    async fn a_server_that_hangs_is_an_error_until_it_goes_on() {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), TIMEOUT);
        put(&store, "key", "before", MINUTE).await;

        server.pause();
        let asked = Instant::now();
        let answers = join_all((0..100).map(|_| store.read("key".into()))).await;
        assert!(answers.iter().all(is_unavailable));
        assert!(asked.elapsed() < 10 * TIMEOUT, "took {:?}", asked.elapsed());
        // The first of these finds that connecting fails as well; the others need not try.
        let asked = Instant::now();
        for _ in 0..10 {
            assert!(is_unavailable(&store.read("key".into()).await));
        }
        assert!(asked.elapsed() < 8 * TIMEOUT, "took {:?}", asked.elapsed());

        server.resume();
        until("the server answers", async || store.ping().await.is_ok()).await;
        assert_eq!(get(&store, "key").await.unwrap(), "before");
    }

    #[actix_rt::test]
    async fn a_server_that_was_killed_is_used_again_when_it_is_back() {
        let mut server = RedisServer::start();
        let store = connected_to(&server.url(), TIMEOUT);
        put(&store, "key", "before", MINUTE).await;
        server.kill();
        assert!(is_unavailable(&store.read("key".into()).await));

        let _server = RedisServer::start_on(server.port());
        until("the server answers", async || store.ping().await.is_ok()).await;
        assert_eq!(get(&store, "key").await, None);
    }

    #[actix_rt::test]
    async fn a_restart_that_nobody_saw_costs_nobody_an_error() {
        let mut server = RedisServer::start();
        let store = connected_to(&server.url(), MINUTE);
        put(&store, "key", "before", MINUTE).await;
        server.kill();
        let _server = RedisServer::start_on(server.port());
        put(&store, "key", "after", MINUTE).await;
        assert_eq!(get(&store, "key").await.unwrap(), "after");
    }

    #[test]
    fn a_connection_may_outlive_the_thread_that_made_it() {
        let server = RedisServer::start();
        let store = Arc::new(connected_to(&server.url(), MINUTE));
        for round in ["1", "2", "3"] {
            let store = store.clone();
            let thread = std::thread::spawn(move || {
                actix_rt::System::new().block_on(put(&*store, "key", round, MINUTE));
            });
            thread.join().unwrap();
        }
        let value = actix_rt::System::new().block_on(get(&*store, "key"));
        assert_eq!(value.unwrap(), "3");
    }

    #[actix_rt::test]
    async fn what_another_program_wrote_is_reported_and_does_no_harm() {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), MINUTE);
        put_field(&store, "hash", "field", "value", MINUTE).await;
        let error = store.read("hash".into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert_eq!(fields(&store, "hash").await, [pair("field", "value")]);
    }

    #[actix_rt::test]
    async fn fields_that_are_no_text_are_reported_and_do_no_harm() {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), MINUTE);
        let client = ::redis::Client::open(server.url()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let mut foreign = ::redis::cmd("HSET");
        foreign.arg("test:hash").arg(&[0xff_u8][..]).arg("secret");
        foreign.exec_async(&mut raw).await.unwrap();
        let error = store.fields("hash".into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        store.ping().await.unwrap();
    }

    #[actix_rt::test]
    async fn a_server_that_is_not_redis_is_recognized() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .unwrap();
        });
        let error = connected_to(&url, MINUTE).ping().await.unwrap_err();
        assert!(error.to_string().contains("is not Redis"), "{error}");
        other.join().unwrap();
    }

    #[actix_rt::test]
    async fn an_error_about_a_large_batch_is_short() {
        let server = RedisServer::start();
        let store = connected_to(&server.url(), MINUTE);
        let client = ::redis::Client::open(server.url()).unwrap();
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let mut limit = ::redis::cmd("CONFIG");
        limit.arg("SET").arg("maxmemory").arg(1);
        limit.exec_async(&mut raw).await.unwrap();
        let batch = (0..1_000).map(|i| Entry::new(i.to_string(), "value", MINUTE));
        let error = store.write(batch.collect()).await.unwrap_err();
        assert!(is_unavailable::<()>(&Err(error.clone())));
        assert!(error.to_string().contains("more memory"), "{error}");
        assert!(error.to_string().len() < 300, "{error}");
    }

    fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
        matches!(answer, Err(StoreError::Unavailable { .. }))
    }
}

mod only_embedded {
    use super::*;

    #[actix_rt::test]
    async fn a_file_keeps_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data/store.redb");
        let store = Embedded::open(&path).unwrap();
        put(&store, "key", "value", MINUTE).await;
        put_field(&store, "hash", "field", "value", MINUTE).await;
        drop(store);

        let store = Embedded::open(&path).unwrap();
        assert_eq!(get(&store, "key").await.unwrap(), "value");
        assert_eq!(fields(&store, "hash").await, [pair("field", "value")]);
    }

    #[actix_rt::test]
    async fn a_file_is_open_once_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let first = Embedded::open(&path).unwrap();
        let error = Embedded::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "the embedded store at {} is unavailable: another process has it open; stop that \
                 process, or choose another path",
                path.display()
            )
        );
        first.ping().await.unwrap();
        drop(first);
        Embedded::open(&path).unwrap();
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
        for content in ["x", "not a database", &"garbage ".repeat(10_000)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("store.redb");
            std::fs::write(&path, content).unwrap();
            let error = Embedded::open(&path).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
            assert!(
                error
                    .to_string()
                    .contains("not a database of the orchestrator"),
                "{error}"
            );
            assert_eq!(read_to_string(&path), content);
        }
    }

    #[actix_rt::test]
    async fn a_sweep_deletes_what_has_expired_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let store = Embedded::open(&path).unwrap();
        let (hour, day) = (60 * MINUTE, 24 * 60 * MINUTE);
        let short = (0..3_000).map(|i| Entry::new(format!("short:{i}"), "x", hour));
        let long = (0..3_000).map(|i| Entry::new(format!("long:{i}"), "x", day));
        store.write(short.chain(long).collect()).await.unwrap();
        put_field(&store, "short hash", "a", "x", hour).await;
        put_field(&store, "short hash", "b", "x", hour).await;
        put_field(&store, "long hash", "a", "x", hour).await;
        put_field(&store, "long hash", "b", "x", day).await;
        assert_eq!(store.sweep().await.unwrap(), 0);

        drop(store);
        let later = move || SystemTime::now() + 2 * hour;
        let store = Embedded::open(&path).unwrap().with_clock(later);
        assert_eq!(store.sweep().await.unwrap(), 3_001);
        assert_eq!(store.sweep().await.unwrap(), 0);
        for i in (0..3_000).step_by(7) {
            assert_eq!(get(&store, &format!("short:{i}")).await, None);
            assert!(get(&store, &format!("long:{i}")).await.is_some());
        }
        assert_eq!(fields(&store, "short hash").await, []);
        assert_eq!(fields(&store, "long hash").await.len(), 2);
    }

    fn read_to_string(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }
}

async fn put(store: &dyn Store, key: &str, value: &str, ttl: Duration) {
    let entry = Entry::new(key, value.to_owned(), ttl);
    store.write(vec![entry]).await.unwrap();
}

async fn put_field(store: &dyn Store, key: &str, field: &str, value: &str, ttl: Duration) {
    let entry = Entry::field(key, field, value.to_owned(), ttl);
    store.write(vec![entry]).await.unwrap();
}

async fn get(store: &dyn Store, key: &str) -> Option<Bytes> {
    store.read(key.to_owned()).await.unwrap()
}

async fn fields(store: &dyn Store, key: &str) -> Vec<(String, Bytes)> {
    store.fields(key.to_owned()).await.unwrap()
}

fn pair(field: &str, value: &'static str) -> (String, Bytes) {
    (field.to_owned(), Bytes::from(value))
}

async fn until_gone(store: &dyn Store, key: &str) {
    until("the value is gone", async || {
        get(store, key).await.is_none()
    })
    .await;
}
