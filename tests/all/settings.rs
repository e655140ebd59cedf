//! The configuration: its defaults, and how all that is wrong with it is told at once.

mod choosing;
mod command_line;

use std::path::Path;
use std::time::Duration;

use agent_orchestrator::agents::AgentEntry;
use agent_orchestrator::judgement::Counted;
use agent_orchestrator::settings::StateConfig;
use agent_orchestrator::{OnGiveUp, RestartStrategy, Settings, SupervisorConfig};
use tempfile::TempDir;

/// A configuration directory with these files; `None`: the file is missing.
fn directory(orchestrator: Option<&str>, agents: Option<&str>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("orchestrator.yaml", orchestrator), ("agents.yaml", agents)] {
        if let Some(text) = text {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
    }
    directory
}

fn shipped() -> &'static Path {
    concat!(env!("CARGO_MANIFEST_DIR"), "/config").as_ref()
}

/// Where everything that is wrong is, as `file: key`, with what is said about it.
fn mistakes(directory: &Path) -> Vec<(String, String)> {
    let error = Settings::load(directory).unwrap_err();
    let shown = error.to_string();
    let mistakes = error.mistakes.into_iter().map(|mistake| {
        for part in [&mistake.source, &mistake.key, &mistake.message] {
            assert!(shown.contains(part.as_str()), "{part} in {shown}");
        }
        let file = Path::new(&mistake.source);
        assert_eq!(file.parent().unwrap(), directory);
        let file = file.file_stem().unwrap().to_string_lossy();
        (format!("{file}: {}", mistake.key), mistake.message)
    });
    mistakes.collect()
}

#[track_caller]
fn assert_mistakes(directory: &TempDir, expected: &[(&str, &str)]) {
    let mut found = mistakes(directory.path());
    found.sort();
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, wanted, "{found:#?}");
    for ((place, message), (_, part)) in found.iter().zip(expected) {
        assert!(message.contains(part), "{place}: {message}");
    }
}

