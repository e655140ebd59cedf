//! The key `queue` of an entry: how many tasks may wait for an instance.

use crate::supervision::AgentSpec;
use crate::words::Reader;

/// How many tasks may wait for an instance; how many of these, follows from how fast it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queue {
    /// However slow it is.
    pub least: usize,
    /// However fast it is.
    pub most: usize,
}

/// Reads a number, the most, or an object with both.
pub(super) fn read(entry: &Reader<'_>) -> Queue {
    let usual = AgentSpec::usual_capacity();
    let usual = Queue {
        least: usual.min_queue,
        most: usual.queue,
    };
    let Some(place) = entry.member("queue") else {
        return usual;
    };
    if !place.is_object() {
        let most = place.count(0).unwrap_or(usual.most);
        return Queue { most, ..usual };
    }
    place.allow_only(&["min", "max"]);
    let count = |key| place.member(key).and_then(|it| it.count(0));
    let (least, most) = (count("min"), count("max"));
    let queue = Queue {
        least: least.unwrap_or(usual.least),
        most: most.unwrap_or(usual.most),
    };
    if least.is_some() && queue.least > queue.most {
        place.fault("expected max to be at least min");
    }
    queue
}
