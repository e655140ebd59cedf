use std::time::Duration;

use agent_orchestrator::store::{
    Claim, Entry, Heard, Job, Lease, Leases, Logs, Place, Queue, Signals, Store, StoreError, Ticket,
};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use futures::stream::{self, BoxStream};
use uuid::Uuid;

/// A store that keeps nothing: what orchestration costs without one.
pub(crate) struct Nowhere;

/// Answers at once, whatever is asked.
macro_rules! answers {
    ($($name:ident($($argument:ty),*) -> $type:ty = $answer:expr;)+) => {
        $(
            fn $name(&self, $(_: $argument),*) -> BoxFuture<'_, Result<$type, StoreError>> {
                ready(Ok($answer)).boxed()
            }
        )+
    };
}

impl Store for Nowhere {
    answers! {
        write(Vec<Entry>) -> () = ();
        read(String) -> Option<Bytes> = None;
        newest(&'static str, Option<String>, usize) -> Vec<String> = Vec::new();
        remove(String, Option<String>) -> () = ();
        fields(String) -> Vec<(String, Bytes)> = Vec::new();
        ping() -> () = ();
        sweep() -> usize = 0;
    }

    fn read_all(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        ready(Ok(vec![None; keys.len()])).boxed()
    }

    fn kind(&self) -> &'static str {
        "nowhere"
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl Leases for Nowhere {
    answers! {
        acquire(Lease, Duration) -> Claim = Claim::Granted;
        renew(Lease, Duration) -> bool = true;
        release(Lease) -> () = ();
        write_held(Lease, Entry) -> bool = true;
    }
}

impl Queue for Nowhere {
    answers! {
        enqueue(Vec<Bytes>, Vec<Entry>, usize) -> bool = true;
        take(Uuid, usize) -> Vec<Job> = Vec::new();
        take_over(Uuid, Duration, usize) -> Vec<Job> = Vec::new();
        hold(Uuid, Vec<Ticket>) -> () = ();
        leave(Uuid, Vec<Ticket>) -> () = ();
        finish(Vec<Ticket>) -> () = ();
        depth() -> usize = 0;
    }
}

impl Logs for Nowhere {
    answers! {
        begin(String, u32, Duration) -> Option<u64> = Some(0);
        append(String, Place, Vec<Bytes>, Duration) -> bool = true;
        entries(String, Place, usize) -> Vec<(Place, Bytes)> = Vec::new();
    }
}

impl Signals for Nowhere {
    answers! {
        publish(Bytes) -> () = ();
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        Box::pin(stream::pending())
    }
}
