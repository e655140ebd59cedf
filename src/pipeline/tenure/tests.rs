use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::*;
use crate::store::Embedded;
use crate::testkit::until;

const SPAN: Duration = Duration::from_millis(400);

/// A store whose clock goes ahead when a test says so.
struct Scene {
    store: Arc<dyn Store>,
    ahead: Arc<AtomicU64>,
}

impl Scene {
    fn set() -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let hand = Arc::clone(&ahead);
        let clock = move || SystemTime::now() + Duration::from_secs(hand.load(Ordering::SeqCst));
        let store = Embedded::in_memory().unwrap().with_clock(clock);
        let store = Arc::new(store);
        Self { store, ahead }
    }

    async fn begin(&self) -> Result<Tenure, Duration> {
        Tenure::begin(&self.store, "key", SPAN).await.unwrap()
    }

    /// All leases end, as if everybody had stood still.
    fn stand_still(&self) {
        self.ahead.fetch_add(60, Ordering::SeqCst);
    }

    async fn value(&self) -> Option<String> {
        let value = self.store.read("key".to_owned()).await.unwrap()?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }
}

async fn write(tenure: &Tenure, value: &str) -> bool {
    let entry = Entry::new("key", value.to_owned(), Duration::from_secs(3600));
    tenure.write(entry).await.unwrap()
}

#[actix_rt::test]
async fn a_lease_lasts_as_long_as_its_holder_and_no_longer() {
    let scene = Scene::set();
    let tenure = scene.begin().await.unwrap();
    tokio::time::sleep(3 * SPAN).await;
    assert!(scene.begin().await.is_err());
    assert!(write(&tenure, "a").await);
    drop(tenure);
    let mut next = None;
    until("it is released", async || {
        next = scene.begin().await.ok();
        next.is_some()
    })
    .await;
    next.unwrap().end().await;
    scene.begin().await.unwrap();
}

#[actix_rt::test]
async fn after_it_lapsed_nothing_is_written_before_its_holder_has_looked() {
    let scene = Scene::set();
    let first = scene.begin().await.unwrap();
    scene.stand_still();
    // Somebody else has it for a while, and does all there is to do.
    let second = scene.begin().await.unwrap();
    assert!(write(&second, "theirs").await);
    second.end().await;

    // Whether or not it was asked for anew by now.
    let began = Instant::now();
    while began.elapsed() < 2 * SPAN {
        assert!(!write(&first, "ours").await);
        tokio::time::sleep(SPAN / 10).await;
    }
    assert!(first.resume().await.unwrap());
    assert!(!write(&first, "ours").await, "nobody has looked yet");
    assert_eq!(scene.value().await.unwrap(), "theirs");
    first.confirm();
    assert!(write(&first, "ours").await);
}

#[actix_rt::test]
async fn a_lease_that_somebody_else_has_is_lost() {
    let scene = Scene::set();
    let first = scene.begin().await.unwrap();
    scene.stand_still();
    let second = scene.begin().await.unwrap();
    let lost = tokio::time::timeout(Duration::from_secs(30), first.lost());
    lost.await.unwrap();
    assert!(!first.resume().await.unwrap());
    assert!(!write(&first, "ours").await);
    assert!(write(&second, "theirs").await);
}
