//! What is asked of the strategies and of what stands around them, and whether they have it.

use crate::orchestrator::Policy;
use crate::reliability;
use crate::scenario::Scenario;
use crate::table::Figures;

/// Something that was measured, and its limit.
pub struct Check {
    what: String,
    measured: f64,
    limit: f64,
    /// Whether it may be no more, or no less.
    at_most: bool,
}

impl Check {
    pub fn at_most(what: impl Into<String>, measured: f64, limit: f64) -> Self {
        Self {
            what: what.into(),
            measured,
            limit,
            at_most: true,
        }
    }

    pub fn at_least(what: impl Into<String>, measured: f64, limit: f64) -> Self {
        Self {
            at_most: false,
            ..Self::at_most(what, measured, limit)
        }
    }

    fn is_met(&self) -> bool {
        if self.at_most {
            self.measured <= self.limit
        } else {
            self.measured >= self.limit
        }
    }
}

/// Prints all checks; whether all are met.
pub fn run(scenarios: &[Scenario], policies: &[Policy], figures: &[Vec<Figures>]) -> bool {
    let mut checks = regrets(scenarios, policies, figures);
    checks.extend(ratios(scenarios, policies, figures));
    checks.extend(reliability::figures(policies.last().unwrap()));
    println!("\n## What is asked, and what was measured");
    println!("| what | measured | limit | met |");
    println!("|---|---|---|---|");
    for it in &checks {
        let sign = if it.at_most { "≤" } else { "≥" };
        let met = if it.is_met() { "yes" } else { "NO" };
        println!(
            "| {} | {:.4} | {sign} {:.3} | {met} |",
            it.what, it.measured, it.limit
        );
    }
    checks.iter().all(Check::is_met)
}

fn column(policies: &[Policy], name: &str) -> usize {
    policies
        .iter()
        .position(|policy| policy.name == name)
        .unwrap()
}

fn regrets(scenarios: &[Scenario], policies: &[Policy], figures: &[Vec<Figures>]) -> Vec<Check> {
    let adaptive = column(policies, "adaptive");
    let worst = |figure: fn(&Figures) -> f64| {
        let regret = |row: &Vec<Figures>| {
            let best = row.iter().map(figure).fold(f64::INFINITY, f64::min);
            figure(&row[adaptive]) / best
        };
        figures.iter().map(regret).fold(0.0, f64::max)
    };
    // In S11 one call in a hundred fails wherever it is made.
    let avoidable = scenarios
        .iter()
        .zip(figures)
        .filter(|(it, _)| it.id() != "S11");
    let waste = avoidable
        .map(|(_, row)| row[adaptive].waste)
        .fold(0.0, f64::max);
    vec![
        Check::at_most(
            "adaptive: regret of the mean, at worst",
            worst(|it| it.mean),
            1.10,
        ),
        Check::at_most(
            "adaptive: regret of the p99, at worst",
            worst(|it| it.p99),
            1.25,
        ),
        Check::at_most("adaptive: waste, at worst", waste, 0.01),
    ]
}

fn ratios(scenarios: &[Scenario], policies: &[Policy], figures: &[Vec<Figures>]) -> Vec<Check> {
    let of = |scenario: &str, policy: &str| {
        let row = scenarios.iter().position(|it| it.id() == scenario).unwrap();
        &figures[row][column(policies, policy)]
    };
    let ratio = |scenario, other, figure: fn(&Figures) -> f64| {
        figure(of(scenario, "adaptive")) / figure(of(scenario, other))
    };
    let least = "least_connections";
    let mut checks = Vec::new();
    for scenario in ["S1", "S7"] {
        let mean = ratio(scenario, least, |it| it.mean);
        let what = format!("{scenario}: mean, by that of {least}");
        checks.push(Check::at_most(what.clone(), mean, 1.02));
        checks.push(Check::at_least(what, mean, 0.98));
    }
    checks.extend([
        Check::at_most(
            "S2: p99.9, by that of least_connections",
            ratio("S2", least, |it| it.p999),
            0.6,
        ),
        Check::at_most("S4: waste", of("S4", "adaptive").waste, 0.01),
        Check::at_most(
            "S5: p99.9, by that of least_connections",
            ratio("S5", least, |it| it.p999),
            0.7,
        ),
        Check::at_most(
            "S8: mean, by that of p2c_ewma",
            ratio("S8", "p2c_ewma", |it| it.mean),
            0.65,
        ),
        Check::at_most(
            "S10: p99, by that of least_connections",
            ratio("S10", least, |it| it.p99),
            0.5,
        ),
    ]);
    checks
}
