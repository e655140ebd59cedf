//! What can be asked of the binary, and what overrides the configuration from outside.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{directory, shipped};

const CHAT: Option<&str> = Some("agents: [{name: chat_agent, kind: builtin}]");

/// How a run of the binary ended.
struct Run {
    code: Option<i32>,
    out: String,
    errors: String,
}

fn run(config: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command.args(arguments).arg("--config").arg(config);
    let output = command
        .env_remove("RUST_LOG")
        .envs(variables.iter().copied());
    let output = output.output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// What it printed, having found nothing wrong.
    #[track_caller]
    fn printed(&self) -> &str {
        assert_eq!(
            (self.code, self.errors.as_str()),
            (Some(0), ""),
            "{}",
            self.out
        );
        &self.out
    }

    /// What it complained about, having printed nothing.
    #[track_caller]
    fn complained(&self) -> &str {
        assert_eq!(
            (self.code, self.out.as_str()),
            (Some(1), ""),
            "{}",
            self.errors
        );
        self.errors.strip_prefix("error: ").unwrap()
    }
}

#[test]
fn check_prints_what_would_run() {
    let run = run(shipped(), &["check"], &[]);
    let printed = run.printed();
    for part in [
        "valid",
        "127.0.0.1:8080",
        "data/state.redb",
        "chat_agent",
        "kb_librarian",
        "util_agent",
    ] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
}

#[test]
fn check_says_where_the_state_is_without_the_password() {
    let state = "state: {backend: redis, redis: {url: \"redis://me:secret@example.org:7000/1\"}}";
    let run = run(directory(Some(state), CHAT).path(), &["check"], &[]);
    let printed = run.printed();
    assert!(printed.contains("example.org:7000"), "{printed}");
    assert!(!printed.contains("secret"), "{printed}");
    assert!(!printed.contains("RedisConfig {"), "{printed}");
}

#[test]
fn check_refuses_what_is_wrong_whatever_it_is() {
    for (orchestrator, agents, complaint) in [
        (
            "server: {listn: x}",
            "",
            "server.listn: unknown member; did you mean `listen`?",
        ),
        ("", "", "there are no agents at all"),
        (
            "orchestrator: {fallback_agent: chat_agnt}",
            "agents: [{name: chat_agent, kind: builtin}]",
            "the fallback agent `chat_agnt` (orchestrator.fallback_agent) is not there; did you \
             mean `chat_agent`?",
        ),
        (
            "orchestrator: {fallback_agent: zzz}",
            "agents: [{name: chat_agent, kind: builtin}]",
            "there are: chat_agent",
        ),
        (
            "state: {backend: redis, redis: {url: \"htp://x:secret\"}}",
            "agents: [{name: chat_agent, kind: builtin}]",
            "url is malformed",
        ),
        (
            "",
            "agents: [{name: My Shop, kind: http, urls: [\"http://localhost/\"]}]",
            "`My Shop` is no name for an agent",
        ),
    ] {
        let directory = directory(Some(orchestrator), Some(agents));
        let run = run(directory.path(), &["check"], &[]);
        assert!(run.complained().contains(complaint), "{}", run.errors);
        assert!(!run.errors.contains("secret"), "{}", run.errors);
    }
}

#[test]
fn a_server_with_a_faulty_configuration_does_not_start() {
    let directory = directory(Some("server: {workers: x}"), CHAT);
    for arguments in [&["serve"][..], &[], &["ask", "hi"], &["route", "hi"]] {
        let run = run(directory.path(), arguments, &[]);
        assert!(
            run.complained().contains("server.workers"),
            "{}",
            run.errors
        );
    }
}

