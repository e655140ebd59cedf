//! What orchestration costs over HTTP: `/orchestrate`, with everything switched on, beside a bare
//! actix-web handler that parses a body and answers JSON of the same size.
//!
//! Both are loaded in turn, in many short rounds at each number of connections, by a load generator
//! (`wrk`) that shares the machine. The ratio is taken within a round, and the median of the rounds
//! is printed, so that a machine whose speed changes from second to second does not matter. Run it
//! with `make bench-http`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

const ROUNDS: usize = 21;
const SECONDS: &str = "2s";
const CONNECTIONS: [usize; 3] = [1, 32, 64];

fn main() -> std::io::Result<()> {
    if std::env::args().any(|argument| argument == "bare") {
        return actix_web::rt::System::new().block_on(bare());
    }
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("wrk is not installed: run `make bench-http`, which installs it");
        return Ok(());
    }
    println!(
        "| connections | bare req/s | /orchestrate req/s | ratio | bare p99 ms | p99 ms | ratio |"
    );
    println!("|---|---|---|---|---|---|---|");
    for connections in CONNECTIONS {
        println!("{}", row(connections, &rounds(connections)?));
    }
    Ok(())
}

/// The handler to compare with: what any service on actix-web has to do at the least.
async fn bare() -> std::io::Result<()> {
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    let answer = web::Data::new(serde_json::from_str::<Value>(&answer)?);
    let handle = async |body: web::Bytes, answer: web::Data<Value>| match serde_json::from_slice::<
        Value,
    >(&body)
    {
        Ok(question) if question["content"].is_string() => HttpResponse::Ok().json(answer),
        _ => HttpResponse::BadRequest().finish(),
    };
    let server = HttpServer::new(move || {
        App::new()
            .app_data(answer.clone())
            .route("/orchestrate", web::post().to(handle))
    });
    let server = server.bind("127.0.0.1:0")?;
    eprintln!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

/// A server in a process of its own, ended when dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(mut command: Command, input: &str) -> std::io::Result<Self> {
        let piped = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = piped.spawn()?;
        if let Some(mut stdin) = process.stdin.take() {
            writeln!(stdin, "{input}")?;
        }
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let url = loop {
            let line = lines.next().expect("a server says where it listens")?;
            if let Some((_, url)) = line.split_once("listening on ") {
                break url.to_owned();
            }
        };
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, url })
    }

    fn orchestrator(directory: &std::path::Path) -> std::io::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
        command
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
            .env("RUST_LOG", "info")
            .current_dir(directory);
        Self::start(command, "")
    }

    fn bare(answer: &Value) -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare");
        Self::start(command, &answer.to_string())
    }

    /// What it answers to one question.
    fn ask(&self) -> Value {
        let ask = async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let question = json!({"content": "hello from the first visitor"});
            let url = format!("{}/orchestrate", self.url);
            let answered = reqwest::Client::new()
                .post(url)
                .json(&question)
                .send()
                .await?;
            answered.json::<Value>().await
        };
        let answer: Result<Value, reqwest::Error> = actix_web::rt::System::new().block_on(ask);
        answer.expect("the server has said that it listens")
    }

    /// Puts it under load.
    fn load(&self, connections: usize) -> std::io::Result<Figures> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/http.lua");
        let connections = format!("-c{connections}");
        let output = Command::new("wrk")
            .args(["-t1", &connections, "-d", SECONDS, "-s", script, &self.url])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures = text.lines().find_map(|line| line.strip_prefix("figures "));
        let figures = figures.unwrap_or_else(|| panic!("wrk printed no figures:\n{text}"));
        let numbers: Vec<f64> = figures.split(' ').filter_map(|n| n.parse().ok()).collect();
        assert!(numbers[3] < 0.5, "{} requests failed", numbers[3]);
        Ok(Figures {
            per_second: numbers[0],
            p99: numbers[2],
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Clone, Copy)]
struct Figures {
    per_second: f64,
    p99: f64,
}

struct Round {
    bare: Figures,
    whole: Figures,
}

fn rounds(connections: usize) -> std::io::Result<Vec<Round>> {
    let directory = tempfile::tempdir()?;
    let orchestrator = Server::orchestrator(directory.path())?;
    let bare = Server::bare(&orchestrator.ask())?;
    let round = |_| {
        Ok(Round {
            bare: bare.load(connections)?,
            whole: orchestrator.load(connections)?,
        })
    };
    (0..ROUNDS).map(round).collect()
}

fn row(connections: usize, rounds: &[Round]) -> String {
    let median = |figure: fn(&Round) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    format!(
        "| {connections} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
        median(|r| r.bare.per_second),
        median(|r| r.whole.per_second),
        median(|r| r.whole.per_second / r.bare.per_second),
        median(|r| r.bare.p99),
        median(|r| r.whole.p99),
        median(|r| r.whole.p99 / r.bare.p99),
    )
}
