//! What need not survive the process: who holds which lease and which job.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::super::{Claim, Lease};

/// Leases and jobs that are held; cheap to clone. All times are milliseconds since 1970.
#[derive(Clone, Default)]
pub(super) struct Desk {
    held: Arc<Mutex<HeldThings>>,
}

#[derive(Default)]
struct HeldThings {
    leases: HashMap<String, (Uuid, u64)>,
    /// When each job that was taken was last held, by its number.
    jobs: BTreeMap<u64, u64>,
    last_job: u64,
    /// From how many leases on it is worth while to look for ended ones.
    tidy_at: usize,
}

const TIDY_FROM: usize = 1024;

impl Desk {
    fn held(&self) -> MutexGuard<'_, HeldThings> {
        // Nothing panics while the lock is held.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn acquire(&self, lease: &Lease, now: u64, ttl: u64) -> Claim {
        let mut held = self.held();
        held.tidy(now);
        match held.leases.get(&lease.key) {
            Some((token, end)) if *token != lease.token && *end > now => Claim::Held {
                left: std::time::Duration::from_millis(end - now - 1),
            },
            _ => {
                let end = end(now, ttl);
                held.leases.insert(lease.key.clone(), (lease.token, end));
                Claim::Granted
            }
        }
    }

    pub(super) fn holds(&self, lease: &Lease, now: u64) -> bool {
        let held = self.held();
        let found = held.leases.get(&lease.key);
        found.is_some_and(|(token, end)| *token == lease.token && *end > now)
    }

    pub(super) fn renew(&self, lease: &Lease, now: u64, ttl: u64) -> bool {
        let holds = self.holds(lease, now);
        if holds {
            let end = end(now, ttl);
            let renewed = (lease.token, end);
            self.held().leases.insert(lease.key.clone(), renewed);
        }
        holds
    }

    pub(super) fn release(&self, lease: &Lease) {
        let mut held = self.held();
        let found = held.leases.get(&lease.key);
        if found.is_some_and(|(token, _)| *token == lease.token) {
            held.leases.remove(&lease.key);
        }
    }

    /// The highest number of a job that was ever taken: none may have one of these again, for who has
    /// taken them may still finish them.
    pub(super) fn last_job(&self) -> u64 {
        self.held().last_job
    }

    /// Takes the job, unless somebody has.
    pub(super) fn take(&self, job: u64, now: u64) -> bool {
        let mut held = self.held();
        held.last_job = job.max(held.last_job);
        let free = !held.jobs.contains_key(&job);
        if free {
            held.jobs.insert(job, now);
        }
        free
    }

    /// Takes the jobs that were held for the last time at `until` or before.
    pub(super) fn take_over(&self, until: u64, now: u64, most: usize) -> Vec<u64> {
        let mut held = self.held();
        let idle = held.jobs.iter_mut().filter(|(_, last)| **last <= until);
        let taken = idle.take(most).map(|(job, last)| {
            *last = now;
            *job
        });
        taken.collect()
    }

    pub(super) fn hold(&self, job: u64, now: u64) {
        self.held().jobs.insert(job, now);
    }

    pub(super) fn forget(&self, job: u64) {
        self.held().jobs.remove(&job);
    }
}

/// When what begins in this millisecond is over: none ends too early.
fn end(now: u64, ttl: u64) -> u64 {
    now.saturating_add(ttl).saturating_add(1)
}

impl HeldThings {
    fn tidy(&mut self, now: u64) {
        if self.leases.len() >= self.tidy_at.max(TIDY_FROM) {
            self.leases.retain(|_, (_, end)| *end > now);
            self.tidy_at = 2 * self.leases.len();
        }
    }
}