#[test]
fn the_environment_overrides_the_files() {
    let orchestrator = Some("server: {listen: \"127.0.0.1:1\"}\nstate: {path: a.redb}");
    let directory = directory(orchestrator, CHAT);
    let variables = [
        ("ORCHESTRATOR__SERVER__LISTEN", "127.0.0.1:7777"),
        ("ORCHESTRATOR__STATE__PATH", "2026"),
        ("ORCHESTRATOR__ORCHESTRATOR__MAX_CONCURRENT_REQUESTS", "7"),
        (
            "ORCHESTRATOR__ORCHESTRATOR__CIRCUIT_BREAKER__ENABLED",
            "false",
        ),
    ];
    let overridden = run(directory.path(), &["check"], &variables);
    assert!(
        overridden.printed().contains("listening   127.0.0.1:7777"),
        "{}",
        overridden.out
    );
    assert!(
        overridden.printed().contains("embedded, in 2026"),
        "{}",
        overridden.out
    );
    let told = run(
        directory.path(),
        &["check", "--listen", "127.0.0.1:8888"],
        &variables,
    );
    assert!(
        told.printed().contains("listening   127.0.0.1:8888"),
        "{}",
        told.out
    );
}

#[test]
fn a_variable_that_is_wrong_is_named_and_the_file_is_not() {
    let directory = directory(Some("server: {workers: 1}"), CHAT);
    for (name, value, complaint) in [
        (
            "ORCHESTRATOR__SERVER__WORKERS",
            "many",
            "server.workers: expected a whole number",
        ),
        (
            "ORCHESTRATOR__SERVER__LISTN",
            "x",
            "server.listn: unknown member; did you mean",
        ),
        ("ORCHESTRATOR__SERVER", "x", "server: expected an object"),
        (
            "ORCHESTRATOR__SEVER__LISTEN",
            "x",
            "sever: unknown member; did you mean `server`?",
        ),
        (
            "ORCHESTRATOR__STATE__REDIS__URI",
            "x",
            "state.redis.uri: unknown member",
        ),
    ] {
        let run = run(directory.path(), &["check"], &[(name, value)]);
        let complained = run.complained();
        assert!(
            complained.contains(&format!("\n  {name}: {complaint}")),
            "{complained}"
        );
        assert!(!complained.contains("orchestrator.yaml"), "{complained}");
    }
}

#[test]
fn route_prints_the_decision_and_asks_no_agent() {
    let decided = run(shipped(), &["route", "What is 17% of 2340?"], &[]);
    let first = decided.printed().lines().next().unwrap();
    assert!(
        first.starts_with("util_agent (simple, confidence 0."),
        "{first}"
    );
    let decided = run(shipped(), &["route", "--json", "What is 17% of 2340?"], &[]);
    let routing: Value = serde_json::from_str(decided.printed()).unwrap();
    assert_eq!(routing["primary_agent"], "util_agent");
    assert_eq!(routing["candidates"][0]["agent"], "util_agent");
    let decided = run(shipped(), &["route", "--json", "xyzzy"], &[]);
    let routing: Value = serde_json::from_str(decided.printed()).unwrap();
    assert_eq!(routing["strategy"], "fallback");
    assert_eq!(routing["primary_agent"], "chat_agent");
}

#[test]
fn ask_prints_the_answer_and_nothing_else() {
    let answered = run(shipped(), &["ask", "What is 17% of 2340?"], &[]);
    assert_eq!(answered.printed(), "397.8\n");
    let answered = run(shipped(), &["ask", "--json", "What is 17% of 2340?"], &[]);
    let answer: Value = serde_json::from_str(answered.printed()).unwrap();
    assert_eq!(answer["result"]["content"], "397.8");
    assert_eq!(answer["agents_used"][0], "util_agent");
}

#[test]
fn ask_says_why_there_is_no_answer() {
    let failed = run(shipped(), &["ask", "calculate 1/0"], &[]);
    let complaint =
        "AgentFailed: agent `util_agent`: I cannot calculate `1/0`: division by zero.\n";
    assert_eq!(failed.complained(), complaint);
    let failed = run(shipped(), &["ask", "--json", "calculate 1/0"], &[]);
    let problem: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!(
        (failed.code, problem["error_type"].as_str()),
        (Some(1), Some("AgentFailed"))
    );
    assert_eq!(run(shipped(), &["ask", " "], &[]).code, Some(1));
    assert_eq!(run(shipped(), &["ask"], &[]).code, Some(2));
    assert_eq!(run(shipped(), &["frobnicate"], &[]).code, Some(2));
}

