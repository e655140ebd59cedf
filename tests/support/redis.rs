//! A real Redis server for one test: it can be paused, killed and started again.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` of its own, with nothing in it; killed when dropped.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl RedisServer {
    /// Starts a server on a free port and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (port, directory) = (free_port(), new_directory());
            let command = server(port, &directory, arguments);
            if let Some(server) = Self::try_start(command, port, directory, deadline) {
                return server;
            }
        }
    }

    /// Starts a server on this port and waits until it answers.
    pub(crate) fn start_on(port: u16) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let directory = new_directory();
            let command = server(port, &directory, &[]);
            if let Some(server) = Self::try_start(command, port, directory, deadline) {
                return server;
            }
        }
    }

    /// Starts a Sentinel on a free port, configured like that, and waits until it answers.
    pub(crate) fn start_sentinel(configuration: &str) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (port, directory) = (free_port(), new_directory());
            let file = directory.path().join("sentinel.conf");
            let place = format!("port {port}\nbind 127.0.0.1\n");
            std::fs::write(&file, place + configuration).expect("the directory is writable");
            let mut command = Command::new("redis-server");
            command.arg(&file).arg("--sentinel");
            if let Some(server) = Self::try_start(command, port, directory, deadline) {
                return server;
            }
        }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes it hang: connections are taken and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Ends a [pause](Self::pause).
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// What it answers to that command, as it comes over the wire; nothing when it does not answer.
    pub(crate) fn ask(&self, command: &str) -> String {
        ask(self.port, command).unwrap_or_default()
    }

    /// One try; `None` when the port was taken by somebody else meanwhile.
    fn try_start(
        mut command: Command,
        port: u16,
        directory: TempDir,
        deadline: Instant,
    ) -> Option<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => {
                panic!("redis-server not found: run `make test`, which installs it")
            }
            _ => panic!("redis-server cannot be started: {error}"),
        });
        let ready = readiness(process.stdout.take().expect("it is piped"));
        let server = Self {
            process,
            port,
            _directory: directory,
        };
        match ready.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => Some(server),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("redis-server is not ready on port {port}"),
        }
    }

    /// Whether this very process answers on the port, and not another server.
    fn answers(&self) -> bool {
        let identity = format!("process_id:{}\r\n", self.process.id());
        ask(self.port, "PING").is_some_and(|reply| reply.starts_with("+PONG"))
            && ask(self.port, "INFO server").is_some_and(|reply| reply.contains(&identity))
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "kill {signal} {id} failed"
        );
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn new_directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn server(port: u16, directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(directory.path())
        .args(arguments);
    command
}

/// What a server says, and what a Sentinel does, when it takes connections.
const READY: [&str; 2] = ["Ready to accept connections", "Sentinel ID is"];

/// Told when the server says that it is ready; disconnected when it ends before.
fn readiness(log: ChildStdout) -> Receiver<()> {
    let (tell, ready) = channel();
    thread::spawn(move || {
        // Read to its end, for a server that cannot write its log stands still.
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if READY.iter().any(|words| line.contains(words)) {
                // Who starts it no longer waits when it is late.
                let _ = tell.send(());
            }
        }
    });
    ready
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}

/// Sends one command and returns all that is answered.
fn ask(port: u16, command: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    write!(stream, "{command}\r\n").ok()?;
    // Whoever says no more gets what there is to say, and no more either; Sentinels know no QUIT.
    stream.shutdown(Shutdown::Write).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    Some(reply)
}

#[test]
fn a_server_hangs_and_dies_and_comes_back_as_it_is_told() {
    let mut server = RedisServer::start();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    server.pause();
    assert!(!server.answers());
    server.resume();
    assert!(server.answers());
    server.kill();
    assert!(!server.answers());
    assert!(RedisServer::start_on(server.port()).answers());
    assert_ne!(free_port(), 0);
}
