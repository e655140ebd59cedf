//! What every store promises, and what only one of them does.

mod leases;
mod listing;
mod logs;
mod only_embedded;
mod only_redis;
mod queue;
mod records;
mod signals;

use std::any::Any;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use agent_orchestrator::store::{Embedded, Entry, Redis, RedisConfig, Store, StoreError};
use bytes::Bytes;
use futures::future::{LocalBoxFuture, join_all, try_join_all};

use crate::support::cluster::RedisCluster;
use crate::support::redis::{RedisServer, free_port};
use crate::support::sentinel::RedisSentinels;
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
    within(url, "test:", timeout)
}

fn within(url: &str, prefix: &str, timeout: Duration) -> Redis {
    let config = RedisConfig {
        url: url.to_owned(),
        prefix: prefix.to_owned(),
        timeout,
    };
    Redis::new(config).unwrap()
}

/// Something that every store does.
type Promise = (
    &'static str,
    fn(Arc<dyn Store>) -> LocalBoxFuture<'static, ()>,
);

macro_rules! every_store {
    ($($group:ident: { $($promise:ident),+ $(,)? })+) => {
        every_store!(@ embedded_in_memory: $($($group::$promise),+),+);
        every_store!(@ embedded_file: $($($group::$promise),+),+);
        every_store!(@ redis: $($($group::$promise),+),+);

        fn promises() -> Vec<Promise> {
            vec![$($((stringify!($promise), |store| Box::pin($group::$promise(store)))),+),+]
        }
    };
    (@ $kind:ident: $($group:ident::$promise:ident),+) => {
        mod $kind {
            $(
                #[actix_rt::test]
                async fn $promise() {
                    let subject = super::Subject::$kind();
                    super::$group::$promise(subject.store.clone()).await;
                }
            )+
        }
    };
}

every_store! {
    records: {
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
        many_keys_are_read_at_once,
        what_was_removed_is_gone,
        a_store_in_good_health_answers_a_ping,
    }
    listing: {
        the_newest_come_first_page_by_page,
        what_was_written_again_is_listed_once,
        what_has_expired_need_not_be_listed_and_does_not_end_a_page,
        families_do_not_mix_and_what_is_not_listed_is_not_found,
    }
    leases: {
        a_lease_is_held_by_one_at_a_time,
        of_many_who_ask_at_once_one_is_granted,
        a_lease_ends_with_its_time,
        a_lease_lasts_as_long_as_it_is_renewed,
        asking_twice_with_one_lease_is_harmless,
        what_a_former_holder_writes_is_refused,
        leases_of_different_keys_do_not_touch,
    }
    queue: {
        jobs_are_given_in_order_and_each_once,
        many_workers_share_the_jobs,
        a_job_is_given_again_unless_it_is_held_or_finished,
        a_job_that_was_left_is_given_again_at_once,
        a_full_queue_takes_all_or_nothing,
        what_is_known_of_jobs_is_written_with_them_or_not_at_all,
        a_job_that_is_put_in_again_leaves_what_is_known_of_it,
        a_job_may_be_large_and_any_bytes,
    }
    logs: {
        entries_are_numbered_without_gaps_over_all_epochs,
        appending_twice_appends_once,
        a_writer_of_an_earlier_epoch_is_refused,
        a_log_is_read_page_by_page_from_any_number,
        a_log_expires,
    }
    signals: {
        every_listener_hears_every_signal,
    }
}

/// Ends when every promise was kept, each within a prefix of its own.
async fn every_promise_is_kept(url: &str, round: &str) {
    for (name, promise) in promises() {
        println!("{round}: {name}");
        let prefix = format!("{round}:{name}:");
        promise(Arc::new(within(url, &prefix, Duration::from_secs(20)))).await;
    }
}

#[actix_rt::test]
async fn a_cluster_keeps_every_promise() {
    let cluster = RedisCluster::start().await;
    every_promise_is_kept(&cluster.url(), "cluster").await;
}

#[actix_rt::test]
async fn servers_behind_sentinels_keep_every_promise_before_and_after_a_failover() {
    let mut servers = RedisSentinels::start().await;
    every_promise_is_kept(&servers.url(), "before").await;

    let store = connected_to(&servers.url(), TIMEOUT);
    put(&store, "key", "kept", 10 * MINUTE).await;
    servers.until_copied().await;
    servers.kill_primary();
    until("another server has taken over", async || {
        let entry = Entry::new("other", "new", MINUTE);
        store.write(vec![entry]).await.is_ok()
    })
    .await;
    assert_eq!(get(&store, "key").await.unwrap(), "kept");
    every_promise_is_kept(&servers.url(), "after").await;
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
