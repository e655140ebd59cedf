//! Keys that are found by their age.

use uuid::{NoContext, Timestamp, Uuid};

use super::*;

/// Keys of so many ages: the first was made now, and each of the others that much earlier.
fn keys(family: &str, count: u64, apart: Duration) -> Vec<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap();
    let key = |i: u64| {
        let age = apart * u32::try_from(i).unwrap();
        let at = now.checked_sub(age).unwrap();
        let at = Timestamp::from_unix(NoContext, at.as_secs(), at.subsec_nanos());
        format!("{family}:{}", Uuid::new_v7(at))
    };
    (0..count).map(key).collect()
}

async fn list(store: &dyn Store, keys: &[String]) {
    let entries = keys.iter().map(|key| Entry::new(key, "x", MINUTE).listed());
    store.write(entries.collect()).await.unwrap();
}

/// All that is listed, asked for in pages of that size.
async fn pages(store: &dyn Store, family: &'static str, size: usize) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = store
            .newest(family, all.last().cloned(), size)
            .await
            .unwrap();
        assert!(page.len() <= size);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) async fn the_newest_come_first_page_by_page(store: Arc<dyn Store>) {
    assert!(pages(&*store, "thing", 10).await.is_empty());
    // Some within a few seconds, and some over hours.
    let mut wanted = keys("thing", 90, Duration::from_millis(30));
    let older = keys("thing", 60, Duration::from_secs(301));
    wanted.extend(older.into_iter().skip(1));
    let mut shuffled = wanted.clone();
    fastrand::shuffle(&mut shuffled);
    list(&*store, &shuffled).await;
    for size in [1, 7, 1000] {
        assert_eq!(pages(&*store, "thing", size).await, wanted, "{size} a page");
    }
}

pub(super) async fn what_was_written_again_is_listed_once(store: Arc<dyn Store>) {
    let keys = keys("thing", 30, Duration::from_millis(300));
    for ttl in [MINUTE, 300 * MINUTE, MINUTE] {
        let entries = keys.iter().map(|key| Entry::new(key, "x", ttl).listed());
        store.write(entries.collect()).await.unwrap();
        assert_eq!(pages(&*store, "thing", 7).await, keys);
    }
}

pub(super) async fn what_has_expired_need_not_be_listed_and_does_not_end_a_page(
    store: Arc<dyn Store>,
) {
    let keys = keys("thing", 40, Duration::from_secs(61));
    let entries = keys.iter().enumerate().map(|(i, key)| {
        let ttl = if i % 4 == 0 { MINUTE } else { MOMENT };
        Entry::new(key, "x", ttl).listed()
    });
    store.write(entries.collect()).await.unwrap();
    until_gone(&*store, &keys[39]).await;
    let listed = pages(&*store, "thing", 3).await;
    let kept: Vec<String> = keys.iter().step_by(4).cloned().collect();
    let values = store.read_all(listed.clone()).await.unwrap();
    let alive = listed.into_iter().zip(values);
    let alive: Vec<String> = alive
        .filter_map(|(key, value)| value.map(|_| key))
        .collect();
    assert_eq!(alive, kept);
}

pub(super) async fn families_do_not_mix_and_what_is_not_listed_is_not_found(store: Arc<dyn Store>) {
    let (things, others) = (
        keys("thing", 3, Duration::from_secs(1)),
        keys("thin", 3, Duration::from_secs(1)),
    );
    list(&*store, &things).await;
    list(&*store, &others).await;
    assert_eq!(pages(&*store, "thing", 2).await, things);
    assert_eq!(pages(&*store, "thin", 2).await, others);
    assert!(pages(&*store, "thi", 2).await.is_empty());
}