#[test]
fn an_address_that_cannot_be_listened_at_is_refused_at_once() {
    let directory = directory(None, CHAT);
    let run = run(directory.path(), &["check", "--listen", "nonsense"], &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.errors.contains("expected ADDRESS:PORT"),
        "{}",
        run.errors
    );
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let directory = directory(None, CHAT);
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command.arg("check").arg("--config").arg(directory.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn eval_measures_the_configured_agents_on_a_file_of_requests() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("requests.jsonl");
    let requests = [
        r#"{"text": "What is 17% of 2340?", "agents": ["util_agent"], "kind": "plain"}"#,
        "",
        r#"{"text": "hello there", "agents": ["chat_agent"]}"#,
        r#"{"text": "hello", "agents": ["dev_agent"]}"#,
    ];
    std::fs::write(&file, requests.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let arguments = ["eval", file, "--without-llm", "--json"];
    let report: Value = serde_json::from_str(run(shipped(), &arguments, &[]).printed()).unwrap();
    assert_eq!(report["n"], 3);
    assert!((report["accuracy"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert!((report["list_exact"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    for name in ["list_f1", "ece", "p50_us", "p99_us"] {
        assert!(report[name].is_number(), "{name}");
    }
    assert_eq!(report["coverage"][0]["coverage"], 1.0);
    assert_eq!(report["mistakes"].as_array().unwrap().len(), 1);
    assert_eq!(
        report["mistakes"][0]["expected"],
        serde_json::json!(["dev_agent"])
    );
    assert_eq!(report["confusion"]["dev_agent"]["chat_agent"], 1);

    let told = run(shipped(), &["eval", file, "--without-llm"], &[]);
    let told = told.printed();
    assert!(told.contains("primary agent right    66.7 %"), "{told}");
    assert!(told.contains("chat_agent instead of dev_agent"), "{told}");
}

#[test]
fn eval_says_what_is_wrong_with_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        ("{\"text\": \"x\"}", "line 1: expected {\"text\""),
        (
            "{\"text\": \"x\", \"agents\": []}\nnonsense",
            "line 2: expected",
        ),
        ("\n\n", "there are no requests in it"),
    ];
    for (text, expected) in cases {
        let file = directory.path().join("requests.jsonl");
        std::fs::write(&file, text).unwrap();
        let arguments = ["eval", file.to_str().unwrap()];
        let complained = run(shipped(), &arguments, &[]);
        let complained = complained.complained();
        assert!(complained.contains(expected), "{complained}");
    }
    let missing = run(shipped(), &["eval", "nowhere.jsonl"], &[]);
    assert!(
        missing
            .complained()
            .contains("nowhere.jsonl: cannot be read")
    );
}

#[test]
fn eval_learns_and_judges_the_public_sets() {
    let directory = tempfile::tempdir().unwrap();
    let [train, test] = ["train.csv", "test.csv"].map(|name| directory.path().join(name));
    let rows = "text,category\n\"where, oh where, is my card\",card\nthe card is late,card\n\
                what is the rate,rate\nthe exchange rate today,rate\n";
    std::fs::write(&train, rows).unwrap();
    std::fs::write(
        &test,
        "text,category\nis the card late,card\nwhat rate is it,rate\n",
    )
    .unwrap();
    let arguments = ["eval", "--banking", train.to_str().unwrap(), "--json"];
    let report: Value = serde_json::from_str(run(shipped(), &arguments, &[]).printed()).unwrap();
    assert_eq!(
        (&report["n"], &report["accuracy"]),
        (&2.into(), &1.0.into())
    );
    assert!(report["training_ms"].is_number());

    let clinc = directory.path().join("clinc.json");
    let set = serde_json::json!({
        "train": [["is my card late", "card"], ["a new card", "card"], ["what is the rate", "rate"], ["the rate today", "rate"]],
        "val": [["the late card", "card"]],
        "test": [["my new card", "card"]],
        "oos_test": [["xyzzy", "oos"]],
    });
    std::fs::write(&clinc, set.to_string()).unwrap();
    let arguments = [
        "eval",
        "--clinc",
        clinc.to_str().unwrap(),
        "--shots",
        "2",
        "--json",
    ];
    let report: Value = serde_json::from_str(run(shipped(), &arguments, &[]).printed()).unwrap();
    assert_eq!(report["out_of_scope"]["n"], 1);
    assert_eq!(report["out_of_scope"]["auroc"], 1.0);
}
