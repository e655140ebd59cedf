//! A store on a Redis server, which several orchestrators may share.
//!
//! Invariant: every call is answered within a few time-outs, whatever the server does; and soon
//! after the server is back, so is the store.
//!
//! Edges: a server that is down at start is no reason not to start. A write that timed out may
//! have been done all the same. Redis itself deletes what has expired.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use redis::{Client, Pipeline};

use self::link::Link;
use super::{Entry, Store, StoreError};

mod explain;
mod link;

/// Where the Redis server is and how it is used.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`, or `redis+unix:///path` for a socket.
    pub url: String,
    /// What every key begins with on the server, so that others may use it too.
    pub prefix: String,
    /// How long connecting may take, and how long a batch may take.
    pub timeout: Duration,
}

impl RedisConfig {
    /// The server's address, for people; without the password.
    #[must_use]
    pub fn address(&self) -> String {
        match self.client() {
            Ok(client) => client.get_connection_info().addr().to_string(),
            Err(_) => "(malformed)".to_owned(),
        }
    }

    fn client(&self) -> Result<Client, StoreError> {
        Client::open(self.url.as_str()).map_err(|error| explain::malformed(&error))
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
            link: Link::new(config.client()?, config.timeout),
            prefix: config.prefix,
        })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The batch as one transaction, so that no key is left behind without its time to live.
    fn batch(&self, entries: &[Entry]) -> Pipeline {
        let mut batch = Pipeline::with_capacity(entries.len());
        batch.atomic();
        for entry in entries {
            let (key, value) = (self.key(&entry.key), &entry.value[..]);
            let ttl = entry.ttl_millis();
            match &entry.field {
                None => batch.cmd("SET").arg(key).arg(value).arg("PX").arg(ttl),
                Some(field) => batch
                    .cmd("HSET")
                    .arg(&key)
                    .arg(field)
                    .arg(value)
                    .ignore()
                    .cmd("PEXPIRE")
                    .arg(&key)
                    .arg(ttl),
            }
            .ignore();
        }
        batch
    }
}

impl Store for Redis {
    fn write(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if entries.is_empty() {
                return Ok(());
            }
            self.link.query(&self.batch(&entries)).await
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
        async { Ok(0) }.boxed()
    }

    fn kind(&self) -> &'static str {
        "redis"
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
            "rediss://:s3cret@host",
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

    #[test]
    fn a_batch_is_one_transaction_that_leaves_no_key_without_an_end() {
        let store = Redis::new(config("redis://localhost")).unwrap();
        let second = Duration::from_secs(1);
        let batch = [
            Entry::new("a", "1", second),
            Entry::field("b", "f", "2", second),
        ];
        let sent = String::from_utf8(store.batch(&batch).get_packed_pipeline()).unwrap();
        let is_word = |word: &&str| !word.starts_with(['*', '$']);
        let words: Vec<&str> = sent.split("\r\n").filter(is_word).collect();
        assert_eq!(
            words.join(" ").trim_end(),
            "MULTI SET p:a 1 PX 1000 HSET p:b f 2 PEXPIRE p:b 1000 EXEC"
        );
    }
}
