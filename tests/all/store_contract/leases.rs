//! Who may change a record, until when.

use agent_orchestrator::store::{Claim, Lease};

use super::*;

async fn granted(store: &dyn Store, lease: &Lease, ttl: Duration) -> bool {
    store.acquire(lease.clone(), ttl).await.unwrap() == Claim::Granted
}

async fn write(store: &dyn Store, lease: &Lease, value: &str) -> bool {
    let entry = Entry::new(&lease.key, value.to_owned(), MINUTE);
    store.write_held(lease.clone(), entry).await.unwrap()
}

pub(super) async fn a_lease_is_held_by_one_at_a_time(store: Arc<dyn Store>) {
    let (first, second) = (Lease::of("key"), Lease::of("key"));
    assert!(granted(&*store, &first, MINUTE).await);
    let Claim::Held { left } = store.acquire(second.clone(), MINUTE).await.unwrap() else {
        panic!("two hold it");
    };
    assert!(
        (Duration::from_secs(30)..=MINUTE).contains(&left),
        "{left:?}"
    );
    store.release(second.clone()).await.unwrap();
    assert!(
        !granted(&*store, &second, MINUTE).await,
        "it was not theirs to release"
    );

    store.release(first.clone()).await.unwrap();
    assert!(granted(&*store, &second, MINUTE).await);
    assert!(!store.renew(first, MINUTE).await.unwrap());
}

pub(super) async fn of_many_who_ask_at_once_one_is_granted(store: Arc<dyn Store>) {
    for round in 0..20 {
        let leases: Vec<Lease> = (0..10)
            .map(|_| Lease::of(&format!("key:{round}")))
            .collect();
        let asked = leases.iter().map(|lease| granted(&*store, lease, MINUTE));
        let granted = join_all(asked).await;
        assert_eq!(granted.into_iter().filter(|it| *it).count(), 1);
    }
}

pub(super) async fn a_lease_ends_with_its_time(store: Arc<dyn Store>) {
    let (first, second) = (Lease::of("key"), Lease::of("key"));
    let asked = Instant::now();
    assert!(granted(&*store, &first, 4 * MOMENT).await);
    until("the lease has ended", async || {
        granted(&*store, &second, MINUTE).await
    })
    .await;
    assert!(asked.elapsed() >= 4 * MOMENT, "it ended too early");
    assert!(!store.renew(first.clone(), MINUTE).await.unwrap());
    assert!(!write(&*store, &first, "late").await);
}

pub(super) async fn a_lease_lasts_as_long_as_it_is_renewed(store: Arc<dyn Store>) {
    let (first, second) = (Lease::of("key"), Lease::of("key"));
    let short = 20 * MOMENT;
    assert!(granted(&*store, &first, short).await);
    let began = Instant::now();
    while began.elapsed() < 2 * short {
        assert!(store.renew(first.clone(), short).await.unwrap());
        assert!(!granted(&*store, &second, MINUTE).await);
    }
    until("the lease has ended", async || {
        granted(&*store, &second, MINUTE).await
    })
    .await;
}

pub(super) async fn asking_twice_with_one_lease_is_harmless(store: Arc<dyn Store>) {
    let lease = Lease::of("key");
    assert!(granted(&*store, &lease, MINUTE).await);
    assert!(granted(&*store, &lease, MINUTE).await);
    assert!(write(&*store, &lease, "1").await);
    assert!(write(&*store, &lease, "1").await);
    store.release(lease.clone()).await.unwrap();
    store.release(lease).await.unwrap();
}

pub(super) async fn what_a_former_holder_writes_is_refused(store: Arc<dyn Store>) {
    let (first, second) = (Lease::of("key"), Lease::of("key"));
    assert!(!write(&*store, &first, "never held").await);
    assert_eq!(get(&*store, "key").await, None);
    assert!(granted(&*store, &first, MINUTE).await);
    assert!(write(&*store, &first, "first").await);
    assert_eq!(get(&*store, "key").await.unwrap(), "first");

    store.release(first.clone()).await.unwrap();
    assert!(!write(&*store, &first, "late").await);
    assert!(granted(&*store, &second, MINUTE).await);
    assert!(!write(&*store, &first, "later").await);
    assert_eq!(get(&*store, "key").await.unwrap(), "first");
    assert!(write(&*store, &second, "second").await);
    assert_eq!(get(&*store, "key").await.unwrap(), "second");
}

pub(super) async fn leases_of_different_keys_do_not_touch(store: Arc<dyn Store>) {
    let keys = ["a", "b", "a:b", "{a}", "", "lease:{a}"];
    let leases: Vec<Lease> = keys.into_iter().map(Lease::of).collect();
    for lease in &leases {
        assert!(granted(&*store, lease, MINUTE).await, "{}", lease.key);
    }
    for lease in &leases {
        assert!(write(&*store, lease, &lease.key).await, "{}", lease.key);
    }
    for key in keys {
        assert_eq!(get(&*store, key).await.unwrap(), key);
    }
}
