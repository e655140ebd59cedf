//! A real Redis Cluster for one test.

use super::redis::{RedisServer, free_port};
use super::server::until;

const SLOTS: u32 = 16_384;

/// Three servers that share all slots.
pub(crate) struct RedisCluster {
    servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the servers, and waits until each knows the others.
    pub(crate) async fn start() -> Self {
        let start = |_| {
            let bus = free_port().to_string();
            let mode = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            (RedisServer::start_with(&mode), bus)
        };
        let servers: Vec<(RedisServer, String)> = (0..3).map(start).collect();
        let count = u32::try_from(servers.len()).unwrap();
        for (i, (server, _)) in (0..).zip(&servers) {
            let (first, end) = (i * SLOTS / count, (i + 1) * SLOTS / count);
            server.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {}", end - 1));
            server.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", i + 1));
        }
        let first = &servers[0].0;
        for (server, bus) in &servers[1..] {
            first.ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", server.port()));
        }
        let all = format!("cluster_known_nodes:{count}\r\n");
        for (server, _) in &servers {
            until("the servers are a cluster", async || {
                let info = server.ask("CLUSTER INFO");
                info.contains("cluster_state:ok") && info.contains(&all)
            })
            .await;
        }
        let servers = servers.into_iter().map(|(server, _)| server).collect();
        Self { servers }
    }

    /// Where clients find it; one of the servers is enough.
    pub(crate) fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{}", self.servers[0].port())
    }
}
