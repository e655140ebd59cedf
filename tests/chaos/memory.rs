//! How much memory the process holds.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::callers::Tally;

/// A run that is shorter says nothing of memory: caches and pools are still being filled.
const LONG: u64 = 300;

/// A sample a second, bytes.
#[derive(Default)]
pub(crate) struct Memory(RefCell<Vec<u64>>);

impl Memory {
    pub(crate) async fn measure_while(&self, tally: &Tally) {
        let (mut system, own) = (System::new().unwrap(), sysinfo::get_current_pid().unwrap());
        while !tally.is_stopped() {
            let what = ProcessRefreshKind::nothing().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, what);
            self.0
                .borrow_mut()
                .push(system.process(own).unwrap().memory());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The peaks of the third and of the last quarter.
    fn second_half(&self) -> (u64, u64) {
        let samples = self.0.borrow();
        let (half, rest) = (samples.len() / 2, samples.len() * 3 / 4);
        let peak = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
        (peak(&samples[half..rest]), peak(&samples[rest..]))
    }

    pub(crate) fn assert_flat(&self, seconds: u64) {
        let (third, last) = self.second_half();
        assert!(
            seconds < LONG || last * 10 <= third * 11,
            "memory grows: {self}"
        );
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        let (third, last) = self.second_half();
        let peak = self.0.borrow().iter().copied().max().unwrap_or_default();
        write!(
            f,
            "memory: peak {} MiB; peak of the third quarter {} MiB, of the last {} MiB",
            mib(peak),
            mib(third),
            mib(last)
        )
    }
}
