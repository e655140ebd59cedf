//! The queue: a stream, of which all orchestrators are one group of consumers.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{FromRedisValue, Pipeline};
use uuid::Uuid;

use super::super::{Entry, Job, Queue, Store, StoreError, Ticket, millis};
use super::{Redis, scripts};

const QUEUE: &str = "queue";
/// All workers are one group: each job goes to one of them.
const GROUP: &str = "orchestrators";

/// Longer than anybody waits before a job is taken over.
const LEFT: Duration = Duration::from_secs(30 * 86_400);

/// How long a worker may not have been heard of before it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

impl Queue for Redis {
    fn enqueue(
        &self,
        jobs: Vec<Bytes>,
        records: Vec<Entry>,
        most: usize,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            let new = self.write_new(&records).await?;
            let mut request = scripts::run(scripts::ENQUEUE, &[self.key(QUEUE)]);
            request.arg(most);
            for job in &jobs {
                request.arg(&job[..]);
            }
            let (put,): (bool,) = self.link.query(&request).await?;
            if !put {
                for entry in new {
                    self.remove(entry.key.clone(), None).await?;
                }
            }
            Ok(put)
        }
        .boxed()
    }

    fn take(&self, worker: Uuid, most: usize) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("XREADGROUP").arg("GROUP").arg(GROUP);
            request.arg(worker.to_string()).arg("COUNT").arg(most);
            request.arg("STREAMS").arg(self.key(QUEUE)).arg(">");
            let (read,): (Option<StreamReadReply>,) = self.of_group(&request).await?;
            let streams = read.map_or_else(Vec::new, |read| read.keys);
            let taken = streams.into_iter().flat_map(|stream| stream.ids);
            Ok(taken.filter_map(job).collect())
        }
        .boxed()
    }

    fn take_over(
        &self,
        worker: Uuid,
        idle: Duration,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<Job>, StoreError>> {
        async move {
            let (mut taken, mut from) = (Vec::new(), "0-0".to_owned());
            loop {
                let mut request = Pipeline::new();
                request.cmd("XAUTOCLAIM").arg(self.key(QUEUE)).arg(GROUP);
                request.arg(worker.to_string()).arg(millis(idle)).arg(from);
                request.arg("COUNT").arg(most - taken.len());
                let (claimed,): (StreamAutoClaimReply,) = self.of_group(&request).await?;
                taken.extend(claimed.claimed.into_iter().filter_map(job));
                from = claimed.next_stream_id;
                if from == "0-0" || taken.len() >= most {
                    return Ok(taken);
                }
            }
        }
        .boxed()
    }

    fn hold(&self, worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.say_idle(worker, jobs, Duration::ZERO).boxed()
    }

    fn leave(&self, worker: Uuid, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.say_idle(worker, jobs, LEFT).boxed()
    }

    fn finish(&self, jobs: Vec<Ticket>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if jobs.is_empty() {
                return Ok(());
            }
            let ids: Vec<&str> = jobs.iter().map(|Ticket(id)| id.as_str()).collect();
            let mut request = Pipeline::new();
            request.atomic();
            request.cmd("XACK").arg(self.key(QUEUE)).arg(GROUP);
            request.arg(&ids).ignore();
            request.cmd("XDEL").arg(self.key(QUEUE)).arg(&ids).ignore();
            self.link.query(&request).await
        }
        .boxed()
    }

    fn depth(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("XLEN").arg(self.key(QUEUE));
            let (depth,) = self.link.query(&request).await?;
            Ok(depth)
        }
        .boxed()
    }
}

impl Redis {
    /// Sends a request of a worker; makes the group first where there is none (yet, or any more).
    async fn of_group<T: FromRedisValue>(&self, request: &Pipeline) -> Result<T, StoreError> {
        match self.link.query(request).await {
            Err(StoreError::Unavailable { problem, .. }) if problem.starts_with("NOGROUP") => {
                let mut group = Pipeline::new();
                group.cmd("XGROUP").arg("CREATE").arg(self.key(QUEUE));
                group.arg(GROUP).arg(0).arg("MKSTREAM").ignore();
                // Somebody else may have been quicker.
                let _: Result<(), StoreError> = self.link.query(&group).await;
                self.link.query(request).await
            }
            done => done,
        }
    }

    /// Says for how long the worker has not worked on those jobs.
    async fn say_idle(
        &self,
        worker: Uuid,
        jobs: Vec<Ticket>,
        idle: Duration,
    ) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = jobs.iter().map(|Ticket(id)| id.as_str()).collect();
        let mut request = Pipeline::new();
        request.cmd("XCLAIM").arg(self.key(QUEUE)).arg(GROUP);
        request.arg(worker.to_string()).arg(0).arg(ids);
        request.arg("IDLE").arg(millis(idle)).arg("JUSTID").ignore();
        self.of_group(&request).await
    }

    /// Forgets workers that have long been gone.
    pub(super) async fn dismiss(&self) -> Result<(), StoreError> {
        let mut request = scripts::run(scripts::DISMISS, &[self.key(QUEUE)]);
        request.arg(GROUP).arg(millis(FORGOTTEN)).ignore();
        self.of_group(&request).await
    }
}

fn job(row: StreamId) -> Option<Job> {
    let body = row.get("job")?;
    let ticket = Ticket(row.id);
    Some(Job { ticket, body })
}
