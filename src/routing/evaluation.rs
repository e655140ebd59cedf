//! How good routing is, on requests of which is known who should get them.

mod measures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::decision::Plan;
use crate::words::AgentName;
use measures::{calibration_error, confusion, coverage, mistakes, separation};

/// A request, and the agents that are right for it, the primary one first. Without agents it is out of
/// everybody's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What is asked.
    pub text: String,
    /// Who should be asked.
    pub agents: Vec<AgentName>,
}

/// What was decided on samples, to be summed up.
#[derive(Debug, Default)]
pub struct Evaluation {
    outcomes: Vec<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    sample: Sample,
    agents: Vec<AgentName>,
    confidence: f64,
    reasoning: Arc<str>,
    took: Duration,
}

/// What an evaluation comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Samples that are in somebody's scope.
    pub n: usize,
    /// The share of those whose primary agent was found.
    pub accuracy: f64,
    /// How well the agents asked and the agents wanted agree as sets, mean over the samples: 2 common /
    /// (asked + wanted).
    pub list_f1: f64,
    /// The share of samples with exactly the agents wanted, in their order.
    pub list_exact: f64,
    /// Expected calibration error: by how much the confidence is off the share of right decisions, mean
    /// over ten bins of confidence.
    pub ece: f64,
    /// What share of the samples has at least a confidence, and how many of those are right.
    pub coverage: Vec<Coverage>,
    /// Half of the decisions took at most this, microseconds.
    pub p50_us: f64,
    /// 99 in 100 took at most this, microseconds.
    pub p99_us: f64,
    /// How long training took, milliseconds, where it was a part of the evaluation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_ms: Option<f64>,
    /// The wrong decisions, the surest first.
    pub mistakes: Vec<Mistake>,
    /// How often each agent was chosen (inner) where each was wanted (outer).
    pub confusion: BTreeMap<AgentName, BTreeMap<AgentName, usize>>,
    /// Where there were samples out of scope: how they are told from those in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_scope: Option<OutOfScope>,
}

/// What is decided from a confidence on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// The confidence.
    pub threshold: f64,
    /// The share of samples with at least that.
    pub coverage: f64,
    /// The share of those whose primary agent was found.
    pub accuracy: f64,
}

/// How samples in scope are told from those out of it, by the confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OutOfScope {
    /// Samples out of scope.
    pub n: usize,
    /// The probability that a sample in scope has more confidence than one out of scope.
    pub auroc: f64,
    /// The share of samples out of scope with less confidence than nineteen of twenty in scope.
    pub recall: f64,
}

/// A wrong decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mistake {
    /// What was asked.
    pub text: String,
    /// Who should have been asked.
    pub expected: Vec<AgentName>,
    /// Who was.
    pub got: Vec<AgentName>,
    /// How sure the router was.
    pub confidence: f64,
    /// Why.
    pub reasoning: Arc<str>,
}

impl Evaluation {
    /// Notes what was decided on a sample, and how long that took.
    pub fn note(&mut self, sample: Sample, plan: &Plan, took: Duration) {
        self.enter(sample, plan.agents.clone(), plan, took);
    }

    /// The same, as if the router never declined to decide: it has a favourite all the same.
    pub fn note_favourite(&mut self, sample: Sample, plan: &Plan, took: Duration) {
        let favourite = plan.routing.candidates.first();
        let agents = favourite.map_or_else(|| plan.agents.clone(), |it| vec![it.agent.clone()]);
        self.enter(sample, agents, plan, took);
    }

    fn enter(&mut self, sample: Sample, agents: Vec<AgentName>, plan: &Plan, took: Duration) {
        let favourite = plan
            .routing
            .candidates
            .first()
            .map_or(0.0, |best| best.score);
        self.outcomes.push(Outcome {
            sample,
            agents,
            confidence: plan.routing.confidence.max(favourite),
            reasoning: plan.routing.reasoning.clone(),
            took,
        });
    }

    /// Sums up. What separates scopes is measured on `reference` confidences in scope where there are
    /// any, else on the samples in scope themselves.
    #[must_use]
    pub fn report(&self, reference: &[f64]) -> Report {
        let (known, unknown): (Vec<&Outcome>, Vec<&Outcome>) = self
            .outcomes
            .iter()
            .partition(|outcome| !outcome.sample.agents.is_empty());
        let mut times: Vec<Duration> = self.outcomes.iter().map(|outcome| outcome.took).collect();
        times.sort_unstable();
        Report {
            n: known.len(),
            accuracy: mean(known.iter().map(|it| it.is_right().into())),
            list_f1: mean(known.iter().map(|it| it.f1())),
            list_exact: mean(
                known
                    .iter()
                    .map(|it| (it.agents == it.sample.agents).into()),
            ),
            ece: calibration_error(&known),
            coverage: coverage(&known),
            p50_us: quantile(&times, 50),
            p99_us: quantile(&times, 99),
            training_ms: None,
            mistakes: mistakes(&known),
            confusion: confusion(&known),
            out_of_scope: (!unknown.is_empty()).then(|| {
                let confidences =
                    |of: &[&Outcome]| of.iter().map(|it| it.confidence).collect::<Vec<_>>();
                separation(&confidences(&known), &confidences(&unknown), reference)
            }),
        }
    }

    /// The confidences of all samples, in order.
    #[must_use]
    pub fn confidences(&self) -> Vec<f64> {
        self.outcomes
            .iter()
            .map(|outcome| outcome.confidence)
            .collect()
    }
}

impl Report {
    /// The mean of reports on the same samples; mistakes and confusion are those of the first.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn mean(reports: &[Self]) -> Self {
        let first = &reports[0];
        let of = |figure: fn(&Self) -> f64| mean(reports.iter().map(figure));
        let scopes: Vec<&OutOfScope> = reports
            .iter()
            .filter_map(|it| it.out_of_scope.as_ref())
            .collect();
        let coverage = first
            .coverage
            .iter()
            .enumerate()
            .map(|(place, at)| Coverage {
                threshold: at.threshold,
                coverage: mean(reports.iter().map(|it| it.coverage[place].coverage)),
                accuracy: mean(reports.iter().map(|it| it.coverage[place].accuracy)),
            });
        Self {
            accuracy: of(|it| it.accuracy),
            list_f1: of(|it| it.list_f1),
            list_exact: of(|it| it.list_exact),
            ece: of(|it| it.ece),
            coverage: coverage.collect(),
            p50_us: of(|it| it.p50_us),
            p99_us: of(|it| it.p99_us),
            training_ms: first
                .training_ms
                .map(|_| of(|it| it.training_ms.unwrap_or_default())),
            out_of_scope: scopes.first().map(|first| OutOfScope {
                n: first.n,
                auroc: mean(scopes.iter().map(|it| it.auroc)),
                recall: mean(scopes.iter().map(|it| it.recall)),
            }),
            ..first.clone()
        }
    }
}

impl Outcome {
    fn is_right(&self) -> bool {
        self.agents.first() == self.sample.agents.first()
    }

    fn f1(&self) -> f64 {
        let wanted = &self.sample.agents;
        let common = self
            .agents
            .iter()
            .filter(|agent| wanted.contains(agent))
            .count();
        ratio(2 * common, wanted.len() + self.agents.len())
    }
}

#[allow(clippy::cast_precision_loss)] // counts of samples
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    values.sum::<f64>() * ratio(1, count)
}

fn quantile(times: &[Duration], percent: usize) -> f64 {
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times
        .get(place)
        .map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
