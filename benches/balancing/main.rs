//! How the strategies compare: a simulation in virtual time of the orchestrator's own pools,
//! strategies, breakers, loads and retry budgets.
//!
//! Every policy of a scenario sees the same requests, sizes of work and draws. A seed decides
//! everything: two runs are the same to the last bit.

#![allow(clippy::unwrap_used, missing_docs)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod chance;
mod checks;
mod orchestrator;
mod reliability;
mod scenario;
mod table;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent_orchestrator::balancing::{Algorithm, BalancingConfig, Choices};

use orchestrator::Policy;
use scenario::Scenario;
use table::Figures;
use world::{Run, World};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many seeds as each scenario is played with.
const SEEDS: u64 = 16;

/// The seeds: from the number on the command line on, or from 1 on.
fn seeds() -> impl Iterator<Item = u64> {
    let number = std::env::args().find_map(|argument| argument.parse().ok());
    let first: u64 = number.unwrap_or(1);
    first..first + SEEDS
}

fn policies() -> Vec<Policy> {
    let alone = |name, algorithm| Policy {
        name,
        balancing: BalancingConfig {
            algorithm,
            ..BalancingConfig::default()
        },
        whole: false,
        breakers: false,
    };
    let two = BalancingConfig {
        choices: Choices::Two,
        ..BalancingConfig::default()
    };
    let legacy = BalancingConfig {
        algorithm: Algorithm::Weighted,
        legacy: true,
        ..BalancingConfig::default()
    };
    vec![
        alone("round_robin", Algorithm::RoundRobin),
        alone("weighted_round_robin", Algorithm::WeightedRoundRobin),
        alone("least_connections", Algorithm::LeastConnections),
        alone("p2c_ewma", Algorithm::P2cEwma),
        alone("weighted, legacy", Algorithm::Weighted).with(legacy),
        alone("weighted", Algorithm::Weighted),
        alone("adaptive, two", Algorithm::Adaptive).with(two),
        alone("adaptive, alone", Algorithm::Adaptive),
        Policy {
            whole: true,
            breakers: true,
            ..alone("adaptive", Algorithm::Adaptive)
        },
    ]
}

impl Policy {
    fn with(self, balancing: BalancingConfig) -> Self {
        Self { balancing, ..self }
    }

    /// As it is to be set up for a scenario: two choices where several orchestrators share the
    /// instances.
    fn suited_to(&self, scenario: &Scenario) -> Self {
        let mut policy = self.clone();
        if self.whole && scenario.orchestrators > 1 {
            policy.balancing.choices = Choices::Two;
        }
        policy
    }
}

fn simulate(scenario: &Scenario, policy: &Policy, seed: u64) -> Run {
    World::new(scenario, &policy.suited_to(scenario), seed).run()
}

/// The figures of each scenario, by policy.
fn compare(scenarios: &[Scenario], policies: &[Policy]) -> Vec<Vec<Figures>> {
    let jobs = scenarios.len() * policies.len();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return;
            }
            let scenario = &scenarios[job / policies.len()];
            let policy = &policies[job % policies.len()];
            let runs = seeds().map(|seed| simulate(scenario, policy, seed));
            let figures = Figures::of(&runs.collect::<Vec<Run>>());
            done.lock().unwrap().push((job, figures));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(job, _)| *job);
    let mut figures = done.into_iter().map(|(_, figures)| figures);
    let rows = scenarios
        .iter()
        .map(|_| figures.by_ref().take(policies.len()).collect());
    rows.collect()
}

fn main() {
    let (scenarios, policies) = (scenario::all(), policies());
    let figures = compare(&scenarios, &policies);
    table::print(&scenarios, &policies, &figures);
    let met = checks::run(&scenarios, &policies, &figures);
    let again = compare(&scenarios, &policies);
    let same = figures.iter().flatten().zip(again.iter().flatten());
    let same = same.clone().all(|(one, other)| one.digest == other.digest);
    println!(
        "\nreplayed: {}",
        if same {
            "bit for bit the same"
        } else {
            "DIFFERENT"
        }
    );
    assert!(same, "a simulation that cannot be replayed proves nothing");
    assert!(met, "something that is asked is not met; see above");
}