#[test]
fn the_shipped_configuration_says_the_defaults() {
    let settings = Settings::load(shipped()).unwrap();
    assert_eq!(settings.fallback_agent, "chat_agent");
    assert_eq!(settings.health_check_interval, Duration::from_secs(30));
    assert_eq!(settings.metrics_retention, Duration::from_secs(7 * 86_400));
    let pipeline = &settings.pipeline;
    assert_eq!(format!("{:?}", pipeline.routing_strategy), "Hybrid");
    assert_eq!(pipeline.max_concurrent_requests, 100);
    assert_eq!(pipeline.request_timeout, Duration::from_secs(300));
    assert_eq!(pipeline.limits.max_content_chars, 32_768);
    assert_eq!(pipeline.limits.max_body_bytes, 1_048_576);
    assert_eq!(pipeline.request_ttl, Duration::from_secs(3600));
    assert_eq!(pipeline.metrics_ttl, Some(Duration::from_secs(86_400)));
    assert!(!pipeline.detailed_logging);
    assert!(settings.balancing.enabled);
    let algorithm = format!("{:?}", settings.balancing.algorithm);
    assert_eq!(algorithm, "Adaptive");
    let breaker = settings.house.breaker;
    assert!(breaker.enabled);
    assert_eq!(breaker.failure_threshold, 5);
    assert_eq!(breaker.recovery_timeout, Duration::from_secs(60));
    let restart = settings.house.supervisor;
    assert_eq!(
        (restart.max_restarts, restart.window),
        (3, Duration::from_secs(5))
    );
    assert_eq!(restart.backoff.initial, Duration::from_millis(10));
    assert_eq!(restart.backoff.max, Duration::from_secs(10));
    assert_eq!(settings.house.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(settings.server.listen, "127.0.0.1:8080");
    assert_eq!(settings.server.workers, 0);
    assert_eq!(settings.server.shutdown_timeout, Duration::from_secs(30));
    assert!(matches!(&settings.state, StateConfig::File(path) if path == "data/state.redb"));
    let agents: Vec<&str> = settings.agents.iter().map(AgentEntry::name).collect();
    let shipped = [
        "util_agent",
        "kb_librarian",
        "chat_agent",
        "rag_agent",
        "dev_agent",
        "system_commands",
        "web_research",
    ];
    assert_eq!(agents, shipped);
    let llm = settings.llm.as_ref().unwrap();
    assert_eq!(llm.base_url.to_string(), "http://127.0.0.1:11434/v1");
    assert_eq!(llm.routing_model, "llama3.2:3b");
    assert_eq!(llm.complex_routing_model, "llama3.2:3b");
    assert_eq!(llm.timeout, Duration::from_secs(30));
    assert!((settings.advice.threshold - 0.6).abs() < 1e-9);
    assert_eq!(settings.advice.timeout, Duration::from_secs(2));
    assert_eq!(settings.memory.ttl, Duration::from_secs(300));
    assert_eq!(settings.memory.entries, 10_000);
}

#[test]
fn what_a_file_does_not_say_is_as_in_the_shipped_one() {
    let shipped = Settings::load(shipped()).unwrap();
    let silent = [
        "",
        "# nothing to say\n",
        "---\n",
        "{}\n",
        "orchestrator:\nserver:\nstate:\n",
    ];
    for text in silent.map(Some).into_iter().chain([None]) {
        let directory = directory(text, Some("agents:\n"));
        let mut settings = Settings::load(directory.path()).unwrap();
        assert!(settings.agents.is_empty());
        settings.agents.clone_from(&shipped.agents);
        assert_eq!(format!("{settings:?}"), format!("{shipped:?}"), "{text:?}");
    }
    let redis = directory(Some("state: {backend: redis}"), None);
    let Ok(StateConfig::Redis(redis)) = Settings::load(redis.path()).map(|it| it.state) else {
        panic!("that is not Redis");
    };
    assert_eq!(redis.url, "redis://127.0.0.1:6379");
    assert_eq!(redis.prefix, "autobot:orchestrator:");
    assert_eq!(redis.timeout, Duration::from_millis(500));
}

#[test]
fn a_directory_without_configuration_is_no_configuration_directory() {
    let empty = tempfile::tempdir().unwrap();
    for path in [empty.path(), &empty.path().join("nowhere")] {
        let error = Settings::load(path).unwrap_err();
        assert_eq!(error.mistakes.len(), 1);
        let error = error.to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(
            error.contains("orchestrator.yaml or agents.yaml"),
            "{error}"
        );
    }
}

#[test]
fn everything_that_is_wrong_in_both_files_is_told_at_once() {
    let orchestrator = "
orchestrator:
  routing_strategy: magic
  max_concurrent_requests: 0
  request_timeout: -1
  fallback_agents: x
  load_balancing: {algorithm: fair}
  circuit_breaker: {enabled: 1, failure_threshold: 0.5}
  metrics: [x]
server: {listn: x, workers: many}
limits: {max_content_chars: 99999999999}
stat: {}
state: {backend: mysql, redis: {timeout_ms: 0}, request_ttl: soon}
supervision: {max_restarts: -1, backoff: {initial: 10}}
";
    let agents = "
agents:
  - {name: chat_agent, kind: builtin, keyword: [hi]}
  - {name: util_agnt, kind: builtin}
  - {name: shop, kind: http, urls: [\"ftp://x/\"]}
  - {name: chat_agent, kind: builtin}
  - 7
";
    assert_mistakes(
        &directory(Some(orchestrator), Some(agents)),
        &[
            ("agents: agents[0].keyword", "did you mean `keywords`?"),
            ("agents: agents[1].name", "did you mean `util_agent`?"),
            ("agents: agents[2].urls[0]", "no URL of http or https"),
            (
                "agents: agents[3]",
                "`chat_agent` is the name of another agent",
            ),
            ("agents: agents[4]", "expected an object, found 7"),
            (
                "orchestrator: limits.max_content_chars",
                "from 1 to 1000000",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.enabled",
                "true or false, found 1",
            ),
            (
                "orchestrator: orchestrator.circuit_breaker.failure_threshold",
                "found 0.5",
            ),
            (
                "orchestrator: orchestrator.fallback_agents",
                "did you mean `fallback_agent`?",
            ),
            (
                "orchestrator: orchestrator.load_balancing.algorithm",
                "`weighted_round_robin`",
            ),
            (
                "orchestrator: orchestrator.max_concurrent_requests",
                "from 1 to 1000000, found 0",
            ),
            (
                "orchestrator: orchestrator.metrics",
                "expected an object, found an array",
            ),
            (
                "orchestrator: orchestrator.request_timeout",
                "from 0.001 to 3200000000, found -1",
            ),
            (
                "orchestrator: orchestrator.routing_strategy",
                "`simple`, `llm`, `hybrid`",
            ),
            ("orchestrator: server.listn", "did you mean `listen`?"),
            ("orchestrator: server.workers", "found \"many\""),
            ("orchestrator: stat", "did you mean `state`?"),
            (
                "orchestrator: state.backend",
                "`embedded`, `redis`, found \"mysql\"",
            ),
            (
                "orchestrator: state.redis.timeout_ms",
                "from 1 to 600000, found 0",
            ),
            ("orchestrator: state.request_ttl", "found \"soon\""),
            (
                "orchestrator: supervision.backoff.initial",
                "did you mean `initial_ms`?",
            ),
            ("orchestrator: supervision.max_restarts", "found -1"),
        ],
    );
}

#[test]
fn agents_are_kept_alive_as_is_said_for_them_for_their_group_or_for_all() {
    let orchestrator = "
supervision:
  max_restarts: 9
  on_give_up: escalate
  cool_down: {initial_ms: 100, max_ms: 200}
  stall_timeout: 2
  max_leaked_threads: 3
  start_timeout: 4
  groups:
    finance: {strategy: one_for_all, count: all}
";
    let directory = directory(Some(orchestrator), None);
    let house = Settings::load(directory.path()).unwrap().house;
    let common = house.supervisor_of(None);
    assert_eq!(
        (common.max_restarts, common.on_give_up),
        (9, OnGiveUp::Escalate)
    );
    assert_eq!(common.cool_down.max, Duration::from_millis(200));
    assert_eq!(house.supervisor_of(Some("else")), common);
    let finance = house.supervisor_of(Some("finance"));
    let expected = SupervisorConfig {
        strategy: RestartStrategy::OneForAll,
        count: Counted::All,
        ..common
    };
    assert_eq!(finance, expected);
    assert_eq!(house.stall_timeout, Duration::from_secs(2));
    assert_eq!(house.start_timeout, Duration::from_secs(4));
    assert_eq!(house.max_leaked_threads, 3);
}

#[test]
fn what_is_wrong_with_how_agents_are_kept_alive_is_told_with_its_place() {
    let orchestrator = "
supervision:
  strategy: one_for_some
  groups: {finance: {windows: 5}}
  cool_down: {initial_ms: 9, max_ms: 3}
";
    let agents = "
agents:
  - name: chat_agent
    kind: builtin
    job_timeout_ms: never
    blocking: 1
    restart: {policy: eternal, on_give_up: cry}
";
    assert_mistakes(
        &directory(Some(orchestrator), Some(agents)),
        &[
            ("agents: agents[0].blocking", "true or false"),
            ("agents: agents[0].job_timeout_ms", "one of `none`"),
            ("agents: agents[0].restart.on_give_up", "`stop`, `escalate`"),
            (
                "agents: agents[0].restart.policy",
                "`permanent`, `transient`, `temporary`",
            ),
            (
                "orchestrator: supervision.cool_down",
                "max_ms to be at least initial_ms",
            ),
            (
                "orchestrator: supervision.groups.finance.windows",
                "did you mean `window`?",
            ),
            (
                "orchestrator: supervision.strategy",
                "`one_for_one`, `one_for_all`, `rest_for_one`",
            ),
        ],
    );
}

#[test]
fn everything_that_is_wrong_with_one_agent_is_told_at_once() {
    let agents = "
agents:
  - name: chat_agent
    kind: builtin
    description: [x]
    keywords: [\"\", {phrase: x, weight: -1}]
    instances: 0
    concurrency: 0
    queue: -1
    timeout_ms: 0
    on_failure: ignore
    restart: {policy: always, windw: 5}
  - {name: shop, kind: htp, queue: x}
  - {name: shop, kind: http, queue: x}
  - {name: nobody, kind: builtin, queue: x}
  - {name: kb_librarian, kind: builtin, settings: {path: 7, max_passages: 0}}
  - {name: Big Shop, kind: http, urls: [\"http://localhost/\"]}
  - {name: health, kind: http, urls: [\"http://localhost/\"]}
";
    assert_mistakes(
        &directory(None, Some(agents)),
        &[
            ("agents: agents[0].concurrency", "found 0"),
            ("agents: agents[0].description", "expected a string"),
            ("agents: agents[0].instances", "found 0"),
            ("agents: agents[0].keywords[0]", "a word or a phrase"),
            ("agents: agents[0].keywords[1].weight", "greater than 0"),
            ("agents: agents[0].on_failure", "`stop`, `continue`"),
            ("agents: agents[0].queue", "found -1"),
            ("agents: agents[0].restart.policy", "`permanent`"),
            ("agents: agents[0].restart.windw", "did you mean `window`?"),
            ("agents: agents[0].timeout_ms", "found 0"),
            (
                "agents: agents[1].kind",
                "`builtin`, `http`, `llm`, found \"htp\"",
            ),
            ("agents: agents[1].queue", "found \"x\""),
            ("agents: agents[2].queue", "found \"x\""),
            ("agents: agents[2].urls", "missing"),
            (
                "agents: agents[3].name",
                "there are: util_agent, kb_librarian, chat_agent",
            ),
            ("agents: agents[3].queue", "found \"x\""),
            ("agents: agents[4].settings.max_passages", "found 0"),
            (
                "agents: agents[4].settings.path",
                "expected a string, found 7",
            ),
            ("agents: agents[5].name", "lower-case letters"),
            ("agents: agents[6].name", "`/agents/health`"),
        ],
    );
}

#[test]
fn a_redis_that_cannot_be_meant_is_told_with_all_the_rest_and_without_its_password() {
    let text =
        "state: {backend: redis, redis: {url: \"http://me:s3cret@x\"}}\nserver: {listen: \":80\"}";
    let directory = directory(Some(text), None);
    assert_mistakes(
        &directory,
        &[
            ("orchestrator: server.listen", "ADDRESS:PORT"),
            (
                "orchestrator: state.redis.url",
                "redis://user:password@host",
            ),
        ],
    );
    let said = format!("{:?}", mistakes(directory.path()));
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_file_that_is_no_yaml_is_named_with_the_line() {
    for (text, part) in [
        ("server: {}\nserver: [\n", "line 3"),
        ("server:\n  listen: x\n bad\n", "line 3"),
        ("server:\n\tlisten: x\n", "line 2"),
        (
            "server: {}\nlimits: {}\nserver: {}\n",
            "`server`: duplicated key",
        ),
        ("- server\n", "expected a map"),
        ("hello", "expected a map"),
    ] {
        let found = mistakes(directory(Some(text), Some("agents: [\n")).path());
        let [(orchestrator, message), (agents, _)] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert_eq!(
            (orchestrator.as_str(), agents.as_str()),
            ("orchestrator: ", "agents: ")
        );
        assert!(message.contains(part), "{message}");
    }
}
