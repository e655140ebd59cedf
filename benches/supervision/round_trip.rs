//! To ask one agent and get its answer, when nothing goes wrong.

use std::time::Instant;

use agent_orchestrator::Task;
use futures::future::{LocalBoxFuture, join_all};

use crate::actix_side::Actix;
use crate::kameo_side::Kameo;
use crate::ours::Ours;
use crate::ractor_side::Ractor;
use crate::{Core, System, median};

const ROUNDS: usize = 15;
const OUTSTANDING: [u32; 2] = [1, 64];

/// Runs one round of so many asks with so many outstanding, and says the nanoseconds of one ask.
type Contender = Box<dyn Fn(u32, u32) -> LocalBoxFuture<'static, f64>>;

/// The systems of one column in order, the one that others are compared with first.
type Contenders = [Option<Contender>; 4];

const NAMES: [&str; 4] = ["actix `send`", "ractor `call!`", "kameo `ask`", "ours"];

/// `ours` is on the same core and on another.
pub async fn table(ours: &[Ours; 2], asks: u32) {
    let same_thread = [
        Some(contender(Actix::here())),
        Some(contender(Ractor::here().await)),
        Some(contender(Kameo::here())),
        None,
    ];
    let [same_core, other_core] = [Core::Same, Core::Other].map(|core| {
        [
            Some(contender(Actix::at(core))),
            Some(contender(Ractor::at(core))),
            Some(contender(Kameo::at(core))),
            Some(contender(ours[core as usize].clone())),
        ]
    });
    let mut rows = NAMES.map(|name| format!("| {name} |"));
    for contenders in [&same_thread, &same_core, &other_core] {
        for outstanding in OUTSTANDING {
            let cells = column(contenders, outstanding, asks).await;
            for (row, cell) in rows.iter_mut().zip(cells) {
                row.extend([" ", &cell, " |"]);
            }
        }
    }
    println!("Round trip: ns per ask, and how many times that of plain actix\n");
    println!("| | same thread | | across threads, same core | | across cores | |");
    println!("|---|---|---|---|---|---|---|");
    println!("| outstanding | 1 | 64 | 1 | 64 | 1 | 64 |");
    println!("{}\n", rows.join("\n"));
}

fn contender(system: impl System) -> Contender {
    Box::new(move |outstanding, asks| Box::pin(round(system.clone(), outstanding, asks)))
}

async fn column(contenders: &Contenders, outstanding: u32, asks: u32) -> [String; 4] {
    let mut rounds = Vec::new();
    // The first is to warm up.
    for _ in 0..=ROUNDS {
        let mut figures = [f64::NAN; 4];
        for (figure, contender) in figures.iter_mut().zip(contenders) {
            if let Some(contender) = contender {
                *figure = contender(outstanding, asks).await;
            }
        }
        rounds.push(figures);
    }
    std::array::from_fn(|number| cell(&rounds[1..], number))
}

fn cell(rounds: &[[f64; 4]], number: usize) -> String {
    let figure = median(rounds.iter().map(|round| round[number]).collect());
    let ratio = median(
        rounds
            .iter()
            .map(|round| round[number] / round[0])
            .collect(),
    );
    if figure.is_nan() {
        "–".to_owned()
    } else {
        format!("{figure:.0} ({ratio:.2}×)")
    }
}

async fn round(system: impl System, outstanding: u32, asks: u32) -> f64 {
    let each = asks.div_ceil(outstanding);
    let begun = Instant::now();
    let callers = (0..outstanding).map(|_| actix_rt::spawn(caller(system.clone(), each)));
    for ended in join_all(callers).await {
        ended.expect("all are answered");
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(each * outstanding)
}

async fn caller(system: impl System, asks: u32) {
    for _ in 0..asks {
        let heard = system.ask(Task::new("hello")).await;
        assert!(matches!(heard, Ok(Ok(_))));
    }
}
