//! What happens to a request, numbered and written down, to be followed while it happens or read again.
//!
//! A log has every event but the last one, which is the answer or the problem and follows from the
//! record of the request. A request that nobody listened to has no log; its events follow from its
//! record, too, and have the same numbers that they would have had.

mod derived;
mod follow;
mod log;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Problem;
use crate::words::{RequestEvent, to_json};

pub(crate) use follow::Follower;
pub(super) use log::{Audience, EventLog};

/// An event as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// Counted from 1, for each request.
    pub number: u64,
    /// What kind of event it is.
    pub name: String,
    /// What it says, as JSON in one line.
    pub data: Bytes,
}

/// An event as it is kept.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    event: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Numbered {
    pub(crate) fn new(number: u64, event: &RequestEvent) -> Self {
        Self::read(number, &to_json(event)).expect("an event has a name and data")
    }

    /// The last event of a request that was answered with that.
    pub(crate) fn completed(number: u64, answer: Bytes) -> Self {
        let name = "request.completed".to_owned();
        Self {
            number,
            name,
            data: answer,
        }
    }

    /// The last event of a request that was not answered.
    pub(crate) fn failed(number: u64, problem: &Problem) -> Self {
        let name = "request.failed".to_owned();
        Self {
            number,
            name,
            data: to_json(problem),
        }
    }

    /// Reads what was written; `None` when it was not by this version.
    fn read(number: u64, written: &[u8]) -> Option<Self> {
        let Written { event, data } = serde_json::from_slice(written).ok()?;
        Some(Self {
            number,
            name: event.to_owned(),
            data: Bytes::copy_from_slice(data.get().as_bytes()),
        })
    }
}
