//! What is measured of outcomes.

use std::collections::BTreeMap;

use super::{Coverage, Mistake, OutOfScope, Outcome, mean, ratio};
use crate::words::AgentName;

pub(super) fn calibration_error(outcomes: &[&Outcome]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for outcome in outcomes {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 to 10
        let bin = &mut bins[((outcome.confidence * 10.0) as usize).min(9)];
        bin.0 += outcome.confidence;
        bin.1 += f64::from(u8::from(outcome.is_right()));
    }
    let off: f64 = bins
        .iter()
        .map(|(sure, right): &(f64, f64)| (sure - right).abs())
        .sum();
    off * ratio(1, outcomes.len())
}

pub(super) fn coverage(outcomes: &[&Outcome]) -> Vec<Coverage> {
    let at = |threshold: f64| {
        let covered = outcomes
            .iter()
            .filter(|outcome| outcome.confidence >= threshold);
        let covered: Vec<&&Outcome> = covered.collect();
        Coverage {
            threshold,
            coverage: ratio(covered.len(), outcomes.len()),
            accuracy: mean(covered.iter().map(|it| it.is_right().into())),
        }
    };
    [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map(at).to_vec()
}

pub(super) fn mistakes(outcomes: &[&Outcome]) -> Vec<Mistake> {
    let wrong = outcomes.iter().filter(|outcome| !outcome.is_right());
    let mut mistakes: Vec<Mistake> = wrong
        .map(|outcome| Mistake {
            text: outcome.sample.text.clone(),
            expected: outcome.sample.agents.clone(),
            got: outcome.agents.clone(),
            confidence: outcome.confidence,
            reasoning: outcome.reasoning.clone(),
        })
        .collect();
    mistakes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    mistakes
}

pub(super) fn confusion(outcomes: &[&Outcome]) -> BTreeMap<AgentName, BTreeMap<AgentName, usize>> {
    let mut confusion: BTreeMap<AgentName, BTreeMap<AgentName, usize>> = BTreeMap::new();
    for outcome in outcomes {
        let wanted = outcome.sample.agents[0].clone();
        let row = confusion.entry(wanted).or_default();
        *row.entry(outcome.agents[0].clone()).or_default() += 1;
    }
    confusion
}

pub(super) fn separation(known: &[f64], unknown: &[f64], reference: &[f64]) -> OutOfScope {
    let mut reference = if reference.is_empty() {
        known.to_vec()
    } else {
        reference.to_vec()
    };
    reference.sort_by(f64::total_cmp);
    let threshold = reference[reference.len() / 20];
    let below = unknown.iter().filter(|sure| **sure < threshold).count();
    OutOfScope {
        n: unknown.len(),
        auroc: auroc(known, unknown),
        recall: ratio(below, unknown.len()),
    }
}

/// The statistic of Mann and Whitney, equals counting half.
fn auroc(known: &[f64], unknown: &[f64]) -> f64 {
    let mut sorted = unknown.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ahead = known.iter().map(|sure| {
        let less = sorted.partition_point(|other| other < sure);
        let at_most = sorted.partition_point(|other| other <= sure);
        less + at_most
    });
    ratio(ahead.sum::<usize>(), 2 * known.len() * unknown.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_that_are_apart_are_told_apart() {
        assert!((auroc(&[0.9, 0.8], &[0.1, 0.2]) - 1.0).abs() < 1e-9);
        assert!((auroc(&[0.1], &[0.9]) - 0.0).abs() < 1e-9);
        assert!((auroc(&[0.5], &[0.5]) - 0.5).abs() < 1e-9);
        let apart = separation(&[0.9; 20], &[0.1, 0.95], &[]);
        assert!((apart.recall - 0.5).abs() < 1e-9);
    }
}
