//! Values and fields, and when they are gone.

use super::*;

pub(super) async fn a_write_can_be_read(store: Arc<dyn Store>) {
    put(&*store, "key", "value", MINUTE).await;
    assert_eq!(get(&*store, "key").await.unwrap(), "value");
}

pub(super) async fn an_absent_key_is_none(store: Arc<dyn Store>) {
    assert_eq!(get(&*store, "absent").await, None);
    assert_eq!(fields(&*store, "absent").await, []);
    store.write(Vec::new()).await.unwrap();
}

pub(super) async fn a_write_replaces_value_and_time_to_live(store: Arc<dyn Store>) {
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

pub(super) async fn an_expired_key_is_gone(store: Arc<dyn Store>) {
    put(&*store, "stays", "value", MINUTE).await;
    let written = Instant::now();
    put(&*store, "goes", "value", MOMENT).await;
    until_gone(&*store, "goes").await;
    assert!(written.elapsed() >= MOMENT, "it was gone too early");
    assert!(get(&*store, "stays").await.is_some());
}

pub(super) async fn fields_are_merged_and_sorted(store: Arc<dyn Store>) {
    put_field(&*store, "hash", "b", "1", MINUTE).await;
    put_field(&*store, "hash", "a", "2", MINUTE).await;
    put_field(&*store, "hash", "b", "3", MINUTE).await;
    put_field(&*store, "hashes", "c", "4", MINUTE).await;
    assert_eq!(
        fields(&*store, "hash").await,
        [pair("a", "2"), pair("b", "3")]
    );
}

pub(super) async fn fields_expire_together(store: Arc<dyn Store>) {
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

pub(super) async fn expired_fields_do_not_come_back(store: Arc<dyn Store>) {
    put_field(&*store, "hash", "old", "1", MOMENT).await;
    until("the fields are gone", async || {
        fields(&*store, "hash").await.is_empty()
    })
    .await;
    put_field(&*store, "hash", "new", "2", MINUTE).await;
    assert_eq!(fields(&*store, "hash").await, [pair("new", "2")]);
}

pub(super) async fn later_entries_of_a_batch_win(store: Arc<dyn Store>) {
    let values = (0..100).map(|i| Entry::new("key", i.to_string(), MINUTE));
    let named = (0..100).map(|i| Entry::field("hash", "f", i.to_string(), MINUTE));
    store.write(values.chain(named).collect()).await.unwrap();
    assert_eq!(get(&*store, "key").await.unwrap(), "99");
    assert_eq!(fields(&*store, "hash").await, [pair("f", "99")]);

    // Also where they are too large to be sent together.
    let large = |i: u8| vec![i; 100_000];
    let values = (0..10).map(|i| Entry::new("key", large(i), MINUTE));
    let named = (0..10).map(|i| Entry::field("hash", "f", large(i), MINUTE));
    store.write(values.chain(named).collect()).await.unwrap();
    assert!(get(&*store, "key").await.unwrap() == large(9));
    assert!(fields(&*store, "hash").await == [("f".to_owned(), large(9).into())]);
}

pub(super) async fn any_bytes_and_any_text_survive(store: Arc<dyn Store>) {
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

pub(super) async fn large_batches_are_written_whole(store: Arc<dyn Store>) {
    let key = |i: usize| format!("request:{i:08}");
    let batch = (0..10_000).map(|i| Entry::new(key(i), i.to_string(), MINUTE));
    store.write(batch.collect()).await.unwrap();
    for i in (0..10_000).step_by(97).chain([9_999]) {
        assert_eq!(get(&*store, &key(i)).await.unwrap(), i.to_string());
    }
    assert_eq!(get(&*store, &key(10_000)).await, None);
}

pub(super) async fn writers_do_not_disturb_each_other(store: Arc<dyn Store>) {
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

pub(super) async fn a_store_in_good_health_answers_a_ping(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert!(["embedded", "redis"].contains(&store.kind()));
}

pub(super) async fn many_keys_are_read_at_once(store: Arc<dyn Store>) {
    let keys: Vec<String> = (0..200).map(|i| format!("key:{i}")).collect();
    let written = keys.iter().step_by(2);
    let batch = written.map(|key| Entry::new(key, key.clone(), MINUTE));
    store.write(batch.collect()).await.unwrap();
    let read = store.read_all(keys.clone()).await.unwrap();
    assert_eq!(read.len(), keys.len());
    for (i, (key, value)) in keys.iter().zip(read).enumerate() {
        let wanted = (i % 2 == 0).then(|| Bytes::from(key.clone()));
        assert_eq!(value, wanted, "{key}");
    }
    assert!(store.read_all(Vec::new()).await.unwrap().is_empty());
}

pub(super) async fn what_was_removed_is_gone(store: Arc<dyn Store>) {
    put(&*store, "key", "value", MINUTE).await;
    for field in ["a", "b"] {
        put_field(&*store, "hash", field, "1", MINUTE).await;
        put_field(&*store, "whole", field, "1", MINUTE).await;
    }
    let remove = async |key: &str, field: Option<&str>| {
        let field = field.map(str::to_owned);
        store.remove(key.to_owned(), field).await.unwrap();
    };
    remove("key", None).await;
    remove("hash", Some("a")).await;
    remove("whole", None).await;
    remove("absent", None).await;
    remove("absent", Some("a")).await;
    assert_eq!(get(&*store, "key").await, None);
    assert_eq!(fields(&*store, "hash").await, [pair("b", "1")]);
    assert_eq!(fields(&*store, "whole").await, []);

    put(&*store, "key", "again", MINUTE).await;
    put_field(&*store, "whole", "c", "1", MINUTE).await;
    assert_eq!(get(&*store, "key").await.unwrap(), "again");
    assert_eq!(fields(&*store, "whole").await, [pair("c", "1")]);
}
