//! Work that waits until somebody has done it.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::{Entry, StoreError};

/// A queue that several workers, in several processes, take jobs from: the oldest first, each job at
/// least once.
///
/// Invariant: a job that was put in, and said to be, is given to somebody again and again until it is
/// finished.
///
/// Edges: a job may be given to two workers, and even at once: whoever held it for too long without
/// saying so is taken for dead. A job that was put in twice, as after an answer that was lost, is
/// given twice. In a store that belongs to one process, all that was taken waits again after a restart.
pub trait Queue: Send + Sync {
    /// Puts jobs at the end and writes what there is to be known of them, all of it or, when more than
    /// `most` would be in the queue then, nothing; says whether they were put in. No job is given to
    /// anybody before its records are written. A record takes the place of none: whoever puts a job in
    /// again does not know how far it has come.
    ///
    /// # Errors
    /// [`StoreError`] when they may not have been put in.
    fn enqueue(
        &self,
        jobs: Vec<Bytes>,
        records: Vec<Entry>,
        most: usize,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Takes up to so many jobs that nobody has taken yet, for that worker.
    ///
    /// # Errors
    /// [`StoreError`] when nothing can be taken now.
    fn take(&self, worker: Uuid, most: usize) -> BoxFuture<'_, Result<Vec<Job>, StoreError>>;

    /// Takes jobs whose workers have not held them for that long.
    ///
    /// # Errors
    /// [`StoreError`] when nothing can be taken now.
    fn take_over(
        &self,
        worker: Uuid,
        idle: Duration,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<Job>, StoreError>>;

    /// Says that the worker still works on those jobs.
    ///
    /// # Errors
    /// [`StoreError`] when nobody may have heard it.
    fn hold(&self, worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Says that the worker has stopped working on those jobs: they are there to be
    /// [taken over](Self::take_over) at once.
    ///
    /// # Errors
    /// [`StoreError`] when they are taken over only after a while.
    fn leave(&self, worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes jobs out of the queue, for they are done.
    ///
    /// # Errors
    /// [`StoreError`] when they may be given to somebody again.
    fn finish(&self, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// How many jobs are not finished.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot tell.
    fn depth(&self) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// A job that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it is called by its worker.
    pub ticket: Ticket,
    /// What was put in.
    pub body: Bytes,
}

/// Names a job within its queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) String);
