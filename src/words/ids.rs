use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of an agent, as configured; cheap to clone.
pub type AgentName = Arc<str>;

/// Names one request. Ids are UUIDv7, so they sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

impl Ord for RequestId {
    /// The order of the bytes, as one number: what waits to be written is sorted by ids.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for RequestId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl RequestId {
    /// A new id, later in order than every id this process made before.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// A number of the id's own, evenly spread.
    pub(crate) fn lot(self) -> usize {
        // The last bytes of a UUIDv7 are random.
        usize::from(self.0.as_bytes()[15])
    }

    /// The second, since 1970, in which the id was made.
    pub(crate) fn second(self) -> u64 {
        // A UUIDv7 begins with 48 bits of milliseconds.
        let (beginning, _) = self.0.as_u64_pair();
        (beginning >> 16) / 1000
    }

    /// Reads an id from its hyphenated text; `None` when the text is not a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

/// Why an agent cannot be called that; `None` when it can. Names are part of paths and of keys.
#[must_use]
pub fn name_fault(name: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    if !(1..=64).contains(&name.len()) || !name.chars().all(fits) {
        Some("use 1 to 64 lower-case letters, digits, `_`, `-` or `.`")
    } else if name == "health" {
        Some("`/agents/health` is where the health of all is told")
    } else {
        None
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one instance of an agent: `util_agent/0`. It stays the same over all its lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// The id of the instance with this number, counted from 0.
    #[must_use]
    pub fn new(agent: &str, number: usize) -> Self {
        Self(format!("{agent}/{number}").into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which life of an instance: 1 for the first, one more after each restart.
///
/// Work and news carry the generation they belong to, so that a life that was replaced can
/// neither take work nor be mourned twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// The life of that number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the life; 0 when none was started yet.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a conversation: 1 to 128 of `A-Za-z0-9._:-`; cheap to clone.
///
/// ```
/// use agent_orchestrator::words::SessionId;
///
/// assert!(SessionId::parse("s-1").is_some());
/// assert!(SessionId::parse("s 1").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Reads an id; `None` when the text cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
        let valid = (1..=128).contains(&text.len()) && text.chars().all(fits);
        valid.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_some_characters_only() {
        for id in ["a", "A.b_c:d-9", &"x".repeat(128)] {
            assert!(SessionId::parse(id).is_some(), "{id}");
        }
        for id in ["", " ", "a b", "ä", "a/b", "{a}", &"x".repeat(129)] {
            assert!(SessionId::parse(id).is_none(), "{id}");
        }
    }
}
