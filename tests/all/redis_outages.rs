//! Redis slow, gone or late: requests go on, and what they leave behind is written afterwards.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use agent_orchestrator::RequestId;
use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::cluster::RedisCluster;
use crate::support::config::{CHAT, agents};
use crate::support::redis::{RedisServer, free_port};
use crate::support::sentinel::RedisSentinels;
use crate::support::server::{Process, until};

/// No answer may take longer, whatever Redis does.
const BOUND: Duration = Duration::from_secs(5);
const AWAY: &str = "their records wait in memory";
const BACK: &str = "the store is back";

/// A process that keeps its state in Redis, and a client of it.
struct Scene {
    process: Process,
    client: Client,
    _config: TempDir,
}

impl Scene {
    fn set(redis: &str) -> Self {
        let config = agents(&[CHAT]);
        let variables = [
            ("ORCHESTRATOR__STATE__BACKEND", "redis"),
            ("ORCHESTRATOR__STATE__REDIS__URL", redis),
        ];
        let process = Process::orchestrator(config.path(), &variables);
        Self {
            client: Client::of(&process),
            process,
            _config: config,
        }
    }

    async fn ask(&self) -> RequestId {
        let answer = self.client.say("hello").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.request_id()
    }

    async fn health(&self) -> Value {
        self.client.state_health().await
    }

    async fn until_written(&self) {
        until("everything is written", async || {
            let health = self.health().await;
            health["status"] == "healthy" && health["pending"] == 0
        })
        .await;
    }

    async fn until_logged(&self, words: &str) {
        until("it is logged", async || self.process.log().contains(words)).await;
    }

    /// Asks on four connections while `outage` lasts; every answer is good and none is late.
    async fn ask_during(&self, outage: impl Future<Output = ()>) -> Vec<RequestId> {
        let over = Rc::new(Cell::new(false));
        let asked = Rc::new(RefCell::new(Vec::new()));
        let callers = (0..4).map(|_| {
            let (over, asked, client) = (over.clone(), asked.clone(), self.client.clone());
            rt::spawn(async move {
                while !over.get() {
                    let began = Instant::now();
                    let answer = client.say("hello").await;
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
                    asked.borrow_mut().push(answer.request_id());
                }
            })
        });
        let callers: Vec<_> = callers.collect();
        outage.await;
        over.set(true);
        for ended in join_all(callers).await {
            ended.unwrap();
        }
        asked.take()
    }

    /// Waits until a write has failed and the state is said to be away.
    async fn until_missed(&self) {
        until("the store is missed", async || {
            let health = self.health().await;
            health["status"] == "unavailable" && health["failed_writes"] != 0
        })
        .await;
        assert!(self.health().await["error"].is_string());
    }

    /// The log says once that the store was away, and once that it is back.
    async fn assert_one_outage(&self) {
        self.until_logged(BACK).await;
        let log = self.process.log();
        assert_eq!(log.matches(AWAY).count(), 1, "{log}");
        assert_eq!(log.matches(BACK).count(), 1, "{log}");
    }
}

/// A look into Redis past the orchestrator.
struct Raw(MultiplexedConnection);

impl Raw {
    async fn of(server: &RedisServer) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }

    async fn state(&mut self, id: RequestId) -> Option<Value> {
        let key = format!("autobot:orchestrator:request:{id}");
        let found = redis::cmd("GET").arg(key).query_async(&mut self.0).await;
        let text: Option<String> = found.unwrap();
        text.map(|text| serde_json::from_str(&text).unwrap())
    }

    async fn metrics(&mut self, id: RequestId) -> Value {
        let mut values = redis::cmd("HVALS");
        let lists: Vec<String> = values
            .arg(metrics_of(id))
            .query_async(&mut self.0)
            .await
            .unwrap();
        let lists = lists
            .iter()
            .map(|list| serde_json::from_str::<Vec<Value>>(list).unwrap());
        let mut all = lists.flatten();
        let found = all.find(|it| it["request_id"] == id.to_string());
        found.unwrap_or_else(|| panic!("nothing says what {id} took"))
    }

    async fn ttl(&mut self, key: String) -> u64 {
        let mut ttl = redis::cmd("TTL");
        ttl.arg(key).query_async(&mut self.0).await.unwrap()
    }

    async fn assert_succeeded(&mut self, requests: &[RequestId]) {
        for id in requests {
            let state = self.state(*id).await;
            let state = state.unwrap_or_else(|| panic!("{id} was lost"));
            assert_eq!(state["status"], "succeeded");
        }
    }
}

