//! The figures of reliability, in virtual time.

use agent_orchestrator::judgement::RetryBudgetConfig;

use crate::checks::Check;
use crate::orchestrator::Policy;
use crate::scenario::{self, Scenario};
use crate::simulate;
use crate::world::Run;

/// Those of the figures of reliability that are a matter of virtual time.
pub fn figures(adaptive: &Policy) -> Vec<Check> {
    let mut checks = outage(adaptive);
    checks.extend(overload(adaptive));
    checks.push(linkerd(adaptive));
    checks.extend(metastable(adaptive));
    checks.extend((1..8).map(|count| broken(adaptive, count)));
    checks.extend(shares(adaptive));
    checks
}

fn runs<'a>(scenario: &'a Scenario, policy: &'a Policy) -> impl Iterator<Item = Run> + 'a {
    crate::seeds().map(|seed| simulate(scenario, policy, seed))
}

/// The share of the requests between two moments that were answered in time.
fn success(run: &Run, from: f64, to: f64) -> f64 {
    let of_then = |it: &&(f64, bool)| from <= it.0 && it.0 < to;
    let all = run.answers.iter().filter(of_then).count();
    let good = run.answers.iter().filter(of_then).filter(|it| it.1).count();
    good as f64 / all as f64
}

/// The seconds after a moment until, for 15 s, 98 of 100 requests of every 5 s were answered; of a
/// hundred and thirteen, one or two are chance.
fn recovery(run: &Run, after: f64) -> f64 {
    let is_well = |at: f64| {
        (0..3).all(|n| success(run, at + 5.0 * f64::from(n), at + 5.0 * f64::from(n + 1)) >= 0.98)
    };
    let steps = (0..40).map(|n| f64::from(n) * 5.0);
    steps
        .into_iter()
        .find(|wait| is_well(after + wait))
        .unwrap_or(f64::INFINITY)
}

/// At worst, of all seeds.
fn worst(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(0.0, f64::max)
}

fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

/// The same without breakers, which would keep anything else from being seen.
fn without_breakers(policy: &Policy) -> Policy {
    Policy {
        breakers: false,
        ..policy.clone()
    }
}

fn outage(adaptive: &Policy) -> Vec<Check> {
    let scenario = scenario::outage();
    let amplification = |run: &Run| {
        let is_then = |at: f64| (100.0..200.0).contains(&at);
        let calls = run.calls.iter().filter(|at| is_then(**at)).count();
        let requests = run.answers.iter().filter(|it| is_then(it.0)).count();
        calls as f64 / requests as f64
    };
    let attempts = |policy: &Policy| worst(runs(&scenario, policy).map(|run| amplification(&run)));
    let waits = runs(&scenario, adaptive).map(|run| recovery(&run, 200.0));
    // The reserve, ten in ten seconds that are counted by whole seconds.
    let reserve = f64::from(RetryBudgetConfig::RETRIES.reserve) / 9.0 / scenario.rate;
    vec![
        Check::at_most(
            "figure 3: attempts for each request while all fails, without breakers",
            attempts(&without_breakers(adaptive)),
            1.2 + reserve,
        ),
        Check::at_most("the same with breakers", attempts(adaptive), 1.2),
        Check::at_most(
            "seconds to recover from those 100 s with breakers: a third, and a few probes",
            worst(waits),
            40.0,
        ),
    ]
}

fn overload(adaptive: &Policy) -> Vec<Check> {
    let scenario = scenario::overload();
    let goodput = |run: &Run| success(run, 100.0, 200.0) * 1.6;
    let all: Vec<Run> = runs(&scenario, adaptive).collect();
    vec![
        Check::at_least(
            "figure 4: goodput at 1.6 times the load, by what can be done",
            least(all.iter().map(goodput)),
            0.95,
        ),
        Check::at_most(
            "figure 4: seconds to recover from that",
            worst(all.iter().map(|run| recovery(run, 200.0))),
            15.0,
        ),
    ]
}

fn linkerd(adaptive: &Policy) -> Check {
    let scenario = scenario::linkerd();
    let good = runs(&scenario, adaptive).map(|run| run.good as f64 / run.times.len() as f64);
    Check::at_least(
        "figure 6: success under 1 s, linkerd's experiment",
        least(good),
        0.999,
    )
}

fn metastable(adaptive: &Policy) -> Vec<Check> {
    let check = |instances| {
        let scenario = scenario::metastable(instances);
        let recovery = |policy: &Policy| {
            let waits = runs(&scenario, policy).map(|run| recovery(&run, 120.0));
            worst(waits)
        };
        let attempts = |run: Run| run.calls.len() as f64 / run.times.len() as f64;
        let without = without_breakers(adaptive);
        let of = format!("all 5 times slower, {instances} instances");
        [
            Check::at_most(
                format!("figure 3: seconds to recover, {of}, without breakers"),
                recovery(&without),
                15.0,
            ),
            Check::at_most(
                format!("figure 3: seconds to recover, {of}, with breakers"),
                recovery(adaptive),
                15.0,
            ),
            Check::at_most(
                format!("figure 3: attempts for each request, {of}"),
                worst(runs(&scenario, &without).map(attempts)),
                1.2,
            ),
        ]
    };
    [1, 4].into_iter().flat_map(check).collect()
}

fn broken(adaptive: &Policy, count: usize) -> Check {
    let scenario = scenario::broken(count);
    let healthy = 1.0 - count as f64 / 8.0;
    let good = runs(&scenario, adaptive).map(|run| run.good as f64 / run.times.len() as f64);
    let what = format!("figure 9: success with {count} of 8 broken");
    Check::at_least(what, least(good), healthy - 0.05)
}

/// Tasks of the busiest instance by those of a fair share, when instances come and go.
fn shares(adaptive: &Policy) -> Vec<Check> {
    scenario::moving()
        .into_iter()
        .map(|scenario| {
            let name = scenario.name;
            let busiest = runs(&scenario, adaptive).map(|run| {
                let all: usize = run.hits.iter().sum();
                let most = run.hits.iter().copied().max().unwrap_or(0);
                most as f64 * run.hits.len() as f64 / all as f64
            });
            Check::at_most(
                format!("figure 5: the busiest, by its share: {name}"),
                worst(busiest),
                2.0,
            )
        })
        .collect()
}
