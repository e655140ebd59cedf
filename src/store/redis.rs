//! A store on a Redis server, which several orchestrators may share.
//!
//! Invariant: every call is answered within a few time-outs, whatever the server does, and each part of a
//! large batch is; soon after the server is back, so is the store.
//!
//! Edges: a server that is down at start is no reason not to start. A write that timed out may
//! have been done all the same. Redis itself deletes what has expired.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use redis::{FromRedisValue, Pipeline};

use self::address::Address;
use self::link::Link;
use super::{Entry, Store, StoreError};

mod address;
mod explain;
mod leases;
mod link;
mod listing;
mod logs;
mod queue;
mod scripts;
mod signals;
mod writing;

/// Requests to a cluster that are under way at once for one batch.
const AT_ONCE: usize = 256;

/// Where the Redis server is and how it is used.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`, or `redis+unix:///path` for a socket;
    /// `redis+sentinel://[user:password@]host:port,host:port/name[/database]`, where Sentinels know
    /// the server, after which `?sentinel_user=` and `sentinel_password=` are their login;
    /// `redis+cluster://[user:password@]host:port,host:port`, some servers of a cluster. With `rediss`
    /// instead of `redis` all is sent over TLS.
    pub url: String,
    /// What every key begins with on the server, so that others may use it too.
    pub prefix: String,
    /// How long connecting may take, and each answer.
    pub timeout: Duration,
}

impl RedisConfig {
    /// The server's address, for people; without the password.
    #[must_use]
    pub fn address(&self) -> String {
        self.parsed()
            .map_or_else(|_| "(malformed)".to_owned(), |address| address.name)
    }

    fn parsed(&self) -> Result<Address, StoreError> {
        Address::parse(&self.url).map_err(|error| explain::malformed(&error))
    }
}

/// A [`Store`] on a Redis server.
///
/// It connects when it is used, within the tokio runtime of whoever uses it: the connection lives
/// as long as that runtime, and is replaced when it ends.
pub struct Redis {
    link: Link,
    prefix: String,
}

impl Redis {
    /// A store on the server at `config.url`, which need not be running yet.
    ///
    /// ```
    /// use std::time::Duration;
    /// use agent_orchestrator::store::{Redis, RedisConfig, Store};
    ///
    /// let store = Redis::new(RedisConfig {
    ///     url: "redis://localhost:6379".into(),
    ///     prefix: "orchestrator:".into(),
    ///     timeout: Duration::from_secs(1),
    /// })?;
    /// assert_eq!(store.kind(), "redis");
    /// # Ok::<(), agent_orchestrator::store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] when the url is malformed. The error does not show the url,
    /// for there may be a password in it.
    pub fn new(config: RedisConfig) -> Result<Self, StoreError> {
        Ok(Self {
            link: Link::new(config.parsed()?, config.timeout),
            prefix: config.prefix,
        })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Sends requests, each for keys of one slot: in a cluster one by one, otherwise as one. Collects
    /// what each is answered.
    async fn each<T, A>(&self, requests: Vec<Pipeline>) -> Result<A, StoreError>
    where
        T: FromRedisValue,
        A: Default + Extend<T>,
    {
        let at_once = stream::iter(requests).map(async |request| self.link.query(&request).await);
        at_once.buffered(AT_ONCE).try_collect().await
    }
}

impl Store for Redis {
    fn write(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write_all(entries).boxed()
    }

    fn read_all(&self, keys: Vec<String>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        async move {
            let requests = keys.iter().map(|key| {
                let mut request = Pipeline::new();
                request.cmd("GET").arg(self.key(key));
                request
            });
            let values: Vec<(Option<Bytes>,)> = self.each(requests.collect()).await?;
            Ok(values.into_iter().map(|(value,)| value).collect())
        }
        .boxed()
    }

    fn newest(
        &self,
        family: &'static str,
        before: Option<String>,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        async move { self.latest(family, before.as_deref(), most).await }.boxed()
    }

    fn remove(&self, key: String, field: Option<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut request = Pipeline::new();
            match field {
                None => request.cmd("DEL").arg(self.key(&key)),
                Some(field) => request.cmd("HDEL").arg(self.key(&key)).arg(field),
            }
            .ignore();
            self.link.query(&request).await
        }
        .boxed()
    }

    fn read(&self, key: String) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("GET").arg(self.key(&key));
            let (value,) = self.link.query(&request).await?;
            Ok(value)
        }
        .boxed()
    }

    fn fields(&self, key: String) -> BoxFuture<'_, Result<Vec<(String, Bytes)>, StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("HGETALL").arg(self.key(&key));
            let (mut fields,): (Vec<(String, Bytes)>,) = self.link.query(&request).await?;
            fields.sort();
            Ok(fields)
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut request = Pipeline::new();
            request.cmd("PING").ignore();
            self.link.query(&request).await
        }
        .boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        async {
            self.dismiss().await?;
            Ok(0)
        }
        .boxed()
    }

    fn kind(&self) -> &'static str {
        "redis"
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.link.name())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("address", &self.address())
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> RedisConfig {
        RedisConfig {
            url: url.to_owned(),
            prefix: "p:".to_owned(),
            timeout: Duration::from_millis(200),
        }
    }

    #[test]
    fn a_malformed_url_is_refused_without_showing_it() {
        for url in [
            "",
            "nonsense",
            "redis://:s3cret@",
            "redis://user:s3cret@host:port",
            "redis://:s3cret@host/notanumber",
            "redis://:s3#cret@host",
            "redis://:s3cret@host/?protocol=s3cret",
            "http://:s3cret@host",
            "redis+sentinel://:s3cret@host:1",
            "redis+sentinel://:s3cret@host:port/name",
            "redis+sentinel://host:1/name?sentinel_password=s3cret@",
            "redis+sentinel://host:1/name?s3cret",
            "redis+sentinel://host:1/name?sentinel_password=s3cret?",
            "redis+sentinel://host:1/name?sentinel_user=s3cret",
            "redis+sentinel://host:1/name?password=s3cret",
            "redis+cluster://:s3cret@host:port",
            "redis+cluster://:s3cret@host:1/2",
            "http+cluster://:s3cret@host:1",
        ] {
            let error = Redis::new(config(url)).unwrap_err();
            assert!(
                matches!(error, StoreError::Misconfigured { .. }),
                "{url}: {error}"
            );
            let shown = format!("{error} {error:?} {:?}", config(url));
            assert!(!shown.contains("cret"), "{shown}");
        }
    }

    #[test]
    fn servers_are_named_by_every_kind_of_url_without_the_password() {
        for (url, name) in [
            ("redis://u:s3cret@a:1/2", "a:1"),
            ("rediss://:s3cret@a:1", "a:1"),
            (
                "redis+sentinel://u:s3cret@a:1,b:2/main/3",
                "`main` of the Sentinels a:1,b:2",
            ),
            ("rediss+sentinel://a:1/main", "`main` of the Sentinels a:1"),
            (
                "redis+sentinel://a:1/main?sentinel_user=u&sentinel_password=s3cret",
                "`main` of the Sentinels a:1",
            ),
            ("redis+cluster://:s3cret@a:1,b:2", "the cluster of a:1,b:2"),
            ("rediss+cluster://a:1", "the cluster of a:1"),
        ] {
            assert_eq!(config(url).address(), name);
            Redis::new(config(url)).unwrap();
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = config("redis://user:s3cret@localhost:1/2");
        let store = Redis::new(config.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let error = runtime.unwrap().block_on(store.ping()).unwrap_err();
        let shown = format!("{config:?} {store:?} {error} {error:?}");
        assert!(shown.contains("localhost:1"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