/// The hash with the metrics of the second in which the request came.
fn metrics_of(id: RequestId) -> String {
    // A UUIDv7 begins with milliseconds.
    let millis = u64::from_str_radix(&id.to_string().replace('-', "")[..12], 16);
    format!("autobot:orchestrator:metrics:{}", millis.unwrap() / 1000)
}

#[actix_rt::test]
async fn state_and_metrics_are_kept_where_whoever_looks_finds_them() {
    let redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    let id = scene.ask().await;
    scene.until_written().await;

    let mut raw = Raw::of(&redis).await;
    let state = raw.state(id).await.unwrap();
    assert_eq!(state["status"], "succeeded");
    let shown = scene.client.record(id).await.json(200);
    for (member, value) in state.as_object().unwrap() {
        // What was asked is kept for whoever says what should have been done with it, and shown to
        // nobody.
        let expected = if member == "question" {
            &Value::Null
        } else {
            value
        };
        assert_eq!(shown[member], *expected, "{member}");
    }
    assert_eq!(shown["routing"], state["response"]["routing"]);
    let left = raw.ttl(format!("autobot:orchestrator:request:{id}")).await;
    assert!((3500..=3600).contains(&left), "{left}");

    let metrics = raw.metrics(id).await;
    let members: Vec<&String> = metrics.as_object().unwrap().keys().collect();
    let wanted = [
        "agents_used",
        "attempt",
        "execution_time_ms",
        "request_id",
        "routing_time_ms",
        "success",
        "timestamp",
    ];
    assert_eq!(members, wanted);
    assert_eq!(metrics["request_id"], id.to_string());
    assert_eq!(metrics["attempt"], 1);
    assert_eq!(metrics["agents_used"], serde_json::json!(["chat_agent"]));
    assert_eq!(metrics["success"], true);
    let left = raw.ttl(metrics_of(id)).await;
    assert!((86_300..=86_400).contains(&left), "{left}");
}

#[actix_rt::test]
async fn while_redis_hangs_requests_are_answered_and_are_written_when_it_goes_on() {
    let redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    scene.ask().await;
    scene.until_written().await;

    let outage = async {
        redis.pause();
        scene.until_missed().await;
        redis.resume();
        scene.until_logged(BACK).await;
    };
    let asked = scene.ask_during(outage).await;
    scene.until_written().await;
    Raw::of(&redis).await.assert_succeeded(&asked).await;
    assert_eq!(scene.health().await["dropped"], 0);
    scene.assert_one_outage().await;
}

#[actix_rt::test]
async fn a_redis_that_was_killed_is_used_again_when_it_is_back() {
    let mut redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    scene.ask().await;
    scene.until_written().await;

    let port = redis.port();
    redis.kill();
    let asked = scene.ask_during(scene.until_missed()).await;
    let redis = RedisServer::start_on(port);
    scene.until_written().await;
    Raw::of(&redis).await.assert_succeeded(&asked).await;
    scene.assert_one_outage().await;
}

#[actix_rt::test]
async fn a_redis_that_is_not_there_yet_is_used_as_soon_as_it_is() {
    let port = free_port();
    let scene = Scene::set(&format!("redis://127.0.0.1:{port}"));
    let asked = scene.ask_during(scene.until_missed()).await;
    let redis = RedisServer::start_on(port);
    scene.until_written().await;
    Raw::of(&redis).await.assert_succeeded(&asked).await;
    scene.assert_one_outage().await;
}

#[actix_rt::test]
async fn while_redis_is_away_only_what_waits_in_memory_can_be_read() {
    let mut redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    let old = scene.ask().await;
    scene.until_written().await;
    redis.kill();

    let recent = scene.ask().await;
    scene.until_missed().await;
    let known = scene.client.record(recent).await.json(200);
    assert_eq!(known["status"], "succeeded");
    for id in [old, RequestId::new()] {
        let unknown = scene.client.record(id).await;
        assert_eq!(unknown.json(503)["error_type"], "StateUnavailable");
        assert!(unknown.headers.contains_key("retry-after"));
    }
}

impl Scene {
    /// What would have to be kept is refused, and not late; what is only to be answered is answered.
    async fn assert_promises_nothing(&self) {
        let body = json!({"content": "hello"});
        let began = Instant::now();
        let refused = [
            self.client.ask_async(&body).await,
            self.client.ask_under("key", &body).await,
        ];
        assert!(began.elapsed() < 2 * BOUND, "{:?}", began.elapsed());
        for refused in refused {
            assert_eq!(refused.json(503)["error_type"], "StateUnavailable");
            assert!(refused.headers.contains_key("retry-after"));
        }
        let began = Instant::now();
        let turn = json!({"content": "hello", "session_id": "s"});
        self.client.ask(&turn).await.json(200);
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    }

