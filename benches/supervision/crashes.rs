//! What becomes of the others when a request makes the agent panic.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use agent_orchestrator::Task;
use futures::future::{join, join_all};

use crate::kameo_side::Kameo;
use crate::ours::Ours;
use crate::ractor_side::Supervised;
use crate::{Core, POISON, System, Unanswered, absence};

const OUTSTANDING: u32 = 1000;
/// One ask of so many is poison.
const POISON_EVERY: u32 = 1000;
/// Who has heard nothing for so long never will.
const PATIENCE: Duration = Duration::from_secs(1);

/// `ours` is on the same core and on another.
pub async fn tables(ours: &[Ours; 2], asks: u32, crashes: u32) {
    for core in [Core::Same, Core::Other] {
        let ours = ours[core as usize].clone();
        let ractor = Supervised::start(core);
        let kameo = Kameo::supervised(core);
        println!("Crashes, the agent on {core}: {asks} asks, {OUTSTANDING} outstanding, one of");
        println!(
            "{POISON_EVERY} is poison; then {crashes} poisoned ones, each with one right behind it\n"
        );
        print!("| | answered | poisoned, told so | innocents lost | never told | total ms ");
        println!("| away µs, p50 | p99 | alone, p50 | p99 |");
        println!("|---|---|---|---|---|---|---|---|---|---|");
        println!("{}", row("ours", ours, asks, crashes).await);
        println!("{}", row("ractor", ractor, asks, crashes).await);
        println!("{}\n", row("kameo", kameo, asks, crashes).await);
    }
}

async fn row(name: &str, system: impl System, asks: u32, crashes: u32) -> String {
    let tally = many(system.clone(), asks).await;
    let under_load = absence::percentiles();
    pairs(&system, crashes).await;
    let idle = absence::percentiles();
    format!("| {name} | {tally} | {under_load} | {idle} |")
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

    /// Waits until nobody hears anything any more.
    async fn silence(&self) {
        while self.last_heard.get().elapsed() < PATIENCE {
            tokio::time::sleep(PATIENCE).await;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, told, lost) = (self.answered.get(), self.told.get(), self.lost.get());
        let never = self.asked.get() - answered - told - lost;
        let took = (self.last_heard.get() - self.begun).as_millis();
        write!(f, "{answered} | {told} | {lost} | {never} | {took}")
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

/// Asks so many times for a crash, each time with a good request right behind the bad one.
async fn pairs(system: &impl System, crashes: u32) {
    for _ in 0..crashes {
        let pair = join(ask(system, POISON), answered(system));
        // Whoever is never told has been counted with the many.
        let _ = tokio::time::timeout(PATIENCE, pair).await;
    }
}

/// Asks until there is an answer.
async fn answered(system: &impl System) {
    while !ask(system, "hello").await {
        tokio::task::yield_now().await;
    }
}
