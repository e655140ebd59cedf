//! What the keys of the files mean.

use std::path::Path;
use std::time::Duration;

use super::{Settings, StateConfig, choosing, routing, supervision};
use crate::agents::AgentEntry;
use crate::http::listen_address;
use crate::pipeline::SessionConcurrency;
use crate::routing::RoutingStrategy;
use crate::store::{Redis, RedisConfig};
use crate::supervision::HouseRules;
use crate::words::Reader;

/// Reads `orchestrator.yaml`. Where it says nothing, or nothing sound, the defaults stay.
pub(super) fn read(file: &Reader<'_>) -> Settings {
    let mut settings = Settings {
        state: StateConfig::File("data/state.redb".into()),
        llm: Some(routing::usual_llm()),
        ..Settings::default()
    };
    let sections = [
        "orchestrator",
        "server",
        "limits",
        "state",
        "queue",
        "session",
        "llm",
        "routing",
        "supervision",
    ];
    file.allow_only(&sections);
    let section = |name, read: fn(&Reader<'_>, &mut Settings), settings: &mut Settings| {
        if let Some(section) = file.member(name) {
            read(&section, settings);
        }
    };
    section("orchestrator", orchestrator, &mut settings);
    section("server", server, &mut settings);
    section("limits", limits, &mut settings);
    section("state", state, &mut settings);
    section("queue", queue, &mut settings);
    section("session", session, &mut settings);
    section("llm", routing::read_llm, &mut settings);
    section("routing", routing::read, &mut settings);
    section("supervision", supervision::read, &mut settings);
    settings
}

/// Reads `agents.yaml`.
pub(super) fn read_agents(
    file: &Reader<'_>,
    directory: &Path,
    house: &HouseRules,
) -> Vec<AgentEntry> {
    file.allow_only(&["agents"]);
    let entries = file.member("agents").and_then(|agents| agents.items());
    let mut agents: Vec<AgentEntry> = Vec::new();
    for place in entries.unwrap_or_default() {
        let Some(entry) = AgentEntry::read(&place, directory, |group| house.supervisor_of(group))
        else {
            continue;
        };
        if agents.iter().any(|agent| agent.name() == entry.name()) {
            let message = format!("`{}` is the name of another agent", entry.name());
            place.fault(message);
        }
        agents.push(entry);
    }
    agents
}

pub(super) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn orchestrator(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&[
        "routing_strategy",
        "fallback_agent",
        "max_concurrent_requests",
        "admission_wait_ms",
        "request_timeout",
        "health_check_interval",
        "load_balancing",
        "circuit_breaker",
        "metrics",
    ]);
    let pipeline = &mut settings.pipeline;
    let strategy = place.member("routing_strategy");
    set(
        &mut pipeline.routing_strategy,
        strategy.and_then(|it| it.one_of(RoutingStrategy::NAMES)),
    );
    let most = place.member("max_concurrent_requests");
    set(
        &mut pipeline.max_concurrent_requests,
        most.and_then(|it| it.count(1)),
    );
    let wait = place.member("admission_wait_ms");
    let wait = wait.and_then(|it| it.integer(0..=60_000));
    set(
        &mut pipeline.admission_wait,
        wait.map(Duration::from_millis),
    );
    set(
        &mut pipeline.request_timeout,
        seconds(place, "request_timeout"),
    );
    let fallback = place.member("fallback_agent");
    let fallback = fallback.and_then(|it| it.string().map(str::to_owned));
    set(&mut settings.fallback_agent, fallback);
    let interval = seconds(place, "health_check_interval");
    set(&mut settings.health_check_interval, interval);
    if let Some(place) = place.member("load_balancing") {
        choosing::read_balancing(&place, &mut settings.balancing);
    }
    if let Some(place) = place.member("circuit_breaker") {
        choosing::read_breaker(&place, &mut settings.house.breaker);
    }
    if let Some(place) = place.member("metrics") {
        metrics(&place, settings);
    }
}

fn metrics(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&["collection_enabled", "retention_days", "detailed_logging"]);
    if boolean(place, "collection_enabled") == Some(false) {
        settings.pipeline.metrics_ttl = None;
    }
    let days = place.member("retention_days");
    let days = days.and_then(|it| it.integer(1..=3650));
    let retention = days.map(|days| Duration::from_secs(days * 86_400));
    set(&mut settings.metrics_retention, retention);
    let detailed = boolean(place, "detailed_logging");
    set(&mut settings.pipeline.detailed_logging, detailed);
}

