//! The thread that does all work on the database.
//!
//! Changes that were asked for while the thread was busy are made in one transaction: to have the
//! disk confirm it takes far longer than any of them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use redb::{Database, Error};
use tokio::sync::oneshot;

use super::super::StoreError;
use super::engine::Engine;
use super::tables::Batch;

/// Changes that are made in one transaction at most.
const MOST_CHANGES: usize = 256;

/// The way to the thread. When this is dropped, the thread does what it was asked for, closes the
/// file, and ends.
pub(super) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    Look(Box<dyn FnOnce(&mut Engine) + Send>),
    Change(Box<dyn Change>),
}

/// A change of the database, and somebody who waits for it.
trait Change: Send {
    /// Makes it; once more, if the transaction failed for the sake of another.
    fn make(&mut self, batch: &mut Batch<'_>) -> Result<(), Error>;
    /// Tells that all is on the disk, or why it is not.
    fn settle(self: Box<Self>, end: Result<(), StoreError>);
}

struct Asked<F, R> {
    make: F,
    made: Option<R>,
    reply: oneshot::Sender<Result<R, StoreError>>,
}

impl<F, R> Change for Asked<F, R>
where
    F: FnMut(&mut Batch<'_>) -> Result<R, Error> + Send,
    R: Send,
{
    fn make(&mut self, batch: &mut Batch<'_>) -> Result<(), Error> {
        self.made = Some((self.make)(batch)?);
        Ok(())
    }

    fn settle(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { made, reply, .. } = *self;
        let made = end.map(|()| made.expect("what is settled well was made"));
        // Whoever asked may have stopped waiting.
        let _ = reply.send(made);
    }
}

impl Worker {
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || work(engine, &queue))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Has something done with the engine; `None` when the thread has stopped.
    pub(super) async fn tell<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> R + Send + 'static,
    ) -> Option<R> {
        let (reply, answer) = oneshot::channel();
        let look = Job::Look(Box::new(move |engine| {
            let _ = reply.send(job(engine));
        }));
        self.send(look);
        answer.await.ok()
    }

    /// Has something looked up in the database; `None` when the thread has stopped.
    pub(super) async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Database) -> Result<R, Error> + Send + 'static,
    ) -> Option<Result<R, StoreError>> {
        self.tell(|engine| engine.run(look)).await
    }

    /// Has the database changed, and waits until that is on the disk; `None` when the thread has
    /// stopped.
    pub(super) async fn change<R: Send + 'static>(
        &self,
        make: impl FnMut(&mut Batch<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Option<Result<R, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let made = None;
        self.send(Job::Change(Box::new(Asked { make, made, reply })));
        answer.await.ok()
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // A job that is not taken drops its `reply`, which whoever asked notices.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It has panicked, if this is an error; the panic has been reported by then.
            let _ = thread.join();
        }
    }
}

fn work(mut engine: Engine, queue: &Receiver<Job>) {
    let mut next = queue.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Look(look) => look(&mut engine),
            Job::Change(first) => {
                let mut changes = vec![first];
                while changes.len() < MOST_CHANGES {
                    match queue.try_recv() {
                        Ok(Job::Change(more)) => changes.push(more),
                        Ok(look) => {
                            next = Some(look);
                            break;
                        }
                        Err(_none) => break,
                    }
                }
                make(&mut engine, changes);
            }
        }
        next = next.or_else(|| queue.recv().ok());
    }
}

/// Makes the changes together, or each by itself where that fails: one of them may be at fault.
fn make(engine: &mut Engine, mut changes: Vec<Box<dyn Change>>) {
    let together = engine.commit(|batch| changes.iter_mut().try_for_each(|it| it.make(batch)));
    let alone = together.is_err() && changes.len() > 1;
    for mut change in changes {
        let end = if alone {
            engine.commit(|batch| change.make(batch))
        } else {
            together.clone()
        };
        change.settle(end);
    }
}
