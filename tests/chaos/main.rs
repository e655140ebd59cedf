//! All kinds of faults at once, over all strategies, under full load, in process and over HTTP.
//!
//! Whatever happens, each request that was accepted has exactly one outcome, it is the one that its
//! own fate explains, and nobody fails for what happened to somebody else. `CHAOS_SECONDS` says for
//! how long; `make chaos` runs ten minutes in a release build.

#![allow(clippy::unwrap_used)]

mod callers;
mod memory;
mod world;

use std::rc::Rc;
use std::time::Duration;

use agent_orchestrator::Orchestrator;
use agent_orchestrator::testkit::until;
use agent_orchestrator::words::LifeEvent;
use futures::future::{join_all, join3};
use tokio::sync::broadcast::error::RecvError;

use callers::{Caller, Tally};
use memory::Memory;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IN_PROCESS: usize = 64;
const OVER_HTTP: usize = 32;

#[actix_rt::test]
async fn whatever_happens_each_request_has_the_one_outcome_that_its_own_fate_explains() {
    let seconds = std::env::var("CHAOS_SECONDS").ok();
    let seconds = seconds.map_or(20, |text| text.parse().unwrap());
    // Panics are what this is about; nobody wants to read them.
    std::panic::set_hook(Box::new(|_| {}));
    let house = world::start().await;
    let address = world::serve(&house);
    let leaked = watch_threads(&house);

    let tally = Rc::new(Tally::default());
    let memory = Rc::new(Memory::default());
    let callers = (0..IN_PROCESS + OVER_HTTP).map(|number| {
        let caller = match number {
            ..IN_PROCESS => Caller::in_process(&house, &tally),
            _ => Caller::over_http(&address, &tally),
        };
        actix_rt::spawn(caller.ask_until_told_to_stop())
    });
    let callers: Vec<_> = callers.collect();
    let load = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        tally.stop();
    };
    let meddling = world::meddle(&house, &tally);
    let measuring = memory.measure_while(&tally);
    join3(load, meddling, measuring).await;
    let callers = join_all(callers).await;
    // What goes wrong from here on is to be read.
    drop(std::panic::take_hook());
    callers.into_iter().for_each(Result::unwrap);

    report(&house, &tally, &memory, leaked.await.unwrap());
    nothing_is_held_any_more(&house).await;
    tally.assert_sound();
    memory.assert_flat(seconds);
    house.shutdown().await;
}

/// Counts the threads that are left behind, until the world ends.
fn watch_threads(house: &Orchestrator) -> actix_rt::task::JoinHandle<usize> {
    let mut events = house.registry().events().subscribe();
    actix_rt::spawn(async move {
        let mut leaked = 0;
        let quiet = Duration::from_secs(3);
        while let Ok(event) = tokio::time::timeout(quiet, events.recv()).await {
            match event {
                Ok(LifeEvent::ThreadLeaked { .. }) => leaked += 1,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
        leaked
    })
}

fn report(house: &Orchestrator, tally: &Tally, memory: &Memory, leaked: usize) {
    let agents = house.registry().all();
    let mailboxes = agents.iter().flat_map(|agent| &agent.instances);
    let restarts: u64 = mailboxes.map(|it| it.vitals().restarts).sum();
    println!("{tally}");
    println!("agents {}, restarts {restarts}", agents.len());
    println!(
        "threads left behind {leaked}, of which still lost {}",
        house.registry().leaked_threads()
    );
    println!("{memory}");
}

/// Every place has been given back, and every lost thread has come free.
async fn nothing_is_held_any_more(house: &Orchestrator) {
    for agent in house.registry().all() {
        for mailbox in &agent.instances {
            let what = format!("{} holds nothing", mailbox.instance());
            until(&what, async || mailbox.load().taken() == 0).await;
        }
    }
    until("all threads have come free", async || {
        house.registry().leaked_threads() == 0
    })
    .await;
}
