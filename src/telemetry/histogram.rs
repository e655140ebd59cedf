use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counts durations in buckets that grow with them, so that each quantile is right within one
/// part in sixteen, from microseconds to days, in a few dozen numbers. Sums of histograms are
/// histograms.
///
/// ```
/// use std::time::Duration;
/// use agent_orchestrator::telemetry::Histogram;
///
/// let mut times = Histogram::default();
/// (1..=100).for_each(|ms| times.add(Duration::from_millis(ms)));
/// let p95 = times.quantile(0.95).unwrap().as_secs_f64();
/// assert!((0.095 * 15.0 / 16.0..=0.095 * 17.0 / 16.0).contains(&p95));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram {
    buckets: BTreeMap<u16, u64>,
}

/// Buckets in each doubling of the time, as a power of two.
const PRECISION: u32 = 3;
const PER_DOUBLING: u64 = 1 << PRECISION;

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        *self.buckets.entry(bucket_of(micros)).or_default() += 1;
    }

    /// Counts what the other has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// The duration below which that share of all lies; `None` when nothing was counted.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    #[allow(clippy::cast_sign_loss)] // counts stay far below 2^52, shares within 0 to 1
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.buckets.values().sum();
        let rank = (share * total as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            below += count;
            (below >= rank).then(|| Duration::from_micros(middle_of(*bucket)))
        })
    }
}

fn bucket_of(micros: u64) -> u16 {
    if micros < PER_DOUBLING {
        return u16::try_from(micros).expect("less than 8");
    }
    let doublings = micros.ilog2() - PRECISION;
    let within = (micros >> doublings) - PER_DOUBLING;
    let bucket = (u64::from(doublings) + 1) * PER_DOUBLING + within;
    u16::try_from(bucket).expect("at most 62 doublings of 8 buckets")
}

fn middle_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < PER_DOUBLING {
        return bucket;
    }
    let doublings = bucket / PER_DOUBLING - 1;
    let low = (PER_DOUBLING + bucket % PER_DOUBLING) << doublings;
    low + (1 << doublings) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_right_within_a_sixteenth(mut micros in prop::collection::vec(0_u64..1 << 40, 1..200), share in 0.0_f64..=1.0) {
            let mut times = Histogram::default();
            for m in &micros {
                times.add(Duration::from_micros(*m));
            }
            micros.sort_unstable();
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = ((share * micros.len() as f64).ceil().max(1.0) as usize) - 1;
            let exact = micros[rank];
            let found = u64::try_from(times.quantile(share).unwrap().as_micros()).unwrap();
            prop_assert!(found.abs_diff(exact) <= exact / 16 + 1, "{found} for {exact}");
        }
    }
}
