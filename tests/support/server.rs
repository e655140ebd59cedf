//! Real servers for tests: the binary as a process of its own, and an orchestrator of the test's
//! own agents behind real HTTP.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;

use agent_orchestrator::{Orchestrator, http};

pub(crate) use agent_orchestrator::testkit::{PATIENCE, until};

/// A program that serves HTTP on a free port, as a process of its own.
pub(crate) struct Process {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    ended: mpsc::Receiver<()>,
}

impl Process {
    /// The orchestrator's binary with this configuration directory and these variables.
    pub(crate) fn orchestrator(config: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command.arg("--config").arg(config);
        Self::start(command, variables)
    }

    /// Any program that takes the orchestrator's configuration from the environment. It listens
    /// on a free port and keeps its state in memory, unless the variables say otherwise.
    pub(crate) fn start(mut command: Command, variables: &[(&str, &str)]) -> Self {
        let mut child = spawn(&mut command, variables);
        let log = Arc::new(Mutex::new(String::new()));
        let (found, address) = mpsc::channel();
        let (running, ended) = mpsc::channel();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        thread::spawn(move || {
            // Dropped with the last line, which is the end of the process.
            let _running = running;
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = found.send(address.to_owned());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            panic!("the server did not start:\n{}", log.lock().unwrap());
        };
        Self {
            child,
            address,
            log,
            ended,
        }
    }

    /// The address of that path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal by its name: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&signal, &pid]).status().unwrap();
        assert!(sent.success(), "kill {signal} {pid}");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let waited = self.ended.recv_timeout(PATIENCE);
        let has_ended = waited == Err(RecvTimeoutError::Disconnected);
        assert!(has_ended, "the process does not end:\n{}", self.log());
        self.child.wait().unwrap()
    }
}

/// Starts a program on a free port, with its state in memory and its log in a pipe.
pub(crate) fn spawn(command: &mut Command, variables: &[(&str, &str)]) -> Child {
    command
        .env("ORCHESTRATOR__SERVER__LISTEN", "127.0.0.1:0")
        .env("ORCHESTRATOR__STATE__PATH", ":memory:")
        .env("RUST_LOG", "info,tantivy=warn")
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the orchestrator on a free port within this process; answers where.
pub(crate) fn serve(orchestrator: &Orchestrator) -> String {
    let served = orchestrator.clone();
    let server = actix_web::HttpServer::new(move || {
        actix_web::App::new().configure(http::routes(served.clone()))
    })
    .workers(1)
    .h1_allow_half_closed(false)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    format!("http://{address}")
}
