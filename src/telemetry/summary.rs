use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::recorder::Observation;
use crate::words::{AgentName, milliseconds};

/// What has been counted over some stretch of time. Sums of sums are sums.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    total: Tally,
    routing_seconds: f64,
    /// What users said of answers, 0 to 1 each, and how many.
    #[serde(default)]
    satisfaction: (f64, u64),
    /// Requests whose routing was remembered.
    #[serde(default)]
    remembered: u64,
    agents: BTreeMap<AgentName, Tally>,
    strategies: BTreeMap<String, Tally>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    count: u64,
    succeeded: u64,
    seconds: f64,
    times: Histogram,
}

/// Sums as figures for people and dashboards: the body of `GET /metrics/summary`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The stretch of time that was asked for, seconds back from now; counted in whole minutes, and
    /// beyond an hour in whole hours.
    pub window_seconds: u64,
    /// Whether anything is collected at all.
    pub collection_enabled: bool,
    /// All requests.
    pub totals: Figures,
    /// Mean time to choose the agents, milliseconds.
    pub average_routing_time_ms: f64,
    /// How satisfied users were on average, 0 to 1; null when none has said.
    pub user_satisfaction: Option<f64>,
    /// The share of requests whose routing was remembered from an earlier one.
    pub cache_hit_rate: f64,
    /// The tasks that each agent answered or failed at. Tasks that were cancelled, that it rightly
    /// refused, or that it had no room for, say nothing of it.
    pub agents: BTreeMap<AgentName, Figures>,
    /// Requests by what decided their routing.
    pub strategies: BTreeMap<String, Figures>,
}

/// Figures of one kind of thing that takes time and may fail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// How many there were.
    pub requests: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many did not.
    pub failed: u64,
    /// The share that succeeded; 1 when there were none.
    pub success_rate: f64,
    /// Mean time, milliseconds.
    pub average_time_ms: f64,
    /// Half took at most this, milliseconds.
    pub p50_ms: f64,
    /// 95 in 100 took at most this, milliseconds.
    pub p95_ms: f64,
    /// 99 in 100 took at most this, milliseconds.
    pub p99_ms: f64,
}

impl Sums {
    /// Counts one request.
    pub fn add(&mut self, seen: &Observation<'_>) {
        self.total.add(seen.success, seen.execution_time);
        self.remembered += u64::from(seen.cached);
        self.routing_seconds += seen.routing_time.as_secs_f64();
        entry(&mut self.strategies, seen.strategy).add(seen.success, seen.execution_time);
        for call in seen.agents {
            entry(&mut self.agents, call.agent).add(call.succeeded, call.took);
        }
    }

    /// Counts what the other has counted.
    pub fn merge(&mut self, other: &Self) {
        self.total.merge(&other.total);
        self.remembered += other.remembered;
        self.satisfaction.0 += other.satisfaction.0;
        self.satisfaction.1 += other.satisfaction.1;
        self.routing_seconds += other.routing_seconds;
        for (agent, tally) in &other.agents {
            entry(&mut self.agents, agent).merge(tally);
        }
        for (strategy, tally) in &other.strategies {
            entry(&mut self.strategies, strategy).merge(tally);
        }
    }

    /// Counts how satisfied a user was.
    pub fn add_satisfaction(&mut self, satisfaction: f64) {
        self.satisfaction.0 += satisfaction;
        self.satisfaction.1 += 1;
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total.count == 0 && self.satisfaction.1 == 0
    }

    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
    fn mean_satisfaction(&self) -> Option<f64> {
        let (sum, count) = self.satisfaction;
        (count > 0).then(|| sum / count as f64)
    }

    /// The figures that follow.
    #[must_use]
    pub fn summary(&self, window: Duration, collection_enabled: bool) -> Summary {
        let agents = self.agents.iter().map(|(k, v)| (k.clone(), v.figures()));
        let strategies = self.strategies.iter();
        Summary {
            window_seconds: window.as_secs(),
            collection_enabled,
            totals: self.total.figures(),
            average_routing_time_ms: mean_ms(self.routing_seconds, self.total.count),
            user_satisfaction: self.mean_satisfaction(),
            cache_hit_rate: share(self.remembered, self.total.count),
            agents: agents.collect(),
            strategies: strategies.map(|(k, v)| (k.clone(), v.figures())).collect(),
        }
    }
}

impl Tally {
    fn add(&mut self, succeeded: bool, took: Duration) {
        self.count += 1;
        self.succeeded += u64::from(succeeded);
        self.seconds += took.as_secs_f64();
        self.times.add(took);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.succeeded += other.succeeded;
        self.seconds += other.seconds;
        self.times.merge(&other.times);
    }

    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
    fn figures(&self) -> Figures {
        let quantile = |share| {
            let time = self.times.quantile(share);
            milliseconds(time.unwrap_or_default())
        };
        Figures {
            requests: self.count,
            succeeded: self.succeeded,
            failed: self.count - self.succeeded,
            success_rate: match self.count {
                0 => 1.0,
                count => self.succeeded as f64 / count as f64,
            },
            average_time_ms: mean_ms(self.seconds, self.count),
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
fn mean_ms(seconds: f64, count: u64) -> f64 {
    milliseconds(Duration::from_secs_f64(seconds / count.max(1) as f64))
}

#[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The tally of that name; the name is copied only when it is new.
fn entry<'m, K>(tallies: &'m mut BTreeMap<K, Tally>, name: &str) -> &'m mut Tally
where
    K: Ord + std::borrow::Borrow<str> + for<'n> From<&'n str>,
{
    if !tallies.contains_key(name) {
        tallies.insert(name.into(), Tally::default());
    }
    tallies.get_mut(name).expect("inserted when it was missing")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::AgentCall;

    fn sums_of(successes: &[bool]) -> Sums {
        let mut sums = Sums::default();
        for success in successes {
            sums.add(&Observation {
                strategy: "simple",
                cached: *success,
                success: *success,
                routing_time: Duration::from_micros(20),
                execution_time: Duration::from_millis(10),
                agents: &[AgentCall {
                    agent: &"util_agent".into(),
                    succeeded: *success,
                    took: Duration::from_millis(9),
                }],
            });
        }
        sums
    }

    #[test]
    fn requests_are_counted_in_total_by_agent_and_by_strategy() {
        let summary = sums_of(&[true, true, true, false]).summary(Duration::from_secs(60), true);
        for figures in [
            summary.totals,
            summary.agents["util_agent"],
            summary.strategies["simple"],
        ] {
            assert_eq!((figures.requests, figures.failed), (4, 1));
            assert!((figures.success_rate - 0.75).abs() < 1e-9);
        }
        assert!((summary.totals.average_time_ms - 10.0).abs() < 1e-6);
        assert!((summary.average_routing_time_ms - 0.02).abs() < 1e-6);
    }

    #[test]
    fn merging_is_counting_together() {
        let mut merged = sums_of(&[true, false]);
        merged.merge(&sums_of(&[true]));
        let figures = |sums: &Sums| sums.summary(Duration::ZERO, true).totals.requests;
        assert_eq!(figures(&merged), figures(&sums_of(&[true, false, true])));
    }

    #[test]
    fn sums_survive_being_written_down() {
        let sums = sums_of(&[true, false]);
        let text = serde_json::to_string(&sums).unwrap();
        assert_eq!(serde_json::from_str::<Sums>(&text).unwrap(), sums);
    }
}
