//! What keeping the state costs over HTTP: the same orchestrator that keeps nothing, that keeps it in
//! a file of its own, and that keeps it in Redis; and how many requests it accepts for which nobody
//! waits.
//!
//! All three are loaded in turn, in many short rounds there and back, by a load generator (`wrk`) that
//! shares the machine, as Redis does. Ratios are taken within a round, and the median of the rounds is
//! printed. Redis is emptied after each round: it has got a hundred thousand requests then, as many as
//! an hour of thirty a second leaves. Run it with `make bench-state`.

#[path = "state/nowhere.rs"]
mod nowhere;
#[path = "load/server.rs"]
mod server;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agent_orchestrator::App;

use nowhere::Nowhere;
use server::{Server, has_generator, median};

const ROUNDS: usize = 21;
const CONNECTIONS: usize = 32;
const ASYNC: &[&str] = &["Prefer: respond-async"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    if !has_generator() {
        println!("wrk is not installed: run `make bench-state`, which installs it");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let redis = Redis::start()?;
    let file = directory.path().join("state.redb").display().to_string();
    let nothing = server(&[("STORE", "nowhere")])?;
    let embedded = server(&[("ORCHESTRATOR__STATE__PATH", &file)])?;
    let shared = server(&[
        ("ORCHESTRATOR__STATE__BACKEND", "redis"),
        ("ORCHESTRATOR__STATE__REDIS__URL", &redis.url),
    ])?;
    let (mut answered, mut accepted) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        answered.push(there_and_back([&nothing, &embedded, &shared], &[])?);
        redis.empty()?;
    }
    for _ in 0..ROUNDS / 3 {
        accepted.push(there_and_back([&embedded, &shared], ASYNC)?);
    }
    let of = |figure: fn(&[f64; 3]) -> f64| median(answered.iter().map(figure));
    println!("| state | answered/s | ratio | accepted/s |");
    println!("|---|---|---|---|");
    println!("| none | {:.0} | | |", of(|it| it[0]));
    println!(
        "| embedded | {:.0} | {:.2} of none | {:.0} |",
        of(|it| it[1]),
        of(|it| it[1] / it[0]),
        median(accepted.iter().map(|it| it[0])),
    );
    println!(
        "| redis | {:.0} | {:.2} of embedded | {:.0} |",
        of(|it| it[2]),
        of(|it| it[2] / it[1]),
        median(accepted.iter().map(|it| it[1])),
    );
    Ok(())
}

/// What each answers a second, loaded in turn and then once more in reverse: a machine that becomes
/// quicker or slower meanwhile does so for all alike.
fn there_and_back<const N: usize>(
    servers: [&Server; N],
    headers: &[&str],
) -> std::io::Result<[f64; N]> {
    let mut per_second = [0.0; N];
    for i in (0..N).chain((0..N).rev()) {
        per_second[i] += servers[i].load(CONNECTIONS, headers)?.per_second / 2.0;
    }
    Ok(per_second)
}

/// An orchestrator in a process of its own, configured by these variables.
fn server(variables: &[(&str, &str)]) -> std::io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("serve")
        .env("RUST_LOG", "info")
        .env("ORCHESTRATOR__SERVER__LISTEN", "127.0.0.1:0")
        .env("ORCHESTRATOR__QUEUE__CAPACITY", "1000000")
        .envs(variables.iter().copied());
    Server::start(command, "")
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let mut app = App::from_config(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))?;
    if std::env::var("STORE").is_ok_and(|store| store == "nowhere") {
        app = app.store(Arc::new(Nowhere));
    }
    actix_web::rt::System::new().block_on(app.run())?;
    Ok(())
}

/// A Redis of its own, ended when dropped.
struct Redis {
    process: Child,
    url: String,
}

impl Redis {
    fn start() -> std::io::Result<Self> {
        // Free a moment ago, on a machine where nobody else asks for ports.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .stdout(Stdio::null())
            .spawn()?;
        let url = format!("redis://127.0.0.1:{port}");
        Ok(Self { process, url })
    }

    /// Has it forget everything.
    fn empty(&self) -> redis::RedisResult<()> {
        let mut connection = redis::Client::open(&*self.url)?.get_connection()?;
        redis::cmd("FLUSHALL").exec(&mut connection)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