fn server(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&["listen", "workers", "max_body_bytes", "shutdown_timeout"]);
    let server = &mut settings.server;
    set(
        &mut server.listen,
        place.member("listen").and_then(|it| address(&it)),
    );
    let workers = place.member("workers");
    set(&mut server.workers, workers.and_then(|it| it.count(0)));
    set(
        &mut server.shutdown_timeout,
        seconds(place, "shutdown_timeout"),
    );
    let most = place.member("max_body_bytes");
    let most = most.and_then(|it| it.integer(1..=1 << 30));
    let most = most.and_then(|bytes| usize::try_from(bytes).ok());
    set(&mut settings.pipeline.limits.max_body_bytes, most);
}

fn address(place: &Reader<'_>) -> Option<String> {
    let address = listen_address(place.string()?);
    address.map_err(|expected| place.fault(expected)).ok()
}

fn limits(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&["max_content_chars"]);
    let most = place.member("max_content_chars");
    let most = most.and_then(|it| it.count(1));
    set(&mut settings.pipeline.limits.max_content_chars, most);
}

#[derive(Clone, Copy)]
enum Backend {
    Embedded,
    Redis,
}

fn state(place: &Reader<'_>, settings: &mut Settings) {
    let known = [
        "backend",
        "path",
        "redis",
        "request_ttl",
        "metrics_ttl",
        "lease",
    ];
    place.allow_only(&known);
    let pipeline = &mut settings.pipeline;
    if let Some(lease) = place.member("lease") {
        let seconds = lease.seconds();
        if seconds.is_some_and(|it| it < SHORTEST_LEASE) {
            lease.fault("expected 1 or more seconds");
        }
        set(&mut pipeline.lease, seconds);
    }
    set(&mut pipeline.request_ttl, seconds(place, "request_ttl"));
    if let (Some(ttl), Some(kept)) = (pipeline.metrics_ttl.as_mut(), seconds(place, "metrics_ttl"))
    {
        *ttl = kept;
    }
    let backends = [("embedded", Backend::Embedded), ("redis", Backend::Redis)];
    let backend = place.member("backend").and_then(|it| it.one_of(&backends));
    let path = place.member("path");
    let path = path.and_then(|it| it.string()).unwrap_or("data/state.redb");
    // Read in any case, so that a fault is found before it matters.
    let redis = redis(place.member("redis").as_ref());
    settings.state = match backend.unwrap_or(Backend::Embedded) {
        Backend::Redis => StateConfig::Redis(redis),
        Backend::Embedded if path == ":memory:" => StateConfig::Memory,
        Backend::Embedded => StateConfig::File(path.into()),
    };
}

/// Whoever lives has to be able to say so some times meanwhile.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

fn queue(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&["concurrency", "capacity", "max_attempts"]);
    let background = &mut settings.pipeline.background;
    let count = |name| place.member(name).and_then(|it| it.count(1));
    set(&mut background.concurrency, count("concurrency"));
    set(&mut background.capacity, count("capacity"));
    let attempts = place.member("max_attempts");
    let attempts = attempts.and_then(|it| it.integer(1..=1000));
    let attempts = attempts.and_then(|it| u32::try_from(it).ok());
    set(&mut background.max_attempts, attempts);
}

fn session(place: &Reader<'_>, settings: &mut Settings) {
    place.allow_only(&["ttl", "max_turns", "max_tokens", "concurrency"]);
    let session = &mut settings.pipeline.session;
    set(&mut session.ttl, seconds(place, "ttl"));
    let count = |name| place.member(name).and_then(|it| it.count(1));
    set(&mut session.max_turns, count("max_turns"));
    set(&mut session.max_tokens, count("max_tokens"));
    let concurrency = place.member("concurrency");
    let concurrency = concurrency.and_then(|it| it.one_of(SessionConcurrency::NAMES));
    set(&mut session.concurrency, concurrency);
}

fn redis(place: Option<&Reader<'_>>) -> RedisConfig {
    let mut redis = RedisConfig {
        url: "redis://127.0.0.1:6379".to_owned(),
        prefix: "autobot:orchestrator:".to_owned(),
        timeout: Duration::from_millis(500),
    };
    if let Some(place) = place {
        place.allow_only(&["url", "prefix", "timeout_ms"]);
        let text = |name| {
            place
                .member(name)
                .and_then(|it| it.string().map(str::to_owned))
        };
        set(&mut redis.url, text("url"));
        if let (Some(url), Err(error)) = (place.member("url"), Redis::new(redis.clone())) {
            url.fault(error.to_string());
        }
        set(&mut redis.prefix, text("prefix"));
        let timeout = place.member("timeout_ms");
        let timeout = timeout.and_then(|it| it.integer(1..=600_000));
        set(&mut redis.timeout, timeout.map(Duration::from_millis));
    }
    redis
}

pub(super) fn seconds(place: &Reader<'_>, name: &str) -> Option<Duration> {
    place.member(name).and_then(|it| it.seconds())
}

pub(super) fn boolean(place: &Reader<'_>, name: &str) -> Option<bool> {
    place.member(name).and_then(|it| it.boolean())
}
