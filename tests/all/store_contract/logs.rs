//! What happened, in order and numbered.

use agent_orchestrator::store::Place;

use super::*;

async fn append(store: &dyn Store, epoch: u32, number: u64, entries: &[&'static str]) -> bool {
    let entries = entries.iter().map(|it| Bytes::from_static(it.as_bytes()));
    let first = Place { epoch, number };
    let appended = store.append("log".to_owned(), first, entries.collect(), MINUTE);
    appended.await.unwrap()
}

async fn begin(store: &dyn Store, epoch: u32) -> Option<u64> {
    store.begin("log".to_owned(), epoch, MINUTE).await.unwrap()
}

async fn entries(store: &dyn Store, after: Place, most: usize) -> Vec<(u64, Bytes)> {
    let read = store.entries("log".to_owned(), after, most).await.unwrap();
    read.into_iter()
        .map(|(place, entry)| (place.number, entry))
        .collect()
}

fn numbered(entries: &[&'static str]) -> Vec<(u64, Bytes)> {
    (1..)
        .zip(entries.iter().map(|it| Bytes::from(*it)))
        .collect()
}

pub(super) async fn entries_are_numbered_without_gaps_over_all_epochs(store: Arc<dyn Store>) {
    assert!(entries(&*store, Place::START, 10).await.is_empty());
    assert_eq!(begin(&*store, 1).await, Some(0));
    assert_eq!(
        begin(&*store, 1).await,
        Some(0),
        "once more, after an answer that was lost"
    );
    assert!(append(&*store, 1, 1, &["a", "b"]).await);
    assert!(append(&*store, 1, 3, &["c"]).await);
    assert_eq!(begin(&*store, 4).await, Some(3));
    assert_eq!(begin(&*store, 4).await, Some(3));
    assert!(append(&*store, 4, 4, &["d"]).await);
    let all = entries(&*store, Place::START, 10).await;
    assert_eq!(all, numbered(&["a", "b", "c", "d"]));
}

pub(super) async fn appending_twice_appends_once(store: Arc<dyn Store>) {
    assert_eq!(begin(&*store, 1).await, Some(0));
    for _ in 0..2 {
        assert!(append(&*store, 1, 1, &["a", "b"]).await);
    }
    assert!(append(&*store, 1, 2, &["b", "c"]).await);
    let all = entries(&*store, Place::START, 10).await;
    assert_eq!(all, numbered(&["a", "b", "c"]));
}

pub(super) async fn a_writer_of_an_earlier_epoch_is_refused(store: Arc<dyn Store>) {
    assert_eq!(begin(&*store, 1).await, Some(0));
    assert!(append(&*store, 1, 1, &["a"]).await);
    assert_eq!(begin(&*store, 2).await, Some(1));
    assert!(!append(&*store, 1, 2, &["late"]).await);
    assert_eq!(begin(&*store, 1).await, None);
    assert!(append(&*store, 2, 2, &["b"]).await);
    assert!(!append(&*store, 1, 3, &["late"]).await);
    assert_eq!(
        entries(&*store, Place::START, 10).await,
        numbered(&["a", "b"])
    );
}

pub(super) async fn a_log_is_read_page_by_page_from_any_number(store: Arc<dyn Store>) {
    begin(&*store, 1).await;
    for number in 1..=60 {
        assert!(append(&*store, 1, number, &["x"]).await);
    }
    begin(&*store, 2).await;
    for number in 61..=120 {
        assert!(append(&*store, 2, number, &["x"]).await);
    }
    for from in [0, 1, 59, 60, 61, 119, 120, 500] {
        // The epoch of the first is not known, that of the others is.
        let (mut after, mut numbers) = (
            Place {
                epoch: 0,
                number: from,
            },
            Vec::new(),
        );
        loop {
            let page = store.entries("log".to_owned(), after, 7).await.unwrap();
            assert!(page.len() <= 7);
            let Some((last, _)) = page.last() else { break };
            after = *last;
            numbers.extend(page.iter().map(|(place, _)| place.number));
        }
        assert_eq!(
            numbers,
            (from + 1..=120).collect::<Vec<_>>(),
            "after {from}"
        );
    }
}

pub(super) async fn a_log_expires(store: Arc<dyn Store>) {
    begin(&*store, 1).await;
    let first = Place {
        epoch: 1,
        number: 1,
    };
    let appended = store.append("log".to_owned(), first, vec![Bytes::from("x")], MOMENT);
    assert!(appended.await.unwrap());
    until("the log is gone", async || {
        entries(&*store, Place::START, 1).await.is_empty()
    })
    .await;
}
