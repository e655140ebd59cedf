//! For how long the agent is away after a panic: from the moment before it to the next request
//! that it answers. Seen from inside the agent, this has nothing to do with how fast a thread of
//! the callers wakes up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

static AWAY: AtomicBool = AtomicBool::new(false);
static RECORD: Mutex<Record> = Mutex::new(Record {
    since: None,
    micros: Vec::new(),
});

struct Record {
    since: Option<Instant>,
    micros: Vec<f64>,
}

/// The agent is about to panic.
pub fn begins() {
    AWAY.store(true, Ordering::Relaxed);
    let mut record = RECORD.lock().unwrap_or_else(PoisonError::into_inner);
    record.since = Some(Instant::now());
}

/// The agent answers.
pub fn ends() {
    if AWAY.swap(false, Ordering::Relaxed) {
        let mut record = RECORD.lock().unwrap_or_else(PoisonError::into_inner);
        let since = record.since.take();
        let micros = since.map(|since| since.elapsed().as_secs_f64() * 1e6);
        record.micros.extend(micros);
    }
}

/// The median and the 99th percentile of all since they were last asked for.
pub fn percentiles() -> String {
    let mut record = RECORD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut micros = std::mem::take(&mut record.micros);
    micros.sort_by(f64::total_cmp);
    let percentile = |share: usize| micros[(micros.len() - 1) * share / 100];
    format!("{:.1} | {:.1}", percentile(50), percentile(99))
}
