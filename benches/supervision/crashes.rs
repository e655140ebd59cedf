//! What becomes of the others when a request makes the agent panic.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use agent_orchestrator::Task;
use futures::future::{join, join_all};

use crate::kameo_side::Kameo;
use crate::ours::Ours;
use crate::ractor_side::Supervised;
use crate::{POISON, System, Unanswered, micros};

const OUTSTANDING: u32 = 1000;
/// One ask of so many is poison.
const POISON_EVERY: u32 = 1000;
/// Who has heard nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(1);

pub async fn tables(ours: &Ours, asks: u32, crashes: u32) {
    let ractor = Supervised::start();
    let kameo = Kameo::supervised();

    println!("Poison: {asks} asks, {OUTSTANDING} outstanding, one of {POISON_EVERY} is poison\n");
    println!("| | answered | poisoned, told so | innocents lost | never told | total ms |");
    println!("|---|---|---|---|---|---|");
    many(ours.clone(), asks).await.print("ours");
    many(ractor.clone(), asks).await.print("ractor");
    many(kameo.clone(), asks).await.print("kameo");

    println!("\nCrash to next answer: µs, {crashes} crashes\n");
    println!("| | p50 | p99 | never told |");
    println!("|---|---|---|---|");
    println!("| ours | {} |", gaps(ours, crashes).await);
    println!("| ractor | {} |", gaps(&ractor, crashes).await);
    println!("| kameo | {} |", gaps(&kameo, crashes).await);
}

/// What became of all requests.
struct Tally {
    begun: Instant,
    asked: Cell<u32>,
    answered: Cell<u32>,
    told: Cell<u32>,
    lost: Cell<u32>,
    last_heard: Cell<Instant>,
}

impl Tally {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            asked: Cell::default(),
            answered: Cell::default(),
            told: Cell::default(),
            lost: Cell::default(),
            last_heard: Cell::new(Instant::now()),
        }
    }

    fn count(&self, poisoned: bool, answered: bool) {
        let count = match (poisoned, answered) {
            (_, true) => &self.answered,
            (true, false) => &self.told,
            (false, false) => &self.lost,
        };
        count.set(count.get() + 1);
        self.last_heard.set(Instant::now());
    }

    fn print(&self, name: &str) {
        let (answered, told, lost) = (self.answered.get(), self.told.get(), self.lost.get());
        let never = self.asked.get() - answered - told - lost;
        let took = self.last_heard.get() - self.begun;
        let took = took.as_millis();
        println!("| {name} | {answered} | {told} | {lost} | {never} | {took} |");
    }

    /// Waits until nobody hears anything any more.
    async fn silence(&self) {
        while self.last_heard.get().elapsed() < PATIENCE {
            tokio::time::sleep(PATIENCE).await;
        }
    }
}

async fn many(system: impl System, asks: u32) -> Rc<Tally> {
    let tally = Rc::new(Tally::new());
    let callers =
        (0..OUTSTANDING).map(|_| actix_rt::spawn(caller(system.clone(), asks, Rc::clone(&tally))));
    tokio::select! {
        _ = join_all(callers) => {}
        () = tally.silence() => {}
    }
    tally
}

async fn caller(system: impl System, asks: u32, tally: Rc<Tally>) {
    while tally.asked.get() < asks {
        let number = tally.asked.replace(tally.asked.get() + 1);
        let poisoned = number % POISON_EVERY == POISON_EVERY / 2;
        let content = if poisoned { POISON } else { "hello" };
        tally.count(poisoned, ask(&system, content).await);
    }
}

/// Asks until the request is taken; whether it was answered.
async fn ask(system: &impl System, content: &str) -> bool {
    loop {
        match system.ask(Task::new(content)).await {
            Ok(_) => return true,
            Err(Unanswered::Lost) => return false,
            Err(Unanswered::HandedBack) => tokio::task::yield_now().await,
        }
    }
}

/// The median and the 99th percentile of the times for which an agent is away, and how often
/// somebody waits for ever.
async fn gaps(system: &impl System, crashes: u32) -> String {
    let (mut gaps, mut never) = (Vec::new(), 0);
    for _ in 0..crashes {
        match tokio::time::timeout(PATIENCE, gap(system)).await {
            Ok(gap) => gaps.push(micros(gap)),
            Err(_elapsed) => never += 1,
        }
    }
    gaps.sort_by(f64::total_cmp);
    let percentile = |share: usize| gaps[(gaps.len() - 1) * share / 100];
    format!("{:.1} | {:.1} | {never}", percentile(50), percentile(99))
}

/// The time from the news of a crash to the answer of a good request right behind it, which is
/// asked again where it is lost.
async fn gap(system: &impl System) -> Duration {
    let crash = async {
        assert!(!ask(system, POISON).await, "poison has no answer");
        Instant::now()
    };
    let next = async {
        while !ask(system, "hello").await {
            tokio::task::yield_now().await;
        }
        Instant::now()
    };
    let (crashed, answered) = join(crash, next).await;
    answered.saturating_duration_since(crashed)
}
