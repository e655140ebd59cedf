//! What becomes of answers when more is asked than can be done: the whole orchestrator behind real
//! HTTP, for a minute at 1.6 times what it can do.
//!
//! The load is open: requests come when they come, at random, whether others were answered or not.

#![allow(missing_docs)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use agent_orchestrator::{AgentSpec, App, Reply};
use serde_json::json;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INSTANCES: usize = 2;
const SLOTS: usize = 8;
/// Requests are worth nothing after this.
const DEADLINE: Duration = Duration::from_secs(1);

/// The middle and the spread of the logarithm of the seconds that a task takes.
const WORK: (f64, f64) = (-3.0, 0.5);

fn main() -> ExitCode {
    let most = std::env::args()
        .skip_while(|argument| argument != "serve")
        .nth(1);
    if let Some(most) = most.and_then(|most| most.parse().ok()) {
        env_logger::init();
        serve(most);
        return ExitCode::SUCCESS;
    }
    let mut met = true;
    for (most, who) in [
        (100, "the door refuses"),
        (10_000, "the agent's queues refuse"),
    ] {
        println!("\n## max_concurrent_requests: {most}, so that {who}\n");
        let server = Server::start(most);
        met &= actix_web::rt::System::new().block_on(measure(&server.url));
    }
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// An orchestrator, for so many requests at once, whose only agent takes its time.
fn serve(most: usize) {
    let worker = AgentSpec::from_fn("worker", |_, _| async move {
        actix_web::rt::time::sleep(work()).await;
        Ok(Reply::text("done"))
    });
    let worker = worker
        .instances(INSTANCES)
        .concurrency(SLOTS)
        .timeout(DEADLINE);
    let mut app = App::new().agent(worker);
    "worker".clone_into(&mut app.settings_mut().fallback_agent);
    "127.0.0.1:0".clone_into(&mut app.settings_mut().server.listen);
    app.settings_mut().pipeline.max_concurrent_requests = most;
    let served = actix_web::rt::System::new().block_on(app.run());
    served.expect("the address is free");
}

fn work() -> Duration {
    let (middle, spread) = WORK;
    let radius = (-2.0 * fastrand::f64().max(1e-300).ln()).sqrt();
    let bell = radius * (std::f64::consts::TAU * fastrand::f64()).cos();
    Duration::from_secs_f64((middle + spread * bell).exp())
}

/// The server, a process of its own.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(most: usize) -> Self {
        let program = std::env::current_exe().expect("a running program has a file");
        let mut command = Command::new(program);
        command
            .args(["serve", &most.to_string()])
            .env("RUST_LOG", "info");
        let process = command.stderr(Stdio::piped()).spawn();
        let mut process = process.expect("a running program can be started");
        let said = process.stderr.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines();
        let listens = lines.find_map(|line| {
            let line = line.expect("a log is text");
            Some(line.split_once("listening on ")?.1.to_owned())
        });
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            url: listens.expect("a server says where it listens"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whom requests are put to, since when, and what came of them.
#[derive(Clone)]
struct Load {
    client: reqwest::Client,
    url: Rc<str>,
    began: Instant,
    log: Log,
}

/// A request: when it came, since the beginning, how it ended, and after how long.
#[derive(Clone, Copy)]
struct Seen {
    at: f64,
    status: u16,
    took: f64,
}

type Log = Rc<RefCell<Vec<Seen>>>;

impl Load {
    fn new(client: &reqwest::Client, url: &str, began: Instant) -> Self {
        Self {
            client: client.clone(),
            url: url.into(),
            began,
            log: Log::default(),
        }
    }
}

async fn ask(load: &Load) {
    let came = Instant::now();
    let body = json!({"content": "work", "timeout_ms": DEADLINE.as_millis() as u64});
    let url = format!("{}/orchestrate", load.url);
    let answered = load.client.post(url).json(&body).send().await;
    let status = match answered {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let _ = answer.bytes().await;
            status
        }
        Err(_) => 0,
    };
    load.log.borrow_mut().push(Seen {
        at: came.duration_since(load.began).as_secs_f64(),
        status,
        took: came.elapsed().as_secs_f64(),
    });
}

/// So many requests a second, at random moments, for so long.
async fn put(load: &Load, rate: f64, seconds: f64) {
    let (start, mut next) = (Instant::now(), 0.0);
    loop {
        next += -fastrand::f64().max(1e-12).ln() / rate;
        if next > seconds {
            return;
        }
        let due = start + Duration::from_secs_f64(next);
        actix_web::rt::time::sleep_until(due.into()).await;
        let load = load.clone();
        actix_web::rt::spawn(async move { ask(&load).await });
    }
}

/// As many requests a second as are answered when there are always some more.
async fn capacity(load: &Load) -> f64 {
    let start = Instant::now();
    let clients = (0..INSTANCES * SLOTS * 2).map(|_| async {
        while start.elapsed() < Duration::from_secs(15) {
            ask(load).await;
        }
    });
    futures::future::join_all(clients).await;
    let log = load.log.borrow();
    let answered = log.iter().filter(|seen| seen.status == 200).count();
    answered as f64 / start.elapsed().as_secs_f64()
}

fn quantile(mut times: Vec<f64>, share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = (times.len() as f64 * share) as usize;
    times
        .get(at.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

async fn measure(url: &str) -> bool {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.expect("nothing special is asked of it");
    let began = Instant::now();
    let load = || Load::new(&client, url, began);
    let capacity = capacity(&load()).await;
    println!("what can be done: {capacity:.0} requests a second");

    let (idle, busy) = (load(), load());
    put(&idle, 0.2 * capacity, 10.0).await;
    actix_web::rt::time::sleep(DEADLINE * 2).await;
    let times = idle.log.borrow().iter().map(|seen| seen.took).collect();
    let idle_p99 = quantile(times, 0.99);

    let from = began.elapsed().as_secs_f64();
    put(&busy, 0.8 * capacity, 10.0).await;
    let over = began.elapsed().as_secs_f64();
    put(&busy, 1.6 * capacity, 60.0).await;
    let after = began.elapsed().as_secs_f64();
    put(&busy, 0.8 * capacity, 30.0).await;
    actix_web::rt::time::sleep(DEADLINE * 2).await;
    report(&busy.log.borrow(), idle_p99, capacity, [from, over, after])
}

fn report(log: &[Seen], idle_p99: f64, capacity: f64, [from, over, after]: [f64; 3]) -> bool {
    let within = |a: f64, b: f64| log.iter().filter(move |seen| a <= seen.at && seen.at < b);
    let is_good = |seen: &&Seen| seen.status == 200 && seen.took <= DEADLINE.as_secs_f64() + 0.05;
    println!(
        "| seconds | asked/s | answered in time/s | refused/s | p50 ms of answers | p99 | p99 of refusals |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut at = from;
    while at + 5.0 <= after + 30.0 {
        let all = within(at, at + 5.0).count() as f64 / 5.0;
        let good = within(at, at + 5.0).filter(is_good).count() as f64 / 5.0;
        let refused = within(at, at + 5.0).filter(|seen| seen.status == 503);
        let refusals: Vec<f64> = refused.map(|seen| seen.took * 1e3).collect();
        let answers = within(at, at + 5.0).filter(|seen| seen.status == 200);
        let answers: Vec<f64> = answers.map(|seen| seen.took * 1e3).collect();
        println!(
            "| {:.0} | {all:.0} | {good:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            at - over,
            refusals.len() as f64 / 5.0,
            quantile(answers.clone(), 0.5),
            quantile(answers, 0.99),
            quantile(refusals, 0.99),
        );
        at += 5.0;
    }
    let goodput = within(over, after).filter(is_good).count() as f64 / (after - over) / capacity;
    let refused = within(over, after).filter(|seen| seen.status == 503);
    let refused_p99 = quantile(refused.map(|seen| seen.took).collect(), 0.99);
    let is_well = |at: f64| {
        let all = within(at, at + 5.0).count();
        within(at, at + 5.0).filter(is_good).count() as f64 >= 0.98 * all as f64
    };
    let recovery = (0..5).map(f64::from).find(|n| is_well(after + n * 5.0));
    let recovery = recovery.map_or(f64::INFINITY, |n| n * 5.0);
    let late = log
        .iter()
        .filter(|seen| seen.took > DEADLINE.as_secs_f64() + 0.1)
        .count();
    println!("\n| what | measured | limit |\n|---|---|---|");
    println!("| goodput at 1.6 times the load, by what can be done | {goodput:.3} | ≥ 0.95 |");
    let (refused_ms, idle_ms) = (refused_p99 * 1e3, idle_p99 * 1e3);
    println!(
        "| p99 of refusals, ms | {refused_ms:.0} | ≤ {idle_ms:.0} (p99 of answers at idle) + 50 |"
    );
    println!("| seconds to recover | {recovery:.0} | ≤ 15 |");
    println!(
        "| answers or refusals later than the deadline by 100 ms | {late} of {} | |",
        log.len()
    );
    goodput >= 0.95 && refused_p99 <= idle_p99 + 0.05 && recovery <= 15.0
}