    /// All is as it was before anything was wrong: requests are accepted and done, answers are kept, and
    /// what was said meanwhile is in its session.
    async fn assert_healed(&self) {
        let body = json!({"content": "hello"});
        let answer = async || self.client.ask_async(&body).await;
        until("requests are accepted", async || {
            answer().await.status == 202
        })
        .await;
        let id = answer().await.request_id();
        until("they are done", async || {
            self.client.record(id).await.json(200)["status"] == "succeeded"
        })
        .await;
        self.client.ask_under("key", &body).await.json(200);
        let again = self.client.ask_under("key", &body).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        until("what was said is kept", async || {
            self.client.get("/sessions/s").await.status == 200
        })
        .await;
        self.until_written().await;
        assert_eq!(self.health().await["dropped"], 0);
    }

    /// The server is made useless, and then useful again; meanwhile nothing is promised, and all that is
    /// asked is answered.
    async fn survives(&self, spoil: impl AsyncFnOnce(), mend: impl AsyncFnOnce()) {
        self.ask().await;
        self.until_written().await;
        let outage = async {
            spoil().await;
            self.until_missed_by_writers().await;
            self.assert_promises_nothing().await;
            mend().await;
        };
        self.ask_during(outage).await;
        self.assert_healed().await;
    }

    async fn until_missed_by_writers(&self) {
        until("a write has failed", async || {
            self.health().await["failed_writes"] != 0
        })
        .await;
    }
}

/// Has the server do something at once.
fn tell(redis: &RedisServer, command: &str) {
    let answer = redis.ask(command);
    assert!(answer.starts_with("+OK"), "{command}: {answer}");
}

#[actix_rt::test]
async fn a_redis_that_takes_no_writes_is_survived() {
    let redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    let nobody = format!("REPLICAOF 127.0.0.1 {}", free_port());
    let spoil = async || tell(&redis, &nobody);
    scene
        .survives(spoil, async || tell(&redis, "REPLICAOF NO ONE"))
        .await;
}

#[actix_rt::test]
async fn a_redis_without_memory_is_survived() {
    let redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    let spoil = async || tell(&redis, "CONFIG SET maxmemory 1");
    scene
        .survives(spoil, async || tell(&redis, "CONFIG SET maxmemory 0"))
        .await;
}

#[actix_rt::test]
async fn a_redis_that_stands_still_is_survived() {
    let redis = RedisServer::start();
    let scene = Scene::set(&redis.url());
    scene
        .survives(async || redis.pause(), async || redis.resume())
        .await;
}

#[actix_rt::test]
async fn a_redis_that_comes_back_empty_is_survived() {
    let redis = RefCell::new(RedisServer::start());
    let scene = Scene::set(&redis.borrow().url());
    let port = redis.borrow().port();
    let spoil = async || redis.borrow_mut().kill();
    let mend = async || *redis.borrow_mut() = RedisServer::start_on(port);
    scene.survives(spoil, mend).await;
}

#[actix_rt::test]
async fn a_failover_is_survived() {
    let servers = RedisSentinels::start().await;
    let scene = Scene::set(&servers.url());
    scene.ask().await;
    scene.until_written().await;
    servers.until_copied().await;
    let servers = RefCell::new(servers);
    let outage = async {
        servers.borrow_mut().kill_primary();
        scene.until_missed_by_writers().await;
        let turn = json!({"content": "hello", "session_id": "s"});
        scene.client.ask(&turn).await.json(200);
        let body = json!({"content": "hello"});
        until("another server has taken over", async || {
            scene.client.ask_async(&body).await.status == 202
        })
        .await;
    };
    scene.ask_during(outage).await;
    scene.assert_healed().await;
}

#[actix_rt::test]
async fn a_cluster_is_as_good_as_one_server() {
    let cluster = RedisCluster::start().await;
    let scene = Scene::set(&cluster.url());
    scene
        .client
        .ask(&json!({"content": "hello", "session_id": "s"}))
        .await
        .json(200);
    scene.assert_healed().await;
    let listed = scene.client.get("/requests").await.json(200);
    assert!(listed["requests"].as_array().unwrap().len() >= 4);
    let instances = scene.client.get("/cluster").await.json(200);
    assert_eq!(instances["instances"].as_array().unwrap().len(), 1);
}
