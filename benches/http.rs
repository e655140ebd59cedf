//! What orchestration costs over HTTP: `/orchestrate`, with everything switched on, beside a bare
//! actix-web handler that parses a body and answers JSON of the same size.
//!
//! Both are loaded in turn, in many short rounds at each number of connections, by a load generator
//! (`wrk`) that shares the machine. The ratio is taken within a round, and the median of the rounds
//! is printed, so that a machine whose speed changes from second to second does not matter. Run it
//! with `make bench-http`.

#[path = "load/server.rs"]
mod server;

use std::process::Command;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

use server::{Figures, Server, has_generator, median};

const ROUNDS: usize = 21;
const CONNECTIONS: [usize; 3] = [1, 32, 64];

fn main() -> std::io::Result<()> {
    if std::env::args().any(|argument| argument == "bare") {
        return actix_web::rt::System::new().block_on(bare());
    }
    if !has_generator() {
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

struct Round {
    bare: Figures,
    whole: Figures,
}

fn rounds(connections: usize) -> std::io::Result<Vec<Round>> {
    let directory = tempfile::tempdir()?;
    let orchestrator = orchestrator(directory.path())?;
    let bare = bare_handler(&ask(&orchestrator))?;
    let round = |_| {
        Ok(Round {
            bare: bare.load(connections, &[])?,
            whole: orchestrator.load(connections, &[])?,
        })
    };
    (0..ROUNDS).map(round).collect()
}

fn orchestrator(directory: &std::path::Path) -> std::io::Result<Server> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-orchestrator"));
    command
        .args(["--listen", "127.0.0.1:0", "--config"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
        .env("RUST_LOG", "info")
        .current_dir(directory);
    Server::start(command, "")
}

fn bare_handler(answer: &Value) -> std::io::Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare");
    Server::start(command, &answer.to_string())
}

/// What it answers to one question.
fn ask(server: &Server) -> Value {
    let ask = async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let question = json!({"content": "hello from the first visitor"});
        let url = format!("{}/orchestrate", server.url);
        let client = reqwest::Client::new();
        let answered = client.post(url).json(&question).send().await?;
        answered.json::<Value>().await
    };
    let answer: Result<Value, reqwest::Error> = actix_web::rt::System::new().block_on(ask);
    answer.expect("the server has said that it listens")
}

fn row(connections: usize, rounds: &[Round]) -> String {
    let median = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
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
