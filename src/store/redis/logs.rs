//! Logs: a stream each, whose ids are epoch and number. A server takes no id that is lower than the
//! last, and so nothing of an earlier epoch.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use redis::Pipeline;
use redis::streams::StreamRangeReply;

use super::super::{Logs, Place, StoreError, millis};
use super::{Redis, scripts};

impl Logs for Redis {
    fn begin(
        &self,
        log: String,
        epoch: u32,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        async move {
            let mut request = scripts::run(scripts::BEGIN, &[self.key(&log)]);
            request.arg(epoch).arg(millis(ttl));
            let (number,): (i64,) = self.link.query(&request).await?;
            Ok(number.try_into().ok())
        }
        .boxed()
    }

    fn append(
        &self,
        log: String,
        first: Place,
        entries: Vec<Bytes>,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            let mut request = scripts::run(scripts::APPEND, &[self.key(&log)]);
            request.arg(first.epoch).arg(first.number).arg(millis(ttl));
            for entry in &entries {
                request.arg(&entry[..]);
            }
            let (appended,) = self.link.query(&request).await?;
            Ok(appended)
        }
        .boxed()
    }

    fn entries(
        &self,
        log: String,
        after: Place,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<(Place, Bytes)>, StoreError>> {
        async move {
            let (mut entries, mut from) = (Vec::new(), after);
            // Marks, and what was before a number whose epoch is not known, are not counted.
            loop {
                let mut request = Pipeline::new();
                request.cmd("XRANGE").arg(self.key(&log));
                request.arg(format!("({}-{}", from.epoch, from.number));
                request.arg("+").arg("COUNT").arg(most);
                let (read,): (StreamRangeReply,) = self.link.query(&request).await?;
                let count = read.ids.len();
                for row in read.ids {
                    let Some(place) = Place::parse(&row.id) else {
                        continue;
                    };
                    from = place;
                    if let Some(entry) = row.get("entry")
                        && place.number > after.number
                    {
                        entries.push((place, entry));
                    }
                }
                if count < most || entries.len() >= most {
                    entries.truncate(most);
                    return Ok(entries);
                }
            }
        }
        .boxed()
    }
}
