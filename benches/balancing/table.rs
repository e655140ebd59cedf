//! The figures, and how they are printed.

use crate::orchestrator::Policy;
use crate::scenario::Scenario;
use crate::world::Run;

/// What came of a policy in a scenario, over all seeds.
pub struct Figures {
    pub mean: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub longest_queue: usize,
    /// The share of requests answered in time.
    pub good: f64,
    /// Calls that led to nothing, for each request.
    pub waste: f64,
    pub trips: usize,
    /// A digest of all times.
    pub digest: u64,
}

impl Figures {
    pub fn of(runs: &[Run]) -> Self {
        let mut times: Vec<f64> = runs.iter().flat_map(|run| &run.times).copied().collect();
        let digest = times.iter().fold(0_u64, |digest, time| {
            digest.rotate_left(5) ^ time.to_bits().wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        times.sort_by(f64::total_cmp);
        let count = times.len() as f64;
        let at = |share: f64| times[((share * count) as usize).min(times.len() - 1)];
        let sum = |figure: fn(&Run) -> usize| runs.iter().map(figure).sum::<usize>();
        Self {
            mean: times.iter().sum::<f64>() / count,
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            longest_queue: runs.iter().map(|run| run.longest_queue).max().unwrap_or(0),
            good: sum(|run| run.good) as f64 / count,
            waste: sum(|run| run.wasted) as f64 / count,
            trips: sum(|run| run.trips),
            digest,
        }
    }
}

pub fn print(scenarios: &[Scenario], policies: &[Policy], figures: &[Vec<Figures>]) {
    for (scenario, row) in scenarios.iter().zip(figures) {
        println!(
            "\n## {} ({:.1} requests/s, deadline {} s)",
            scenario.name, scenario.rate, scenario.deadline
        );
        println!(
            "| policy | mean s | p50 | p99 | p99.9 | longest queue | good % | waste % | trips |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for (policy, it) in policies.iter().zip(row) {
            println!(
                "| {} | {:.3} | {:.2} | {:.2} | {:.2} | {} | {:.3} | {:.2} | {} |",
                policy.name,
                it.mean,
                it.p50,
                it.p99,
                it.p999,
                it.longest_queue,
                100.0 * it.good,
                100.0 * it.waste,
                it.trips,
            );
        }
    }
    regret(scenarios, policies, figures);
}

/// How much worse a policy is than the best, at its worst.
fn regret(scenarios: &[Scenario], policies: &[Policy], figures: &[Vec<Figures>]) {
    println!("\n## Regret: how many times worse than the best of all, at worst, and where");
    println!("| policy | mean | p99 | p99.9 | waste % |");
    println!("|---|---|---|---|---|");
    for (column, policy) in policies.iter().enumerate() {
        let worst = |figure: fn(&Figures) -> f64| {
            let regrets = scenarios.iter().zip(figures).map(|(scenario, row)| {
                let best = row.iter().map(figure).fold(f64::INFINITY, f64::min);
                (figure(&row[column]) / best, scenario.id())
            });
            let (regret, at) = regrets.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            format!("{regret:.3} ({at})")
        };
        let waste = figures
            .iter()
            .map(|row| row[column].waste)
            .fold(0.0, f64::max);
        println!(
            "| {} | {} | {} | {} | {:.2} |",
            policy.name,
            worst(|it| it.mean),
            worst(|it| it.p99),
            worst(|it| it.p999),
            100.0 * waste
        );
    }
}
