//! A start that is refused.

use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use super::server::{PATIENCE, spawn};

/// What the process says on its way out with code 1, having refused to start.
pub(crate) fn refusal(config: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    let mut child = spawn(command.arg("--config").arg(config), variables);
    let mut stderr = child.stderr.take().unwrap();
    let (tell, said) = mpsc::channel();
    // It has said everything when it has ended.
    thread::spawn(move || {
        let mut everything = String::new();
        stderr.read_to_string(&mut everything).unwrap();
        let _ = tell.send(everything);
    });
    let Ok(said) = said.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        panic!("the process has not refused to start");
    };
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    said
}
