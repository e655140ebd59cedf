//! What only the embedded store promises.

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
