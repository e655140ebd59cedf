//! A start that is refused.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::server::PATIENCE;

/// What the process says on its way out with code 1, having refused to start.
pub(crate) fn refusal(config: &Path, variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"))
        .arg("--config")
        .arg(config)
        .env("ORCHESTRATOR__SERVER__LISTEN", "127.0.0.1:0")
        .env("ORCHESTRATOR__STATE__PATH", ":memory:")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}
