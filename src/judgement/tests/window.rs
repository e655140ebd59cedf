use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::judgement::window::{MOST, Sample, Share, Window};

proptest! {
    /// Against a list model: the last calls, as many as fit and no older than the span.
    #[test]
    fn it_holds_the_latest_calls(
        calls in prop::collection::vec((0_u64..5_000, any::<bool>(), any::<bool>()), 1..80),
    ) {
        let (start, span) = (Instant::now(), Duration::from_secs(30));
        let mut window = Window::new(span);
        let mut all: Vec<(u64, Sample)> = Vec::new();
        let mut ms = 0;
        for (pause, failed, slow) in calls {
            ms += pause;
            let sample = Sample { failed, slow };
            window.add(sample, start + Duration::from_millis(ms));
            all.push((ms, sample));
            let recent: Vec<_> = all.iter().filter(|(at, _)| ms - at <= 30_000).collect();
            let latest = &recent[recent.len().saturating_sub(MOST)..];
            let failures = latest.iter().filter(|(_, it)| it.failed).count();
            let slow_calls = latest.iter().filter(|(_, it)| it.slow).count();
            let of = latest.len();
            prop_assert_eq!(window.failures(), Share { part: failures, of });
            prop_assert_eq!(window.slow_calls(), Share { part: slow_calls, of });
        }
    }
}
