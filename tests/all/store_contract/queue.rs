//! Work that waits until somebody has done it.

use agent_orchestrator::store::{Job, Ticket};
use uuid::Uuid;

use super::*;

const ROOM: usize = 10_000;

fn names(count: usize) -> Vec<Bytes> {
    (0..count)
        .map(|i| Bytes::from(format!("job {i}")))
        .collect()
}

async fn enqueue(store: &dyn Store, jobs: Vec<Bytes>) {
    assert!(store.enqueue(jobs, Vec::new(), ROOM).await.unwrap());
}

fn bodies(jobs: &[Job]) -> Vec<Bytes> {
    jobs.iter().map(|job| job.body.clone()).collect()
}

fn tickets(jobs: &[Job]) -> Vec<Ticket> {
    jobs.iter().map(|job| job.ticket.clone()).collect()
}

pub(super) async fn jobs_are_given_in_order_and_each_once(store: Arc<dyn Store>) {
    let worker = Uuid::now_v7();
    assert!(store.take(worker, 10).await.unwrap().is_empty());
    enqueue(&*store, names(3)).await;
    enqueue(&*store, names(5)[3..].to_vec()).await;
    let first = store.take(worker, 2).await.unwrap();
    let rest = store.take(worker, 10).await.unwrap();
    assert_eq!(bodies(&[first.clone(), rest.clone()].concat()), names(5));
    assert!(store.take(worker, 10).await.unwrap().is_empty());
    assert_eq!(store.depth().await.unwrap(), 5);
    store.finish(tickets(&first)).await.unwrap();
    store.finish(tickets(&rest)).await.unwrap();
    store.finish(tickets(&rest)).await.unwrap();
    assert_eq!(store.depth().await.unwrap(), 0);
}

pub(super) async fn many_workers_share_the_jobs(store: Arc<dyn Store>) {
    enqueue(&*store, names(200)).await;
    let workers = (0..8).map(|_| {
        let store = store.clone();
        async move {
            let (worker, mut done) = (Uuid::now_v7(), Vec::new());
            loop {
                let jobs = store.take(worker, 3).await.unwrap();
                if jobs.is_empty() {
                    return done;
                }
                store.finish(tickets(&jobs)).await.unwrap();
                done.extend(bodies(&jobs));
            }
        }
    });
    let mut done = join_all(workers).await.concat();
    done.sort();
    let mut wanted = names(200);
    wanted.sort();
    assert_eq!(done, wanted);
}

pub(super) async fn a_job_is_given_again_unless_it_is_held_or_finished(store: Arc<dyn Store>) {
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    enqueue(&*store, names(30)).await;
    let jobs = store.take(first, 30).await.unwrap();
    store.finish(tickets(&jobs[..10])).await.unwrap();
    let idle = 10 * MOMENT;
    assert!(
        store
            .take_over(second, MINUTE, 100)
            .await
            .unwrap()
            .is_empty()
    );

    let (held, left) = (tickets(&jobs[10..20]), &jobs[20..]);
    let mut taken = Vec::new();
    until("the jobs that nobody holds are given again", async || {
        store.hold(first, held.clone()).await.unwrap();
        taken.extend(store.take_over(second, idle, 7).await.unwrap());
        taken.len() == left.len()
    })
    .await;
    taken.sort_by(|a, b| a.ticket.cmp(&b.ticket));
    let mut left = left.to_vec();
    left.sort_by(|a, b| a.ticket.cmp(&b.ticket));
    assert_eq!(taken, left);
    // Whoever has them now holds them, too.
    assert!(
        store
            .take_over(first, MINUTE, 100)
            .await
            .unwrap()
            .is_empty()
    );

    store.finish(tickets(&jobs[10..])).await.unwrap();
    assert_eq!(store.depth().await.unwrap(), 0);
    assert!(
        store
            .take_over(second, Duration::ZERO, 100)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(super) async fn a_job_that_was_left_is_given_again_at_once(store: Arc<dyn Store>) {
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    enqueue(&*store, names(3)).await;
    let jobs = store.take(first, 3).await.unwrap();
    store.leave(first, tickets(&jobs[1..])).await.unwrap();
    let taken = store.take_over(second, MINUTE, 10).await.unwrap();
    assert_eq!(taken, jobs[1..]);
    let again = store.take_over(first, MINUTE, 10).await.unwrap();
    assert!(again.is_empty(), "whoever has taken it over holds it");
}

pub(super) async fn a_full_queue_takes_all_or_nothing(store: Arc<dyn Store>) {
    assert!(store.enqueue(names(3), Vec::new(), 5).await.unwrap());
    assert!(!store.enqueue(names(3), Vec::new(), 5).await.unwrap());
    assert_eq!(store.depth().await.unwrap(), 3);
    assert!(store.enqueue(names(2), Vec::new(), 5).await.unwrap());
    // What was taken is in the queue until it is finished.
    let taken = store.take(Uuid::now_v7(), 5).await.unwrap();
    assert!(!store.enqueue(names(1), Vec::new(), 5).await.unwrap());
    store.finish(tickets(&taken[..1])).await.unwrap();
    assert!(store.enqueue(names(1), Vec::new(), 5).await.unwrap());
}

pub(super) async fn a_job_may_be_large_and_any_bytes(store: Arc<dyn Store>) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let jobs = vec![
        Bytes::from(all_bytes),
        Bytes::new(),
        Bytes::from(vec![0; 1 << 20]),
    ];
    enqueue(&*store, jobs.clone()).await;
    let taken = store.take(Uuid::now_v7(), 10).await.unwrap();
    assert!(bodies(&taken) == jobs);
}

pub(super) async fn what_is_known_of_jobs_is_written_with_them_or_not_at_all(
    store: Arc<dyn Store>,
) {
    let record = |key: &str| vec![Entry::new(key, "queued", MINUTE)];
    assert!(store.enqueue(names(1), record("a"), 1).await.unwrap());
    assert!(!store.enqueue(names(1), record("b"), 1).await.unwrap());
    assert_eq!(get(&*store, "a").await.unwrap(), "queued");
    assert_eq!(get(&*store, "b").await, None);
}

pub(super) async fn a_job_that_is_put_in_again_leaves_what_is_known_of_it(store: Arc<dyn Store>) {
    let record = |key: &str| Entry::new(key, "queued", MINUTE);
    assert!(store.enqueue(names(1), vec![record("a")], 2).await.unwrap());
    let done = Entry::new("a", "done", MINUTE);
    store.write(vec![done]).await.unwrap();
    let again = vec![record("a"), record("b")];
    assert!(store.enqueue(names(1), again, 2).await.unwrap());
    assert_eq!(get(&*store, "a").await.unwrap(), "done");
    assert_eq!(get(&*store, "b").await.unwrap(), "queued");
    // Also where there is no room for it.
    let again = vec![record("a"), record("c")];
    assert!(!store.enqueue(names(1), again, 2).await.unwrap());
    assert_eq!(get(&*store, "a").await.unwrap(), "done");
    assert_eq!(get(&*store, "c").await, None);
}
