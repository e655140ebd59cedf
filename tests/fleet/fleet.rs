use std::cell::{Cell, RefCell};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::config::{CHAT, agents};
use crate::support::redis::RedisServer;
use crate::support::server::Process;
use crate::tally::Tally;

/// Orchestrators of the same configuration, a process each, that share a Redis.
pub(crate) struct Fleet {
    pub members: Vec<RefCell<Member>>,
    pub redis: RedisServer,
    pub tally: Tally,
    config: TempDir,
    pub killed: Cell<usize>,
}

pub(crate) struct Member {
    pub process: Process,
    client: Client,
}

impl Fleet {
    /// Starts so many, with an agent that takes up to that long for an answer.
    pub(crate) fn start(count: usize, longest: Duration) -> Self {
        let (redis, tally) = (RedisServer::start(), Tally::start(longest));
        let config = agents(&[
            CHAT,
            &tally.entry("tally"),
            &tally.entry("other"),
            &tally.entry("third"),
        ]);
        let fleet = Self {
            members: Vec::new(),
            redis,
            tally,
            config,
            killed: Cell::new(0),
        };
        let members = (0..count).map(|_| RefCell::new(fleet.member()));
        let members = members.collect();
        Self { members, ..fleet }
    }

    fn member(&self) -> Member {
        let variables = [
            ("ORCHESTRATOR__STATE__BACKEND", "redis"),
            ("ORCHESTRATOR__STATE__REDIS__URL", &self.redis.url()),
            ("ORCHESTRATOR__STATE__LEASE", "2"),
            // Who is killed every second may be unlucky more often than usual.
            ("ORCHESTRATOR__QUEUE__MAX_ATTEMPTS", "1000"),
            ("ORCHESTRATOR__SESSION__MAX_TURNS", "1000"),
            ("ORCHESTRATOR__ORCHESTRATOR__HEALTH_CHECK_INTERVAL", "0.3"),
        ];
        let process = Process::orchestrator(self.config.path(), &variables);
        let client = Client::of(&process);
        Member { process, client }
    }

    pub(crate) fn client(&self, number: usize) -> Client {
        self.members[number].borrow().client.clone()
    }

    /// A client of any of them.
    pub(crate) fn any(&self) -> Client {
        self.client(fastrand::usize(..self.members.len()))
    }

    /// Ends one as a crash would, and starts another in its place.
    pub(crate) fn kill_and_replace(&self, number: usize) {
        self.members[number].borrow().process.signal("KILL");
        *self.members[number].borrow_mut() = self.member();
        self.killed.set(self.killed.get() + 1);
    }
}
