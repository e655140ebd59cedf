//! Takes jobs from the queue as long as there are free places, and keeps them while they are worked on.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use log::{error, warn};
use tokio::sync::OwnedSemaphorePermit;

use super::duty::{self, End};
use crate::pipeline::Orchestrator;
use crate::store::{Job, StoreError};

/// How long the queue is not looked at when nobody says that there is work: signals may be lost.
const GLANCE: Duration = Duration::from_millis(500);

/// Takes jobs that nobody has taken yet.
pub(super) async fn take(orchestrator: Orchestrator) {
    let house = orchestrator.house();
    while let Some(places) = free_places(&orchestrator).await {
        let jobs = house.store.take(house.id, places.len()).await;
        if !begin(&orchestrator, jobs, places) {
            // Either way it is time to look again, or to end.
            let _ = tokio::time::timeout(GLANCE, house.background.bell.notified()).await;
        }
    }
}

/// Takes jobs whose orchestrators are not heard of any more.
pub(super) async fn take_over(orchestrator: Orchestrator) {
    let house = orchestrator.house();
    let lease = house.config.lease;
    while let Some(places) = free_places(&orchestrator).await {
        // After the store was away, everybody is given the time to say that they live.
        let jobs = if house.peers.in_touch_for(lease) {
            house.store.take_over(house.id, lease, places.len()).await
        } else {
            Ok(Vec::new())
        };
        if !begin(&orchestrator, jobs, places) {
            tokio::time::sleep(lease / 4).await;
        }
    }
}

/// Says again and again that the jobs that are worked on here are held.
pub(super) async fn hold(orchestrator: Orchestrator) {
    let house = orchestrator.house();
    loop {
        tokio::time::sleep(house.config.lease / 4).await;
        let held: Vec<_> = house.background.held().iter().cloned().collect();
        if !held.is_empty() {
            // Others who take them over find that their leases are held.
            let _ = house.store.hold(house.id, held).await;
        }
    }
}

/// Waits for a free place, and takes half of those that there are; `None` at the end.
async fn free_places(orchestrator: &Orchestrator) -> Option<Vec<OwnedSemaphorePermit>> {
    let background = &orchestrator.house().background;
    let first = background.places.clone().acquire_owned().await.ok()?;
    let mut places = vec![first];
    for _ in 0..background.places.available_permits() / 2 {
        places.extend(background.places.clone().try_acquire_owned().ok());
    }
    Some(places)
}

/// Begins to work on the jobs; `false` when there are none.
fn begin(
    orchestrator: &Orchestrator,
    jobs: Result<Vec<Job>, StoreError>,
    places: Vec<OwnedSemaphorePermit>,
) -> bool {
    // The journal says when the store is away.
    let mut jobs = jobs.unwrap_or_default();
    jobs.retain(|job| !orchestrator.house().background.held().contains(&job.ticket));
    let some = !jobs.is_empty();
    for (job, place) in jobs.into_iter().zip(places) {
        actix_rt::spawn(work(orchestrator.clone(), job, place));
    }
    some
}

async fn work(orchestrator: Orchestrator, job: Job, place: OwnedSemaphorePermit) {
    let house = orchestrator.house();
    let held = Held::new(&orchestrator, &job);
    let performed = AssertUnwindSafe(duty::perform(&orchestrator, &job.body));
    let end = performed.catch_unwind().await.unwrap_or_else(|_panic| {
        error!("a request was left, for the orchestrator panicked over it: this is a bug");
        End::Left
    });
    let ticket = vec![job.ticket.clone()];
    match end {
        End::Finished => {
            if let Err(error) = house.store.finish(ticket).await {
                // Whoever takes it then finds it finished.
                warn!("a finished request stays in the queue for now: {error}");
            }
        }
        // If this cannot be said, it is taken over a little later.
        End::GivenBack => drop(house.store.leave(house.id, ticket).await),
        End::Left => {}
    }
    drop((held, place));
}

/// A job that is held while this lives.
struct Held<'a> {
    orchestrator: &'a Orchestrator,
    job: &'a Job,
}

impl<'a> Held<'a> {
    fn new(orchestrator: &'a Orchestrator, job: &'a Job) -> Self {
        let background = &orchestrator.house().background;
        background.held().insert(job.ticket.clone());
        Self { orchestrator, job }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let background = &self.orchestrator.house().background;
        background.held().remove(&self.job.ticket);
    }
}
