//! Leases, the queue, logs and signals: for one process, which need not agree with others.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::super::{
    Claim, Entry, Heard, Job, Lease, Leases, Logs, Place, Queue, Signals, StoreError, Ticket,
    millis,
};
use super::{Embedded, reading};

impl Leases for Embedded {
    fn acquire(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<Claim, StoreError>> {
        let claim = self.desk.acquire(&lease, self.now(), millis(ttl));
        ready(Ok(claim)).boxed()
    }

    fn renew(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        let renewed = self.desk.renew(&lease, self.now(), millis(ttl));
        ready(Ok(renewed)).boxed()
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), StoreError>> {
        self.desk.release(&lease);
        ready(Ok(())).boxed()
    }

    fn write_held(&self, lease: Lease, entry: Entry) -> BoxFuture<'_, Result<bool, StoreError>> {
        let (desk, now) = (self.desk.clone(), self.now_rounded_up());
        // Whoever is granted the next lease reads what is written here: all is done in order.
        self.change(move |batch| {
            let holds = desk.holds(&lease, now);
            if holds {
                batch.put(&entry, now)?;
            }
            Ok(holds)
        })
        .boxed()
    }
}

impl Queue for Embedded {
    fn enqueue(
        &self,
        jobs: Vec<Bytes>,
        records: Vec<Entry>,
        most: usize,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let (desk, now) = (self.desk.clone(), self.now_rounded_up());
        self.change(move |batch| {
            let put = batch.enqueue(&jobs, desk.last_job(), most as u64)?;
            if put {
                records.iter().try_for_each(|it| batch.put_new(it, now))?;
            }
            Ok(put)
        })
        .boxed()
    }

    fn take(&self, _worker: Uuid, most: usize) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        let (desk, now) = (self.desk.clone(), self.now());
        self.look(move |db| {
            let mut taken = 0;
            let jobs = reading::jobs(db, |number| {
                if taken == most {
                    return ControlFlow::Break(());
                }
                let takes = desk.take(number, now);
                taken += usize::from(takes);
                ControlFlow::Continue(takes)
            })?;
            Ok(jobs.into_iter().map(job).collect())
        })
        .boxed()
    }

    fn take_over(
        &self,
        _worker: Uuid,
        idle: Duration,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        let (desk, now) = (self.desk.clone(), self.now());
        self.look(move |db| {
            let mut jobs = Vec::new();
            for number in desk.take_over(now.saturating_sub(millis(idle)), now, most) {
                match reading::job(db, number)? {
                    Some(body) => jobs.push(job((number, body))),
                    None => desk.forget(number),
                }
            }
            Ok(jobs)
        })
        .boxed()
    }

    fn hold(&self, _worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        let now = self.now();
        for number in jobs.iter().filter_map(number) {
            self.desk.hold(number, now);
        }
        ready(Ok(())).boxed()
    }

    fn leave(&self, _worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        for number in jobs.iter().filter_map(number) {
            self.desk.hold(number, 0);
        }
        ready(Ok(())).boxed()
    }

    fn finish(&self, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        let numbers: Vec<u64> = jobs.iter().filter_map(number).collect();
        async move {
            let finished = numbers.clone();
            self.change(move |batch| finished.iter().try_for_each(|job| batch.dequeue(*job)))
                .await?;
            for number in numbers {
                self.desk.forget(number);
            }
            Ok(())
        }
        .boxed()
    }

    fn depth(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.look(|db| Ok(usize::try_from(reading::depth(db)?).unwrap_or(usize::MAX)))
            .boxed()
    }
}

impl Logs for Embedded {
    fn begin(
        &self,
        log: String,
        epoch: u32,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let now = self.now_rounded_up();
        self.change(move |batch| {
            let last = batch.last_field(&log, now)?;
            let last = last
                .as_deref()
                .and_then(Place::parse)
                .unwrap_or(Place::START);
            if last.epoch > epoch {
                return Ok(None);
            }
            if last.epoch < epoch {
                let number = last.number;
                let mark = Entry::field(&*log, field(Place { epoch, number }), MARK, ttl);
                batch.put(&mark, now)?;
            }
            Ok(Some(last.number))
        })
        .boxed()
    }

    fn append(
        &self,
        log: String,
        first: Place,
        entries: Vec<Bytes>,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let now = self.now_rounded_up();
        self.change(move |batch| {
            let last = batch.last_field(&log, now)?;
            let last = last
                .as_deref()
                .and_then(Place::parse)
                .unwrap_or(Place::START);
            if last.epoch > first.epoch {
                return Ok(false);
            }
            let epoch = first.epoch;
            for (number, entry) in (first.number..).zip(&entries) {
                let field = field(Place { epoch, number });
                batch.put(&Entry::field(&*log, field, entry.clone(), ttl), now)?;
            }
            Ok(true)
        })
        .boxed()
    }

    fn entries(
        &self,
        log: String,
        after: Place,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<(Place, Bytes)>, StoreError>> {
        let now = self.now();
        self.look(move |db| {
            let rows = reading::fields(db, &log, Some(&field(after)), usize::MAX, now)?;
            let entries = rows
                .into_iter()
                .filter_map(|(field, entry)| Some((Place::parse(&field)?, entry)));
            let wanted =
                |(place, entry): &(Place, Bytes)| place.number > after.number && entry != MARK;
            Ok(entries.filter(wanted).take(most).collect())
        })
        .boxed()
    }
}

impl Signals for Embedded {
    fn publish(&self, signal: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        // There may be nobody who listens.
        let _ = self.signals.send(signal);
        ready(Ok(())).boxed()
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        let signals = stream::unfold(self.signals.subscribe(), |mut signals| async {
            let heard = match signals.recv().await {
                Ok(signal) => Heard::Signal(signal),
                Err(RecvError::Lagged(_)) => Heard::Listening,
                Err(RecvError::Closed) => std::future::pending().await,
            };
            Some((heard, signals))
        });
        stream::once(ready(Heard::Listening)).chain(signals).boxed()
    }
}

/// Stands for the beginning of an epoch among the entries of a log.
const MARK: &[u8] = b"";

/// Fields of a log sort by epoch and number.
fn field(Place { epoch, number }: Place) -> String {
    format!("{epoch:010}-{number:020}")
}

fn job((number, body): (u64, Bytes)) -> Job {
    let ticket = Ticket(number.to_string());
    Job { ticket, body }
}

fn number(ticket: &Ticket) -> Option<u64> {
    ticket.0.parse().ok()
}
