//! Leases: keys that expire, and scripts that compare their tokens.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::{Claim, Entry, Lease, Leases, StoreError, millis};
use super::{Redis, scripts};

impl Leases for Redis {
    fn acquire(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<Claim, StoreError>> {
        async move {
            let mut request = scripts::run(scripts::ACQUIRE, &[self.lease_key(&lease)]);
            request.arg(token(&lease)).arg(millis(ttl));
            let (left,): (i64,) = self.link.query(&request).await?;
            Ok(if left == -1 {
                Claim::Granted
            } else {
                let left = Duration::from_millis(left.try_into().unwrap_or(0));
                Claim::Held { left }
            })
        }
        .boxed()
    }

    fn renew(&self, lease: Lease, ttl: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            let mut request = scripts::run(scripts::RENEW, &[self.lease_key(&lease)]);
            request.arg(token(&lease)).arg(millis(ttl));
            let (renewed,) = self.link.query(&request).await?;
            Ok(renewed)
        }
        .boxed()
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut request = scripts::run(scripts::RELEASE, &[self.lease_key(&lease)]);
            request.arg(token(&lease)).ignore();
            self.link.query(&request).await
        }
        .boxed()
    }

    fn write_held(&self, lease: Lease, entry: Entry) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            let keys = [self.lease_key(&lease), self.key(&lease.key)];
            let mut request = scripts::run(scripts::WRITE_HELD, &keys);
            request
                .arg(token(&lease))
                .arg(&entry.value[..])
                .arg(entry.ttl_millis());
            let (written,) = self.link.query(&request).await?;
            if written && entry.listed {
                self.list_anew(&entry).await?;
            }
            Ok(written)
        }
        .boxed()
    }
}

impl Redis {
    /// The key of a lease is in the slot of the key that it is for: it has the same hash tag, or that
    /// key for one.
    fn lease_key(&self, lease: &Lease) -> String {
        let key = self.key(&lease.key);
        if has_hash_tag(&key) {
            format!("{key}:lease")
        } else {
            format!("{}lease:{{{key}}}", self.prefix)
        }
    }
}

/// Whether a part of the key alone says in which slot it is.
fn has_hash_tag(key: &str) -> bool {
    let after = key.split_once('{').map(|(_, after)| after);
    after.is_some_and(|after| after.find('}').is_some_and(|length| length > 0))
}

fn token(lease: &Lease) -> String {
    lease.token.to_string()
}
