//! Real Redis servers behind real Sentinels for one test: when the primary dies, another takes over.

use super::redis::RedisServer;
use super::server::until;

/// A primary, its replica, and three Sentinels that watch over them.
pub(crate) struct RedisSentinels {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl RedisSentinels {
    /// Starts everything, and waits until a failover could succeed.
    pub(crate) async fn start() -> Self {
        let primary = RedisServer::start();
        let port = primary.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        let watch = format!(
            "sentinel monitor main 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 2000\n"
        );
        let sentinels = (0..3).map(|_| RedisServer::start_sentinel(&watch));
        let all = Self {
            servers: vec![primary, replica],
            sentinels: sentinels.collect(),
        };
        all.until_copied().await;
        for sentinel in &all.sentinels {
            until(
                "the Sentinels know each other and the replica",
                async || {
                    let state = sentinel.ask("SENTINEL MASTER main");
                    let quorum = sentinel.ask("SENTINEL CKQUORUM main");
                    quorum.contains("+OK 3 usable") && state.contains("num-slaves\r\n$1\r\n1\r\n")
                },
            )
            .await;
        }
        all
    }

    /// Where clients find the primary, whichever it is.
    pub(crate) fn url(&self) -> String {
        let hosts = self.sentinels.iter();
        let hosts: Vec<String> = hosts.map(|it| format!("127.0.0.1:{}", it.port())).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// Waits until the replica has all that the primary had by now.
    pub(crate) async fn until_copied(&self) {
        until("the replica has caught up", async || {
            self.servers[0].ask("WAIT 1 1000").starts_with(":1")
        })
        .await;
    }

    /// Ends the first primary as a crash would.
    pub(crate) fn kill_primary(&mut self) {
        self.servers[0].kill();
    }
}
